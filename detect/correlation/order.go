package correlation

import (
	"slices"
	"time"
)

// This file is about sequences: members that match one after the other.

// Bounds of how far events may arrive out of their order. What a host's sensors
// see of one moment comes in within some tens of milliseconds.
const (
	maxWaiting = 32 // steps of one correlation
	maxWait    = 2 * time.Second
)

// early is a match of a step that arrived before the step it follows.
type early[E any] struct {
	key      string
	member   int
	at       time.Time
	serial   uint64
	evidence []E
	captured []string
}

// inOrder is complete when the members matched one after the other, in
// different events, within the timespan. Of all chains that reach a member the
// one that began last is kept: whatever another could complete, it can, too.
func (s *State[E]) inOrder(t *table[E], g *group[E], member int, match Match[E]) (float64, bool) {
	if g.stages == nil {
		g.stages = make([]stage[E], len(t.members))
	}
	if member > 0 && !t.follows(g, member, s.now, s.serial) {
		if before := &g.stages[member-1]; before.serial == 0 || before.at.After(s.now) {
			s.await(t, member, match)
		}
		return 0, false
	}
	return s.step(t, g, member, stage[E]{start: s.now, at: s.now, serial: s.serial, evidence: match.Evidence()})
}

// follows reports whether a match of a member at a time continues a chain.
func (t *table[E]) follows(g *group[E], member int, at time.Time, serial uint64) bool {
	before := &g.stages[member-1]
	return before.serial != 0 && before.serial != serial && !before.at.After(at) && at.Sub(before.start) <= t.spec.Timespan
}

// step puts a match at the end of the chain that it continues and reports
// whether that is the whole sequence.
func (s *State[E]) step(t *table[E], g *group[E], member int, next stage[E]) (float64, bool) {
	if member > 0 {
		before := &g.stages[member-1]
		next.start = before.start
		next.evidence = append(slices.Clone(before.evidence), next.evidence...)
	}
	if member < len(g.stages)-1 {
		if last := &g.stages[member]; last.serial == 0 || !next.start.Before(last.start) {
			*last = next
		}
		return 0, false
	}
	g.start = next.start
	g.keep(next.evidence, s.limits.Evidence)
	return float64(len(g.stages)), true
}

// await remembers a match whose earlier step may still arrive.
func (s *State[E]) await(t *table[E], member int, match Match[E]) {
	w := early[E]{
		key: string(s.key), member: member, at: s.now, serial: s.serial, evidence: match.Evidence(), captured: match.Capture(nil, t.number),
	}
	if len(t.waiting) == maxWaiting {
		t.waiting = slices.Delete(t.waiting, 0, 1)
	}
	t.waiting = append(t.waiting, w)
}

// catchUp lets a step that arrived late be followed by those that came before
// it, in the order of their times.
func (s *State[E]) catchUp(t *table[E], g *group[E], member int) (Result[E], bool) {
	for len(t.waiting) > 0 && s.clock.last.Sub(t.waiting[0].at) > maxWait {
		t.waiting = slices.Delete(t.waiting, 0, 1)
	}
	next := -1
	for i := range t.waiting {
		w := &t.waiting[i]
		if w.member == member+1 && w.key == g.key && t.follows(g, w.member, w.at, w.serial) && (next < 0 || w.at.Before(t.waiting[next].at)) {
			next = i
		}
	}
	if next < 0 {
		return Result[E]{}, false
	}
	w := t.waiting[next]
	t.waiting = slices.Delete(t.waiting, next, next+1)
	count, complete := s.step(t, g, w.member, stage[E]{start: w.at, at: w.at, serial: w.serial, evidence: w.evidence})
	if !complete {
		return s.catchUp(t, g, w.member)
	}
	t.forget(g)
	t.fired = s.serial
	r := s.result(t.number, g, count)
	r.Captured, r.Detached = w.captured, true
	return r, true
}
