// Package ahocorasick finds many literal patterns in a text in one pass.
//
// An [Automaton] is the machine of Aho and Corasick over classes of bytes that
// no pattern tells apart. The states near the root, where nearly all time is
// spent, are rows of a complete transition table; the states beyond a bound of
// memory are sorted edges with a failure link. An anchored automaton follows
// patterns from one end of the text only and stops where none goes on: a trie.
// Where hashing is faster it stands in: for patterns that must be the whole
// text, and for sets of long patterns.
//
// Case is told apart; callers that do not want that fold both sides.
// Memory is linear in the bytes of the patterns plus the bound for the table,
// time is linear in the bytes of the text plus the number of hits, whatever
// either of them holds.
package ahocorasick

import "slices"

// Mode says where in a text patterns are looked for.
type Mode uint8

// Modes.
const (
	Anywhere Mode = iota
	AtStart       // only patterns that begin the text
	AtEnd         // only patterns that end the text
	Whole         // only patterns that are the text
)

// Options of an automaton. The zero value looks anywhere and bounds the table to [DefaultTable] bytes.
type Options struct {
	Mode       Mode
	TableBytes int       // bound of the transition table; zero means [DefaultTable]
	Everyday   *Everyday // what the texts that are searched often hold, for speed; nil where that is unknown
}

// DefaultTable bounds the transition table of an automaton, in bytes.
const DefaultTable = 1 << 20

// match marks a transition into a state that completes a pattern.
const match = 1 << 31

// Automaton finds a fixed set of patterns. It is immutable and safe for
// concurrent use.
//
// States are numbered in breadth-first order and named by their address: the
// offset of their row for those that have one, and limit plus their number
// among the others for the rest.
type Automaton struct {
	hashed  *hashed // takes the place of all the rest
	grams   *grams  // likewise
	mode    Mode
	classes [256]byte // class of a byte; 0 for bytes in no pattern
	stride  uint32    // classes, one row of the table
	table   []uint32  // rows of target addresses, with match
	limit   uint32    // length of table: the first address without a row
	root    uint32

	edges  []uint32 // of each state without a row: where its edges start; one more at the end
	labels []byte   // class of an edge, ascending within a state
	target []uint32 // address of an edge's target, with match
	fail   []uint32 // address to go on from where no edge fits

	first []uint32 // of each state: where its patterns start in ids; one more at the end
	ids   []int32
	also  []uint32 // of each state: the next shorter state that completes patterns, or 0
}

// New returns the automaton of the given patterns. Empty patterns are never
// found. Equal patterns are all found.
func New(patterns []string, opts Options) *Automaton {
	sampled := sampleable(patterns)
	switch {
	case opts.Mode == Whole:
		return &Automaton{hashed: newWhole(patterns)}
	case opts.Mode == Anywhere && sampled > 0:
		return &Automaton{hashed: newSampled(patterns, sampled)}
	case opts.Mode == Anywhere && grammable(patterns):
		return &Automaton{grams: newGrams(patterns, opts)}
	}
	b := builder{opts: opts}
	return b.build(patterns)
}

// Find appends to hits the index of every pattern in the text and returns it.
// A pattern that occurs several times may be appended several times.
func Find(a *Automaton, text []byte, hits []int32) []int32 {
	switch {
	case a == nil:
		return hits
	case a.hashed != nil:
		return findHashed(a.hashed, text, hits)
	case a.grams != nil:
		return findGrams(a.grams, text, hits)
	case a.mode == AtStart:
		return findStart(a, text, hits)
	case a.mode == AtEnd:
		return findEnd(a, text, hits)
	}
	at := a.root
	for i := range len(text) {
		class := uint32(a.classes[text[i]])
		if at < a.limit {
			at = a.table[at+class]
		} else {
			at = a.step(at, class)
		}
		if at&match != 0 {
			at &^= match
			hits = a.report(at, hits)
		}
	}
	return hits
}

func findStart(a *Automaton, text []byte, hits []int32) []int32 {
	at := a.root
	for i := range len(text) {
		at = a.follow(at, uint32(a.classes[text[i]]))
		if at == 0 {
			break
		}
		if at&match != 0 {
			at &^= match
			hits = a.report(at, hits)
		}
	}
	return hits
}

func findEnd(a *Automaton, text []byte, hits []int32) []int32 {
	at := a.root
	for i := len(text) - 1; i >= 0; i-- {
		at = a.follow(at, uint32(a.classes[text[i]]))
		if at == 0 {
			break
		}
		if at&match != 0 {
			at &^= match
			hits = a.report(at, hits)
		}
	}
	return hits
}

// follow takes one step in an anchored automaton; no state leads to address 0,
// the root, so that 0 says there is no way on.
func (a *Automaton) follow(at, class uint32) uint32 {
	if at < a.limit {
		return a.table[at+class]
	}
	next, _ := a.edge(at-a.limit, class)
	return next
}

// step takes one step from a state without a row.
func (a *Automaton) step(at, class uint32) uint32 {
	for at >= a.limit {
		state := at - a.limit
		if next, ok := a.edge(state, class); ok {
			return next
		}
		at = a.fail[state]
	}
	return a.table[at+class]
}

// edge looks for an edge of a state without a row. Such states lie deep in the
// trie and have very few.
func (a *Automaton) edge(state, class uint32) (uint32, bool) {
	from, to := a.edges[state], a.edges[state+1]
	for i, label := range a.labels[from:to] {
		if uint32(label) == class {
			return a.target[int(from)+i], true
		}
	}
	return 0, false
}

// report appends the patterns that are complete in the state at an address.
func (a *Automaton) report(at uint32, hits []int32) []int32 {
	for state := a.number(at); ; state = a.also[state] {
		hits = append(hits, a.ids[a.first[state]:a.first[state+1]]...)
		if a.also[state] == 0 {
			return hits
		}
	}
}

func (a *Automaton) number(at uint32) uint32 {
	if at < a.limit {
		return at / a.stride
	}
	return a.limit/a.stride + at - a.limit
}

// Bytes returns how much memory the automaton takes.
func (a *Automaton) Bytes() int {
	if a == nil {
		return 0
	}
	switch {
	case a.hashed != nil:
		return a.hashed.bytes()
	case a.grams != nil:
		return a.grams.bytes()
	}
	return 4*(len(a.table)+len(a.edges)+len(a.target)+len(a.fail)+len(a.first)+len(a.ids)+len(a.also)) + len(a.labels) + 256
}

// builder holds the trie as first-child, next-sibling lists.
type builder struct {
	opts    Options
	classes [256]byte
	stride  int

	label   []byte   // class on the edge into a state
	child   []uint32 // first child, or 0
	sibling []uint32 // next child of the same parent, or 0
	top     [256]uint32
	out     [][]int32
}

// build returns the automaton of the patterns.
func (b *builder) build(patterns []string) *Automaton {
	b.classify(patterns)
	for i, p := range patterns {
		if p != "" {
			b.insert(p, int32(i))
		}
	}
	return b.finish()
}

// classify gives every byte that occurs in a pattern a class of its own, and
// all others class 0.
func (b *builder) classify(patterns []string) {
	var used [256]bool
	for _, p := range patterns {
		for i := range len(p) {
			used[p[i]] = true
		}
	}
	b.stride = 1
	for c := range 256 {
		if used[c] {
			b.classes[c] = byte(b.stride) // at most 255 where all 256 bytes are used: see below
			b.stride++
		}
	}
	if b.stride > 256 { // every byte is used: class 0 need not stand for the others
		for c := range 256 {
			b.classes[c] = byte(c)
		}
		b.stride = 256
	}
	b.add(0) // the root
}

func (b *builder) add(label byte) uint32 {
	b.label = append(b.label, label)
	b.child = append(b.child, 0)
	b.sibling = append(b.sibling, 0)
	b.out = append(b.out, nil)
	return uint32(len(b.label) - 1)
}

func (b *builder) insert(pattern string, id int32) {
	state := uint32(0)
	for i := range len(pattern) {
		c := pattern[i]
		if b.opts.Mode == AtEnd {
			c = pattern[len(pattern)-1-i]
		}
		state = b.descend(state, b.classes[c])
	}
	b.out[state] = append(b.out[state], id)
}

// descend returns the child of a state by a class, making it where it is not.
func (b *builder) descend(state uint32, class byte) uint32 {
	if state == 0 && b.top[class] != 0 {
		return b.top[class]
	}
	for c := b.child[state]; c != 0 && state != 0; c = b.sibling[c] {
		if b.label[c] == class {
			return c
		}
	}
	c := b.add(class)
	b.sibling[c] = b.child[state]
	b.child[state] = c
	if state == 0 {
		b.top[class] = c
	}
	return c
}

// finish numbers the states breadth first and lays them out.
func (b *builder) finish() *Automaton {
	order := b.breadthFirst()
	rows := b.opts.TableBytes
	if rows == 0 {
		rows = DefaultTable
	}
	rows = min(max(rows/(4*b.stride), 1), len(order))
	a := &Automaton{
		mode: b.opts.Mode, classes: b.classes, stride: uint32(b.stride), limit: uint32(rows * b.stride),
		table: make([]uint32, rows*b.stride), edges: make([]uint32, 1, len(order)-rows+1),
		first: make([]uint32, 1, len(order)+1), also: make([]uint32, len(order)),
	}
	address := b.addresses(a, order)
	fail := make([]uint32, len(order)) // by number
	number := make([]uint32, len(order))
	for n, state := range order {
		number[state] = uint32(n)
		a.ids = append(a.ids, b.out[state]...)
		a.first = append(a.first, uint32(len(a.ids)))
	}
	for n, state := range order {
		b.layOut(a, state, uint32(n), fail, number, address)
	}
	return a
}

func (b *builder) breadthFirst() []uint32 {
	order := make([]uint32, 1, len(b.label))
	for i := 0; i < len(order); i++ {
		for c := b.child[order[i]]; c != 0; c = b.sibling[c] {
			order = append(order, c)
		}
	}
	return order
}

// addresses returns the address of each state of the trie.
func (b *builder) addresses(a *Automaton, order []uint32) []uint32 {
	address := make([]uint32, len(order))
	rows := a.limit / a.stride
	for n, state := range order {
		if n := uint32(n); n < rows {
			address[state] = n * a.stride
		} else {
			address[state] = a.limit + n - rows
		}
	}
	return address
}

// layOut writes the transitions of the n-th state. Its failure state is
// shallower and hence complete; the failure state of each child is where the
// state's own failure state goes on the child's label.
func (b *builder) layOut(a *Automaton, state, n uint32, fail, number, address []uint32) {
	anchored := b.opts.Mode != Anywhere
	row := a.table[min(n*a.stride, a.limit):min((n+1)*a.stride, a.limit)]
	failAddress := a.addressOf(fail[n])
	if len(row) > 0 && !anchored && n > 0 {
		copy(row, a.table[failAddress:failAddress+a.stride])
	}
	children := b.children(state)
	for _, c := range children {
		child, class := number[c], b.label[c]
		if !anchored && n > 0 {
			fail[child] = a.number(a.step(failAddress, uint32(class)) &^ match)
		}
		f := fail[child]
		if a.also[child] = f; a.first[f] == a.first[f+1] {
			a.also[child] = a.also[f]
		}
		to := address[c]
		if a.also[child] != 0 || a.first[child] != a.first[child+1] {
			to |= match
		}
		if len(row) > 0 {
			row[class] = to
		} else {
			a.labels, a.target = append(a.labels, class), append(a.target, to)
		}
	}
	if len(row) == 0 {
		a.edges = append(a.edges, uint32(len(a.labels)))
		a.fail = append(a.fail, failAddress)
	}
}

func (b *builder) children(state uint32) []uint32 {
	var children []uint32
	for c := b.child[state]; c != 0; c = b.sibling[c] {
		children = append(children, c)
	}
	slices.SortFunc(children, func(x, y uint32) int { return int(b.label[x]) - int(b.label[y]) })
	return children
}

func (a *Automaton) addressOf(n uint32) uint32 {
	if rows := a.limit / a.stride; n >= rows {
		return a.limit + n - rows
	}
	return n * a.stride
}
