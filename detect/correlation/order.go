package correlation

import (
	"hash/maphash"
	"slices"
	"time"
)

// This file is about sequences: members that match one after the other.

// Bounds of how far events may arrive out of their order. What a host's sensors
// see of one moment comes in within some tens of milliseconds.
const (
	maxWaiting = 16 // steps of one correlation
	maxWait    = 2 * time.Second
)

// early is a match of a step that arrived before the step it follows. Most
// lead nowhere, so that little is kept of them.
type early[E any] struct {
	group    uint64 // hash of the group's key
	member   int
	at       time.Time
	serial   uint64 // 0 where there is none
	evidence []E
}

// waitingRoom remembers the latest early matches of a correlation.
type waitingRoom[E any] struct {
	places []early[E] // used in turn
	next   int
	newest time.Time
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
	room := &t.waiting
	if room.places == nil {
		room.places = make([]early[E], maxWaiting)
	}
	w := &room.places[room.next]
	room.next = (room.next + 1) % maxWaiting
	w.group, w.member, w.at, w.serial = maphash.Bytes(s.seed, s.key), member, s.now, s.serial
	w.evidence = match.Brief(w.evidence[:0])
	if room.newest.Before(w.at) {
		room.newest = w.at
	}
}

// catchUp lets a step that arrived late be followed by those that came before
// it, in the order of their times.
func (s *State[E]) catchUp(t *table[E], g *group[E], member int) (Result[E], bool) {
	if t.waiting.newest.Before(s.now) { // as it is where nothing comes late
		return Result[E]{}, false
	}
	w := s.follower(t, g, member+1)
	if w == nil {
		return Result[E]{}, false
	}
	next := stage[E]{start: w.at, at: w.at, serial: w.serial, evidence: slices.Clone(w.evidence)}
	member = w.member
	w.serial = 0
	count, complete := s.step(t, g, member, next)
	if !complete {
		return s.catchUp(t, g, member)
	}
	t.forget(g)
	t.fired = s.serial
	r := s.result(t.number, g, count)
	r.Detached = true
	return r, true
}

// follower returns the first of the early matches of a member that continues
// the chain of a group, or nil.
func (s *State[E]) follower(t *table[E], g *group[E], member int) *early[E] {
	var first *early[E]
	hash := maphash.String(s.seed, g.key)
	for i := range t.waiting.places {
		w := &t.waiting.places[i]
		if w.serial != 0 && w.member == member && w.group == hash && s.clock.last.Sub(w.at) <= maxWait &&
			t.follows(g, member, w.at, w.serial) && (first == nil || w.at.Before(first.at)) {
			first = w
		}
	}
	return first
}
