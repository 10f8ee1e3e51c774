// Package storetest is the suite that every implementation of the storage
// interfaces must pass. Its tests say what the interfaces promise; they know
// nothing of how an implementation keeps it.
package storetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/holdfast-security/holdfast/store"
)

// start is the time around which the suite happens.
var start = time.Date(2026, time.November, 23, 10, 0, 0, 123456789, time.UTC)

// State tests a [store.State]. Each call of open returns an empty one, which
// the suite closes.
func State(t *testing.T, open func(t *testing.T) store.State) {
	tests := []struct {
		name string
		run  func(*testing.T, store.State)
	}{
		{"Hosts", hosts},
		{"HostPages", hostPages},
		{"Heartbeats", heartbeats},
		{"EnrolTokens", enrolTokens},
		{"Users", users},
		{"Sessions", sessions},
		{"Tokens", tokens},
		{"AuditLog", auditLog},
		{"Settings", settings},
		{"Segments", segments},
		{"Orders", orders},
		{"Views", views},
		{"RuleDocs", ruleDocs},
		{"RuleChanges", ruleChanges},
		{"RuleHistory", ruleHistory},
		{"RuleMatches", ruleMatches},
		{"AlertComesBack", alertComesBack},
		{"AlertRepeats", alertRepeats},
		{"AlertStatus", alertStatus},
		{"AlertReopens", alertReopens},
		{"AlertPositions", alertPositions},
		{"AlertChanges", alertChanges},
		{"AlertFilters", alertFilters},
		{"AlertText", alertText},
		{"AlertPages", alertPages},
		{"AlertCounts", alertCounts},
		{"AlertDrops", alertDrops},
		{"ExceptionsComeBack", exceptionsComeBack},
		{"ExceptionLists", exceptionLists},
		{"ExceptionHits", exceptionHits},
		{"ExceptionsAndPeople", exceptionsAndPeople},
		{"ExceptionsReadAlerts", exceptionsReadAlerts},
		{"IncidentComesBack", incidentComesBack},
		{"IncidentLists", incidentLists},
		{"IncidentChanges", incidentChanges},
		{"IncidentReopens", incidentReopens},
		{"IncidentsMerge", incidentsMerge},
		{"IncidentDrops", incidentDrops},
		{"CorrelationFollows", correlationFollows},
		{"CorrelationGoesOn", correlationGoesOn},
		{"RuleOutcomes", ruleOutcomes},
		{"HostileText", hostileText},
		{"Concurrency", concurrency},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := open(t)
			test.run(t, s)
			if err := s.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
		})
	}
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantError(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("error is %v, want one that wraps %q", err, want)
	}
}

// same compares values; nil and empty collections are the same.
func same(t *testing.T, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("-want +got:\n%s", diff)
	}
}

// walk reads a list page by page and returns all of it. It fails if a page is
// larger than asked for, or the list does not end.
func walk[T any](t *testing.T, limit int, read func(context.Context, store.Page) (store.List[T], error)) []T {
	t.Helper()
	var all []T
	p := store.Page{Limit: limit}
	for range 1000 {
		l, err := read(t.Context(), p)
		ok(t, err)
		if len(l.Items) > limit {
			t.Fatalf("a page of %d has %d items", limit, len(l.Items))
		}
		all = append(all, l.Items...)
		if l.Next == "" {
			return all
		}
		p.After = l.Next
	}
	t.Fatal("the list does not end")
	return nil
}

// refusesCursors checks that a list takes no cursors but its own.
func refusesCursors[T any](t *testing.T, foreign string, read func(context.Context, store.Page) (store.List[T], error)) {
	t.Helper()
	for _, cursor := range []string{foreign, "x", "!", "AAAA"} {
		_, err := read(t.Context(), store.Page{After: cursor})
		wantError(t, err, store.ErrCursor)
	}
}

func pointer[T any](v T) *T { return &v }
