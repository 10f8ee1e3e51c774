package detect

import (
	"encoding/binary"
	"hash/maphash"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-security/holdfast/detect/sigma"
)

// correlator holds the state of all correlations of a matcher.
type correlator struct {
	set       *Ruleset
	limits    Limits
	clock     clock
	now       time.Time // of the document being matched
	serial    uint64    // of that document
	tables    []*table  // by correlation
	key       []byte
	seed      maphash.Seed
	ungrouped uint64
	later     *Document // stands for a document that is gone
}

func newCorrelator(set *Ruleset, limits Limits) correlator {
	c := correlator{set: set, limits: limits, seed: maphash.MakeSeed(), later: set.NewDocument()}
	for _, spec := range set.correlations {
		c.tables = append(c.tables, newTable(spec, limits))
	}
	return c
}

// maxEntries bounds the times that one correlation remembers over all of its
// groups.
const maxEntries = 1 << 20

// table is the state of one correlation: groups in the order in which they
// are forgotten.
type table struct {
	c       *correlation
	limit   int
	values  int
	groups  map[string]*group
	list    group  // sentinel: next is the first to be forgotten
	fired   uint64 // serial of the document that last completed a group
	evicted uint64
	dropped uint64
}

// group is the state of one entity of a correlation.
type group struct {
	key        string
	next, prev *group
	values     []Value // of the group-by fields

	start    time.Time            // of the earliest contribution that counts
	times    []time.Time          // event_count, in order
	distinct map[string]time.Time // value_count: the last time of each value
	count    int                  // event_count judged at the end of the window
	stages   []stage              // temporal types, by member
	evidence []Evidence
	captured []Value // of the latest document, for counts judged at the end
}

// stage is the latest match of a member or, in an ordered correlation, the
// latest chain of matches up to that member.
type stage struct {
	start, at time.Time
	serial    uint64
	evidence  []Evidence
}

func newTable(c *correlation, limits Limits) *table {
	t := &table{c: c, groups: make(map[string]*group)}
	t.values = max(limits.Values, c.needed)
	t.limit = max(1, min(limits.Groups, maxEntries/max(c.needed, 1)))
	t.list.next, t.list.prev = &t.list, &t.list
	return t
}

func (t *table) unlink(g *group) {
	g.prev.next, g.next.prev = g.next, g.prev
}

func (t *table) append(g *group) {
	g.prev, g.next = t.list.prev, &t.list
	g.prev.next, t.list.prev = g, g
}

func (t *table) forget(g *group) {
	t.unlink(g)
	delete(t.groups, g.key)
}

// group returns the group with a key and makes it the last to be forgotten,
// except where groups are judged in the order of their beginning.
func (t *table) group(key []byte) (g *group, isNew bool) {
	g = t.groups[string(key)]
	if g == nil {
		if len(t.groups) >= t.limit {
			t.forget(t.list.next)
			t.evicted++
		}
		g = &group{key: string(key)}
		t.groups[g.key] = g
		t.append(g)
		return g, true
	}
	if !t.c.atEnd {
		t.unlink(g)
		t.append(g)
	}
	return g, false
}

// advance moves the clock on and judges the windows that are over.
func (c *correlator) advance(t time.Time, report func(Match)) {
	if len(c.tables) == 0 {
		return
	}
	c.serial++
	c.now = c.clock.read(t)
	for i, table := range c.tables {
		if table.c.atEnd {
			c.closeWindows(i, report)
		}
	}
}

// closeWindows judges counts whose window is over.
func (c *correlator) closeWindows(index int, report func(Match)) {
	t := c.tables[index]
	spec := t.c.rule.Correlation
	for g := t.list.next; g != &t.list && c.now.Sub(g.start) > spec.Timespan; g = t.list.next {
		t.forget(g)
		count := max(g.count, len(g.distinct))
		if !spec.Holds(count) {
			continue
		}
		last := g.evidence[len(g.evidence)-1]
		c.later.Reset(Source{}, last.Time, last.Ref, nil)
		for i, v := range g.captured {
			c.later.SetString(t.c.capture[i], v.Text)
		}
		c.fire(t, g, count, c.later, report)
		t.fired = 0 // the document at hand took no part
	}
}

// feed gives the match of a rule to the correlations that the rule feeds.
func (c *correlator) feed(number int32, d *Document, report func(Match)) {
	feeds := c.set.feeds[number]
	if len(feeds) == 0 {
		return
	}
	c.feedEvidence(feeds, d, proof{d: d, rule: c.set.rules[number]}, report)
}

// proof is the evidence of a match, which is put together only where it is
// kept: most matches of a rule that is a later step of a sequence lead nowhere.
type proof struct {
	d    *Document
	rule *sigma.Rule
	of   []Evidence // in place of the rule's: of a correlation
}

func (p proof) evidence() []Evidence {
	if p.of != nil {
		return p.of
	}
	return []Evidence{{Ref: p.d.ref, Time: p.d.time, Rule: p.rule, Reasons: p.d.Reasons(p.rule)}}
}

// feedEvidence goes through the feeds backwards, so that one match does not
// take two steps of an ordered correlation that names the rule twice.
func (c *correlator) feedEvidence(feeds []feed, d *Document, evidence proof, report func(Match)) {
	for _, f := range slices.Backward(feeds) {
		t := c.tables[f.correlation]
		if t.fired == c.serial {
			continue // it begins anew with the next document
		}
		m := &t.c.members[f.member]
		if !c.groupKey(m, d) {
			c.ungrouped++
			continue
		}
		if f.member > 0 && t.c.rule.Correlation.Type == sigma.TemporalOrdered && t.groups[string(c.key)] == nil {
			continue // no step came before
		}
		g, isNew := t.group(c.key)
		if isNew {
			g.start = c.now
			for i, id := range m.groupBy {
				text, _ := d.field(id)
				g.values = append(g.values, Value{t.c.rule.Correlation.GroupBy[i], text})
			}
		}
		c.contribute(t, g, int(f.member), d, evidence, report)
	}
}

// maxKeyText bounds what a group remembers of one value; longer values are
// told apart by a hash.
const maxKeyText = 256

// groupKey writes the values of the group-by fields to key, or reports that
// one is absent.
func (c *correlator) groupKey(m *member, d *Document) bool {
	c.key = c.key[:0]
	for _, id := range m.groupBy {
		text, ok := d.field(id)
		if !ok {
			return false
		}
		if len(text) > maxKeyText {
			c.key = binary.LittleEndian.AppendUint64(c.key, maphash.String(c.seed, text))
			text = text[:maxKeyText]
		}
		c.key = binary.AppendUvarint(c.key, uint64(len(text)))
		c.key = append(c.key, text...)
	}
	return true
}

// contribute adds one match to a group.
func (c *correlator) contribute(t *table, g *group, member int, d *Document, evidence proof, report func(Match)) {
	switch spec := t.c.rule.Correlation; {
	case spec.Type == sigma.Temporal:
		c.together(t, g, member, d, evidence, report)
	case spec.Type == sigma.TemporalOrdered:
		c.inOrder(t, g, member, d, evidence, report)
	case t.c.atEnd:
		c.countToEnd(t, g, member, d, evidence)
	case spec.Type == sigma.ValueCount:
		c.countValues(t, g, member, d, evidence, report)
	default:
		c.countEvents(t, g, d, evidence, report)
	}
}

// countEvents fires when enough events lie within the timespan, and begins
// anew then.
func (c *correlator) countEvents(t *table, g *group, d *Document, evidence proof, report func(Match)) {
	g.keep(evidence.evidence(), c.limits.Evidence)
	at, _ := slices.BinarySearchFunc(g.times, c.now, func(a, b time.Time) int {
		if a.After(b) {
			return 1
		}
		return -1 // equal times go after those that are there
	})
	for range min(d.repeats(), t.c.needed) {
		g.times = slices.Insert(g.times, at, c.now)
	}
	oldest := g.times[len(g.times)-1].Add(-t.c.rule.Correlation.Timespan)
	drop := 0
	for g.times[drop].Before(oldest) {
		drop++
	}
	g.times = slices.Delete(g.times, 0, drop)
	if len(g.times) >= t.c.needed {
		count := len(g.times)
		t.forget(g)
		c.fire(t, g, count, d, report)
	}
}

// countValues fires when enough distinct values lie within the timespan.
func (c *correlator) countValues(t *table, g *group, member int, d *Document, evidence proof, report func(Match)) {
	g.keep(evidence.evidence(), c.limits.Evidence)
	if !c.addValue(t, g, member, d) {
		return
	}
	if len(g.distinct) < t.c.needed {
		return
	}
	oldest := c.now.Add(-t.c.rule.Correlation.Timespan)
	for value, at := range g.distinct {
		if at.Before(oldest) {
			delete(g.distinct, value)
		}
	}
	if count := len(g.distinct); count >= t.c.needed {
		t.forget(g)
		c.fire(t, g, count, d, report)
	}
}

// addValue notes the counted value of a document.
func (c *correlator) addValue(t *table, g *group, member int, d *Document) bool {
	text, ok := d.field(t.c.members[member].field)
	if !ok {
		return false
	}
	if g.distinct == nil {
		g.distinct = make(map[string]time.Time)
	}
	value := strings.Clone(text[:min(len(text), maxKeyText)])
	if _, known := g.distinct[value]; !known && len(g.distinct) >= t.values {
		t.dropped++
		return false
	}
	g.distinct[value] = c.now
	return true
}

// countToEnd counts until the window is over.
func (c *correlator) countToEnd(t *table, g *group, member int, d *Document, evidence proof) {
	g.keep(evidence.evidence(), c.limits.Evidence)
	if t.c.rule.Correlation.Type == sigma.ValueCount {
		c.addValue(t, g, member, d)
	} else {
		g.count += d.repeats()
	}
	g.captured = g.captured[:0]
	for _, id := range t.c.capture {
		text, _ := d.field(id)
		g.captured = append(g.captured, Value{c.set.names[id], bound(text)})
	}
}

// together fires when every member matched within the timespan.
func (c *correlator) together(t *table, g *group, member int, d *Document, evidence proof, report func(Match)) {
	if g.stages == nil {
		g.stages = make([]stage, len(t.c.members))
	}
	g.stages[member] = stage{start: c.now, at: c.now, serial: c.serial, evidence: evidence.evidence()}
	oldest := c.now.Add(-t.c.rule.Correlation.Timespan)
	for _, s := range g.stages {
		if s.serial == 0 || s.at.Before(oldest) {
			return
		}
	}
	slices.SortStableFunc(g.stages, func(a, b stage) int { return a.at.Compare(b.at) })
	g.start = g.stages[0].at
	for _, s := range g.stages {
		g.keep(s.evidence, c.limits.Evidence)
	}
	t.forget(g)
	c.fire(t, g, len(g.stages), d, report)
}

// inOrder fires when the members matched one after the other, in different
// documents, within the timespan. Of all chains that reach a member the one
// that began last is kept: whatever another could complete, it can, too.
func (c *correlator) inOrder(t *table, g *group, member int, d *Document, evidence proof, report func(Match)) {
	if g.stages == nil {
		g.stages = make([]stage, len(t.c.members))
	}
	next := stage{start: c.now, at: c.now, serial: c.serial}
	if member == 0 {
		next.evidence = evidence.evidence()
	} else {
		before := &g.stages[member-1]
		if before.serial == 0 || before.serial == c.serial || before.at.After(c.now) ||
			c.now.Sub(before.start) > t.c.rule.Correlation.Timespan {
			return
		}
		next.start = before.start
		next.evidence = append(slices.Clone(before.evidence), evidence.evidence()...)
	}
	if member < len(g.stages)-1 {
		g.stages[member] = next
		return
	}
	g.start = next.start
	g.keep(next.evidence, c.limits.Evidence)
	t.forget(g)
	c.fire(t, g, len(g.stages), d, report)
}

// keep remembers evidence, forgetting the oldest beyond the limit.
func (g *group) keep(evidence []Evidence, limit int) {
	g.evidence = append(g.evidence, evidence...)
	if over := len(g.evidence) - limit; over > 0 {
		g.evidence = slices.Delete(g.evidence, 0, over)
	}
}

// fire reports a correlation and feeds it to those that join it.
func (c *correlator) fire(t *table, g *group, count int, d *Document, report func(Match)) {
	first := g.start
	if len(g.times) > 0 {
		first = g.times[0]
	}
	t.fired = c.serial
	number := t.c.number
	if c.set.reported[number] {
		report(Match{
			Rule: t.c.rule, Document: d, Time: d.time, Count: count, First: first.Add(-c.clock.offset),
			Group: g.values, evidence: g.evidence,
		})
	}
	if feeds := c.set.feeds[number]; len(feeds) > 0 {
		c.feedEvidence(feeds, d, proof{of: g.evidence}, report)
	}
}
