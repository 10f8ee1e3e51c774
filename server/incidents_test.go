package server

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/server/metrics"
	"github.com/holdfast-security/holdfast/store"
)

// TestAlertsOfOneAttackAreAnIncident saves alerts as ingestion does, and reads
// as a browser does.
func TestAlertsOfOneAttackAreAnIncident(t *testing.T) {
	s, _ := start(t, t.TempDir())
	b := admin(t, s)
	now := time.Now().UTC()
	shell := &event.Process{UID: event.ProcessUID{Boot: event.BootID{1}, PID: 7, Start: 9}, PID: 7, CommandLine: "bash -i"}
	for i, tactic := range []finding.Tactic{"execution", "credential-access", "exfiltration"} {
		a := finding.Alert{
			ID: fmt.Sprint("a", i), Type: "VM_Test", Title: "Alert of " + string(tactic), Severity: finding.Medium, Host: "h1",
			Time: now.Add(time.Duration(i) * time.Second), LastTime: now.Add(time.Duration(i) * time.Second), Count: 1, Tactics: []finding.Tactic{tactic},
			Rule: finding.Rule{ID: fmt.Sprint("rule-", i)}, Process: shell,
		}
		added, err := s.state.SaveAlerts(t.Context(), []finding.Alert{a}, now, store.Position{})
		if err != nil || len(added) != 1 {
			t.Fatal(added, err)
		}
		s.correlator.Wake()
	}
	var found finding.IncidentSummary
	eventually(t, "the alerts are one incident", func() bool {
		var list store.List[finding.IncidentSummary]
		if status := b.do("GET", "/api/v1/incidents?alert=a2", nil, &list); status != http.StatusOK {
			t.Fatalf("status %d", status)
		}
		if len(list.Items) == 1 {
			found = list.Items[0]
		}
		return found.Lines == 3
	})
	if !strings.HasSuffix(found.Title, " led to data sent out on h1") || found.Status != finding.Open {
		t.Errorf("the incident is %+v", found)
	}
	eventually(t, "the metrics tell of it", func() bool {
		page := httptest.NewRecorder()
		metrics.Handler(s.measure).ServeHTTP(page, httptest.NewRequest(http.MethodGet, "/metrics", nil))
		return strings.Contains(page.Body.String(), "holdfast_incident_signals_total 3\n")
	})
}
