// Package dfa tells whether a regular expression of package regexp matches a
// text, in one table look-up a byte.
//
// A [Machine] is the expression's deterministic automaton, whose states are
// made when a text first leads there: most of what an expression could meet
// never turns up. What is kept is bounded. A text that leads to too many states
// has them all forgotten, and an expression to which that happens again and
// again is given back to package regexp, which needs more time but no memory;
// time is linear in the text either way. [Expression] is what callers want: it
// makes the machine of an expression that is used often.
//
// The answers are those of package regexp, for any text, hostile or not: it
// compiles the program that the states are sets of instructions of, and bytes
// that are not UTF-8 count as U+FFFD, as there.
package dfa

import (
	"encoding/binary"
	"regexp/syntax"
	"slices"
	"unicode"
	"unicode/utf8"
)

// Bounds of a machine. An expression beyond them is left to package regexp.
const (
	maxInstructions = 4000
	maxWidth        = 250     // classes of runes
	maxTable        = 1 << 14 // transitions that are kept
	maxMembers      = 1 << 13 // instructions in all states together
	maxForgotten    = 4       // times that all states are forgotten
)

// Machine is the automaton of one expression. It is for one goroutine.
//
// A state is named by where its row begins in the table. Each row has a
// transition for every class of runes, and in column 0 for the end of the text.
type Machine struct {
	program    *syntax.Prog
	anchored   bool       // matches begin where the text does
	boundaries []rune     // where classes of runes begin, ascending
	runes      []rune     // by class: one of its runes
	ascii      [128]uint8 // classes
	width      int

	table     []uint16
	states    []state // by row
	rows      map[string]uint16
	members   int // of all states
	forgotten int

	set   pcs    // scratch: the instructions of the state that is made
	seen  pcs    // likewise, of the closure of a state
	key   []byte // likewise
	stack []uint32
}

// state is the instructions where matching goes on, before what they ask of
// the place in the text is looked at, which also depends on what comes next.
type state struct {
	members []uint32
	before  before
}

// before is what stands before a place of the text, as far as that matters.
type before uint8

const (
	nothing before = iota
	newline
	word
	other
)

// samples has a rune of each kind.
var samples = [...]rune{nothing: -1, newline: '\n', word: 'a', other: ' '}

// Transitions that lead to no row; the first row, of which they name places, is
// never used.
const (
	unknown uint16 = iota // not made yet
	accept
	reject
	firstRows // how many there are
)

// New returns the machine of an expression, or nil where it is too large or no
// expression that package regexp takes.
func New(expr string) *Machine {
	parsed, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return nil
	}
	program, err := syntax.Compile(parsed.Simplify())
	if err != nil || len(program.Inst) > maxInstructions {
		return nil
	}
	m := &Machine{program: program, anchored: program.StartCond()&syntax.EmptyBeginText != 0}
	m.classify()
	if m.width > maxWidth {
		return nil
	}
	m.set, m.seen = newPCs(len(program.Inst)), newPCs(len(program.Inst))
	m.forget()
	return m
}

// classify shares the runes out among classes that no instruction tells apart.
func (m *Machine) classify() {
	bounds := []rune{0, '\n', '\n' + 1, '0', '9' + 1, 'A', 'Z' + 1, '_', '_' + 1, 'a', 'z' + 1}
	for i := range m.program.Inst {
		bounds = appendBounds(bounds, &m.program.Inst[i])
	}
	slices.Sort(bounds)
	m.boundaries = slices.Compact(bounds)
	m.runes = append([]rune{-1}, m.boundaries...)
	m.width = len(m.runes)
	if m.width > maxWidth {
		return
	}
	for c := range m.ascii {
		m.ascii[c] = m.classOf(rune(c))
	}
}

// appendBounds appends where the runes begin, and end, that an instruction
// takes.
func appendBounds(bounds []rune, in *syntax.Inst) []rune {
	if in.Op != syntax.InstRune && in.Op != syntax.InstRune1 {
		return bounds
	}
	if len(in.Rune) == 1 {
		r := in.Rune[0]
		bounds = append(bounds, r, r+1)
		if syntax.Flags(in.Arg)&syntax.FoldCase != 0 {
			for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
				bounds = append(bounds, f, f+1)
			}
		}
		return bounds
	}
	for i := 0; i+1 < len(in.Rune); i += 2 {
		bounds = append(bounds, in.Rune[i], in.Rune[i+1]+1)
	}
	return bounds
}

// classOf returns the class of a rune; column 0 is that of the end.
func (m *Machine) classOf(r rune) uint8 {
	at, found := slices.BinarySearch(m.boundaries, r)
	if found {
		at++
	}
	return uint8(at)
}

// forget begins anew with the state at the beginning of a text.
func (m *Machine) forget() {
	m.table, m.states, m.members = m.table[:0], m.states[:0], 0
	for range max(m.width, int(firstRows)) {
		m.table = append(m.table, reject)
	}
	m.rows = make(map[string]uint16)
	m.set.clear()
	m.set.add(uint32(m.program.Start))
	m.row(nothing)
}

// start is the state at the beginning of a text.
func (m *Machine) start() uint16 { return uint16(max(m.width, int(firstRows))) }

// Match tells whether the expression matches a text, or that the machine cannot
// say and never will.
func (m *Machine) Match(text string) (matched, ok bool) {
	if m.forgotten > maxForgotten {
		return false, false
	}
	at := m.start()
	for i := 0; i < len(text); {
		var class uint8
		if c := text[i]; c < utf8.RuneSelf {
			class = m.ascii[c]
			i++
		} else {
			r, size := utf8.DecodeRuneInString(text[i:])
			class = m.classOf(r)
			i += size
		}
		next := m.table[int(at)+int(class)]
		if next < firstRows {
			if next == unknown {
				if next, ok = m.step(at, class); !ok {
					return false, false
				}
			}
			if next < firstRows {
				return next == accept, true
			}
		}
		at = next
	}
	next := m.table[at]
	if next == unknown {
		next, _ = m.step(at, 0)
	}
	return next == accept, true
}

// step makes the transition of a state by a class. It is false where too many
// states were made too often; the state is gone then.
func (m *Machine) step(at uint16, class uint8) (next uint16, ok bool) {
	from := m.states[(int(at)-int(m.start()))/m.width]
	r := m.runes[class]
	m.set.clear()
	switch {
	case m.closeOver(from, r):
		m.table[int(at)+int(class)] = accept
		return accept, true
	case class == 0 || m.anchored && len(m.set.list) == 0:
		m.table[int(at)+int(class)] = reject
		return reject, true
	}
	if !m.anchored {
		m.set.add(uint32(m.program.Start))
	}
	slices.Sort(m.set.list)
	if len(m.table)+m.width > maxTable || m.members+len(m.set.list) > maxMembers {
		return m.stepAnew(after(r))
	}
	next = m.row(after(r))
	m.table[int(at)+int(class)] = next
	return next, true
}

// stepAnew forgets all states but the one to be made.
func (m *Machine) stepAnew(stands before) (uint16, bool) {
	if m.forgotten++; m.forgotten > maxForgotten {
		m.table, m.states, m.rows = nil, nil, nil
		return reject, false
	}
	list := slices.Clone(m.set.list)
	m.forget()
	m.set.clear()
	for _, pc := range list {
		m.set.add(pc)
	}
	return m.row(stands), true
}

// after returns what stands before the place after a rune.
func after(r rune) before {
	switch {
	case r == '\n':
		return newline
	case syntax.IsWordChar(r):
		return word
	}
	return other
}

// closeOver follows a state's instructions as far as they take no rune, and
// collects where matching goes on after the rune r, -1 for the end of the text.
// It reports whether the expression has matched before r.
func (m *Machine) closeOver(from state, r rune) bool {
	holds := syntax.EmptyOpContext(samples[from.before], r)
	m.seen.clear()
	m.stack = append(m.stack[:0], from.members...)
	for len(m.stack) > 0 {
		pc := m.stack[len(m.stack)-1]
		m.stack = m.stack[:len(m.stack)-1]
		if !m.seen.add(pc) {
			continue
		}
		in := &m.program.Inst[pc]
		switch in.Op {
		case syntax.InstMatch:
			return true
		case syntax.InstAlt, syntax.InstAltMatch:
			m.stack = append(m.stack, in.Out, in.Arg)
		case syntax.InstCapture, syntax.InstNop:
			m.stack = append(m.stack, in.Out)
		case syntax.InstEmptyWidth:
			if syntax.EmptyOp(in.Arg)&^holds == 0 {
				m.stack = append(m.stack, in.Out)
			}
		case syntax.InstFail:
		default:
			if r >= 0 && takes(in, r) {
				m.set.add(in.Out)
			}
		}
	}
	return false
}

// takes reports whether an instruction takes a rune.
func takes(in *syntax.Inst, r rune) bool {
	switch in.Op {
	case syntax.InstRuneAny:
		return true
	case syntax.InstRuneAnyNotNL:
		return r != '\n'
	}
	return in.MatchRune(r)
}

// row returns the state of the collected instructions, making it where it is
// new.
func (m *Machine) row(stands before) uint16 {
	m.key = append(m.key[:0], byte(stands))
	for _, pc := range m.set.list {
		m.key = binary.LittleEndian.AppendUint16(m.key, uint16(pc))
	}
	if at, ok := m.rows[string(m.key)]; ok {
		return at
	}
	at := uint16(len(m.table))
	m.rows[string(m.key)] = at
	m.states = append(m.states, state{slices.Clone(m.set.list), stands})
	m.members += len(m.set.list)
	for range m.width {
		m.table = append(m.table, unknown)
	}
	return at
}

// pcs is a set of instructions.
type pcs struct {
	list []uint32
	at   []uint32 // by instruction: where in the list it is, if there
}

func newPCs(n int) pcs { return pcs{at: make([]uint32, n)} }

func (s *pcs) clear() { s.list = s.list[:0] }

// add reports whether the instruction is new to the set.
func (s *pcs) add(pc uint32) bool {
	if i := s.at[pc]; int(i) < len(s.list) && s.list[i] == pc {
		return false
	}
	s.at[pc] = uint32(len(s.list))
	s.list = append(s.list, pc)
	return true
}
