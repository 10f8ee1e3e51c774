package correlation

import (
	"encoding/binary"
	"hash/maphash"
	"slices"
	"time"

	"github.com/holdfast-security/holdfast/detect/sigma"
)

// Limits bound what a [State] remembers. Zero fields mean the defaults.
type Limits struct {
	Groups   int // entities a correlation tells apart at a time: 4096
	Values   int // values that a correlation keeps for each entity: 1024
	Evidence int // pieces of evidence remembered for each entity: 16
}

func (l Limits) withDefaults() Limits {
	set := func(n *int, def int) {
		if *n <= 0 {
			*n = def
		}
	}
	set(&l.Groups, 4096)
	set(&l.Values, 1024)
	set(&l.Evidence, 16)
	return l
}

// Correlation is a correlation rule with the fields that its names mean, as
// the numbers by which a [Match] knows them.
type Correlation struct {
	Spec    *sigma.Correlation
	Members []Member // by Spec.Rules
}

// Member is one of the rules that a correlation joins.
type Member struct {
	GroupBy []int32 // in the order of Spec.GroupBy
	Counted []int32 // in the order of Spec.Fields
}

// Match is a match of a rule that a correlation joins. The state keeps none
// beyond the call that it is given to. E is what the caller remembers of one.
type Match[E any] interface {
	// Field returns the value of a field as text, false where it has none.
	Field(number int32) (string, bool)
	// Repeats returns how many equal matches it stands for, at least one.
	Repeats() int
	// Evidence returns what to remember of it, oldest first. It is asked only
	// where that is kept: most matches of a later step of a sequence lead
	// nowhere.
	Evidence() []E
	// Brief appends what Evidence returns, without what takes long.
	Brief(dst []E) []E
	// Capture appends what the caller wants back with the [Result] of a window
	// of the correlation that ends without a match, should this be its last.
	Capture(dst []string, correlation int) []string
}

// Result is a correlation that was completed. Its slices are the caller's.
type Result[E any] struct {
	Correlation int // its place among those of the state
	Count       int // what was counted or measured, rounded, or the number of steps
	First       time.Time
	Group       []string // the values of the group-by fields
	Evidence    []E      // oldest first, at most [Limits.Evidence] of it
	Captured    []string // by the last [Match] of a window that is over
	Detached    bool     // the match just added did not come last: a window is over, or an earlier step came late
}

// State is what correlations remember. It is for one goroutine.
type State[E any] struct {
	limits    Limits
	clock     clock
	now       time.Time // of the matches being added
	serial    uint64    // of that time
	tables    []*table[E]
	key       []byte
	seed      maphash.Seed
	ungrouped uint64
}

// NewState returns the empty state of correlations, which have passed
// [Resolve].
func NewState[E any](correlations []Correlation, limits Limits) *State[E] {
	s := &State[E]{limits: limits.withDefaults(), seed: maphash.MakeSeed()}
	for i, c := range correlations {
		s.tables = append(s.tables, newTable[E](i, c, s.limits))
	}
	return s
}

// Counters say what a state has done and what it had to leave out.
type Counters struct {
	Late       uint64 // calls of Advance with a time before the last, by up to a minute
	ClockSteps uint64 // times the clock went back further
	Ungrouped  uint64 // matches left out because a group-by field was absent
	Fill       []Fill // by correlation
}

// Fill says how full the state of a correlation is.
type Fill struct {
	Groups  int    // entities remembered now
	Evicted uint64 // entities forgotten for lack of room
	Dropped uint64 // values not counted: for lack of room, or that are no numbers
}

// Counters returns the counters since the state was made.
func (s *State[E]) Counters() Counters {
	c := Counters{Late: s.clock.late, ClockSteps: s.clock.steps, Ungrouped: s.ungrouped}
	for _, t := range s.tables {
		c.Fill = append(c.Fill, Fill{len(t.groups), t.evicted, t.dropped})
	}
	return c
}

// maxEntries bounds the times and values that one correlation remembers over
// all of its groups.
const maxEntries = 1 << 20

// table is the state of one correlation: groups in the order in which they
// are forgotten.
type table[E any] struct {
	number  int // of the correlation in the state
	spec    *sigma.Correlation
	members []Member
	needed  int  // least count that satisfies the bounds
	atEnd   bool // the bounds have an upper end: judged when the window is over
	limit   int
	values  int
	groups  map[string]*group[E]
	list    group[E] // sentinel: next is the first to be forgotten
	waiting waitingRoom[E]
	fired   uint64 // serial of the event that last completed a group
	evicted uint64
	dropped uint64
}

// group is the state of one entity of a correlation.
type group[E any] struct {
	key        string
	next, prev *group[E]
	values     []string // of the group-by fields

	start    time.Time            // of the earliest contribution that counts
	times    []time.Time          // event_count, in order
	distinct map[uint64]time.Time // value_count: the last time of each value, by hash
	measured measured             // of what is judged at the end of the window, and value_sum
	stages   []stage[E]           // temporal types, by member
	evidence []E
	captured []string // by the latest match, for what is judged at the end
}

// stage is the latest match of a member or, in an ordered correlation, the
// latest chain of matches up to that member.
type stage[E any] struct {
	start, at time.Time
	serial    uint64
	evidence  []E
}

func newTable[E any](number int, c Correlation, limits Limits) *table[E] {
	t := &table[E]{number: number, spec: c.Spec, members: c.Members, needed: 1, groups: make(map[string]*group[E])}
	t.atEnd = judgedAtEnd(c.Spec)
	switch {
	case c.Spec.Type == sigma.Temporal || c.Spec.Type == sigma.TemporalOrdered:
		t.needed = c.Spec.Needed()
	case c.Spec.Counts() && !t.atEnd:
		for !c.Spec.Holds(float64(t.needed)) {
			t.needed++ // ends: the parser refuses bounds that nothing satisfies
		}
	}
	t.values = max(limits.Values, t.needed)
	entries := t.needed
	if t.atEnd || c.Spec.Type == sigma.ValueSum {
		entries = t.values
	}
	t.limit = max(1, min(limits.Groups, maxEntries/entries))
	t.list.next, t.list.prev = &t.list, &t.list
	return t
}

// judgedAtEnd reports whether a correlation is complete only when its window is
// over: where more events could make the bounds hold no longer.
func judgedAtEnd(spec *sigma.Correlation) bool {
	switch spec.Type {
	case sigma.Temporal, sigma.TemporalOrdered:
		return false
	case sigma.ValueAvg, sigma.ValueMedian, sigma.ValuePercentile:
		return true
	}
	return slices.ContainsFunc(spec.Bounds, func(b sigma.Bound) bool { return b.Op != sigma.OpGreater && b.Op != sigma.OpGreaterEq })
}

func (t *table[E]) unlink(g *group[E]) {
	g.prev.next, g.next.prev = g.next, g.prev
}

func (t *table[E]) append(g *group[E]) {
	g.prev, g.next = t.list.prev, &t.list
	g.prev.next, t.list.prev = g, g
}

func (t *table[E]) forget(g *group[E]) {
	t.unlink(g)
	delete(t.groups, g.key)
}

// group returns the group with a key and makes it the last to be forgotten,
// except where groups are judged in the order of their beginning.
func (t *table[E]) group(key []byte) (g *group[E], isNew bool) {
	g = t.groups[string(key)]
	if g == nil {
		if len(t.groups) >= t.limit {
			t.forget(t.list.next)
			t.evicted++
		}
		g = &group[E]{key: string(key)}
		t.groups[g.key] = g
		t.append(g)
		return g, true
	}
	if !t.atEnd {
		t.unlink(g)
		t.append(g)
	}
	return g, false
}

// Advance begins a new event at time t, whose matches are added next, and
// reports the counts that have an upper bound and whose window is over. A time
// that is more than a minute before the last means that the host's clock was
// set back: time goes on from where it was.
func (s *State[E]) Advance(t time.Time, report func(Result[E])) {
	if len(s.tables) == 0 {
		return
	}
	s.serial++
	s.now = s.clock.read(t)
	for _, t := range s.tables {
		if t.atEnd {
			s.closeWindows(t, report)
		}
	}
}

// closeWindows judges counts whose window is over.
func (s *State[E]) closeWindows(t *table[E], report func(Result[E])) {
	for g := t.list.next; g != &t.list && s.now.Sub(g.start) > t.spec.Timespan; g = t.list.next {
		t.forget(g)
		if value, ok := t.measure(g); ok {
			r := s.result(t.number, g, value)
			r.Captured, r.Detached = g.captured, true
			report(r)
		}
	}
}

// Add adds a match of a member of a correlation to the current event and
// reports whether that completed the correlation, which then begins anew with
// the next event. Of a rule that is a member of a sequence twice the later
// place is to be added first, so that one match does not take two steps.
func (s *State[E]) Add(correlation, member int, match Match[E]) (Result[E], bool) {
	t := s.tables[correlation]
	if t.fired == s.serial {
		return Result[E]{}, false
	}
	m := &t.members[member]
	if !s.groupKey(m, match) {
		s.ungrouped++
		return Result[E]{}, false
	}
	if member > 0 && t.spec.Type == sigma.TemporalOrdered && t.groups[string(s.key)] == nil {
		s.await(t, member, match) // no step came before
		return Result[E]{}, false
	}
	g, isNew := t.group(s.key)
	if isNew {
		g.start = s.now
		for _, field := range m.GroupBy {
			text, _ := match.Field(field)
			g.values = append(g.values, text)
		}
	}
	count, complete := s.contribute(t, g, member, match)
	if !complete {
		return s.catchUp(t, g, member)
	}
	t.forget(g)
	t.fired = s.serial
	return s.result(t.number, g, count), true
}

func (s *State[E]) result(correlation int, g *group[E], count float64) Result[E] {
	first := g.start
	if len(g.times) > 0 {
		first = g.times[0]
	}
	return Result[E]{
		Correlation: correlation, Count: rounded(count), First: first.Add(-s.clock.offset), Group: g.values, Evidence: g.evidence,
	}
}

// maxKeyText bounds what a group remembers of one value; longer values are
// told apart by a hash.
const maxKeyText = 256

// groupKey writes the values of the group-by fields to key, or reports that
// one is absent.
func (s *State[E]) groupKey(m *Member, match Match[E]) bool {
	s.key = s.key[:0]
	for _, id := range m.GroupBy {
		text, ok := match.Field(id)
		if !ok {
			return false
		}
		if len(text) > maxKeyText {
			s.key = binary.LittleEndian.AppendUint64(s.key, maphash.String(s.seed, text))
			text = text[:maxKeyText]
		}
		s.key = binary.AppendUvarint(s.key, uint64(len(text)))
		s.key = append(s.key, text...)
	}
	return true
}

// contribute adds one match to a group and reports whether that completes the
// correlation, with the count, the measure or the number of steps.
func (s *State[E]) contribute(t *table[E], g *group[E], member int, match Match[E]) (float64, bool) {
	switch t.spec.Type {
	case sigma.Temporal:
		return s.together(t, g, member, match)
	case sigma.TemporalOrdered:
		return s.inOrder(t, g, member, match)
	}
	g.keep(match.Evidence(), s.limits.Evidence)
	switch {
	case t.atEnd:
		s.collect(t, g, member, match)
		return 0, false
	case t.spec.Type == sigma.ValueSum:
		return s.sum(t, g, member, match)
	case t.spec.Type == sigma.ValueCount:
		return s.countValues(t, g, member, match)
	}
	return s.countEvents(t, g, match)
}

// countEvents is complete when enough events lie within the timespan.
func (s *State[E]) countEvents(t *table[E], g *group[E], match Match[E]) (float64, bool) {
	at, _ := slices.BinarySearchFunc(g.times, s.now, func(a, b time.Time) int {
		if a.After(b) {
			return 1
		}
		return -1 // equal times go after those that are there
	})
	for range min(match.Repeats(), t.needed) {
		g.times = slices.Insert(g.times, at, s.now)
	}
	oldest := g.times[len(g.times)-1].Add(-t.spec.Timespan)
	drop := 0
	for g.times[drop].Before(oldest) {
		drop++
	}
	g.times = slices.Delete(g.times, 0, drop)
	return float64(len(g.times)), len(g.times) >= t.needed
}

// countValues is complete when enough distinct values lie within the timespan.
func (s *State[E]) countValues(t *table[E], g *group[E], member int, match Match[E]) (float64, bool) {
	if !s.addValue(t, g, member, match) || len(g.distinct) < t.needed {
		return 0, false
	}
	oldest := s.now.Add(-t.spec.Timespan)
	for value, at := range g.distinct {
		if at.Before(oldest) {
			delete(g.distinct, value)
		}
	}
	return float64(len(g.distinct)), len(g.distinct) >= t.needed
}

// addValue notes the counted value of a match.
func (s *State[E]) addValue(t *table[E], g *group[E], member int, match Match[E]) bool {
	value, ok := s.hash(&t.members[member], match)
	if !ok {
		return false
	}
	if g.distinct == nil {
		g.distinct = make(map[uint64]time.Time)
	}
	last, known := g.distinct[value]
	if !known && len(g.distinct) >= t.values {
		t.dropped++
		return false
	}
	if s.now.After(last) {
		g.distinct[value] = s.now
	}
	return true
}

// hash tells the values of the counted fields of a match from others, or
// reports that one is absent.
func (s *State[E]) hash(m *Member, match Match[E]) (uint64, bool) {
	var sum uint64
	for _, field := range m.Counted {
		text, ok := match.Field(field)
		if !ok {
			return 0, false
		}
		sum = maphash.Comparable(s.seed, pair{sum, maphash.String(s.seed, text)})
	}
	return sum, true
}

// pair is a hash of what came before and that of one more value.
type pair struct{ before, value uint64 }

// together is complete when enough members matched within the timespan.
func (s *State[E]) together(t *table[E], g *group[E], member int, match Match[E]) (float64, bool) {
	if g.stages == nil {
		g.stages = make([]stage[E], len(t.members))
	}
	if last := &g.stages[member]; last.serial == 0 || !s.now.Before(last.at) {
		*last = stage[E]{start: s.now, at: s.now, serial: s.serial, evidence: match.Evidence()}
	}
	newest := s.now
	for _, stage := range g.stages {
		if stage.serial != 0 && stage.at.After(newest) {
			newest = stage.at
		}
	}
	oldest := newest.Add(-t.spec.Timespan)
	var live []stage[E]
	for _, stage := range g.stages {
		if stage.serial != 0 && !stage.at.Before(oldest) {
			live = append(live, stage)
		}
	}
	if len(live) < t.needed {
		return 0, false
	}
	slices.SortStableFunc(live, func(a, b stage[E]) int { return a.at.Compare(b.at) })
	g.start = live[0].at
	for _, stage := range live {
		g.keep(stage.evidence, s.limits.Evidence)
	}
	return float64(len(live)), true
}

// keep remembers evidence, forgetting the oldest beyond the limit.
func (g *group[E]) keep(evidence []E, limit int) {
	g.evidence = append(g.evidence, evidence...)
	if over := len(g.evidence) - limit; over > 0 {
		g.evidence = slices.Delete(g.evidence, 0, over)
	}
}
