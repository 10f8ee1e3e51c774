package storetest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/store"
)

// scan returns the events that a scan hands out, newest first.
func (k *keeper) scan(s store.EventScan) []event.Event {
	k.t.Helper()
	type numbered struct {
		event.Event
		sequence int64
	}
	var mu sync.Mutex
	var all []numbered
	s.Take = func(_ context.Context, events []event.Event, sequences []int64) error {
		mu.Lock()
		defer mu.Unlock()
		for i := range events {
			all = append(all, numbered{events[i], sequences[i]})
		}
		return nil
	}
	done, err := k.tel.ScanEvents(k.t.Context(), s)
	if err != nil {
		k.t.Fatalf("scan of %+v: %v", s.Filter, err)
	}
	if done.Parts != done.Read || done.Parts == 0 {
		k.t.Errorf("the scan read %d of %d parts", done.Read, done.Parts)
	}
	slices.SortFunc(all, func(a, b numbered) int {
		if c := b.Time.Compare(a.Time); c != 0 {
			return c
		}
		return int(b.sequence - a.sequence)
	})
	events := make([]event.Event, len(all))
	for i := range all {
		events[i] = all[i].Event
	}
	return events
}

func testScan(_ *testing.T, k *keeper) {
	k.fill(12, 40)
	some := k.all[len(k.all)/2]
	for _, f := range []store.EventFilter{
		{},
		{Host: some.Host},
		{Classes: []event.Class{some.Class}},
		{Since: some.Time.Add(-time.Hour), Until: some.Time},
		{Text: "bin", User: "root"},
		{Text: "no such text"},
	} {
		want := k.want(f)
		if diff := cmp.Diff(want, k.scan(store.EventScan{Filter: f}), exactly); diff != "" {
			k.t.Errorf("%+v (-want +got):\n%s", f, diff)
		}
		chosen := slices.DeleteFunc(want, func(e event.Event) bool { return e.Activity%2 == 0 })
		got := k.scan(store.EventScan{Filter: f, ChooseColumns: []string{"event.activity_id"}, Choose: func(_ context.Context, events []event.Event, keep []bool) error {
			for i := range events {
				keep[i] = events[i].Activity%2 != 0
			}
			return nil
		}})
		if diff := cmp.Diff(chosen, got, exactly); diff != "" {
			k.t.Errorf("chosen of %+v (-want +got):\n%s", f, diff)
		}
	}
	latest := slices.MaxFunc(k.all, func(a, b event.Event) int { return a.Time.Compare(b.Time) }).Time
	if got := k.scan(store.EventScan{Worth: func(t time.Time) bool { return t.After(latest.AddDate(1, 0, 0)) }}); len(got) >= len(k.all) {
		k.t.Error("what is not worth it is visited all the same")
	}
}

func testScanColumns(_ *testing.T, k *keeper) {
	k.fill(10, 60)
	k.commit()
	want := k.want(store.EventFilter{})
	got := k.scan(store.EventScan{TakeColumns: []string{"event.process", "process.cmd_line"}})
	if len(got) != len(want) {
		k.t.Fatalf("got %d events, want %d", len(got), len(want))
	}
	for i, e := range got {
		line := ""
		if want[i].Process != nil {
			line = want[i].Process.CommandLine
		}
		if !e.Time.Equal(want[i].Time) || e.Process != nil && e.Process.CommandLine != line || e.Process == nil && line != "" {
			k.t.Fatalf("event %d is %+v, want the time %v and the command line %q", i, e, want[i].Time, line)
		}
		if e.Host != "" || e.User != nil || e.Process != nil && (e.Process.Parent != nil || e.Process.Executable != nil) {
			k.t.Fatalf("event %d has more than was asked for: %+v", i, e)
		}
	}
	_, err := k.tel.ScanEvents(k.t.Context(), store.EventScan{TakeColumns: []string{"event.nonsense"}})
	if err == nil || !strings.Contains(err.Error(), "event.nonsense") {
		k.t.Errorf("a column that is none: %v", err)
	}
}

func testScanEnds(_ *testing.T, k *keeper) {
	k.fill(10, 60)
	enough := errors.New("enough")
	take := func(context.Context, []event.Event, []int64) error { return enough }
	if _, err := k.tel.ScanEvents(k.t.Context(), store.EventScan{Take: take}); err != enough {
		k.t.Errorf("got %v, want %v", err, enough)
	}
	ctx, cancel := context.WithCancel(k.t.Context())
	cancel()
	if _, err := k.tel.ScanEvents(ctx, store.EventScan{Take: take}); !errors.Is(err, context.Canceled) {
		k.t.Errorf("got %v, want %v", err, context.Canceled)
	}
}
