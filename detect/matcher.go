package detect

import (
	"slices"
	"time"

	"github.com/holdfast-security/holdfast/detect/correlation"
	"github.com/holdfast-security/holdfast/detect/dfa"
	"github.com/holdfast-security/holdfast/detect/glob"
	"github.com/holdfast-security/holdfast/detect/literals"
	"github.com/holdfast-security/holdfast/detect/recent"
	"github.com/holdfast-security/holdfast/detect/sigma"
)

// Limits bound what a [Matcher] remembers for correlations. Zero fields mean
// the defaults.
type Limits = correlation.Limits

// Matcher matches documents one after the other and keeps the state of
// correlations. It is for one goroutine.
type Matcher struct {
	rules *Ruleset

	epoch  uint32
	seen   []uint64 // a bit for each literal: found in the document
	marked []int32  // the literals whose bits are set
	groups []uint32 // by group: the epoch in which one of its literals was found
	rule   []uint32 // by rule: the epoch in which it became a candidate
	passed []uint32 // by scanner: the epoch in which it ran
	asked  []asking // by scanner
	memo   []uint32 // by predicate: twice the epoch, plus one where it held

	regexps    []dfa.Expression
	caches     []recent.Cache // by watched field
	found      []int32        // pattern numbers of one pass
	candidates []int32
	matched    []int32
	folds      []folding // by field
	long       []FieldID // whose folded texts are too long to keep
	folded     []byte    // scratch
	evaluated  uint64
	documents  uint64
	memory     *Memory
	proof      proof     // scratch: of the rule being fed
	later      *Document // stands for a document that is gone
	recall     func(ref any, each func(*Document))
}

// Memory is what the correlations of one rule set remember of one origin of
// documents, such as a host. It is for one goroutine.
type Memory struct {
	state *correlation.State[Evidence]
}

// NewMemory returns an empty memory for matchers of the set.
func (r *Ruleset) NewMemory(limits Limits) *Memory { return &Memory{r.newState(limits)} }

// NewMatcher returns a matcher with an empty memory.
func (r *Ruleset) NewMatcher(limits Limits) *Matcher {
	return &Matcher{
		rules: r, memory: r.NewMemory(limits), later: r.NewDocument(),
		seen: make([]uint64, r.size.literals/64+1), groups: make([]uint32, r.size.groups), rule: make([]uint32, r.size.rules),
		passed: make([]uint32, r.size.scanners), memo: make([]uint32, r.size.predicates),
		asked:   make([]asking, r.size.scanners),
		regexps: make([]dfa.Expression, r.size.expressions), caches: make([]recent.Cache, r.size.watched), folds: make([]folding, len(r.names)),
	}
}

// Use makes memory, which was made by the same rule set, the one that further
// documents are correlated in. Documents of hosts whose clocks differ, or that
// must not affect each other, need a memory each; the rest of a matcher, which
// is much larger, they can share.
func (m *Matcher) Use(memory *Memory) { m.memory = memory }

// Match is one rule that a document matched, or a correlation that it
// completed. It is valid only until the callback returns.
type Match struct {
	Rule     *sigma.Rule
	Document *Document // that completed the match
	Time     time.Time // of that document
	Count    int       // for counting correlations: what was counted; else 1
	First    time.Time // of the earliest contribution
	Group    []Value   // for correlations: the values its group-by fields agree in
	evidence []Evidence
}

// Value is a named value.
type Value struct{ Name, Text string }

// Evidence is a document that contributed to a match.
type Evidence struct {
	Ref     any // of the document
	Time    time.Time
	Rule    *sigma.Rule // that the document matched
	Reasons []Reason    // why it did
}

// Evidence returns the documents that contributed, oldest first and bounded by
// [Limits.Evidence]; the last one completed the match.
func (m Match) Evidence() []Evidence {
	if m.evidence != nil {
		return m.evidence
	}
	d := m.Document
	return []Evidence{{Ref: d.ref, Time: d.time, Rule: m.Rule, Reasons: d.Reasons(m.Rule)}}
}

// Match calls report for every rule that the document matches, in the order of
// the rules, and for every correlation that it completes. Rules that only feed
// correlations are not reported. Documents should come in order of time; see
// [Matcher.Counters] for what happens to late ones.
func (m *Matcher) Match(d *Document, report func(Match)) {
	m.documents++
	m.matched = m.matched[:0]
	m.begin()
	for _, part := range d.source.parts {
		m.matchPart(part, d)
	}
	if len(m.matched) > 1 {
		slices.Sort(m.matched)
	}
	m.advance(d.time, report)
	for _, number := range m.matched {
		rule := m.rules.rules[number]
		if m.rules.reported[number] {
			report(Match{Rule: rule, Document: d, Time: d.time, Count: 1, First: d.time})
		}
		m.feed(number, d, report)
	}
}

// begin makes all marks of earlier documents old.
func (m *Matcher) begin() {
	for _, lit := range m.marked {
		m.seen[lit>>6] = 0
	}
	m.marked = m.marked[:0]
	for _, id := range m.long {
		m.folds[id] = folding{}
	}
	m.long = m.long[:0]
	if m.epoch++; m.epoch < 1<<31 {
		return
	}
	clear(m.asked)
	for i := range m.folds {
		m.folds[i].epoch = 0
	}
	for _, marks := range [][]uint32{m.groups, m.rule, m.passed, m.memo} {
		clear(marks)
	}
	m.epoch = 1
}

// matchPart appends to matched the rules of a partition that hold.
func (m *Matcher) matchPart(part *partition, d *Document) {
	m.candidates = append(m.candidates[:0], part.always...)
	for i := range part.watched {
		m.watch(part, i, d)
	}
	m.evaluated += uint64(len(m.candidates))
	for i := 0; i < len(m.candidates); i++ {
		rule := part.rules[m.candidates[i]]
		if m.run(part, rule.start, d) {
			m.matched = append(m.matched, rule.number)
		}
	}
}

// run executes a rule's program.
func (m *Matcher) run(part *partition, at int32, d *Document) bool {
	for at >= 0 {
		in := &part.program[at]
		var holds bool
		switch in.op {
		case seenOne:
			holds = m.has(in.what)
		case seenAny:
			holds = m.hasAny(part.lists[in.what:in.end])
		case seenGroup:
			holds = m.groups[in.what] == m.epoch
		default:
			holds = m.test(part, in.what, d)
		}
		if holds {
			at = in.yes
		} else {
			at = in.no
		}
	}
	return at == accept
}

// has reports whether the document was found to hold a literal.
func (m *Matcher) has(lit int32) bool { return m.seen[lit>>6]>>(lit&63)&1 != 0 }

func (m *Matcher) hasAny(lits []int32) bool {
	for _, lit := range lits {
		if m.has(lit) {
			return true
		}
	}
	return false
}

// test tells whether a predicate holds.
func (m *Matcher) test(part *partition, number int32, d *Document) bool {
	p := &part.predicates[number]
	switch p.kind {
	case anyLiteral:
		for i := range p.literals {
			if m.holdsOne(part, &p.literals[i], d) {
				return true
			}
		}
		return false
	case anyOfGroup:
		for i := range p.literals {
			if set := &p.literals[i]; !set.watched {
				m.pass(part, set.scanner, d)
			}
		}
		return m.groups[part.base.groups+int(p.group)] == m.epoch
	case isPresent:
		return d.get(p.field).kind != absent
	}
	memo := &m.memo[part.base.predicates+int(number)]
	if *memo>>1 != m.epoch {
		*memo = m.epoch << 1
		if m.testSlowly(p, d) {
			*memo |= 1
		}
	}
	return *memo&1 != 0
}

// holdsOne tells whether a document holds one of some literals.
func (m *Matcher) holdsOne(part *partition, set *literalSet, d *Document) bool {
	if !set.watched && m.passed[part.base.scanners+int(set.scanner)] != m.epoch {
		if held, ok := m.ask(part, set, d); ok {
			return held
		}
		m.pass(part, set.scanner, d)
	}
	for _, lit := range set.literals {
		if m.has(int32(part.base.literals) + lit) {
			return true
		}
	}
	return false
}

// asking counts the literals of a scanner that were looked for one by one in
// the document of the epoch.
type asking struct{ epoch, literals uint32 }

// maxAsked is after how many literals a pass over all of them is quicker.
const maxAsked = 48

// ask looks for literals one by one, unless that has been done too often for
// the document, or the field is a list.
func (m *Matcher) ask(part *partition, set *literalSet, d *Document) (held, ok bool) {
	count := &m.asked[part.base.scanners+int(set.scanner)]
	if count.epoch != m.epoch {
		*count = asking{epoch: m.epoch}
	}
	if count.literals += uint32(len(set.literals)); count.literals > maxAsked {
		return false, false
	}
	s := &part.scanners[set.scanner]
	v := d.get(s.field)
	switch v.kind {
	case absent:
		return false, true
	case listKind:
		return false, false
	}
	text := m.foldedText(s.field, d.textOf(v))
	for _, lit := range set.literals {
		if literals.At(s.place, text, part.texts[lit]) {
			return true, true
		}
	}
	return false, true
}

// folding is the folded text of a field in the document of an epoch; of a list,
// all of its texts in a row.
type folding struct {
	epoch uint32
	text  []byte
}

// foldedText returns the folded text of a field that is not a list. It is
// folded once for each document.
func (m *Matcher) foldedText(id FieldID, text string) []byte {
	f := &m.folds[id]
	if f.epoch != m.epoch {
		f.epoch = m.epoch
		f.text = literals.AppendFold(f.text[:0], text)
		m.bound(id)
	}
	return f.text
}

// maxKept is up to how many bytes the memory of a folded text is used again.
// Hosts choose how long their texts are, and there are hundreds of fields.
const maxKept = 64 << 10

// bound has the folded text of a field forgotten with the document if it is
// long.
func (m *Matcher) bound(id FieldID) {
	if cap(m.folds[id].text) > maxKept {
		m.long = append(m.long, id)
	}
}

// foldedOf returns the folded form of one of the texts of a field.
func (m *Matcher) foldedOf(id FieldID, v *value, text string) []byte {
	if v.kind != listKind {
		return m.foldedText(id, text)
	}
	m.folded = literals.AppendFold(m.folded[:0], text)
	return m.folded
}

// testSlowly evaluates what the passes do not answer.
func (m *Matcher) testSlowly(p *predicate, d *Document) bool {
	v := d.get(p.field)
	var buffer [1]string
	for _, text := range d.texts(v, &buffer) {
		if m.testText(p, d, v, text) {
			return true
		}
	}
	return false
}

func (m *Matcher) testText(p *predicate, d *Document, v *value, text string) bool {
	switch p.kind {
	case matchesRegexp:
		return m.regexps[p.number].Match(p.value.Regexp, p.needs, text)
	case equalsField:
		return m.equalsField(p, d, text)
	case matchesGlob:
		if p.value.Pattern.Cased {
			return glob.Match(p.tokens, text)
		}
		if p.pieces != nil {
			return glob.MatchPieces(p.pieces, m.foldedOf(p.field, v, text))
		}
		return glob.Match(p.tokens, m.foldedOf(p.field, v, text))
	}
	return d.test(p.item.Op, v, text, p.value)
}

// equalsField compares a text of a field with the values of another.
func (m *Matcher) equalsField(p *predicate, d *Document, text string) bool {
	var buffer [1]string
	return slices.ContainsFunc(d.texts(d.get(p.other), &buffer), func(other string) bool { return literals.EqualFold(text, other) })
}

// pass marks every literal of a scanner that the document holds, once.
func (m *Matcher) pass(part *partition, number int32, d *Document) {
	mark := &m.passed[part.base.scanners+int(number)]
	if *mark == m.epoch {
		return
	}
	*mark = m.epoch
	s := &part.scanners[number]
	v := d.get(s.field)
	var buffer [1]string
	for _, text := range d.texts(v, &buffer) {
		m.found = s.scan(m.foldedOf(s.field, v, text), m.found[:0])
		for _, lit := range m.found {
			m.mark(part, lit)
		}
	}
}

// watch runs all scanners of a watched field.
func (m *Matcher) watch(part *partition, i int, d *Document) {
	w := &part.watched[i]
	v := d.get(w.field)
	if v.kind == listKind && len(v.list) >= longValue && !m.listHasAny(part, w, v) {
		return
	}
	var buffer [1]string
	for _, text := range d.texts(v, &buffer) {
		for _, lit := range m.literalsIn(part, i, v, text) {
			m.mark(part, lit)
		}
	}
}

// longValue is from how many texts on a list is looked through as a whole first.
const longValue = 4

// listHasAny reports whether a list may hold a literal of a watched field: all
// of its texts in a row do, or the field has literals for which that says
// nothing.
func (m *Matcher) listHasAny(part *partition, w *watchedField, v *value) bool {
	for _, number := range w.scanners {
		if part.scanners[number].place != sigma.PlaceAnywhere {
			return true
		}
	}
	f := &m.folds[w.field]
	if f.epoch != m.epoch {
		f.epoch, f.text = m.epoch, literals.AppendFold(f.text[:0], v.whole)
		if v.whole == "" {
			for _, text := range v.list {
				f.text = append(literals.AppendFold(f.text, text), 0)
			}
		}
		m.bound(w.field)
	}
	for _, number := range w.scanners {
		if m.found = part.scanners[number].scan(f.text, m.found[:0]); len(m.found) > 0 {
			return true
		}
	}
	return false
}

// literalsIn returns the watched literals of a text, from the field's cache
// where it has the text.
func (m *Matcher) literalsIn(part *partition, i int, v *value, text string) []int32 {
	f, known := m.caches[part.base.watched+i].Of(text)
	if f == nil {
		m.found = m.scanAll(part, i, v, text, m.found[:0])
		return m.found
	}
	if !known {
		f.Literals = m.scanAll(part, i, v, text, f.Literals)
	}
	return f.Literals
}

func (m *Matcher) scanAll(part *partition, i int, v *value, text string, found []int32) []int32 {
	w := &part.watched[i]
	folded := m.foldedOf(w.field, v, text)
	for _, number := range w.scanners {
		found = part.scanners[number].scan(folded, found)
	}
	return found
}

// mark notes what a scanner found, and what follows from it.
func (m *Matcher) mark(part *partition, found int32) {
	lit := found &^ leads
	number := int32(part.base.literals) + lit
	if m.has(number) {
		return
	}
	m.seen[number>>6] |= 1 << (number & 63)
	m.marked = append(m.marked, number)
	if found&leads == 0 {
		return
	}
	h := part.hits[lit]
	for _, group := range part.follows[h.groups:h.end] {
		m.groups[part.base.groups+int(group)] = m.epoch
	}
	for _, local := range part.follows[h.rules:h.groups] {
		if mark := &m.rule[part.base.rules+int(local)]; *mark != m.epoch {
			*mark = m.epoch
			m.candidates = append(m.candidates, local)
		}
	}
}
