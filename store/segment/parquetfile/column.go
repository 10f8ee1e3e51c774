package parquetfile

import (
	"net/netip"
	"reflect"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/holdfast-security/holdfast/store/segment/parquetfile/choice"
	"github.com/holdfast-security/holdfast/store/segment/parquetfile/page"
)

// column is one leaf of the schema for rows of type T: how a row is written
// into it and read from it. Its levels are those of the Dremel encoding: a
// definition level below that of the leaf says which group is absent.
type column[T any] struct {
	path    string // dotted, from the root
	doc     string
	node    parquet.Node
	noStats bool // bounds would cost more than they prune
	// put returns the values of the rows of a page, which are the encoder's
	// until the next page.
	put func(enc *encoder, rows []T) []parquet.Value
	// set sets those of the given rows of a page, ascending, that have a value
	// in dst, whose i-th element is rows[i].
	set func(dec *decoder, p *page.Page, rows []int32, dst []T)

	index int // in the schema, filled by newSchema
}

// leaf is a value within a group of type U.
type leaf[U any] struct {
	name, doc string
	node      parquet.Node
	optional  bool // null stands for the zero value
	noStats   bool
	get       func(enc *encoder, u *U) parquet.Value // a null value for zero, where optional
	set       func(dec *decoder, u *U, v value)
}

// group says where in a row of type T a group of type U lies.
type group[T, U any] struct {
	path string // dotted
	def  int    // definition level of a present group
	at   func(*T) *U
	make func(*T) *U // like at, but makes what is absent
}

// columns returns the leaves as columns of the group.
func (g group[T, U]) columns(leaves ...leaf[U]) []column[T] {
	var columns []column[T]
	for _, l := range leaves {
		columns = append(columns, g.column(l))
	}
	return columns
}

func (g group[T, U]) column(l leaf[U]) column[T] {
	node, present := l.node, g.def
	if l.optional {
		node, present = parquet.Optional(node), present+1
	}
	absent, null := parquet.NullValue().Level(0, max(g.def-1, 0), 0), parquet.NullValue().Level(0, g.def, 0)
	return column[T]{
		path: g.path + "." + l.name, doc: l.doc, node: node, noStats: l.noStats,
		put: func(enc *encoder, rows []T) []parquet.Value {
			members := gather(enc, g, rows)
			if members == nil {
				return enc.nulls(absent, len(rows))
			}
			dst := enc.values[:0]
			for _, u := range members {
				if u == nil {
					dst = append(dst, absent)
				} else if v := l.get(enc, u); v.IsNull() {
					dst = append(dst, null)
				} else {
					dst = append(dst, v.Level(0, present, 0))
				}
			}
			enc.values = dst
			return dst
		},
		set: func(dec *decoder, p *page.Page, rows []int32, dst []T) {
			dec.places = p.Places(rows, dec.places)
			for i, at := range dec.places {
				if at >= 0 {
					l.set(dec, g.make(&dst[i]), value{p, int(at)})
				}
			}
		},
	}
}

// list is a repeated value within a group of type U: a plain one, or a member
// of a repeated group.
type list[U any] struct {
	name, doc string
	node      parquet.Node
	repeated  bool // the leaf itself is, otherwise the group around it
	len       func(*U) int
	get       func(enc *encoder, u *U, i int) parquet.Value
	set       func(dec *decoder, u *U, i int, v value) // i grows by one
}

func (g group[T, U]) list(l list[U]) column[T] {
	node := l.node
	if l.repeated {
		node = parquet.Repeated(node)
	}
	absent, none := parquet.NullValue().Level(0, g.def-1, 0), parquet.NullValue().Level(0, g.def, 0)
	return column[T]{
		path: g.path + "." + l.name, doc: l.doc, node: node, noStats: true,
		put: func(enc *encoder, rows []T) []parquet.Value {
			members := gather(enc, g, rows)
			if members == nil {
				return enc.nulls(absent, len(rows))
			}
			dst := enc.values[:0]
			for _, u := range members {
				switch {
				case u == nil:
					dst = append(dst, absent)
				case l.len(u) == 0:
					dst = append(dst, none)
				default:
					for i := range l.len(u) {
						dst = append(dst, l.get(enc, u, i).Level(min(i, 1), g.def+1, 0))
					}
				}
			}
			enc.values = dst
			return dst
		},
		set: func(dec *decoder, p *page.Page, rows []int32, dst []T) {
			p.EachRepeat(rows, func(row int, values page.Repeat) {
				for i, at := range values.Present() {
					l.set(dec, g.make(&dst[row]), i, value{p, at})
				}
			})
		},
	}
}

// Encodings of leaves.
var (
	plainText = parquet.Encoded(parquet.String(), &parquet.DeltaLengthByteArray)
	dictText  = parquet.Encoded(parquet.String(), &parquet.RLEDictionary)
)

// text is a string that is null where it is "".
func text[U any, S ~string](name, doc string, at func(*U) *S) leaf[U] {
	l := required(name, doc, at)
	get := l.get
	l.optional = true
	l.get = func(enc *encoder, u *U) parquet.Value {
		if *at(u) == "" {
			return parquet.NullValue()
		}
		return get(enc, u)
	}
	return l
}

// required is a string that is never null.
func required[U any, S ~string](name, doc string, at func(*U) *S) leaf[U] {
	return leaf[U]{
		name: name, doc: doc, node: dictText,
		get: func(enc *encoder, u *U) parquet.Value { return enc.text(string(*at(u))) },
		set: func(dec *decoder, u *U, v value) { *at(u) = S(v.text()) },
	}
}

// long makes a string column one whose values seldom repeat.
func long[U any](l leaf[U]) leaf[U] {
	l.node, l.noStats = plainText, true
	return l
}

type integer interface {
	~int | ~int32 | ~int64 | ~uint8 | ~uint16 | ~uint32 | ~uint64
}

// number is an integer that is never null.
func number[U any, N integer](name, doc string, at func(*U) *N) leaf[U] {
	t := reflect.TypeFor[N]()
	bits := int(t.Size()) * 8
	l := leaf[U]{name: name, doc: doc, node: parquet.Int(bits)}
	if t.Kind() >= reflect.Uint && t.Kind() <= reflect.Uint64 {
		l.node = parquet.Uint(bits)
	}
	if bits == 64 {
		l.get = func(_ *encoder, u *U) parquet.Value { return parquet.Int64Value(int64(*at(u))) }
		l.set = func(_ *decoder, u *U, v value) { *at(u) = N(v.num()) }
		return l
	}
	l.get = func(_ *encoder, u *U) parquet.Value { return parquet.Int32Value(int32(*at(u))) }
	l.set = func(_ *decoder, u *U, v value) { *at(u) = N(v.num()) }
	return l
}

// orNull makes a number null where it is zero.
func orNull[U any](l leaf[U]) leaf[U] {
	get, zero := l.get, parquet.ZeroValue(l.node.Type().Kind())
	l.optional = true
	l.get = func(enc *encoder, u *U) parquet.Value {
		v := get(enc, u)
		if v.Uint64() == zero.Uint64() {
			return parquet.NullValue()
		}
		return v
	}
	return l
}

// ascending is for numbers that differ little from row to row.
func ascending[U any](l leaf[U]) leaf[U] {
	l.node = parquet.Encoded(l.node, &parquet.DeltaBinaryPacked)
	return l
}

// repeating is for numbers of which there are few.
func repeating[U any](l leaf[U]) leaf[U] {
	l.node = parquet.Encoded(l.node, &parquet.RLEDictionary)
	return l
}

func flag[U any](name, doc string, at func(*U) *bool) leaf[U] {
	return leaf[U]{
		name: name, doc: doc, node: parquet.Leaf(parquet.BooleanType), noStats: true,
		get: func(_ *encoder, u *U) parquet.Value { return parquet.BooleanValue(*at(u)) },
		set: func(_ *decoder, u *U, v value) { *at(u) = v.num() != 0 },
	}
}

// when is a time that is null where it is zero.
func when[U any](name, doc string, at func(*U) *time.Time) leaf[U] {
	return leaf[U]{
		name: name, doc: doc, optional: true, node: parquet.Encoded(parquet.Timestamp(parquet.Nanosecond), &parquet.DeltaBinaryPacked),
		get: func(_ *encoder, u *U) parquet.Value {
			if at(u).IsZero() {
				return parquet.NullValue()
			}
			return parquet.Int64Value(choice.Nanoseconds(*at(u)))
		},
		set: func(_ *decoder, u *U, v value) { *at(u) = choice.Moment(v.num()) },
	}
}

// address is an IP address as text, null where it is invalid.
func address[U any](name, doc string, get func(*U) netip.Addr, set func(*U, netip.Addr)) leaf[U] {
	return leaf[U]{
		name: name, doc: doc, optional: true, node: dictText,
		get: func(enc *encoder, u *U) parquet.Value {
			if !get(u).IsValid() {
				return parquet.NullValue()
			}
			return enc.text(get(u).String())
		},
		set: func(dec *decoder, u *U, v value) {
			a, err := netip.ParseAddr(v.text())
			if err != nil {
				dec.fail(err)
			}
			set(u, a)
		},
	}
}
