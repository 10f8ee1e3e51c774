package remote

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-security/holdfast/api"
	"github.com/holdfast-security/holdfast/api/client"
	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/store"
)

func TestTriageOfIncidents(t *testing.T) {
	update := func(f triageFlags, given ...string) (api.IncidentUpdate, error) {
		return f.update(func(name string) bool { return slices.Contains(given, name) })
	}
	got, err := update(triageFlags{status: "resolved", assignee: "-", verdict: "benign", alerts: true}, "status", "assignee", "verdict")
	if err != nil || *got.Status != finding.Resolved || *got.Assignee != "" || *got.Verdict != finding.Benign || !got.Alerts {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err = update(triageFlags{verdict: "none"}, "verdict"); err != nil || *got.Verdict != finding.NoVerdict {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err = update(triageFlags{comment: "hm"}); err != nil || got.Comment != "hm" || got.Status != nil || got.Verdict != nil {
		t.Errorf("%+v, %v", got, err)
	}
	for given, f := range map[string]triageFlags{"": {alerts: true}, "status": {status: "done"}, "verdict": {verdict: ""}} {
		if _, err := update(f, given); err == nil {
			t.Errorf("%+v is taken", f)
		}
	}
}

// TestFiltersOfIncidents asks a server that says what it was asked.
func TestFiltersOfIncidents(t *testing.T) {
	asked := ""
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = r.URL.String()
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(store.List[finding.IncidentSummary]{Items: []finding.IncidentSummary{{ID: "i1", Status: finding.Open}}}); err != nil {
			t.Error(err)
		}
	}))
	defer s.Close()
	c, err := client.New(client.Options{Server: s.URL, Token: "hft_x"})
	if err != nil {
		t.Fatal(err)
	}
	f := incidentFlags{status: []string{"open"}, severity: []string{"high", "medium"}, tactics: []string{"impact"}, assignees: []string{"-"}, text: "a b", alert: "a1", order: "-score"}
	q, err := f.query(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if list, err := c.ListIncidents(t.Context(), q); err != nil || len(list.Items) != 1 || list.Items[0].ID != "i1" {
		t.Errorf("%+v, %v", list, err)
	}
	for _, part := range []string{"/incidents?", "status=open", "severity=high", "severity=medium", "tactic=impact", "assignee=-", "text=a+b", "alert=a1", "order=-score"} {
		if !strings.Contains(asked, part) {
			t.Errorf("%s lacks %s", asked, part)
		}
	}
	for _, wrong := range []incidentFlags{{status: []string{"done"}}, {severity: []string{"grave"}}} {
		if _, err := wrong.query(t.Context(), c); err == nil {
			t.Errorf("%+v is taken", wrong)
		}
	}
}
