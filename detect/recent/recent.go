// Package recent remembers what was found in the texts that came last: images,
// users and descriptions come again and again.
//
// Hosts choose the texts. Where one forces others out of their place, these are
// searched again, which is all that it can do.
package recent

import "hash/maphash"

// Bounds of a cache.
const (
	MaxText = 128 // bytes of a text: longer ones are not remembered
	places  = 256
)

// seed keeps hosts from choosing texts that share a place.
var seed = maphash.MakeSeed()

// Cache remembers texts, each in the one place that it has, where the latest
// one stays. The zero value is empty. It is for one goroutine.
type Cache []Found

// Found is a text with what was found in it.
type Found struct {
	used     bool
	text     []byte
	Literals []int32
}

// Of returns the place of a text of at most [MaxText] bytes, and whether it
// holds what was found in that text. If not, the caller fills it in.
func (c *Cache) Of(text string) (found *Found, known bool) {
	if *c == nil {
		*c = make(Cache, places)
	}
	f := &(*c)[maphash.String(seed, text)%places]
	if f.used && string(f.text) == text {
		return f, true
	}
	f.used, f.text, f.Literals = true, append(f.text[:0], text...), f.Literals[:0]
	return f, false
}
