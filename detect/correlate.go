package detect

import (
	"slices"
	"time"

	"github.com/holdfast-security/holdfast/detect/correlation"
	"github.com/holdfast-security/holdfast/detect/sigma"
	"github.com/holdfast-security/holdfast/detect/wording"
)

// This file connects correlations, which know nothing of documents, to the
// rules of a set and the documents that match them.

// joining is a compiled correlation rule.
type joining struct {
	number  int32 // in Ruleset.rules
	rule    *sigma.Rule
	members []correlation.Member
	capture []FieldID // what its templates show
}

// feed says that a rule is a member of a correlation.
type feed struct{ correlation, member int }

// compileCorrelations resolves members and fields.
func (r *Ruleset) compileCorrelations() {
	names := sigma.NamesOf(r.rules)
	r.feeds = make([][]feed, len(r.rules))
	r.reported = make([]bool, len(r.rules))
	quiet := make(map[int32]bool) // joined by correlations
	loud := make(map[int32]bool)  // … that say generate: true
	for number, rule := range r.rules {
		if rule.Correlation == nil {
			continue
		}
		for i, name := range rule.Correlation.Rules {
			joined := r.numbers[names.Find(name)]
			quiet[joined] = true
			loud[joined] = loud[joined] || rule.Correlation.Generate
			r.feeds[joined] = append(r.feeds[joined], feed{len(r.correlations), i})
		}
		r.correlations = append(r.correlations, r.compileCorrelation(int32(number), rule, names))
	}
	for number, rule := range r.rules {
		n := int32(number)
		r.reported[n] = !quiet[n] || loud[n] || rule.Holdfast.AlertType != ""
	}
}

func (r *Ruleset) compileCorrelation(number int32, rule *sigma.Rule, names sigma.Names) *joining {
	spec := rule.Correlation
	c := &joining{number: number, rule: rule}
	for _, name := range spec.Rules {
		field := func(called string) int32 {
			return int32(r.Field(correlation.FieldOf(spec, called, name, names.Find(name))))
		}
		m := correlation.Member{}
		for _, called := range spec.Fields {
			m.Counted = append(m.Counted, field(called))
		}
		for _, called := range spec.GroupBy {
			m.GroupBy = append(m.GroupBy, field(called))
		}
		c.members = append(c.members, m)
	}
	for _, name := range shown(rule) {
		c.capture = append(c.capture, r.Field(name))
	}
	return c
}

// newState returns the empty state of the set's correlations.
func (r *Ruleset) newState(limits Limits) *correlation.State[Evidence] {
	var list []correlation.Correlation
	for _, c := range r.correlations {
		list = append(list, correlation.Correlation{Spec: c.rule.Correlation, Members: c.members})
	}
	return correlation.NewState[Evidence](list, limits)
}

// proof is a match of a rule, or of a correlation, as correlations see it. The
// evidence is put together only where it is kept.
type proof struct {
	d       *Document
	rule    *sigma.Rule
	of      []Evidence // in place of the rule's: of a correlation
	reasons []Reason   // of the rule, once they were asked for
}

var _ correlation.Match[Evidence] = (*proof)(nil)

func (p *proof) Field(number int32) (string, bool) { return p.d.field(FieldID(number)) }

func (p *proof) Repeats() int { return p.d.repeats() }

func (p *proof) Evidence() []Evidence {
	if p.of != nil {
		return p.of
	}
	if p.reasons == nil { // a rule often feeds several correlations
		p.reasons = slices.Clip(p.d.Reasons(p.rule))
	}
	return []Evidence{{Ref: p.d.ref, Time: p.d.time, Rule: p.rule, Reasons: p.reasons}}
}

func (p *proof) Brief(dst []Evidence) []Evidence {
	if p.of != nil {
		return append(dst, p.of...)
	}
	return append(dst, Evidence{Ref: p.d.ref, Time: p.d.time, Rule: p.rule})
}

func (p *proof) Capture(dst []string, number int) []string {
	for _, id := range p.d.rules.correlations[number].capture {
		text, _ := p.d.field(id)
		dst = append(dst, wording.Bound(text))
	}
	return dst
}

// advance moves the time of correlations on.
func (m *Matcher) advance(t time.Time, report func(Match)) {
	m.memory.state.Advance(t, func(r correlation.Result[Evidence]) { m.complete(r, nil, report) })
}

// RecallWith gives the matcher a way to see an earlier event again: f makes the
// documents of the event that ref is and calls each with them, one after the
// other. It is asked for the last steps of sequences that arrived before their
// first; without it the reasons of these are left out, and what their rules
// show of them.
func (m *Matcher) RecallWith(f func(ref any, each func(*Document))) { m.recall = f }

// detached returns a document in the place of the one that completed a
// correlation, which is gone; now is the present one. It has the fields that
// the rule shows.
func (m *Matcher) detached(r *correlation.Result[Evidence], now *Document) *Document {
	d := m.later
	if now == d {
		d = m.rules.NewDocument()
	}
	if r.Captured == nil && m.recall != nil {
		for i := range r.Evidence {
			r.Captured = m.complement(&r.Evidence[i], r.Correlation)
		}
	}
	last := r.Evidence[len(r.Evidence)-1]
	d.Reset(Source{}, last.Time, last.Ref, nil)
	for i, text := range r.Captured {
		d.SetString(m.rules.correlations[r.Correlation].capture[i], text)
	}
	return d
}

// complement gives evidence the reasons that it lacks and returns what the
// correlation shows of it.
func (m *Matcher) complement(e *Evidence, correlation int) (captured []string) {
	if e.Reasons != nil {
		return nil
	}
	m.recall(e.Ref, func(d *Document) {
		if captured == nil && d.source.applies(e.Rule.LogSource) && d.holds(e.Rule.Detection, e.Rule.Detection.Condition) {
			e.Reasons = d.Reasons(e.Rule)
			captured = (&proof{d: d}).Capture(nil, correlation)
		}
	})
	return captured
}

// feed gives the match of a rule to the correlations that the rule feeds.
func (m *Matcher) feed(number int32, d *Document, report func(Match)) {
	if feeds := m.rules.feeds[number]; len(feeds) > 0 {
		m.proof = proof{d: d, rule: m.rules.rules[number]}
		m.add(feeds, &m.proof, report)
	}
}

// add goes through the feeds backwards: members in the order that
// [correlation.State.Add] asks for.
func (m *Matcher) add(feeds []feed, p *proof, report func(Match)) {
	for _, f := range slices.Backward(feeds) {
		if r, complete := m.memory.state.Add(f.correlation, f.member, p); complete {
			m.complete(r, p.d, report)
		}
	}
}

// complete reports a correlation, which the document at hand completed unless
// the result is detached, and feeds it to those that join it.
func (m *Matcher) complete(r correlation.Result[Evidence], d *Document, report func(Match)) {
	c := m.rules.correlations[r.Correlation]
	if r.Detached {
		d = m.detached(&r, d)
	}
	if m.rules.reported[c.number] {
		var group []Value
		for i, text := range r.Group {
			group = append(group, Value{c.rule.Correlation.GroupBy[i], text})
		}
		report(Match{Rule: c.rule, Document: d, Time: d.time, Count: r.Count, First: r.First, Group: group, evidence: r.Evidence})
	}
	if feeds := m.rules.feeds[c.number]; len(feeds) > 0 {
		m.add(feeds, &proof{d: d, of: r.Evidence}, report)
	}
}

// Counters say what a matcher has done and what it had to leave out.
type Counters struct {
	Documents  uint64        `json:"documents"`
	Evaluated  uint64        `json:"evaluated"`   // rules evaluated, over all documents
	Late       uint64        `json:"late"`        // documents earlier than the one before, by up to a minute
	ClockSteps uint64        `json:"clock_steps"` // times the clock went back further
	Ungrouped  uint64        `json:"ungrouped"`   // matches a correlation left out because a group-by field was absent
	Rules      []RuleCounter `json:"rules"`       // of correlations
}

// RuleCounter says how full the state of a correlation is.
type RuleCounter struct {
	Rule          *sigma.Rule `json:"-"`
	ID            string      `json:"rule"`
	Groups        int         `json:"groups"`         // entities remembered now
	Evicted       uint64      `json:"evicted"`        // entities forgotten for lack of room
	ValuesDropped uint64      `json:"values_dropped"` // values not counted for lack of room
}

// Counters returns the counters since the matcher and its present memory were
// made.
func (m *Matcher) Counters() Counters {
	state := m.memory.state.Counters()
	c := Counters{
		Documents: m.documents, Evaluated: m.evaluated, Late: state.Late, ClockSteps: state.ClockSteps, Ungrouped: state.Ungrouped,
	}
	for i, fill := range state.Fill {
		rule := m.rules.correlations[i].rule
		c.Rules = append(c.Rules, RuleCounter{rule, rule.ID, fill.Groups, fill.Evicted, fill.Dropped})
	}
	return c
}
