package netlink

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// Attribute layout and type flags, linux/netlink.h (struct nlattr).
const (
	attrHeaderLen = 4
	attrAlign     = 4

	attrNested       = 1 << 15 // NLA_F_NESTED
	attrNetByteOrder = 1 << 14 // NLA_F_NET_BYTEORDER
	attrTypeMask     = 1<<14 - 1
)

// ErrMalformed says that the lengths inside a message do not fit together.
var ErrMalformed = errors.New("malformed netlink message")

// Attrs walks over a sequence of attributes without copying or allocating:
//
//	a := netlink.NewAttrs(data)
//	for a.Next() {
//		switch a.Type() { … }
//	}
//	err := a.Err()
//
// The zero value is an empty sequence.
type Attrs struct {
	rest []byte
	typ  uint16
	data []byte
	err  error
}

// NewAttrs returns a walk over the attributes in data, which it keeps a
// reference to.
func NewAttrs(data []byte) Attrs { return Attrs{rest: data} }

// Next moves to the next attribute and reports whether there is one.
func (a *Attrs) Next() bool {
	if a.err != nil || len(a.rest) == 0 {
		return false
	}
	if len(a.rest) < attrHeaderLen {
		a.err = fmt.Errorf("%w: %d bytes after the last attribute", ErrMalformed, len(a.rest))
		return false
	}
	size := int(binary.NativeEndian.Uint16(a.rest))
	if size < attrHeaderLen || size > len(a.rest) {
		a.err = fmt.Errorf("%w: attribute of %d bytes where %d are left", ErrMalformed, size, len(a.rest))
		return false
	}
	a.typ = binary.NativeEndian.Uint16(a.rest[2:]) & attrTypeMask
	a.data = a.rest[attrHeaderLen:size:size]
	a.rest = a.rest[min(align(size, attrAlign), len(a.rest)):]
	return true
}

// Type returns the type of the current attribute, without its flag bits.
func (a *Attrs) Type() uint16 { return a.typ }

// Data returns the payload of the current attribute. It lies in the slice
// given to [NewAttrs].
func (a *Attrs) Data() []byte { return a.data }

// Err returns an error wrapping [ErrMalformed] when the walk ended early.
func (a *Attrs) Err() error { return a.err }

// Nested returns a walk over the attributes inside the current one.
func (a *Attrs) Nested() Attrs { return NewAttrs(a.data) }

// Text returns the current payload up to its first NUL byte.
func (a *Attrs) Text() string {
	text, _, _ := bytes.Cut(a.data, []byte{0})
	return string(text)
}

// Uint8 returns the current payload as a number; zero when it is too short.
func (a *Attrs) Uint8() uint8 {
	if len(a.data) < 1 {
		return 0
	}
	return a.data[0]
}

// Uint16 returns the current payload as a number in host byte order; zero
// when it is too short.
func (a *Attrs) Uint16() uint16 {
	if len(a.data) < 2 {
		return 0
	}
	return binary.NativeEndian.Uint16(a.data)
}

// Uint32 is [Attrs.Uint16] for four bytes.
func (a *Attrs) Uint32() uint32 {
	if len(a.data) < 4 {
		return 0
	}
	return binary.NativeEndian.Uint32(a.data)
}

// Uint64 is [Attrs.Uint16] for eight bytes.
func (a *Attrs) Uint64() uint64 {
	if len(a.data) < 8 {
		return 0
	}
	return binary.NativeEndian.Uint64(a.data)
}

// BigUint16 returns the current payload as a number in network byte order;
// zero when it is too short.
func (a *Attrs) BigUint16() uint16 {
	if len(a.data) < 2 {
		return 0
	}
	return binary.BigEndian.Uint16(a.data)
}

// BigUint32 is [Attrs.BigUint16] for four bytes.
func (a *Attrs) BigUint32() uint32 {
	if len(a.data) < 4 {
		return 0
	}
	return binary.BigEndian.Uint32(a.data)
}

// BigUint64 is [Attrs.BigUint16] for eight bytes.
func (a *Attrs) BigUint64() uint64 {
	if len(a.data) < 8 {
		return 0
	}
	return binary.BigEndian.Uint64(a.data)
}

// AppendAttr appends an attribute with the given payload, padded, to dst,
// which must itself be aligned to four bytes. The payload must be shorter
// than 64 KiB.
func AppendAttr(dst []byte, typ uint16, data []byte) []byte {
	dst = binary.NativeEndian.AppendUint16(dst, uint16(attrHeaderLen+len(data)))
	dst = binary.NativeEndian.AppendUint16(dst, typ)
	dst = append(dst, data...)
	return pad(dst)
}

// AppendAttrString appends an attribute holding text and a closing NUL byte.
func AppendAttrString(dst []byte, typ uint16, text string) []byte {
	dst = binary.NativeEndian.AppendUint16(dst, uint16(attrHeaderLen+len(text)+1))
	dst = binary.NativeEndian.AppendUint16(dst, typ)
	dst = append(dst, text...)
	return pad(append(dst, 0))
}

// AppendAttrUint8 appends an attribute holding one byte.
func AppendAttrUint8(dst []byte, typ uint16, v uint8) []byte {
	return AppendAttr(dst, typ, []byte{v})
}

// AppendAttrUint16 appends an attribute holding v in host byte order.
func AppendAttrUint16(dst []byte, typ uint16, v uint16) []byte {
	return AppendAttr(dst, typ, binary.NativeEndian.AppendUint16(nil, v))
}

// AppendAttrUint32 appends an attribute holding v in host byte order.
func AppendAttrUint32(dst []byte, typ uint16, v uint32) []byte {
	return AppendAttr(dst, typ, binary.NativeEndian.AppendUint32(nil, v))
}

// AppendAttrBigUint16 appends an attribute holding v in network byte order.
func AppendAttrBigUint16(dst []byte, typ uint16, v uint16) []byte {
	return AppendAttr(dst, typ|attrNetByteOrder, binary.BigEndian.AppendUint16(nil, v))
}

// AppendAttrBigUint32 appends an attribute holding v in network byte order.
func AppendAttrBigUint32(dst []byte, typ uint16, v uint32) []byte {
	return AppendAttr(dst, typ|attrNetByteOrder, binary.BigEndian.AppendUint32(nil, v))
}

// AppendNested appends an attribute whose payload is what fill appends.
func AppendNested(dst []byte, typ uint16, fill func([]byte) []byte) []byte {
	start := len(dst)
	dst = binary.NativeEndian.AppendUint16(dst, 0)
	dst = binary.NativeEndian.AppendUint16(dst, typ|attrNested)
	dst = fill(dst)
	binary.NativeEndian.PutUint16(dst[start:], uint16(len(dst)-start))
	return pad(dst)
}

func align(n, to int) int { return (n + to - 1) &^ (to - 1) }

func pad(b []byte) []byte {
	for len(b)%attrAlign != 0 {
		b = append(b, 0)
	}
	return b
}
