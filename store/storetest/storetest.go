// Package storetest is the suite that every implementation of the storage
// interfaces must pass. Its tests say what the interfaces promise; they know
// nothing of how an implementation keeps it.
package storetest

import (
	"context"
	"slices"
	"testing"

	"github.com/holdfast-security/holdfast/store"
	"github.com/holdfast-security/holdfast/store/storetest/check"
	"github.com/holdfast-security/holdfast/store/storetest/exceptiontest"
	"github.com/holdfast-security/holdfast/store/storetest/incidenttest"
)

// start is the time around which the suite happens.
var start = check.Start

// State tests a [store.State]. Each call of open returns an empty one, which
// the suite closes.
func State(t *testing.T, open func(t *testing.T) store.State) {
	tests := []check.Test{
		{Name: "Hosts", Run: hosts},
		{Name: "HostPages", Run: hostPages},
		{Name: "Heartbeats", Run: heartbeats},
		{Name: "EnrolTokens", Run: enrolTokens},
		{Name: "Users", Run: users},
		{Name: "Sessions", Run: sessions},
		{Name: "Tokens", Run: tokens},
		{Name: "AuditLog", Run: auditLog},
		{Name: "Settings", Run: settings},
		{Name: "Segments", Run: segments},
		{Name: "Orders", Run: orders},
		{Name: "Views", Run: views},
		{Name: "RuleDocs", Run: ruleDocs},
		{Name: "RuleChanges", Run: ruleChanges},
		{Name: "RuleHistory", Run: ruleHistory},
		{Name: "RuleMatches", Run: ruleMatches},
		{Name: "AlertComesBack", Run: alertComesBack},
		{Name: "AlertRepeats", Run: alertRepeats},
		{Name: "AlertStatus", Run: alertStatus},
		{Name: "AlertReopens", Run: alertReopens},
		{Name: "AlertPositions", Run: alertPositions},
		{Name: "AlertChanges", Run: alertChanges},
		{Name: "AlertFilters", Run: alertFilters},
		{Name: "AlertText", Run: alertText},
		{Name: "AlertPages", Run: alertPages},
		{Name: "AlertCounts", Run: alertCounts},
		{Name: "AlertDrops", Run: alertDrops},
		{Name: "HostileText", Run: hostileText},
		{Name: "Concurrency", Run: concurrency},
	}
	for _, test := range slices.Concat(tests, exceptiontest.All(), incidenttest.All()) {
		t.Run(test.Name, func(t *testing.T) {
			s := open(t)
			test.Run(t, s)
			if err := s.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
		})
	}
}

// What all tests check with.
var (
	ok        = check.OK
	wantError = check.Fails
	same      = check.Same
)

func walk[T any](t *testing.T, limit int, read func(context.Context, store.Page) (store.List[T], error)) []T {
	t.Helper()
	return check.Walk(t, limit, read)
}

func refusesCursors[T any](t *testing.T, foreign string, read func(context.Context, store.Page) (store.List[T], error)) {
	t.Helper()
	check.RefusesCursors(t, foreign, read)
}

func pointer[T any](v T) *T { return &v }
