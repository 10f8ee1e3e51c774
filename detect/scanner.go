package detect

import (
	"maps"
	"slices"

	"github.com/holdfast-security/holdfast/detect/literals"
	"github.com/holdfast-security/holdfast/detect/sigma"
	"github.com/holdfast-security/holdfast/internal/ahocorasick"
)

// This file shares literals out among scanners and makes these.

// scanner finds some of the literals of a field: those at the same place of
// the value and of the same tier.
type scanner struct {
	scannerKey
	automaton *ahocorasick.Automaton
	wide      *ahocorasick.Automaton // of the literals beyond ASCII, or nil
	narrow    int                    // how many literals are ASCII
	literals  []int32                // by the automata's pattern numbers, ASCII first; see leads
	empty     []int32                // the empty literal where it is a witness: every text has it
}

type scannerKey struct {
	field FieldID
	place sigma.Place
	tier  tier
}

// tier is when a scanner runs. Literals that no rule has as a witness are
// looked for only when the evaluation of a rule asks.
type tier uint8

const (
	watched tier = iota // for every document: holds witnesses
	asked               // when a rule asks
	short               // likewise; very short literals, which are found too often
)

// makeScanners shares the literals out among scanners.
func (c *compiler) makeScanners() {
	inUse, sizes := make(map[scannerKey]bool), make(map[scannerKey]int)
	for i, lit := range c.literals {
		key := c.watchKey(int32(i))
		inUse[key] = inUse[key] || c.witnesses[i]
		sizes[key] += len(lit.text)
	}
	serves := maps.Clone(inUse)
	for key := range inUse { // only where it costs little
		fast := key.place == sigma.PlaceWhole || key.place == sigma.PlaceEnd
		inUse[key] = inUse[key] && (fast || sizes[key] <= smallSet)
	}
	c.scannerOf = make([]int32, len(c.literals))
	numbers := make(map[scannerKey]int32)
	for i, lit := range c.literals {
		if lit.text == "" && !c.witnesses[i] {
			continue // nobody asks for it
		}
		key := scannerKey{lit.field, lit.place, c.tierOf(i, inUse, serves)}
		number, ok := numbers[key]
		if !ok {
			number = int32(len(c.part.scanners))
			numbers[key] = number
			c.part.scanners = append(c.part.scanners, scanner{scannerKey: key})
			if key.tier == watched {
				c.watch(key.field, number)
			}
		}
		c.scannerOf[i] = number
		s := &c.part.scanners[number]
		if lit.text == "" {
			s.empty = []int32{int32(i)}
		} else {
			s.literals = append(s.literals, int32(i))
		}
	}
	for i := range c.part.scanners {
		c.build(&c.part.scanners[i])
	}
}

// watch notes a scanner that runs for every document.
func (c *compiler) watch(field FieldID, scanner int32) {
	for i := range c.part.watched {
		if w := &c.part.watched[i]; w.field == field {
			w.scanners = append(w.scanners, scanner)
			return
		}
	}
	c.part.watched = append(c.part.watched, watchedField{field, []int32{scanner}})
}

// smallSet is up to how many bytes of literals one scanner takes all of them:
// its table stays in the processor's cache, and one pass is quicker than two.
const smallSet = 32 << 10

// tierOf returns the tier of a literal. Whole values and ends are found so fast
// that a scanner for witnesses takes all of them; others do where they are few.
// Of the rest it takes what would be asked for often.
func (c *compiler) tierOf(i int, inUse, serves map[scannerKey]bool) tier {
	lit := c.literals[i]
	switch {
	case c.witnesses[i], inUse[c.watchKey(int32(i))], c.expected[i] && serves[c.watchKey(int32(i))]:
		return watched
	case len(lit.text) <= 2 && lit.place == sigma.PlaceAnywhere:
		return short
	}
	return asked
}

var modes = map[sigma.Place]ahocorasick.Mode{
	sigma.PlaceWhole: ahocorasick.Whole, sigma.PlaceStart: ahocorasick.AtStart, sigma.PlaceEnd: ahocorasick.AtEnd,
	sigma.PlaceAnywhere: ahocorasick.Anywhere,
}

// tableBytes bounds the transition table of a scanner; most need far less.
const tableBytes = 2 << 20

// build makes the automata of a scanner: one for the literals that text in
// ASCII can hold, and one for the others.
func (c *compiler) build(s *scanner) {
	ascii := func(lit int32) bool { return literals.IsASCII(c.literals[lit].text) }
	slices.SortStableFunc(s.literals, func(a, b int32) int {
		switch {
		case ascii(a) == ascii(b):
			return 0
		case ascii(a):
			return -1
		}
		return 1
	})
	for s.narrow < len(s.literals) && ascii(s.literals[s.narrow]) {
		s.narrow++
	}
	s.automaton = c.automaton(s.place, s.literals[:s.narrow])
	s.wide = c.automaton(s.place, s.literals[s.narrow:])
}

// everyday is what literals are told from.
var everyday = ahocorasick.NewEveryday(literals.Ordinary)

// automaton returns one that finds the literals, or nil if there are none.
func (c *compiler) automaton(place sigma.Place, lits []int32) *ahocorasick.Automaton {
	if len(lits) == 0 {
		return nil
	}
	texts := make([]string, len(lits))
	total := 0
	for i, lit := range lits {
		texts[i] = c.literals[lit].text
		total += len(texts[i])
	}
	table := min(tableBytes, 4<<10+total*64) // small sets do well with small tables
	return ahocorasick.New(texts, ahocorasick.Options{Mode: modes[place], TableBytes: table, Everyday: everyday})
}

// scan appends the literals of a scanner that a folded text holds. Only text
// beyond ASCII can hold literals beyond ASCII.
func (s *scanner) scan(text []byte, found []int32) []int32 {
	found = append(found, s.empty...)
	from := len(found)
	found = ahocorasick.Find(s.automaton, text, found)
	for i, n := range found[from:] {
		found[from+i] = s.literals[n]
	}
	if s.wide == nil || literals.IsASCII(text) {
		return found
	}
	from = len(found)
	found = ahocorasick.Find(s.wide, text, found)
	for i, n := range found[from:] {
		found[from+i] = s.literals[s.narrow+int(n)]
	}
	return found
}
