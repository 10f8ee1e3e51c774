package page

import (
	"bytes"
	"iter"

	"github.com/holdfast-security/holdfast/store/segment/parquetfile/escape"
)

// Kind is how values are stored.
type Kind byte

// Kinds of values.
const (
	Bool Kind = iota
	Int32
	Int64
	Text
)

// Page is one decoded page of a column. Its slices are valid until its
// [Reader] reads the next.
type Page struct {
	Rows int
	// Defs and Reps are the definition and repetition levels of the values,
	// nulls among them; nil where the column needs none.
	Defs, Reps []byte
	// Dict has the values where it is not nil, and Keys say which.
	Dict *Dictionary
	Keys []int32

	present byte // definition level of a value
	n       int
	plain   values
}

// values of one kind.
type values struct {
	bits  []byte
	ints  []int32
	longs []int64
	text  []byte
	ends  []uint32 // offsets of texts, one more than there are
}

func (v *values) num(i int) int64 {
	switch {
	case v.longs != nil:
		return v.longs[i]
	case v.ints != nil:
		return int64(v.ints[i])
	}
	return int64(v.bits[i/8] >> (i % 8) & 1)
}

func (v *values) bytes(i int) []byte { return v.text[v.ends[i]:v.ends[i+1]] }

// memory is about what values take.
func (v *values) memory() int {
	return cap(v.bits) + 4*cap(v.ints) + 8*cap(v.longs) + cap(v.text) + 4*cap(v.ends)
}

// Memory returns about how many bytes the page takes, without a dictionary.
func (p *Page) Memory() int { return cap(p.Defs) + cap(p.Reps) + 4*cap(p.Keys) + p.plain.memory() }

// Len returns the number of values that are not null.
func (p *Page) Len() int { return p.n }

// Int32s returns the values of a page of that kind without a dictionary; nil
// for others.
func (p *Page) Int32s() []int32 { return p.plain.ints }

// Int64s is [Page.Int32s] for the other kind.
func (p *Page) Int64s() []int64 { return p.plain.longs }

// Num returns value i, of those that are not null, of a page of numbers; one
// for true.
func (p *Page) Num(i int) int64 {
	if p.Dict != nil {
		return p.Dict.Num(int(p.Keys[i]))
	}
	return p.plain.num(i)
}

// Bytes returns value i, of those that are not null, of a page of texts, as it
// is stored.
func (p *Page) Bytes(i int) []byte {
	if p.Dict != nil {
		return p.Dict.Bytes(int(p.Keys[i]))
	}
	return p.plain.bytes(i)
}

// Text returns value i, of those that are not null, of a page of texts, as it
// was before it was escaped.
func (p *Page) Text(i int) string {
	if p.Dict != nil {
		return p.Dict.text(int(p.Keys[i]))
	}
	return escape.Undo(string(p.plain.bytes(i)))
}

// Places returns, for each of the given rows of a page, ascending, the place of
// its value among those that are not null, or -1 for null. It uses the memory of
// dst. It is for columns that do not repeat.
func (p *Page) Places(rows, dst []int32) []int32 {
	dst = sized(dst, len(rows))
	if p.n == p.Rows {
		copy(dst, rows)
		return dst
	}
	place, at := int32(0), int32(0)
	for i, row := range rows {
		if row > at {
			place += int32(bytes.Count(p.Defs[at:row], []byte{p.present}))
		}
		at = row + 1
		dst[i] = -1
		if p.Defs[row] == p.present {
			dst[i] = place
			place++
		}
	}
	return dst
}

// Repeat is the values of one row of a column that repeats, nulls among them.
type Repeat struct {
	Reps, Defs []byte

	first   int // value that is not null
	present byte
}

// Present yields those that are not null: their place in the row, and that of
// their value in the page.
func (r Repeat) Present() iter.Seq2[int, int] {
	return func(yield func(int, int) bool) {
		at := r.first
		for i, level := range r.Defs {
			if level != r.present {
				continue
			}
			if !yield(i, at) {
				return
			}
			at++
		}
	}
}

// EachRepeat calls fn for each of the given rows of a page, ascending, with its
// place in rows. It is for columns that repeat.
func (p *Page) EachRepeat(rows []int32, fn func(row int, values Repeat)) {
	first, row, next := 0, int32(-1), 0
	for start := 0; start < len(p.Reps) && next < len(rows); {
		row++
		end := len(p.Reps)
		if n := bytes.IndexByte(p.Reps[start+1:], 0); n >= 0 {
			end = start + 1 + n
		}
		if row == rows[next] {
			fn(next, Repeat{p.Reps[start:end], p.Defs[start:end], first, p.present})
			next++
		}
		first += bytes.Count(p.Defs[start:end], []byte{p.present})
		start = end
	}
}

// Dictionary is the values that pages of a column chunk refer to.
type Dictionary struct {
	n      int
	plain  values
	texts  []string // made when asked for, "" before
	memory int
}

// Len returns the number of values.
func (d *Dictionary) Len() int { return d.n }

// Num returns number i.
func (d *Dictionary) Num(i int) int64 { return d.plain.num(i) }

// Bytes returns text i as it is stored.
func (d *Dictionary) Bytes(i int) []byte { return d.plain.bytes(i) }

func (d *Dictionary) text(i int) string {
	if d.texts == nil {
		d.texts = make([]string, d.n)
	}
	if d.texts[i] == "" {
		d.texts[i] = escape.Undo(string(d.plain.bytes(i)))
	}
	return d.texts[i]
}
