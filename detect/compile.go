package detect

import (
	"fmt"
	"slices"

	"github.com/holdfast-security/holdfast/detect/glob"
	"github.com/holdfast-security/holdfast/detect/literals"
	"github.com/holdfast-security/holdfast/detect/sigma"
)

// partition is the index of the rules of one log source.
type partition struct {
	source     sigma.LogSource
	rules      []compiledRule
	program    []instruction
	lists      []int32 // of literals, for the program
	predicates []predicate
	scanners   []scanner
	watched    []watchedField
	always     []int32  // rules without a witness
	hits       []hits   // by literal: what follows from it
	follows    []int32  // that hits point into
	texts      [][]byte // by literal
	base       sizes    // where the numbers of this partition begin in a matcher
}

// watchedField is a field with its scanners that hold witnesses.
type watchedField struct {
	field    FieldID
	scanners []int32
}

type compiledRule struct {
	number int32 // in Ruleset.rules
	start  int32 // in program
}

// instruction makes a test and says where to go on.
type instruction struct {
	op        operation
	what, end int32 // as the operation says
	yes, no   int32
}

type operation uint8

const (
	testPredicate operation = iota // the predicate what
	seenOne                        // the literal what, numbered as in a matcher
	seenAny                        // one of the literals lists[what:end], likewise
	seenGroup                      // one of the group what, numbered as in a matcher
)

// Ends of a program.
const (
	accept = -1
	reject = -2
)

// hits is what follows when a literal is found: a part of partition.follows.
type hits struct {
	rules  int32 // where the rules begin that it is a witness of
	groups int32 // where these end, and the long lists begin that it is on
	end    int32 // of these
}

// predicate is one test of a field.
type predicate struct {
	kind     predicateKind
	field    FieldID
	literals []literalSet // by scanner
	group    int32        // of all these literals
	item     *sigma.Item
	value    *sigma.Value
	tokens   []sigma.Token         // folded unless the pattern is cased
	pieces   [][]byte              // what stands between the wildcards, where these are all *
	other    FieldID               // that this one is compared with
	needs    *literals.Requirement // of a regular expression
	number   int32                 // likewise, as a matcher numbers them
	wanted   []int32               // while compiling: the literals
	weight   float64               // likewise: of all of them
}

// literalSet is literals that one scanner finds.
type literalSet struct {
	scanner  int32
	watched  bool // it has run for every document
	literals []int32
}

type predicateKind uint8

const (
	anyLiteral predicateKind = iota // one of the literals is there
	anyOfGroup                      // one of a long list is there
	isPresent
	matchesGlob
	matchesRegexp
	equalsField  // without regard to case
	matchesValue // anything else, by the plain evaluation of one value
)

// From how many literals on a list is a group, and from how many where all are
// looked for anyway.
const (
	longList    = 25
	watchedList = 8
)

// node is a condition in negation normal form.
type node struct {
	op        nodeOp
	parts     []*node
	predicate int32
	negated   bool
	needs     []int32 // literals of which one is there when the predicate holds, or nil
}

type nodeOp uint8

const (
	leafNode nodeOp = iota
	andNode
	orNode
)

// literal is text at a place of a field.
type literal struct {
	field FieldID
	place sigma.Place
	text  string // folded
}

// compiler builds a partition.
type compiler struct {
	set       *Ruleset
	part      *partition
	literals  []literal
	literalOf map[literal]int32
	predOf    map[string]int32
	pending   []pendingRule
	weights   []float64 // by literal
	witnesses []bool    // by literal
	rulesOf   [][]int32 // by literal: what it is a witness of
	groupsOf  [][]int32 // by literal: long lists
	expected  []bool    // by literal: rules often ask for it
	banned    map[scannerKey]bool
	scannerOf []int32 // by literal
}

type pendingRule struct {
	rule *sigma.Rule
	root *node
}

// compilePartition indexes the rules of one log source.
func compilePartition(set *Ruleset, rules []*sigma.Rule) *partition {
	c := &compiler{
		set: set, part: &partition{source: rules[0].LogSource, base: set.size},
		literalOf: make(map[literal]int32), predOf: make(map[string]int32), banned: make(map[scannerKey]bool),
	}
	for _, rule := range rules {
		c.pending = append(c.pending, pendingRule{rule, c.expr(rule.Detection, rule.Detection.Condition)})
	}
	c.rulesOf, c.groupsOf = make([][]int32, len(c.literals)), make([][]int32, len(c.literals))
	for _, lit := range c.literals {
		c.part.texts = append(c.part.texts, []byte(lit.text))
	}
	c.weighWhole()
	c.witnesses, c.expected = make([]bool, len(c.literals)), make([]bool, len(c.literals))
	for i, w := range c.chooseWitnesses() {
		c.enter(int32(i), w)
		if w.cost >= often {
			c.expect(c.pending[i].root)
		}
	}
	c.makeScanners()
	c.bindPredicates()
	c.layOutHits()
	for _, pending := range c.pending {
		start := c.emit(pending.root, accept, reject)
		c.part.rules = append(c.part.rules, compiledRule{c.set.numbers[pending.rule], start})
	}
	set.size.literals += len(c.literals)
	set.size.predicates += len(c.part.predicates)
	set.size.rules += len(rules)
	set.size.scanners += len(c.part.scanners)
	set.size.watched += len(c.part.watched)
	return c.part
}

// layOutHits writes what follows from each literal, and tells the scanners
// where there is something.
func (c *compiler) layOutHits() {
	follows := func(list []int32) int32 {
		c.part.follows = append(c.part.follows, list...)
		return int32(len(c.part.follows))
	}
	for i := range c.literals {
		c.part.hits = append(c.part.hits, hits{int32(len(c.part.follows)), follows(c.rulesOf[i]), follows(c.groupsOf[i])})
	}
	for i := range c.part.scanners {
		s := &c.part.scanners[i]
		for _, list := range [][]int32{s.literals, s.empty} {
			for j, lit := range list {
				if h := c.part.hits[lit]; h.rules != h.end {
					list[j] |= leads
				}
			}
		}
	}
}

// leads marks what a scanner finds if something follows from it. From most
// literals nothing does: rules ask for them.
const leads = 1 << 30

// expr builds the tree of a condition.
func (c *compiler) expr(det *sigma.Detection, x sigma.Expr) *node {
	switch x := x.(type) {
	case sigma.And:
		return c.join(andNode, len(x), func(i int) *node { return c.expr(det, x[i]) })
	case sigma.Or:
		return c.join(orNode, len(x), func(i int) *node { return c.expr(det, x[i]) })
	case sigma.Not:
		return negate(c.expr(det, x.X))
	case sigma.Ref:
		groups := det.Selections[x].Groups
		return c.join(orNode, len(groups), func(i int) *node {
			group := groups[i]
			return c.join(andNode, len(group), func(j int) *node { return c.item(&group[j]) })
		})
	}
	panic(fmt.Sprintf("condition of type %T", x)) // the parser makes no other
}

// join makes a node of n parts, taking in parts of the same kind.
func (c *compiler) join(op nodeOp, n int, part func(int) *node) *node {
	joined := &node{op: op}
	for i := range n {
		if p := part(i); p.op == op {
			joined.parts = append(joined.parts, p.parts...)
		} else {
			joined.parts = append(joined.parts, p)
		}
	}
	if len(joined.parts) == 1 {
		return joined.parts[0]
	}
	return joined
}

// negate returns the opposite of a tree, which it changes.
func negate(n *node) *node {
	switch n.op {
	case leafNode:
		n.negated = !n.negated
	case andNode:
		n.op = orNode
	case orNode:
		n.op = andNode
	}
	for _, part := range n.parts {
		negate(part)
	}
	return n
}

// item builds the tree of one item.
func (c *compiler) item(item *sigma.Item) *node {
	n := c.itemValues(item)
	if item.Negate {
		return negate(n)
	}
	return n
}

func (c *compiler) itemValues(item *sigma.Item) *node {
	if item.All {
		return c.join(andNode, len(item.Values), func(i int) *node { return c.value(item, &item.Values[i]) })
	}
	var literals []int32
	var others []*node
	for i := range item.Values {
		v := &item.Values[i]
		if lit, ok := c.plainLiteral(item, v); ok {
			literals = append(literals, lit)
		} else {
			others = append(others, c.value(item, v))
		}
	}
	if len(literals) > 0 {
		others = append([]*node{c.literalNode(item, literals)}, others...)
	}
	return c.join(orNode, len(others), func(i int) *node { return others[i] })
}

// plainLiteral adds a value that the passes answer completely.
func (c *compiler) plainLiteral(item *sigma.Item, v *sigma.Value) (int32, bool) {
	if item.Op != sigma.OpMatch || v.Null || v.Pattern.Cased {
		return 0, false
	}
	text, place, ok := v.Pattern.Shape()
	if !ok || text == "" {
		return 0, false
	}
	return c.literal(item, place, text), true
}

// literal returns the number of a literal of the item's field.
func (c *compiler) literal(item *sigma.Item, place sigma.Place, text string) int32 {
	lit := literal{c.field(item), place, literals.Fold(text)}
	number, ok := c.literalOf[lit]
	if !ok {
		number = int32(len(c.literals))
		c.literalOf[lit] = number
		c.literals = append(c.literals, lit)
		c.weights = append(c.weights, literals.Weight(lit.place, lit.text))
	}
	return number
}

func (c *compiler) field(item *sigma.Item) FieldID {
	if item.Field == "" {
		return Keywords
	}
	return c.set.Field(item.Field)
}

// literalNode is the leaf that one of some literals of a field is there.
func (c *compiler) literalNode(item *sigma.Item, literals []int32) *node {
	slices.Sort(literals)
	literals = slices.Compact(literals)
	n := c.leaf(fmt.Sprint("literals ", literals), predicate{kind: anyLiteral, field: c.field(item), wanted: literals})
	n.needs = literals
	return n
}

// leaf returns a leaf with the predicate of the given key, which it adds where
// no other leaf has it.
func (c *compiler) leaf(key string, p predicate) *node {
	number, ok := c.predOf[key]
	if !ok {
		number = int32(len(c.part.predicates))
		c.predOf[key] = number
		c.part.predicates = append(c.part.predicates, p)
	}
	return &node{predicate: number}
}

// value builds the leaf of one value.
func (c *compiler) value(item *sigma.Item, v *sigma.Value) *node {
	if lit, ok := c.plainLiteral(item, v); ok {
		return c.literalNode(item, []int32{lit})
	}
	p := predicate{kind: matchesValue, field: c.field(item), item: item, value: v}
	key := fmt.Sprintf("%d %d %v %v %q", p.field, item.Op, v.Where, v.Part, v.Text)
	var needs []int32
	switch item.Op {
	case sigma.OpExists:
		return c.presence(item, v.Bool)
	case sigma.OpMatch:
		text, place, ok := v.Pattern.Shape()
		if v.Null || ok && text == "" && place != sigma.PlaceWhole {
			return c.presence(item, !v.Null)
		}
		key = fmt.Sprintf("%d glob %v %q", p.field, v.Pattern.Cased, v.Pattern.String())
		needs = c.globLeaf(&p, item, v)
	case sigma.OpRegexp:
		return c.regexpNode(item, v, p)
	case sigma.OpFieldRef:
		if key += fmt.Sprint(v.Pattern.Cased); v.Where == sigma.PlaceWhole && !v.Pattern.Cased {
			p.kind, p.other = equalsField, c.set.Field(v.Text)
		}
	}
	n := c.leaf(key, p)
	if len(needs) == 0 {
		return n
	}
	return &node{op: andNode, parts: []*node{c.literalNode(item, needs), n}} // the cheap test first
}

// regexpNode is the test of a regular expression after the tests of what its
// matches hold, or only those where they say it all.
func (c *compiler) regexpNode(item *sigma.Item, v *sigma.Value, p predicate) *node {
	p.kind, p.needs = matchesRegexp, literals.RequirementOf(v.Regexp.String())
	parts := make([]*node, 0, len(p.needs.Sets)+1)
	for _, set := range p.needs.Sets {
		literals := make([]int32, len(set.Texts))
		for i, text := range set.Texts {
			literals[i] = c.literal(item, set.Place, text)
		}
		parts = append(parts, c.literalNode(item, literals))
	}
	if !p.needs.Plain {
		p.number = int32(c.set.size.expressions)
		c.set.size.expressions++
		parts = append(parts, c.leaf(fmt.Sprintf("%d re %q", p.field, v.Regexp.String()), p))
	}
	return c.join(andNode, len(parts), func(i int) *node { return parts[i] })
}

// presence builds the leaf that a field has a value, or that it has none. Every
// value begins with the empty literal, which makes a witness of it.
func (c *compiler) presence(item *sigma.Item, wanted bool) *node {
	field := c.field(item)
	n := c.leaf(fmt.Sprint(field, " present"), predicate{kind: isPresent, field: field})
	n.negated, n.needs = !wanted, []int32{c.literal(item, sigma.PlaceStart, "")}
	return n
}

// globLeaf completes the predicate of a pattern with wildcards and returns the
// literals that the pattern needs.
func (c *compiler) globLeaf(p *predicate, item *sigma.Item, v *sigma.Value) []int32 {
	p.kind = matchesGlob
	p.tokens = v.Pattern.Tokens
	if !v.Pattern.Cased {
		p.tokens = glob.Fold(p.tokens)
		p.pieces = glob.Pieces(p.tokens)
	}
	best, found := int32(0), false
	for i, t := range v.Pattern.Tokens {
		if t.Wild != sigma.Literal {
			continue
		}
		lit := c.literal(item, literals.PlaceOf(i, len(v.Pattern.Tokens)), t.Text)
		if !found || c.weights[lit] < c.weights[best] {
			best, found = lit, true
		}
	}
	if !found {
		return nil
	}
	return []int32{best}
}

// bindPredicates says of each predicate which scanners answer it.
func (c *compiler) bindPredicates() {
	for i := range c.part.predicates {
		p := &c.part.predicates[i]
		if p.kind != anyLiteral {
			continue
		}
		byScanner := make(map[int32]int)
		for _, lit := range p.wanted {
			scanner := c.scannerOf[lit]
			at, ok := byScanner[scanner]
			if !ok {
				at = len(p.literals)
				byScanner[scanner] = at
				p.literals = append(p.literals, literalSet{scanner: scanner, watched: c.part.scanners[scanner].tier == watched})
			}
			p.literals[at].literals = append(p.literals[at].literals, lit)
			p.weight += c.weights[lit]
		}
		slices.SortFunc(p.literals, func(a, b literalSet) int { return c.tierCost(a.scanner) - c.tierCost(b.scanner) })
		if len(p.wanted) >= longList || len(p.wanted) >= watchedList && allWatched(p) {
			c.group(p)
		}
		p.wanted = nil
	}
}

// allWatched reports whether the literals of a predicate are looked for in every
// document.
func allWatched(p *predicate) bool {
	return !slices.ContainsFunc(p.literals, func(set literalSet) bool { return !set.watched })
}

// tierCost ranks scanners by what asking them costs.
func (c *compiler) tierCost(scanner int32) int {
	switch s := &c.part.scanners[scanner]; {
	case s.tier == watched:
		return 1
	case s.place == sigma.PlaceAnywhere:
		return 50
	}
	return 30
}

// group makes a long list of literals one number to look up.
func (c *compiler) group(p *predicate) {
	p.kind, p.group = anyOfGroup, int32(c.set.size.groups-c.part.base.groups)
	c.set.size.groups++
	for i := range p.literals {
		for _, lit := range p.literals[i].literals {
			c.groupsOf[lit] = append(c.groupsOf[lit], p.group)
		}
		p.literals[i].literals = nil
	}
}
