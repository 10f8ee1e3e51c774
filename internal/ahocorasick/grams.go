package ahocorasick

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

// grams finds patterns by three bytes that each of them chose: those that few
// other patterns and little everyday text have. At every place of a text one
// bit of a small table says whether a pattern chose what stands there, which
// for most texts is all that there is to do; it does not depend on what stood
// before, as a step of an automaton does.
//
// Time is linear in the bytes of the text times [maxShare], at worst: where
// everything that is there was chosen.
type grams struct {
	patterns []string
	filter   []uint64    // a bit for each hash of a gram
	mask     uint32      // of a hash, to the number of its bit
	slots    []gramSet   // open addressing, a power of two
	shift    uint8       // of a hash, to the number of its slot
	chosen   []choice    // by gram
	restIDs  []int32     // patterns that chose nothing
	firsts   [256]uint64 // of few of these: which ones begin with a byte
	seconds  [256]uint64 // likewise: which ones have a byte next, or no next one
	alone    uint64      // likewise: which ones are one byte
	rest     *Automaton  // of many of these, numbered as in restIDs
}

// gramSet is the patterns that chose a gram: those of chosen[from:to]. It is
// empty where these are equal.
type gramSet struct {
	hash     uint32 // of the gram; no two have the same
	from, to int32
}

// choice is a pattern and where in it the gram stands that it chose. The byte
// beside the gram tells most texts from the pattern without a look at it.
type choice struct {
	id, offset int32
	length     int32 // of the pattern
	beside     int8  // where the byte stands, seen from the gram's place
	want       byte
}

const (
	chosenGram = 3  // bytes
	maxShare   = 24 // patterns that choose the same gram
	filterBits = 24 // for each pattern, so that few other grams have a bit set
	maxFilter  = 17 // bits of a hash: 16 KiB, half of what a processor keeps closest
	maxApart   = 64 // patterns that chose nothing and need no automaton
)

// grammable reports whether nearly all patterns are long enough.
func grammable(patterns []string) bool {
	long := 0
	for _, p := range patterns {
		if len(p) >= chosenGram {
			long++
		}
	}
	return long > 0 && len(patterns)-long <= max(maxApart, long)
}

// newGrams indexes patterns. What everyday text holds is no pattern's choice
// if it can be helped.
func newGrams(patterns []string, opts Options) *grams {
	if opts.Everyday == nil {
		opts.Everyday = &Everyday{}
	}
	g := &grams{patterns: patterns}
	chosen := make(map[uint32][]choice)
	g.choose(opts.Everyday, chosen)
	g.layOut(chosen)
	g.keepRest(opts)
	return g
}

// Everyday is text that often turns up among what is searched. Patterns are
// better told by what is not in it. It is immutable and safe for concurrent use.
type Everyday struct {
	grams map[uint32]bool
}

// NewEveryday returns what there is to know of a text.
func NewEveryday(text string) *Everyday {
	e := &Everyday{grams: make(map[uint32]bool)}
	for i := range len(text) - chosenGram + 1 {
		e.grams[hashGram(text[i:])] = true
	}
	return e
}

// commonness counts how many patterns have a gram.
func commonness(patterns []string) map[uint32]int {
	common := make(map[uint32]int)
	for _, p := range patterns {
		for i := range len(p) - chosenGram + 1 {
			common[hashGram(p[i:])]++
		}
	}
	return common
}

// choose lets every pattern choose a gram. Patterns without any, and those all
// of whose grams are taken by many, are left over.
func (g *grams) choose(everyday *Everyday, chosen map[uint32][]choice) {
	common := commonness(g.patterns)
	for i, p := range g.patterns {
		best, found := choice{id: int32(i), length: int32(len(p))}, false
		least := 0
		for o := range len(p) - chosenGram + 1 {
			hash := hashGram(p[o:])
			taken := len(chosen[hash])
			cost := common[hash] + taken
			if everyday.grams[hash] {
				cost += len(g.patterns) // more than any other
			}
			if taken < maxShare && (!found || cost < least) {
				best.offset, least, found = int32(o), cost, true
			}
		}
		if found {
			hash := hashGram(p[best.offset:])
			chosen[hash] = append(chosen[hash], best.lookBeside(p))
		} else if p != "" {
			g.restIDs = append(g.restIDs, int32(i))
		}
	}
}

// lookBeside returns the choice with the byte after its gram in the pattern, or
// the one before where there is none. A pattern that is nothing but its gram
// gets the gram's first byte.
func (c choice) lookBeside(pattern string) choice {
	switch {
	case c.offset+chosenGram < c.length:
		c.beside = chosenGram
	case c.offset > 0:
		c.beside = -1
	}
	c.want = pattern[c.offset+int32(c.beside)]
	return c
}

// layOut writes the tables.
func (g *grams) layOut(chosen map[uint32][]choice) {
	size := min(max(bits.Len(uint(len(chosen)*filterBits)), 6), maxFilter)
	g.filter, g.mask = make([]uint64, 1<<size/64), 1<<size-1
	slots := bits.Len(uint(2 * len(chosen)))
	g.slots, g.shift = make([]gramSet, 1<<slots), uint8(32-slots)
	for hash, choices := range chosen {
		bit := bitOf(hash) & g.mask
		g.filter[bit/64] |= 1 << (bit % 64)
		from := int32(len(g.chosen))
		g.chosen = append(g.chosen, choices...)
		*g.slot(hash) = gramSet{hash, from, int32(len(g.chosen))}
	}
}

// keepRest prepares the search for what is left over.
func (g *grams) keepRest(opts Options) {
	rest := make([]string, len(g.restIDs))
	for i, id := range g.restIDs {
		rest[i] = g.patterns[id]
		if i < maxApart {
			g.keepApart(rest[i], 1<<i)
		}
	}
	if len(rest) > maxApart {
		b := builder{opts: opts}
		g.rest = b.build(rest)
	}
}

// keepApart notes how a pattern that chose nothing begins.
func (g *grams) keepApart(pattern string, bit uint64) {
	g.firsts[pattern[0]] |= bit
	if len(pattern) > 1 {
		g.seconds[pattern[1]] |= bit
		return
	}
	g.alone |= bit
	for c := range g.seconds {
		g.seconds[c] |= bit
	}
}

// slot returns the slot of a gram, or the empty one where it would be.
func (g *grams) slot(hash uint32) *gramSet {
	mask := uint32(len(g.slots) - 1)
	i := hash >> (g.shift & 31) & mask
	for g.slots[i].from != g.slots[i].to && g.slots[i].hash != hash {
		i = (i + 1) & mask
	}
	return &g.slots[i]
}

// spreader makes the product with a word depend on its three lower bytes: the
// highest one falls out at the top. It is odd but for these eight bits, so that
// no two grams have the same product.
const spreader = golden << 8 & (1<<32 - 1)

// golden is 2³² divided by the golden ratio: its multiples lie evenly apart.
const golden = 0x9e3779b1

// hashGram returns the hash of the first gram of a pattern.
func hashGram(p string) uint32 {
	return (uint32(p[0]) | uint32(p[1])<<8 | uint32(p[2])<<16) * spreader
}

// bitOf returns the bits of a hash that number the bits of the filter.
func bitOf(hash uint32) uint32 { return hash >> (32 - maxFilter) }

func findGrams(g *grams, text []byte, hits []int32) []int32 {
	hits = g.findRest(text, hits)
	for i := g.next(text, 0); i >= 0; i = g.next(text, i+1) {
		hits = g.compare(text, i, hits)
	}
	return hits
}

// compare appends the patterns whose chosen gram stands at a place of a text,
// and the rest of them around it.
func (g *grams) compare(text []byte, at int, hits []int32) []int32 {
	set := g.slot((uint32(text[at]) | uint32(text[at+1])<<8 | uint32(text[at+2])<<16) * spreader)
	for i := range g.chosen[set.from:set.to] {
		c := &g.chosen[int(set.from)+i]
		start := at - int(c.offset)
		end := start + int(c.length)
		if start < 0 || end > len(text) || text[at+int(c.beside)] != c.want {
			continue
		}
		if string(text[start:end]) == g.patterns[c.id] {
			hits = append(hits, c.id)
		}
	}
	return hits
}

// findRest looks for the patterns that chose nothing.
func (g *grams) findRest(text []byte, hits []int32) []int32 {
	if len(g.restIDs) == 0 {
		return hits
	}
	if g.rest != nil {
		from := len(hits)
		hits = Find(g.rest, text, hits)
		for i, n := range hits[from:] {
			hits[from+i] = g.restIDs[n]
		}
		return hits
	}
	var found uint64 // the patterns whose first two bytes are in the text
	first := uint64(0)
	for _, c := range text {
		found |= first & g.seconds[c]
		first = g.firsts[c]
	}
	found |= first & g.alone
	for ; found != 0; found &= found - 1 {
		id := g.restIDs[bits.TrailingZeros64(found)]
		if p := g.patterns[id]; len(p) <= 2 || bytes.Contains(text, []byte(p)) {
			hits = append(hits, id)
		}
	}
	return hits
}

// next returns the first place from at on where the filter has a bit, or -1.
// It reads eight bytes at a time, which hold six grams.
func (g *grams) next(text []byte, at int) int {
	filter, mask := g.filter, g.mask
	rest := text[min(at, len(text)):]
	for len(rest) >= 8 {
		word := binary.LittleEndian.Uint64(rest)
		if has(filter, mask, uint32(word)) {
			return len(text) - len(rest)
		}
		if has(filter, mask, uint32(word>>8)) {
			return len(text) - len(rest) + 1
		}
		if has(filter, mask, uint32(word>>16)) {
			return len(text) - len(rest) + 2
		}
		if has(filter, mask, uint32(word>>24)) {
			return len(text) - len(rest) + 3
		}
		if has(filter, mask, uint32(word>>32)) {
			return len(text) - len(rest) + 4
		}
		if has(filter, mask, uint32(word>>40)) {
			return len(text) - len(rest) + 5
		}
		rest = rest[6:]
	}
	for len(rest) >= chosenGram {
		if has(filter, mask, uint32(rest[0])|uint32(rest[1])<<8|uint32(rest[2])<<16) {
			return len(text) - len(rest)
		}
		rest = rest[1:]
	}
	return -1
}

// has reports whether the filter has the bit of the gram in the three lower
// bytes of a word.
func has(filter []uint64, mask, word uint32) bool {
	bit := bitOf(word*spreader) & mask
	return filter[bit/64]>>(bit%64)&1 != 0
}

func (g *grams) bytes() int {
	n := 8*(len(g.firsts)+len(g.seconds)) + 8*len(g.filter) + 12*len(g.slots) + 16*len(g.chosen) + 4*len(g.restIDs) + g.rest.Bytes()
	for _, p := range g.patterns {
		n += 16 + len(p)
	}
	return n
}
