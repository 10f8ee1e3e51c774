package agent

import (
	"slices"
	"time"

	"github.com/holdfast-security/holdfast/event"
)

const (
	// holdBack is how long the newest events wait for older ones from other
	// sensors: the longest nap of a sensor between two reads, and a margin.
	holdBack = 45 * time.Millisecond
	// longestHold bounds the wait of an event whose own time lies ahead of
	// the clock, as after a clock step.
	longestHold = 250 * time.Millisecond
)

// sequencer puts events of several sensors into the order of their times.
type sequencer struct {
	held   []queued
	sorted bool
}

// add takes over newly arrived events; the caller may reuse the slice.
func (s *sequencer) add(items []queued) {
	s.held = append(s.held, items...)
	s.sorted = s.sorted && len(items) == 0
}

// release calls handle with every event that no older one can be expected to
// precede, oldest first, and returns how long the next one has to wait; zero
// when none is held. With all set nothing is held back.
func (s *sequencer) release(now time.Time, all bool, handle func(*event.Event)) time.Duration {
	if len(s.held) == 0 {
		return 0
	}
	if !s.sorted {
		slices.SortStableFunc(s.held, func(a, b queued) int { return orderTime(&a.event).Compare(orderTime(&b.event)) })
		s.sorted = true
	}
	kept := s.held[:0]
	for i := range s.held {
		q := &s.held[i]
		if all || ripe(q, now) {
			handle(&q.event)
			continue
		}
		kept = append(kept, *q)
	}
	clear(s.held[len(kept):])
	s.held = kept
	if len(kept) == 0 {
		return 0
	}
	return min(max(orderTime(&kept[0].event).Add(holdBack).Sub(now), time.Millisecond), holdBack)
}

func ripe(q *queued, now time.Time) bool {
	return now.Sub(orderTime(&q.event)) >= holdBack || now.Sub(q.arrived) >= longestHold
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
