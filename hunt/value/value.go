// Package value holds what the expressions of a hunt compute: texts, numbers,
// times and so on, of which any may be absent.
//
// Values are small, copied and compared without allocation. What comes from
// events is an attacker's text, kept byte for byte; only [Value.JSON] and
// [Value.String] make it fit to be shown in a format, and neither escapes what
// a terminal or a spreadsheet would make of it.
package value

import (
	"cmp"
	"encoding/binary"
	"hash/maphash"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Kind is the type of a value.
type Kind uint8

// Kinds. The order is that of values of different kinds.
const (
	Absent Kind = iota
	Bool
	Int
	Real
	Duration
	Time
	Address
	Text
	List // of texts
)

var kindNames = [...]string{"absent", "bool", "int", "real", "duration", "time", "address", "text", "list"}

// String returns the name of the kind as the API has it.
func (k Kind) String() string { return kindNames[k] }

// Value is one value. Its zero value is absent. It must not be compared with
// ==, since lists of equal texts differ by it.
type Value struct {
	kind Kind
	four bool   // an address is of IPv4
	high uint64 // of an address
	bits uint64 // of a number, a flag, a time in nanoseconds, or the rest of an address
	text string
	list *[]string
}

// OfBool returns a truth value.
func OfBool(b bool) Value {
	v := Value{kind: Bool}
	if b {
		v.bits = 1
	}
	return v
}

// OfInt returns an integer.
func OfInt(n int64) Value { return Value{kind: Int, bits: uint64(n)} }

// OfUint returns an integer, or the largest there is where n is beyond that.
func OfUint(n uint64) Value { return OfInt(int64(min(n, math.MaxInt64))) }

// OfReal returns a number, absent where it is none.
func OfReal(f float64) Value {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return Value{}
	}
	return Value{kind: Real, bits: math.Float64bits(f + 0)} // -0 becomes 0
}

// OfDuration returns a length of time.
func OfDuration(d time.Duration) Value { return Value{kind: Duration, bits: uint64(d)} }

// OfTime returns a moment, absent where it is zero. What nanoseconds in 64 bits
// cannot hold, before 1678 and after 2262, becomes the nearest that they can.
func OfTime(t time.Time) Value {
	switch {
	case t.IsZero():
		return Value{}
	case t.Before(earliest):
		t = earliest
	case t.After(latest):
		t = latest
	}
	return Value{kind: Time, bits: uint64(t.UnixNano())}
}

// OfNanoseconds returns the moment so many nanoseconds after 1970.
func OfNanoseconds(ns int64) Value { return Value{kind: Time, bits: uint64(ns)} }

var earliest, latest = time.Unix(0, math.MinInt64+1).UTC(), time.Unix(0, math.MaxInt64).UTC()

// OfAddress returns an IP address without its zone, absent where it is invalid.
// One of IPv4 within IPv6 is that of IPv4.
func OfAddress(a netip.Addr) Value {
	if !a.IsValid() {
		return Value{}
	}
	a = a.Unmap()
	b := a.As16()
	return Value{kind: Address, four: a.Is4(), high: binary.BigEndian.Uint64(b[:8]), bits: binary.BigEndian.Uint64(b[8:])}
}

// OfText returns a text, absent where it is empty.
func OfText[S ~string](s S) Value {
	if s == "" {
		return Value{}
	}
	return Value{kind: Text, text: string(s)}
}

// OfList returns a list of texts, absent where it is empty. The list must not
// be changed after that.
func OfList(list []string) Value {
	if len(list) == 0 {
		return Value{}
	}
	return Value{kind: List, list: &list}
}

// Kind returns the kind.
func (v Value) Kind() Kind { return v.kind }

// IsAbsent reports whether there is no value.
func (v Value) IsAbsent() bool { return v.kind == Absent }

// Bool returns a truth value; false for other kinds.
func (v Value) Bool() bool { return v.kind == Bool && v.bits != 0 }

// Int returns an integer, a duration in nanoseconds or a moment in nanoseconds
// after 1970.
func (v Value) Int() int64 { return int64(v.bits) }

// Real returns a number of either kind.
func (v Value) Real() float64 {
	if v.kind == Real {
		return math.Float64frombits(v.bits)
	}
	return float64(int64(v.bits))
}

// Time returns a moment in UTC; zero for other kinds.
func (v Value) Time() time.Time {
	if v.kind != Time {
		return time.Time{}
	}
	return time.Unix(0, int64(v.bits)).UTC()
}

// Address returns an address; invalid for other kinds.
func (v Value) Address() netip.Addr {
	if v.kind != Address {
		return netip.Addr{}
	}
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], v.high)
	binary.BigEndian.PutUint64(b[8:], v.bits)
	a := netip.AddrFrom16(b)
	if v.four {
		a = a.Unmap()
	}
	return a
}

// Text returns a text; "" for other kinds, absent values among them.
func (v Value) Text() string { return v.text }

// List returns the texts of a list, which must not be changed; nil for other
// kinds.
func (v Value) List() []string {
	if v.list == nil {
		return nil
	}
	return *v.list
}

// numeric reports whether the kind is one of numbers, which compare with each
// other.
func (k Kind) numeric() bool { return k == Int || k == Real }

// Compare orders values: absent ones first, then by kind, numbers of both
// kinds as one. It is total.
func (v Value) Compare(w Value) int {
	if v.kind != w.kind {
		if v.kind.numeric() && w.kind.numeric() {
			return cmp.Or(cmp.Compare(v.Real(), w.Real()), cmp.Compare(v.kind, w.kind))
		}
		return cmp.Compare(v.kind, w.kind)
	}
	switch v.kind {
	case Real:
		return cmp.Compare(v.Real(), w.Real())
	case Address:
		return v.Address().Compare(w.Address())
	case Text:
		return cmp.Compare(v.text, w.text)
	case List:
		return slices.Compare(*v.list, *w.list)
	}
	return cmp.Compare(int64(v.bits), int64(w.bits))
}

// Equal reports whether two values are the same; numbers of both kinds are by
// what they say.
func (v Value) Equal(w Value) bool {
	if v.kind != w.kind {
		return v.kind.numeric() && w.kind.numeric() && v.Real() == w.Real()
	}
	if v.kind == List {
		return slices.Equal(*v.list, *w.list)
	}
	return v.bits == w.bits && v.high == w.high && v.text == w.text
}

// AppendKey appends what tells v from all other values, numbers of different
// kinds too, so that keys of several values in a row do as well.
func (v Value) AppendKey(b []byte) []byte {
	b = append(b, byte(v.kind))
	switch v.kind {
	case Absent:
	case Text:
		b = binary.AppendUvarint(b, uint64(len(v.text)))
		b = append(b, v.text...)
	case List:
		b = binary.AppendUvarint(b, uint64(len(*v.list)))
		for _, s := range *v.list {
			b = append(binary.AppendUvarint(b, uint64(len(s))), s...)
		}
	case Address:
		b = binary.BigEndian.AppendUint64(b, v.high)
		fallthrough
	default:
		b = binary.BigEndian.AppendUint64(b, v.bits)
	}
	return b
}

// Hash returns a number that is the same for equal values of one kind.
func (v Value) Hash(seed maphash.Seed) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	var b [20]byte
	if v.kind != Text && v.kind != List {
		_, _ = h.Write(v.AppendKey(b[:0]))
		return h.Sum64()
	}
	_ = h.WriteByte(byte(v.kind))
	_, _ = h.WriteString(v.text)
	for _, s := range v.List() {
		_, _ = h.Write(binary.AppendUvarint(b[:0], uint64(len(s))))
		_, _ = h.WriteString(s)
	}
	return h.Sum64()
}

// Size returns about how many bytes v takes in memory.
func (v Value) Size() int64 {
	const fixed = 64
	n := int64(fixed + len(v.text))
	for _, s := range v.List() {
		n += 16 + int64(len(s))
	}
	return n
}

// String returns the value as people read it; "" where it is absent. The texts
// of a list are joined by ", ".
func (v Value) String() string {
	switch v.kind {
	case Bool:
		return strconv.FormatBool(v.bits != 0)
	case Int:
		return strconv.FormatInt(int64(v.bits), 10)
	case Real:
		return strconv.FormatFloat(v.Real(), 'g', -1, 64)
	case Duration:
		return time.Duration(v.bits).String()
	case Time:
		return v.Time().Format(time.RFC3339Nano)
	case Address:
		return v.Address().String()
	case List:
		return strings.Join(*v.list, ", ")
	}
	return v.text
}

// JSON returns the value as encoding/json takes it: nil where it is absent,
// numbers and truth values as such, a list of texts, and a text for the rest.
// Bytes that are not UTF-8 become U+FFFD.
func (v Value) JSON() any {
	switch v.kind {
	case Absent:
		return nil
	case Bool:
		return v.bits != 0
	case Int:
		return int64(v.bits)
	case Real:
		return v.Real()
	case List:
		list := make([]string, len(*v.list))
		for i, s := range *v.list {
			list[i] = strings.ToValidUTF8(s, "\uFFFD")
		}
		return list
	}
	return strings.ToValidUTF8(v.String(), "\uFFFD")
}
