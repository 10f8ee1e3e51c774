package segment

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/store"
	"github.com/holdfast-security/holdfast/store/segment/parquetfile"
	"github.com/holdfast-security/holdfast/store/segment/parquetfile/choice"
)

// ScanFilter chooses the events of a [Store.Scan]. Zero values do not filter.
type ScanFilter struct {
	store.SegmentFilter

	Classes []event.Class
}

// Scan calls fn with all events that fit, in batches that are the caller's to
// keep: those of one host in a segment in the order of time, nothing else in
// any order. Several segments are read at once; fn is called by one goroutine
// at a time, and what it returns ends the scan and is returned. Segments that
// cannot be read are named by a [DamagedError] at the end.
func (s *Store) Scan(ctx context.Context, f ScanFilter, fn func([]event.Event) error) error {
	q := choice.New(store.EventFilter{Host: f.Host, Since: f.Since, Until: f.Until, Classes: f.Classes})
	snap, err := s.snapshot(ctx, f.SegmentFilter)
	if err != nil {
		return err
	}
	defer snap.release()
	snap.segments = slices.DeleteFunc(snap.segments, func(seg store.Segment) bool { return !q.Overlaps(&seg) })
	var mu sync.Mutex // held while fn runs
	one := func(events []event.Event) error {
		mu.Lock()
		defer mu.Unlock()
		if err := fn(events); err != nil {
			return stopped{err}
		}
		return nil
	}
	visit := &parquetfile.Visit{Take: func(_ context.Context, events []event.Event, _ []int64) error {
		return one(slices.Clone(events))
	}}
	var bad damages
	err = inParallel(ctx, len(snap.segments), func(i int) error {
		seg := &snap.segments[i]
		return damage(&bad, seg, s.reading(seg, func(f *parquetfile.File) error { return f.Visit(ctx, q, visit) }))
	})
	if err == nil {
		err = scanMemory(q, snap.events, one)
	}
	if stop := (stopped{}); errors.As(err, &stop) {
		return stop.err
	}
	return cmp.Or(err, bad.err())
}

// stopped carries what the caller's function returned past the handling of
// damage, which it is not.
type stopped struct{ err error }

// Error is that of the caller.
func (s stopped) Error() string { return s.err.Error() }

// Is makes it an errStopped.
func (s stopped) Is(target error) bool { return target == errStopped }

func scanMemory(q *choice.Query, events []*event.Event, fn func([]event.Event) error) error {
	var batch []event.Event
	for _, e := range events {
		if q.Matches(e) {
			batch = append(batch, *e)
		}
	}
	if len(batch) == 0 {
		return nil
	}
	return fn(batch)
}

// ProcessState is what the telemetry last told of a process.
type ProcessState struct {
	Process *event.Process // its latest image
	First   time.Time      // of its first event, not before the time asked for
	Last    time.Time      // of its latest event
	Running bool           // no end was seen
	Exit    *event.Exit    // how it ended; nil while it runs
}

// Processes returns the processes that acted, or were acted on, on a host since
// a time: running ones first, then those seen last. Segments that cannot be
// read are named by a [DamagedError] beside the list.
func (s *Store) Processes(ctx context.Context, host event.HostID, since time.Time) ([]ProcessState, error) {
	if host == "" {
		return nil, fmt.Errorf("processes of which host: %w", store.ErrNotFound)
	}
	states := make(map[event.ProcessUID]*ProcessState)
	err := s.Scan(ctx, ScanFilter{SegmentFilter: store.SegmentFilter{Host: host, Since: since}}, func(events []event.Event) error {
		for i := range events {
			see(states, &events[i])
		}
		return nil
	})
	if err != nil && !errors.Is(err, store.ErrPartial) {
		return nil, err
	}
	list := make([]ProcessState, 0, len(states))
	for _, st := range states {
		list = append(list, *st)
	}
	slices.SortFunc(list, func(a, b ProcessState) int {
		if a.Running != b.Running {
			return map[bool]int{true: -1, false: 1}[a.Running]
		}
		return cmp.Or(b.Last.Compare(a.Last), cmp.Compare(a.Process.PID, b.Process.PID), cmp.Compare(a.Process.UID.Start, b.Process.UID.Start))
	})
	return list, err
}

// see takes an event into account. Events come in any order.
func see(states map[event.ProcessUID]*ProcessState, e *event.Event) {
	for _, p := range []*event.Process{e.Process, e.Target} {
		if p == nil || p.UID.IsZero() {
			continue
		}
		st := states[p.UID]
		if st == nil {
			st = &ProcessState{Process: p, First: e.Time, Last: e.Time, Running: true}
			states[p.UID] = st
		}
		if e.Time.Before(st.First) {
			st.First = e.Time
		}
		if e.Time.After(st.Last) {
			st.Last = e.Time
		}
		if p.Executed.After(st.Process.Executed) {
			st.Process = p
		}
		if p == e.Process && e.Class == event.ClassProcessActivity && e.Activity == event.ProcessTerminate {
			st.Running, st.Exit = false, e.Exit
		}
	}
}
