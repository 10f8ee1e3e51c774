// Package recent remembers what was found in the texts that came last: images,
// users and descriptions come again and again.
//
// Hosts choose the texts. Where one forces others out of their place, these are
// searched again, which is all that it can do.
package recent

// Bounds of a cache.
const (
	MaxText = 256 // bytes of a text: longer ones are not remembered
	places  = 256
)

// A cache of texts that do not come again, such as command lines with a number
// of their own, costs more than it saves. When few of those it was asked for
// were known, it rests.
const (
	trial = 512 // texts
	few   = trial / 16
	rest  = 4096 // texts
)

// Cache remembers texts, each in the one place that it has, where the latest
// one stays. The zero value is empty. It is for one goroutine.
type Cache struct {
	places []Found
	asked  int // in this trial; below 0 it rests
	known  int // of them
}

// Found is a text with what was found in it.
type Found struct {
	used     bool
	text     []byte
	Literals []int32
}

// Of returns the place of a text, and whether it holds what was found in that
// text. If not, the caller fills it in. The place is nil if the text is not to
// be remembered.
func (c *Cache) Of(text string) (found *Found, known bool) {
	if len(text) > MaxText {
		return nil, false
	}
	if c.asked++; c.asked <= 0 {
		return nil, false
	}
	if c.asked == trial {
		c.judge()
	}
	if c.places == nil {
		c.places = make([]Found, places)
	}
	f := &c.places[hash(text)%places]
	if f.used && string(f.text) == text {
		c.known++
		return f, true
	}
	f.used, f.text, f.Literals = true, append(f.text[:0], text...), f.Literals[:0]
	return f, false
}

// judge ends a trial.
func (c *Cache) judge() {
	if c.asked = 0; c.known < few {
		c.asked = -rest
	}
	c.known = 0
}

// hash tells most texts apart by their length, their ends and their middle.
func hash(text string) uint64 {
	n := len(text)
	h := uint64(n)
	switch {
	case n >= 8:
		h = mix(mix(mix(h, text[:8]), text[n/2-4:n/2+4]), text[n-8:])
	case n > 0:
		h = (h<<24 | uint64(text[0])<<16 | uint64(text[n/2])<<8 | uint64(text[n-1])) * golden
	}
	return h >> 56
}

// golden is 2⁶⁴ divided by the golden ratio, made odd: its multiples lie evenly
// apart.
const golden = 0x9e3779b97f4a7c15

// mix adds eight bytes to a hash, whose upper bits are the good ones.
func mix(h uint64, text string) uint64 {
	word := uint64(text[0]) | uint64(text[1])<<8 | uint64(text[2])<<16 | uint64(text[3])<<24 |
		uint64(text[4])<<32 | uint64(text[5])<<40 | uint64(text[6])<<48 | uint64(text[7])<<56 // one load
	return (h>>32 ^ h ^ word) * golden
}
