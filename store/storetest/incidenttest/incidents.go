// Package incidenttest is the part of the storage suite on incidents and on
// joining alerts into them.
package incidenttest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/fleet"
	"github.com/holdfast-security/holdfast/store"
	"github.com/holdfast-security/holdfast/store/storetest/check"
)

// All returns the tests.
func All() []check.Test {
	return []check.Test{
		{Name: "IncidentComesBack", Run: incidentComesBack},
		{Name: "IncidentLists", Run: incidentLists},
		{Name: "IncidentFilters", Run: incidentFilters},
		{Name: "IncidentChanges", Run: incidentChanges},
		{Name: "IncidentReopens", Run: incidentReopens},
		{Name: "IncidentsMerge", Run: incidentsMerge},
		{Name: "IncidentDrops", Run: incidentDrops},
		{Name: "CorrelationFollows", Run: correlationFollows},
		{Name: "CorrelationGoesOn", Run: correlationGoesOn},
		{Name: "RuleOutcomes", Run: ruleOutcomes},
	}
}

// alert returns an alert of the host h1.
func alert(id string) finding.Alert {
	return finding.Alert{
		ID: id, Type: "VM_ReverseShell", Title: "Reverse shell", Severity: finding.High, Host: "h1", Time: check.Start, Count: 1, LastTime: check.Start,
		Rule: finding.Rule{ID: "rule-1"}, Process: &event.Process{PID: 7, CommandLine: "bash -c 'curl x | sh'"},
	}
}

// save stores alerts.
func save(t *testing.T, s store.State, received time.Time, alerts ...finding.Alert) {
	t.Helper()
	_, err := s.SaveAlerts(t.Context(), alerts, received, store.Position{})
	check.OK(t, err)
}

// incident returns an incident of alerts, one line each.
func incident(id string, alerts ...string) finding.Incident {
	inc := finding.Incident{
		ID: id, Title: "Web shell led to credential access on db-" + id, Severity: finding.Medium, Score: 12.5,
		Time: check.Start, LastTime: check.Start.Add(time.Minute), Count: uint64(len(alerts)), Hosts: []event.HostID{"h1"},
		Tactics: []finding.Tactic{"initial-access", "credential-access"}, Steps: []string{"look"},
	}
	for _, a := range alerts {
		inc.Story = append(inc.Story, finding.StoryLine{
			Time: check.Start, LastTime: check.Start, Count: 1, Host: "h1", HostName: "web-1", Title: "line\x00 of " + a, Signals: []string{a},
		})
	}
	return inc
}

// step saves incidents as the next step.
func step(t *testing.T, s store.State, incidents ...finding.Incident) []store.SavedIncident {
	t.Helper()
	at, err := s.Correlation(t.Context())
	check.OK(t, err)
	saved, err := s.SaveCorrelation(t.Context(), store.CorrelationStep{
		Number: at.Step + 1, Place: store.AlertPlace{Change: at.Place.Change + 1}, Journal: fmt.Append(nil, "step ", at.Step+1), Incidents: incidents, Time: check.Start,
	})
	check.OK(t, err)
	return saved
}

func readIncident(t *testing.T, s store.State, id string) finding.IncidentCase {
	t.Helper()
	c, err := s.Incident(t.Context(), id)
	check.OK(t, err)
	return c
}

func incidentComesBack(t *testing.T, s store.State) {
	save(t, s, check.Start, alert("a1"), alert("a2"))
	inc := incident("i1", "a1", "a2", "never stored")
	saved := step(t, s, inc)
	check.Same(t, saved, []store.SavedIncident{{ID: "i1", Severity: finding.Medium, Status: finding.Open, New: true}})
	names := map[event.HostID]string{"h1": "web-1"}
	check.Same(t, readIncident(t, s, "i1"), finding.IncidentCase{Incident: inc, Status: finding.Open, Version: 1, Updated: check.Start, HostNames: names})
	_, err := s.Incident(t.Context(), "none")
	check.Fails(t, err, store.ErrNotFound)
	_, err = s.IncidentAlerts(t.Context(), "none")
	check.Fails(t, err, store.ErrNotFound)
	alerts, err := s.IncidentAlerts(t.Context(), "i1")
	check.OK(t, err)
	check.Same(t, alerts, []string{"a1", "a2"})
	l, err := s.Incidents(t.Context(), store.IncidentFilter{}, "", store.Page{})
	check.OK(t, err)
	check.Same(t, l, store.List[finding.IncidentSummary]{Items: []finding.IncidentSummary{{
		ID: "i1", Title: inc.Title, Severity: inc.Severity, Score: 12.5, Time: inc.Time, LastTime: inc.LastTime, Count: 3, Lines: 3,
		Hosts: inc.Hosts, HostNames: names, Tactics: inc.Tactics, Status: finding.Open, Version: 1,
	}}})

	// It grows; triage and version stay.
	inc.Severity, inc.Score, inc.Hosts = finding.High, 30, []event.HostID{"h2", "h1"}
	check.Same(t, step(t, s, inc)[0].New, false)
	got := readIncident(t, s, "i1")
	check.Same(t, got.Incident, inc)
	check.Same(t, got.Version, int64(1))
	l, err = s.Incidents(t.Context(), store.IncidentFilter{Host: []event.HostID{"h2"}}, "", store.Page{})
	check.OK(t, err)
	check.Same(t, len(l.Items), 1)
}

// fill stores 25 incidents, one of which is odd.
func fill(t *testing.T, s store.State) {
	t.Helper()
	save(t, s, check.Start, alert("a7"))
	var all []finding.Incident
	for i := range 25 {
		inc := incident(fmt.Sprintf("i%02d", i))
		inc.Severity, inc.Score = finding.Severity(i%4), float64(i%3)
		inc.LastTime = check.Start.Add(time.Duration(i/2) * time.Hour)
		inc.Hosts = []event.HostID{event.HostID(fmt.Sprint("h", i%5))}
		if i == 7 {
			inc = incident("i07", "a7")
			inc.Title, inc.Tactics = "100% odd_title", []finding.Tactic{"impact"}
		}
		all = append(all, inc)
	}
	step(t, s, all...)
}

func incidentLists(t *testing.T, s store.State) {
	fill(t, s)
	for _, o := range store.IncidentOrders() {
		whole, err := s.Incidents(t.Context(), store.IncidentFilter{}, o, store.Page{})
		check.OK(t, err)
		read := func(ctx context.Context, p store.Page) (store.List[finding.IncidentSummary], error) {
			return s.Incidents(ctx, store.IncidentFilter{}, o, p)
		}
		check.Same(t, check.Walk(t, 4, read), whole.Items)
		check.RefusesCursors(t, "WyJhbGVydHMiXQ", read)
		for i := 1; i < len(whole.Items); i++ {
			a, b := whole.Items[i-1], whole.Items[i]
			wrong := o == store.LatestIncidents && a.LastTime.Before(b.LastTime) || o == store.EarliestIncidents && a.LastTime.After(b.LastTime) ||
				o == store.SevereIncidents && a.Severity < b.Severity || o == store.TellingIncidents && a.Score < b.Score
			if wrong {
				t.Errorf("%s: %+v is before %+v", o, a, b)
			}
		}
	}
	_, err := s.Incidents(t.Context(), store.IncidentFilter{}, "odd", store.Page{})
	if err == nil {
		t.Error("an unknown order was taken")
	}
}

func incidentFilters(t *testing.T, s store.State) {
	fill(t, s)
	for name, test := range map[string]struct {
		filter store.IncidentFilter
		want   int64
	}{
		"all":      {store.IncidentFilter{}, 25},
		"severity": {store.IncidentFilter{Severity: []finding.Severity{finding.High, finding.Informational}}, 12},
		"host":     {store.IncidentFilter{Host: []event.HostID{"h0", "h4"}}, 10},
		"tactic":   {store.IncidentFilter{Tactic: []finding.Tactic{"impact", "none"}}, 1},
		"no part":  {store.IncidentFilter{Tactic: []finding.Tactic{"access"}}, 0},
		"text":     {store.IncidentFilter{Text: "% ODD_"}, 1},
		"wildcard": {store.IncidentFilter{Text: "100_"}, 0},
		"alert":    {store.IncidentFilter{Alert: "a7"}, 1},
		"no alert": {store.IncidentFilter{Alert: "a8"}, 0},
		"since":    {store.IncidentFilter{Since: check.Start.Add(12 * time.Hour)}, 1},
		"until":    {store.IncidentFilter{Until: check.Start.Add(time.Hour)}, 3}, // and the odd one
		"status":   {store.IncidentFilter{Status: []finding.Status{finding.Resolved}}, 0},
		"nobody":   {store.IncidentFilter{Assignee: []string{""}}, 25},
		"somebody": {store.IncidentFilter{Assignee: []string{"anna"}}, 0},
	} {
		counts, err := s.CountIncidents(t.Context(), test.filter)
		check.OK(t, err)
		l, err := s.Incidents(t.Context(), test.filter, "", store.Page{})
		check.OK(t, err)
		if counts.Total != test.want || int64(len(l.Items)) != test.want || counts.ByStatus["open"] != test.want {
			t.Errorf("%s: counted %+v, listed %d, want %d", name, counts, len(l.Items), test.want)
		}
	}
}

func incidentChanges(t *testing.T, s store.State) {
	ctx := t.Context()
	step(t, s, incident("i1"))
	now := check.Start.Add(time.Hour)
	change := store.IncidentChange{
		Status: new(finding.Acknowledged), Assignee: new("anna"), Verdict: new(finding.Benign), Comment: "a test of ours", By: "anna", Time: now,
	}
	_, err := s.ChangeIncident(ctx, "none", store.AnyVersion, change)
	check.Fails(t, err, store.ErrNotFound)
	_, err = s.ChangeIncident(ctx, "i1", 2, change)
	check.Fails(t, err, store.ErrConflict)
	got, err := s.ChangeIncident(ctx, "i1", 1, change)
	check.OK(t, err)
	check.Same(t, readIncident(t, s, "i1"), got)
	if got.Status != finding.Acknowledged || got.Assignee != "anna" || got.Verdict != finding.Benign || got.Version != 2 || !got.Updated.Equal(now) {
		t.Errorf("changed to %+v", got)
	}
	// The same again changes nothing, and is learned once.
	got, err = s.ChangeIncident(ctx, "i1", 2, store.IncidentChange{Verdict: new(finding.Benign), Comment: "yes", By: "bert", Time: now})
	check.OK(t, err)
	check.Same(t, got.Version, int64(2))
	_, err = s.ChangeIncident(ctx, "i1", 2, store.IncidentChange{Verdict: new(finding.NoVerdict), Assignee: new(""), By: "bert", Time: now})
	check.OK(t, err)
	comments, err := s.IncidentComments(ctx, "i1")
	check.OK(t, err)
	for i := range comments {
		comments[i].ID = 0
	}
	check.Same(t, comments, []finding.Comment{
		{Time: now, By: "anna", Text: "a test of ours", Event: "status changed from open to acknowledged; assigned to anna; found to be benign"},
		{Time: now, By: "bert", Text: "yes"},
		{Time: now, By: "bert", Event: "no longer assigned to anna; verdict taken back"},
	})
	verdicts, err := s.NewVerdicts(ctx, 10)
	check.OK(t, err)
	if len(verdicts) != 2 || verdicts[0].Incident != "i1" || verdicts[0].Verdict != finding.NoVerdict || verdicts[1].Verdict != finding.NoVerdict {
		t.Fatalf("verdicts are %+v", verdicts)
	}
	_, err = s.SaveCorrelation(ctx, store.CorrelationStep{Number: 2, Verdicts: []int64{verdicts[0].Serial, verdicts[1].Serial}, Journal: []byte("x"), Time: now})
	check.OK(t, err)
	verdicts, err = s.NewVerdicts(ctx, 10)
	check.OK(t, err)
	check.Same(t, len(verdicts), 0)
}

func incidentReopens(t *testing.T, s store.State) {
	closed := check.Start.Add(time.Hour)
	for _, test := range []struct {
		name   string
		status finding.Status
		grow   func(*finding.Incident)
		want   finding.Status
	}{
		{"quiet", finding.Resolved, func(inc *finding.Incident) { inc.LastTime = closed.Add(24 * time.Hour) }, finding.Resolved},
		{"later", finding.Resolved, func(inc *finding.Incident) { inc.LastTime = closed.Add(24*time.Hour + 1) }, finding.Open},
		{"worse", finding.Dismissed, func(inc *finding.Incident) { inc.Severity = finding.High }, finding.Open},
		{"at work", finding.Acknowledged, func(inc *finding.Incident) { inc.Severity = finding.High }, finding.Acknowledged},
	} {
		inc := incident(test.name)
		step(t, s, inc)
		_, err := s.ChangeIncident(t.Context(), test.name, 1, store.IncidentChange{Status: &test.status, By: "anna", Time: closed})
		check.OK(t, err)
		test.grow(&inc)
		step(t, s, inc)
		if got := readIncident(t, s, test.name); got.Status != test.want {
			t.Errorf("%s: %s", test.name, got.Status)
		}
	}
}

func incidentsMerge(t *testing.T, s store.State) {
	ctx := t.Context()
	save(t, s, check.Start, alert("a1"), alert("a2"), alert("a3"))
	step(t, s, incident("i1", "a1"), incident("i2", "a2"), incident("i3", "a3"))
	_, err := s.ChangeIncident(ctx, "i2", 1, store.IncidentChange{Status: new(finding.Acknowledged), Assignee: new("anna"), Comment: "mine", By: "anna", Time: check.Start})
	check.OK(t, err)
	_, err = s.ChangeIncident(ctx, "i1", 1, store.IncidentChange{Status: new(finding.Resolved), By: "bert", Time: check.Start})
	check.OK(t, err)

	// One says that it took another in; a third just lost its alert to it.
	merged := incident("i1", "a1", "a2", "a3")
	merged.Aliases = []string{"i2"}
	check.Same(t, step(t, s, merged), []store.SavedIncident{
		{ID: "i1", Severity: finding.Medium, Status: finding.Open},
		{ID: "i2", Severity: finding.Medium, Status: finding.Open, PartOf: "i1"},
		{ID: "i3", Severity: finding.Medium, Status: finding.Open, PartOf: "i1"},
	})
	for _, id := range []string{"i1", "i2", "i3"} {
		got := readIncident(t, s, id)
		if got.ID != "i1" || got.Status != finding.Open || got.Assignee != "anna" {
			t.Errorf("%s is %s, %s, of %q", id, got.ID, got.Status, got.Assignee)
		}
		comments, err := s.IncidentComments(ctx, id)
		check.OK(t, err)
		check.Same(t, len(comments), 3) // of both, and that it opened again
	}
	counts, err := s.CountIncidents(ctx, store.IncidentFilter{})
	check.OK(t, err)
	check.Same(t, counts.Total, int64(1))

	// A chain of aliases leads to the end of it.
	last := incident("i4", "a1", "a2", "a3")
	last.Aliases = []string{"i1"}
	step(t, s, last)
	check.Same(t, readIncident(t, s, "i2").ID, "i4")

	// A part that splits off is an incident of its own, and keeps what it had.
	step(t, s, incident("i4", "a1", "a2"), incident("i2", "a3"))
	check.Same(t, readIncident(t, s, "i2").ID, "i2")
	check.Same(t, readIncident(t, s, "i3").ID, "i4")
	alerts, err := s.IncidentAlerts(ctx, "i4")
	check.OK(t, err)
	check.Same(t, alerts, []string{"a1", "a2"})
}

func incidentDrops(t *testing.T, s store.State) {
	save(t, s, check.Start, alert("a1"))
	for i := range 6 {
		inc := incident(fmt.Sprint("i", i), "a1")
		inc.LastTime = check.Start.Add(time.Duration(i) * time.Hour)
		if i > 0 {
			inc.Story = nil
		}
		step(t, s, inc)
	}
	_, err := s.ChangeIncident(t.Context(), "i0", 1, store.IncidentChange{Comment: "x", Verdict: new(finding.Attack), By: "anna", Time: check.Start})
	check.OK(t, err)
	for _, want := range []int{2, 1, 0} {
		n, err := s.DropIncidents(t.Context(), check.Start.Add(3*time.Hour), 2)
		check.OK(t, err)
		check.Same(t, n, want)
	}
	_, err = s.Incident(t.Context(), "i0")
	check.Fails(t, err, store.ErrNotFound)
	// Alerts that retention removes are no longer the incident's.
	step(t, s, incident("i5", "a1"))
	_, err = s.DropAlerts(t.Context(), check.Start.Add(time.Hour), 10)
	check.OK(t, err)
	alerts, err := s.IncidentAlerts(t.Context(), "i5")
	check.OK(t, err)
	check.Same(t, alerts, []string(nil))
}

func correlationFollows(t *testing.T, s store.State) {
	ctx := t.Context()
	reported := func(after store.AlertPlace) []store.ReportedAlert {
		list, err := s.ReportedAlerts(ctx, after, 2)
		check.OK(t, err)
		return list
	}
	check.OK(t, s.AddHost(ctx, fleet.Host{ID: "h1", Name: "web-1", State: fleet.Active, PublicKey: "U1", Version: 1}))
	received := check.Start.Add(time.Second)
	save(t, s, received, alert("a1"), alert("a2"), alert("a3"))
	first := reported(store.AlertPlace{})
	check.Same(t, len(first), 2)
	check.Same(t, first[0], store.ReportedAlert{Alert: alert("a1"), Place: first[0].Place, HostName: "web-1", Status: finding.Open, Received: received})
	rest := reported(first[1].Place)
	check.Same(t, len(rest), 1)
	check.Same(t, rest[0].ID, "a3")
	check.Same(t, len(reported(rest[0].Place)), 0)

	// What people do is no report, a repeat is.
	_, err := s.ChangeAlert(ctx, "a2", 1, store.AlertChange{Status: new(finding.Acknowledged), By: "anna", Time: check.Start})
	check.OK(t, err)
	check.Same(t, len(reported(rest[0].Place)), 0)
	repeat := alert("a1")
	repeat.Count, repeat.LastTime = 4, check.Start.Add(time.Minute)
	save(t, s, received, repeat)
	again := reported(rest[0].Place)
	check.Same(t, len(again), 1)
	check.Same(t, again[0].Count, uint32(4))
	check.Same(t, len(reported(again[0].Place)), 0)
}

func correlationGoesOn(t *testing.T, s store.State) {
	ctx := t.Context()
	at := func() store.Correlation {
		c, err := s.Correlation(ctx)
		check.OK(t, err)
		return c
	}
	journal := func(after int64) (texts []string) {
		steps, err := s.CorrelationJournal(ctx, after, 10)
		check.OK(t, err)
		for _, e := range steps {
			if e.Step <= after {
				t.Errorf("step %d comes after %d", e.Step, after)
			}
			after = e.Step
			texts = append(texts, string(e.Data))
		}
		return texts
	}
	check.Same(t, at(), store.Correlation{})
	_, err := s.Snapshot(ctx)
	check.Fails(t, err, store.ErrNotFound)
	for range 3 {
		step(t, s)
	}
	check.Same(t, at(), store.Correlation{Step: 3, Place: store.AlertPlace{Change: 3}})
	for _, number := range []int64{0, 3, 5} {
		_, err = s.SaveCorrelation(ctx, store.CorrelationStep{Number: number, Incidents: []finding.Incident{incident("i1")}, Time: check.Start})
		check.Fails(t, err, store.ErrConflict)
	}
	_, err = s.Incident(ctx, "i1")
	check.Fails(t, err, store.ErrNotFound)
	check.Same(t, journal(0), []string{"step 1", "step 2", "step 3"})
	check.Same(t, journal(2), []string{"step 3"})

	large := make([]byte, 700_000)
	for i := range large {
		large[i] = byte(i % 251)
	}
	check.OK(t, s.SaveSnapshot(ctx, 2, large))
	check.Same(t, at().Snapshot, int64(2))
	check.Same(t, journal(0), []string{"step 3"})
	got, err := s.Snapshot(ctx)
	check.OK(t, err)
	if string(got) != string(large) {
		t.Errorf("a snapshot of %d bytes came back as %d others", len(large), len(got))
	}
	check.Fails(t, s.SaveSnapshot(ctx, 4, []byte("too early")), store.ErrConflict)
	check.Fails(t, s.SaveSnapshot(ctx, 1, []byte("too late")), store.ErrConflict)
	check.OK(t, s.SaveSnapshot(ctx, 3, []byte("small")))
	got, err = s.Snapshot(ctx)
	check.OK(t, err)
	check.Same(t, string(got), "small")

	check.OK(t, s.ForgetCorrelation(ctx))
	check.Same(t, at(), store.Correlation{Step: 3})
	check.Same(t, journal(0), []string(nil))
	_, err = s.Snapshot(ctx)
	check.Fails(t, err, store.ErrNotFound)
}

func ruleOutcomes(t *testing.T, s store.State) {
	save(t, s, check.Start, alert("a1"), alert("a2"), alert("a3"), alert("a4"))
	old := alert("old")
	old.LastTime = check.Start.Add(-time.Hour)
	save(t, s, check.Start, old)
	for id, status := range map[string]finding.Status{"a1": finding.Resolved, "a2": finding.Dismissed, "a3": finding.Dismissed} {
		_, err := s.ChangeAlert(t.Context(), id, 1, store.AlertChange{Status: &status, By: "anna", Time: check.Start})
		check.OK(t, err)
	}
	got, err := s.RuleOutcomes(t.Context(), check.Start)
	check.OK(t, err)
	check.Same(t, got, map[string]store.RuleOutcome{"rule-1": {Alerts: 4, Right: 1, Wrong: 2, Hosts: 1, First: check.Start}})
}
