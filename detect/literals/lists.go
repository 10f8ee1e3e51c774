package literals

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/holdfast-security/holdfast/detect/sigma"
)

// This file is about lists of texts. An expression of many alternatives makes
// thousands of them, which is where the time of an analysis goes.

// cross returns every head with every tail, or nil where these are too many or
// too long.
func cross(heads, tails []string) []string {
	if len(heads)*len(tails) > maxTexts {
		return nil
	}
	out, size := make([]string, 0, len(heads)*len(tails)), 0
	for _, head := range heads {
		for _, tail := range tails {
			out = append(out, head+tail)
			size += len(head) + len(tail)
		}
	}
	if size > maxBytes {
		return nil
	}
	return out
}

// union returns the texts of both lists, or nil where these are too many.
func union(a, b []string) []string {
	if slices.Equal(a, b) {
		return a
	}
	all := slices.Concat(a, b)
	slices.Sort(all)
	if all = slices.Compact(all); len(all) > maxTexts {
		return nil
	}
	return all
}

// least leaves out the texts that have another one at a place: whoever has
// them has that one, too. The shorter ones come first.
func least(place sigma.Place, texts []string) []string {
	switch {
	case len(texts) == 0:
		return nil
	case slices.Contains(texts, ""): // which all others have: often so, as much may be missing
		return []string{""}
	case len(texts) == 1:
		return texts
	}
	var storage [maxTexts]part
	parts := appendLeast(storage[:0], place, texts)
	kept := make([]string, len(parts))
	for i, p := range parts {
		kept[i] = p.text
	}
	return kept
}

// appendLeast appends the parts that [least] keeps to no parts yet.
func appendLeast(parts []part, place sigma.Place, texts []string) []part {
	for _, text := range texts {
		parts = append(parts, part{text: text, outline: outline(text)})
	}
	slices.SortFunc(parts, shorter)
	kept := parts[:0]
	for _, p := range parts {
		if !p.hasOne(place, kept) {
			kept = append(kept, p)
		}
	}
	return kept
}

// part is a text that is part of others.
type part struct {
	text    string
	outline uint64
	weight  float64 // anywhere; 0 where nobody asks
}

// shorter orders parts by their length, and else by their text.
func shorter(a, b part) int {
	if d := len(a.text) - len(b.text); d != 0 {
		return d
	}
	return cmp.Compare(a.text, b.text)
}

// hasOne reports whether a text has one of several parts at a place.
func (p part) hasOne(place sigma.Place, parts []part) bool {
	for i := range parts {
		if parts[i].outline&^p.outline == 0 && p.has(place, parts[i].text) {
			return true
		}
	}
	return false
}

func (p part) has(place sigma.Place, text string) bool {
	switch place {
	case sigma.PlaceStart:
		return strings.HasPrefix(p.text, text)
	case sigma.PlaceEnd:
		return strings.HasSuffix(p.text, text)
	}
	return strings.Contains(p.text, text)
}

// outline has a bit for each two bytes side by side in a text. What is part of
// the text has no other bits, which tells nearly all that are not.
func outline(text string) (bits uint64) {
	for i := 1; i < len(text); i++ {
		bits |= 1 << ((uint32(text[i-1])*37 + uint32(text[i])*11) & 63)
	}
	return bits
}

// choice is texts of which one is in the text, the shorter ones first and none
// in another, and how often that is so.
type choice struct {
	parts []part
	rank  float64
}

// choiceOf returns the choice of some texts, or false if that says nothing.
func choiceOf(texts []string) (choice, bool) {
	if len(texts) == 0 || slices.Contains(texts, "") {
		return choice{}, false
	}
	var storage [maxTexts]part
	parts := appendLeast(storage[:0], sigma.PlaceAnywhere, texts)
	c := choice{}
	for i := range parts {
		p := &parts[i]
		if !tells(p.text) {
			return choice{}, false
		}
		p.weight = Weight(sigma.PlaceAnywhere, p.text)
		c.rank += p.weight
	}
	c.parts = slices.Clone(parts)
	return c, true
}

func (c choice) texts() []string {
	texts := make([]string, len(c.parts))
	for i, p := range c.parts {
		texts[i] = p.text
	}
	return texts
}

// pair is room for two lists of parts, used again and again.
type pair [2][]part

// closest returns the choice together with that of the others that makes the
// rarest of it, or false where none does.
func (room *pair) closest(c choice, others []choice) (best choice, found bool) {
	best.rank = math.Inf(1)
	for _, other := range others {
		both, ok := c.or(other, best.rank, room[0][:0])
		if room[0] = both.parts; ok {
			best, found = both, true
			room[0], room[1] = room[1], room[0]
		}
	}
	best.parts = slices.Clone(best.parts)
	return best, found
}

// or returns the choice among what c and other choose from, appended to the
// storage. It is false if these are too many texts, or turn up no less often
// than the limit.
func (c choice) or(other choice, limit float64, storage []part) (both choice, ok bool) {
	a, b := c.parts, other.parts
	both.parts = storage
	for n := 0; len(a) > 0 || len(b) > 0; n++ {
		if n == maxTexts || both.rank >= limit {
			return both, false
		}
		if len(a) == 0 || len(b) > 0 && shorter(b[0], a[0]) < 0 {
			a, b = b, a
		}
		next := a[0]
		if a = a[1:]; len(b) > 0 && b[0].text == next.text {
			b = b[1:]
		}
		if !next.hasOne(sigma.PlaceAnywhere, both.parts) {
			both.parts = append(both.parts, next)
			both.rank += next.weight
		}
	}
	return both, both.rank < limit
}

// orEmpty returns the texts, or the empty text where there are none.
func orEmpty(texts []string) []string {
	if texts == nil {
		return []string{""}
	}
	return texts
}

// useful returns the texts unless there are none, or one of them says nothing.
func useful(texts []string) []string {
	for _, text := range texts {
		if !tells(text) {
			return nil
		}
	}
	return texts
}

// tells reports whether a text tells anything: it is not empty, and does not
// hold the replacement character, which in an expression also matches bytes
// that are not UTF-8.
func tells(text string) bool {
	return text != "" && !strings.Contains(text, string(utf8.RuneError))
}

// rank estimates how often one of the texts turns up.
func rank(place sigma.Place, texts []string) float64 {
	sum := 0.0
	for _, text := range texts {
		sum += Weight(place, text)
	}
	return sum
}
