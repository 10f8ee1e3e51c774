// Package check holds what the parts of the storage suite share: how they
// compare, and how they read lists whole.
package check

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/holdfast-security/holdfast/store"
)

// Start is the time around which the suite happens.
var Start = time.Date(2026, time.November, 23, 10, 0, 0, 123456789, time.UTC)

// Test is a test of an empty state.
type Test struct {
	Name string
	Run  func(*testing.T, store.State)
}

// OK fails the test at once on an error.
func OK(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Fails fails the test at once unless the error wraps another.
func Fails(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("error is %v, want one that wraps %q", err, want)
	}
}

// Same compares values; nil and empty collections are the same.
func Same(t *testing.T, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("-want +got:\n%s", diff)
	}
}

// Walk reads a list page by page and returns all of it. It fails if a page is
// larger than asked for, or the list does not end.
func Walk[T any](t *testing.T, limit int, read func(context.Context, store.Page) (store.List[T], error)) []T {
	t.Helper()
	var all []T
	p := store.Page{Limit: limit}
	for range 1000 {
		l, err := read(t.Context(), p)
		OK(t, err)
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

// RefusesCursors checks that a list takes no cursors but its own.
func RefusesCursors[T any](t *testing.T, foreign string, read func(context.Context, store.Page) (store.List[T], error)) {
	t.Helper()
	for _, cursor := range []string{foreign, "x", "!", "AAAA"} {
		_, err := read(t.Context(), store.Page{After: cursor})
		Fails(t, err, store.ErrCursor)
	}
}
