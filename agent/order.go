package agent

import (
	"cmp"
	"slices"
	"time"

	"github.com/holdfast-security/holdfast/event"
)

const (
	// holdBack is how long the newest events wait for older ones from other
	// sensors: the longest nap of a busy sensor between two reads, and a
	// margin.
	holdBack = 90 * time.Millisecond
	// longestHold bounds the wait of an event whose own time lies ahead of
	// the clock, as after a clock step.
	longestHold = 250 * time.Millisecond
)

// sequencer puts events of several sensors into the order of their times.
type sequencer struct {
	held  []queued
	order []place // of held; sorted unless dirty
	dirty bool
	spare []queued
}

// place is where an event stands: events are large, so these are sorted in
// their stead.
type place struct {
	at    int64 // nanoseconds
	index int32 // in held
}

// add takes over newly arrived events; the caller may reuse the slice.
func (s *sequencer) add(items []queued) {
	for i := range items {
		s.order = append(s.order, place{orderTime(&items[i].event).UnixNano(), int32(len(s.held) + i)})
	}
	s.held = append(s.held, items...)
	s.dirty = s.dirty || len(items) > 0
}

// len returns how many events are held back.
func (s *sequencer) len() int { return len(s.held) }

// release calls handle with every event that no older one can be expected to
// precede, oldest first, and returns how long the next one has to wait; zero
// when none is held. With all set nothing is held back.
func (s *sequencer) release(now time.Time, all bool, handle func(*event.Event)) time.Duration {
	if s.dirty {
		slices.SortFunc(s.order, func(a, b place) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.index, b.index)) })
		s.dirty = false
	}
	limit := now.Add(-holdBack).UnixNano()
	kept := s.spare[:0]
	for _, p := range s.order {
		q := &s.held[p.index]
		if all || p.at <= limit || now.Sub(q.arrived) >= longestHold {
			handle(&q.event)
			continue
		}
		kept = append(kept, *q)
	}
	clear(s.held)
	s.held, s.spare = kept, s.held
	s.order = s.order[:0]
	for i := range kept {
		s.order = append(s.order, place{orderTime(&kept[i].event).UnixNano(), int32(i)})
	}
	if len(kept) == 0 {
		return 0
	}
	return min(max(time.Duration(s.order[0].at-limit), time.Millisecond), holdBack)
}

// orderTime is the time by which events are ordered. Audit stamps are cut to
// the millisecond: taking its end keeps a record behind the fork that the perf
// side-band stamped to the nanosecond within the same millisecond.
func orderTime(e *event.Event) time.Time {
	if e.Source == event.SourceAudit {
		return e.Time.Add(time.Millisecond - 1)
	}
	return e.Time
}
