package api

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-security/holdfast/account"
	"github.com/holdfast-security/holdfast/api"
	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/store"
)

// addIncident stores an incident of the fixture's alert that took in another.
func (f *fixture) addIncident(t *testing.T) {
	t.Helper()
	now := time.Now().UTC().Truncate(time.Second)
	_, err := f.state.SaveCorrelation(t.Context(), store.CorrelationStep{Number: 1, Journal: []byte("x"), Time: now, Incidents: []finding.Incident{{
		ID: "incident-1", Aliases: []string{"incident-0"}, Title: "Reverse shell led to persistence on web1", Severity: finding.High, Score: 7,
		Time: now, LastTime: now, Count: 1, Hosts: []event.HostID{testHost}, Tactics: []finding.Tactic{"execution", "persistence"},
		Story: []finding.StoryLine{{Time: now, LastTime: now, Count: 1, Host: testHost, HostName: "web1", Title: "Reverse shell", Signals: []string{testAlert}}},
	}}})
	if err != nil {
		t.Fatal(err)
	}
}

func TestIncidents(t *testing.T) {
	f := newFixture(t)
	f.addIncident(t)
	v := &visitor{f: f, bearer: f.token(t, account.Responder)}
	for query, want := range map[string]int{
		"": 1, "?severity=high&status=open&host=" + testHost + "&tactic=persistence&assignee=-&text=SHELL&order=-score": 1,
		"?alert=" + testAlert: 1, "?alert=nothing": 0, "?severity=low": 0,
	} {
		var list store.List[finding.IncidentSummary]
		v.want(t, http.StatusOK, "GET", "/api/v1/incidents"+query, "", &list)
		if len(list.Items) != want {
			t.Errorf("%q lists %+v", query, list.Items)
		}
	}
	var counts store.IncidentCounts
	v.want(t, http.StatusOK, "GET", "/api/v1/incidents/counts?host="+testHost, "", &counts)
	if counts.Total != 1 || counts.BySeverity["high"] != 1 || counts.ByStatus["open"] != 1 {
		t.Errorf("counts are %+v", counts)
	}
	for _, query := range []string{"?severity=grave", "?order=title", "?odd=1", "?limit=0"} {
		v.want(t, http.StatusUnprocessableEntity, "GET", "/api/v1/incidents"+query, "", nil)
	}
	v.want(t, http.StatusBadRequest, "GET", "/api/v1/incidents?after=x", "", nil)
	v.want(t, http.StatusNotFound, "GET", "/api/v1/incidents/nothing", "", nil)
	var c finding.IncidentCase
	w := v.want(t, http.StatusOK, "GET", "/api/v1/incidents/incident-0", "", &c)
	if c.ID != "incident-1" || c.HostNames[testHost] != "web1" || w.Header().Get("ETag") != `"1"` {
		t.Errorf("an alias shows %+v, ETag %s", c, w.Header().Get("ETag"))
	}
}

func TestIncidentTriage(t *testing.T) {
	f := newFixture(t)
	f.addIncident(t)
	follower, _, _, err := f.Changes.Join("test", "")
	if err != nil {
		t.Fatal(err)
	}
	v := &visitor{f: f, bearer: f.token(t, account.Responder)}
	target := "/api/v1/incidents/incident-1"
	r := v.request("PATCH", target, `{"status":"resolved","assignee":"responder","verdict":"attack","comment":"cleaned up","alerts":true}`)
	r.Header.Set("If-Match", `"1"`)
	if w := recorded(f, r); w.Code != http.StatusOK || w.Header().Get("ETag") != `"2"` {
		t.Fatalf("change: %d %s", w.Code, w.Body)
	}
	r = v.request("PATCH", target, `{"status":"open"}`)
	r.Header.Set("If-Match", `"1"`)
	if w := recorded(f, r); w.Code != http.StatusPreconditionFailed {
		t.Errorf("change of an old version: status %d", w.Code)
	}
	alert, err := f.state.Alert(t.Context(), testAlert)
	if err != nil || alert.Status != finding.Resolved || alert.Assignee != "responder" {
		t.Errorf("the alert is %+v, %v", alert.Triage, err)
	}
	verdicts, err := f.state.NewVerdicts(t.Context(), 10)
	if err != nil || len(verdicts) != 1 || verdicts[0].Verdict != finding.Attack {
		t.Errorf("to be learned: %+v, %v", verdicts, err)
	}
	for _, body := range []string{`{}`, `{"assignee":"stranger"}`, `{"alerts":true,"comment":"x"}`, `{"verdict":"maybe"}`, `{"status":"suppressed"}`, `{"status":"gone"}`} {
		v.want(t, http.StatusUnprocessableEntity, "PATCH", target, body, nil)
	}
	v.want(t, http.StatusNotFound, "PATCH", "/api/v1/incidents/nothing", `{"status":"open"}`, nil)
	v.want(t, http.StatusCreated, "POST", target+"/comments", `{"text":"a word"}`, nil)
	var comments api.Comments
	v.want(t, http.StatusOK, "GET", target+"/comments", "", &comments)
	if len(comments.Items) != 2 || comments.Items[0].Text != "cleaned up" || !strings.Contains(comments.Items[0].Event, "found to be an attack") {
		t.Errorf("comments: %+v", comments.Items)
	}
	entries, err := f.state.Entries(t.Context(), store.AuditFilter{Action: "incident.update"}, store.Page{})
	if err != nil || len(entries.Items) != 2 || entries.Items[0].Object != "incident-1" {
		t.Errorf("the audit log has %+v, %v", entries.Items, err)
	}
	if len(follower.Changes) < 3 { // two of the incident, and that alerts changed
		t.Errorf("%d changes were told", len(follower.Changes))
	}
}
