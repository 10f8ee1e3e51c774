package server

import (
	"net/http"
	"strings"
	"testing"

	apitypes "github.com/holdfast-security/holdfast/api"
	"github.com/holdfast-security/holdfast/store"
	"github.com/holdfast-security/holdfast/wire"
)

// TestRulesOfPeople takes a rule from a draft to an alert, over the API as the
// console does.
func TestRulesOfPeople(t *testing.T) {
	s, stop := start(t, t.TempDir())
	b := admin(t, s)
	a := enrol(t, b)
	const (
		id   = "0b8f5f0a-1111-4222-8333-444455556601"
		path = "/api/v1/rule-docs/document?name=people/any.yml"
		text = "title: Any program\nid: " + id + "\nlogsource: {product: linux, category: process_creation}\n" +
			"detection:\n  selection: {Image|contains: /}\n  condition: selection\nlevel: medium\n"
	)
	put := func(text, state string) int {
		return b.do("PUT", path, map[string]any{"text": text, "state": state}, nil)
	}
	alerts := func() (mine int) {
		var list store.List[struct {
			Rule string `json:"rule_uid"`
		}]
		if status := b.do("GET", "/api/v1/alerts?rule="+id, nil, &list); status != http.StatusOK {
			t.Fatalf("status %d", status)
		}
		return len(list.Items)
	}
	if status := put(text, "test"); status != http.StatusOK {
		t.Fatalf("status %d", status)
	}
	a.send(attack())
	var d store.RuleDoc
	eventually(t, "the match in test is counted", func() bool {
		return b.do("GET", path, nil, &d) == http.StatusOK && d.Matches > 0 && len(d.Samples) > 0
	})
	if n := alerts(); n != 0 {
		t.Errorf("a rule in test raised %d alerts", n)
	}
	var run apitypes.RuleDryRunResult
	eventually(t, "the dry run finds the stored event", func() bool {
		return b.do("POST", "/api/v1/rules/dry-run", map[string]any{"text": text, "name": "people/any.yml", "since": "2001-01-01T00:00:00Z"}, &run) == http.StatusOK && run.Matched > 0
	})
	if !run.Complete || run.Events[0].Event.Host != a.host {
		t.Errorf("the dry run says %+v", run)
	}

	if status := put(strings.Replace(text, "contains", "contain", 1), "live"); status != http.StatusUnprocessableEntity {
		t.Errorf("a rule that cannot be used: status %d", status)
	}
	if status := put(text, "live"); status != http.StatusOK {
		t.Fatalf("status %d", status)
	}
	eventually(t, "the rule in force raises an alert", func() bool {
		a.send(attack())
		return alerts() > 0
	})
	answer := a.fetch(wire.FetchRequest{Kind: wire.KindBundle, Name: wire.BundleRules})
	verify(t, s, a, answer.Data, 0)
	if files := a.content(announced(t, answer.Data)); string(files["console/people/any.yml"]) != text {
		t.Errorf("hosts are given %q", files)
	}
	for _, action := range []string{"rule_doc.update", "evidence.rules_dry_run"} {
		if len(entries(t, s, action)) == 0 {
			t.Errorf("nothing in the audit log of %s", action)
		}
	}
	dir := s.cfg.dataDir()
	stop()
	s, _ = start(t, dir)
	if one, err := s.rules.Rule(id); err != nil || one.State != store.RuleLive {
		t.Errorf("after a restart: %+v, %v", one, err)
	}
}
