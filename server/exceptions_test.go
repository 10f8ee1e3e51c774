package server

import (
	"net/http"
	"testing"

	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/store"
)

// TestExceptionsHideAndShowAlerts goes from a frame to an alert out of sight,
// and back into it by a repeat when the exception is gone.
func TestExceptionsHideAndShowAlerts(t *testing.T) {
	s, _ := start(t, t.TempDir())
	b := admin(t, s)
	a := enrol(t, b)
	terms := map[string]any{
		"name": "Shell of the shop", "reason": "its support works so", "enabled": true, "whole_rule": false,
		"scope": map[string]any{"hosts": []string{string(a.host)}, "labels": map[string]string{}, "rules": []string{}, "alert_types": []string{"VM_ReverseShell"}, "kinds": []string{}},
		"match": []any{map[string]any{"field": "user.name", "op": "equals", "values": []string{"www-data"}}},
	}
	var e finding.Exception
	if status := b.do("POST", "/api/v1/exceptions", terms, &e); status != http.StatusCreated {
		t.Fatalf("make an exception: status %d", status)
	}
	shell := func(status finding.Status, count uint32) func() bool {
		return func() bool {
			var alerts store.List[finding.Summary]
			b.do("GET", "/api/v1/alerts?type=VM_ReverseShell&status="+string(status), nil, &alerts)
			return len(alerts.Items) == 1 && alerts.Items[0].Count >= count
		}
	}
	a.send(attack())
	eventually(t, "the alert is suppressed", shell(finding.Suppressed, 1))
	var alerts store.List[finding.Summary]
	if b.do("GET", "/api/v1/alerts?exception="+e.ID, nil, &alerts); len(alerts.Items) != 1 || alerts.Items[0].Exception != e.ID {
		t.Errorf("the exception hides %+v", alerts.Items)
	}
	if b.do("GET", "/api/v1/exceptions/"+e.ID, nil, &e); e.Hits != 1 || e.LastHit == nil {
		t.Errorf("it has %d hits, last %v", e.Hits, e.LastHit)
	}
	a.send(attack())
	eventually(t, "the repeat is suppressed", shell(finding.Suppressed, 2))
	if status := b.do("DELETE", "/api/v1/exceptions/"+e.ID, nil, nil); status != http.StatusNoContent {
		t.Fatalf("remove the exception: status %d", status)
	}
	a.send(attack())
	eventually(t, "the repeat opens the alert", shell(finding.Open, 3))
}
