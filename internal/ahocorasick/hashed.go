package ahocorasick

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// hashed finds patterns by a hash of eight or four bytes where the automaton
// would be the slower way: whole texts, and long patterns only, of which a text
// need not be looked at byte by byte.
type hashed struct {
	whole    bool
	patterns []string
	step     int    // distance of the places of a text that are looked at
	slots    []slot // open addressing, a power of two
	shift    uint

	lengths uint64 // of whole patterns: a bit for each that one has

	filter      []uint64 // where four bytes are hashed: a bit for each hash that a pattern has
	filterShift uint     // of a hash, to the number of its bit
}

// slot is a place of a pattern; an empty slot has no id.
type slot struct {
	hash   uint32
	id     int32 // of the pattern, plus one
	offset int32 // of the hashed bytes in the pattern
}

const (
	gram       = 8  // bytes hashed at a time
	shortGram  = 4  // likewise, of shorter patterns
	minSampled = 16 // shortest pattern of a set that is searched by samples
	minShort   = 8  // likewise, of a small set by samples of a short gram
	maxShort   = 64 // patterns of such a set: four bytes of many are everywhere
	maxStep    = 25 // keeps the table small
	maxTold    = 63 // up to which length whole patterns are told apart by it; longer ones count as this
)

// sampleable returns how many bytes of the patterns to hash for a search by
// samples, and 0 where that is no good: it takes patterns that are all long.
func sampleable(patterns []string) int {
	shortest := shortestOf(patterns)
	switch {
	case shortest >= minSampled:
		return gram
	case shortest >= minShort && len(patterns) <= maxShort:
		return shortGram
	}
	return 0
}

func shortestOf(patterns []string) int {
	shortest := 0
	for i, p := range patterns {
		if i == 0 || len(p) < shortest {
			shortest = len(p)
		}
	}
	return shortest
}

// newSampled indexes the hashed bytes at each of step offsets of every pattern,
// so that one of them lies at a multiple of step in the text wherever the
// pattern is. The offsets are the last ones, as patterns often begin alike.
func newSampled(patterns []string, size int) *hashed {
	h := &hashed{step: min(shortestOf(patterns)-size+1, maxStep)}
	entries := len(patterns) * h.step
	h.init(patterns, entries)
	if size == shortGram {
		h.filterShift = uint(32 - bits.Len(uint(entries*filterBits)))
		h.filter = make([]uint64, 1<<(32-h.filterShift)/64)
	}
	for i, p := range h.patterns {
		for o := len(p) - size - h.step + 1; o <= len(p)-size; o++ {
			h.insertSample([]byte(p[o:o+size]), int32(i), int32(o))
		}
	}
	return h
}

func (h *hashed) insertSample(text []byte, id, offset int32) {
	if h.filter == nil {
		h.insert(mix(load(text)), id, offset)
		return
	}
	word := binary.LittleEndian.Uint32(text)
	bit := word * golden >> (h.filterShift & 31)
	h.filter[bit/64] |= 1 << (bit % 64)
	h.insert(mix(uint64(word)), id, offset)
}

// newWhole indexes patterns by a hash of all of their bytes.
func newWhole(patterns []string) *hashed {
	h := &hashed{whole: true}
	h.init(patterns, len(patterns))
	for i, p := range h.patterns {
		if p != "" {
			h.insert(hashAll([]byte(p)), int32(i), 0)
			h.lengths |= 1 << min(len(p), maxTold)
		}
	}
	return h
}

func (h *hashed) init(patterns []string, entries int) {
	h.patterns = patterns
	n := uint(1)
	for 1<<n < 2*entries {
		n++
	}
	h.slots, h.shift = make([]slot, 1<<n), 64-n
}

func (h *hashed) insert(hash uint64, id, offset int32) {
	i := hash >> h.shift
	for h.slots[i].id != 0 {
		i = (i + 1) & uint64(len(h.slots)-1)
	}
	h.slots[i] = slot{uint32(hash), id + 1, offset}
}

func findHashed(h *hashed, text []byte, hits []int32) []int32 {
	if h.whole {
		if h.lengths>>min(len(text), maxTold)&1 == 0 {
			return hits
		}
		return findAt(h, text, 0, hashAll(text), hits)
	}
	if h.filter == nil {
		for i := 0; i+gram <= len(text); i += h.step {
			hits = findAt(h, text, i, mix(load(text[i:])), hits)
		}
		return hits
	}
	for i := 0; i+shortGram <= len(text); i += h.step {
		word := binary.LittleEndian.Uint32(text[i:])
		bit := word * golden >> (h.filterShift & 31)
		if h.filter[bit/64]>>(bit%64)&1 != 0 {
			hits = findAt(h, text, i, mix(uint64(word)), hits)
		}
	}
	return hits
}

// findAt appends the patterns that have the hashed bytes where the text has
// them, at the given place.
func findAt(h *hashed, text []byte, at int, hash uint64, hits []int32) []int32 {
	mask := uint64(len(h.slots) - 1)
	for i := hash >> h.shift; h.slots[i].id != 0; i = (i + 1) & mask {
		s := h.slots[i]
		if s.hash != uint32(hash) {
			continue
		}
		p := h.patterns[s.id-1]
		start := at - int(s.offset)
		if start < 0 || start+len(p) > len(text) || h.whole && len(p) != len(text) {
			continue
		}
		if string(text[start:start+len(p)]) == p {
			hits = append(hits, s.id-1)
		}
	}
	return hits
}

// load reads eight bytes.
func load(b []byte) uint64 { return binary.LittleEndian.Uint64(b) }

// mix spreads a word over 64 bits: the finaliser of SplitMix64, shortened.
func mix(x uint64) uint64 {
	x ^= x >> 32
	x *= 0x9e3779b97f4a7c15
	x ^= x >> 29
	return x * 0xbf58476d1ce4e5b9
}

func hashAll(text []byte) uint64 {
	h := uint64(len(text))
	for len(text) >= gram {
		h = mix(h ^ load(text))
		text = text[gram:]
	}
	var rest [gram]byte
	copy(rest[:], text)
	return mix(h ^ load(rest[:]))
}

// Words of one byte.
const ones, tops = 0x0101010101010101, 0x8080808080808080

// foldWord lowers the ASCII letters among eight bytes at once: adding to the
// low seven bits of a byte sets its top bit from A, or beyond Z, on.
func foldWord(x uint64) uint64 {
	low := x &^ tops
	fromA := low + (0x80-'A')*ones
	beyondZ := low + (0x7f-'Z')*ones
	upper := (fromA &^ beyondZ) & tops &^ (x & tops)
	return x | upper>>2
}

// AppendLower appends the ASCII text that s begins with to dst, its letters in
// lower case, and returns of how many bytes of s that is.
func AppendLower(dst []byte, s string) (lower []byte, ascii int) {
	from, i := len(dst), 0
	dst = slices.Grow(dst, len(s))[:from+len(s)]
	b := dst[from:]
	for ; i+gram <= len(s) && i+gram <= len(b); i += gram {
		word := uint64(s[i]) | uint64(s[i+1])<<8 | uint64(s[i+2])<<16 | uint64(s[i+3])<<24 |
			uint64(s[i+4])<<32 | uint64(s[i+5])<<40 | uint64(s[i+6])<<48 | uint64(s[i+7])<<56 // one load
		if word&tops != 0 {
			break
		}
		binary.LittleEndian.PutUint64(b[i:], foldWord(word))
	}
	for ; i < len(s) && s[i] < 0x80; i++ {
		c := s[i]
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		b[i] = c
	}
	return dst[:from+i], i
}

func (h *hashed) bytes() int {
	n := 12*len(h.slots) + 8*len(h.filter)
	for _, p := range h.patterns {
		n += 16 + len(p)
	}
	return n
}
