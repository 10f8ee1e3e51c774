package ahocorasick

import "encoding/binary"

// hashed finds patterns by a hash of eight bytes where the automaton would be
// the slower way: whole texts, and long patterns only, of which a text need not
// be looked at byte by byte.
type hashed struct {
	whole    bool
	patterns []string
	step     int    // distance of the places of a text that are looked at
	slots    []slot // open addressing, a power of two
	shift    uint
}

// slot is a place of a pattern; an empty slot has no id.
type slot struct {
	hash   uint32
	id     int32 // of the pattern, plus one
	offset int32 // of the eight bytes in the pattern
}

const (
	gram       = 8  // bytes hashed at a time
	minSampled = 16 // shortest pattern of a set that is searched by samples
	maxStep    = 25 // keeps the table small
)

// sampleable reports whether all patterns are long.
func sampleable(patterns []string) bool {
	for _, p := range patterns {
		if len(p) < minSampled {
			return false
		}
	}
	return len(patterns) > 0
}

// newSampled indexes the eight bytes at each of step offsets of every pattern,
// so that one of them lies at a multiple of step in the text wherever the
// pattern is. The offsets are the last ones, as patterns often begin alike.
func newSampled(patterns []string) *hashed {
	shortest := len(patterns[0])
	for _, p := range patterns {
		shortest = min(shortest, len(p))
	}
	h := &hashed{step: min(shortest-gram+1, maxStep)}
	h.init(patterns, len(patterns)*h.step)
	for i, p := range h.patterns {
		for o := len(p) - gram - h.step + 1; o <= len(p)-gram; o++ {
			h.insert(mix(load([]byte(p[o:o+gram]))), int32(i), int32(o))
		}
	}
	return h
}

// newWhole indexes patterns by a hash of all of their bytes.
func newWhole(patterns []string) *hashed {
	h := &hashed{whole: true}
	h.init(patterns, len(patterns))
	for i, p := range h.patterns {
		if p != "" {
			h.insert(hashAll([]byte(p)), int32(i), 0)
		}
	}
	return h
}

func (h *hashed) init(patterns []string, entries int) {
	h.patterns = patterns
	bits := uint(1)
	for 1<<bits < 2*entries {
		bits++
	}
	h.slots, h.shift = make([]slot, 1<<bits), 64-bits
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
		return findAt(h, text, 0, hashAll(text), hits)
	}
	for i := 0; i+gram <= len(text); i += h.step {
		hits = findAt(h, text, i, mix(load(text[i:])), hits)
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

// foldWord lowers the ASCII letters among eight bytes at once: adding to the
// low seven bits of a byte sets its top bit from A, or beyond Z, on.
func foldWord(x uint64) uint64 {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	low := x &^ tops
	fromA := low + (0x80-'A')*ones
	beyondZ := low + (0x7f-'Z')*ones
	upper := (fromA &^ beyondZ) & tops &^ (x & tops)
	return x | upper>>2
}

// AppendLower appends s to dst with its ASCII letters in lower case, and all
// other bytes as they are.
func AppendLower(dst []byte, s string) []byte {
	from := len(dst)
	dst = append(dst, s...)
	b := dst[from:]
	for len(b) >= gram {
		binary.LittleEndian.PutUint64(b, foldWord(binary.LittleEndian.Uint64(b)))
		b = b[gram:]
	}
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return dst
}

func (h *hashed) bytes() int {
	n := 12 * len(h.slots)
	for _, p := range h.patterns {
		n += 16 + len(p)
	}
	return n
}
