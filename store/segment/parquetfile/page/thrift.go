package page

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// ErrMalformed is what is wrong with bytes that are not what they should be.
var ErrMalformed = errors.New("malformed")

// Types of fields in the compact protocol of Thrift,
// https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md.
const (
	typeStop   = 0
	typeTrue   = 1
	typeFalse  = 2
	typeByte   = 3
	typeI16    = 4
	typeI32    = 5
	typeI64    = 6
	typeDouble = 7
	typeBinary = 8
	typeList   = 9
	typeStruct = 12
)

// Bounds of what is decoded.
const (
	maxDepth  = 24
	maxItems  = 2 << 20  // of all lists together
	maxFooter = 32 << 20 // bytes
)

// decoder takes values off the front of bytes. After the first that cannot be
// it has none left and is bad.
type decoder struct {
	b     []byte
	items int // of lists, so far
	bad   bool
}

func (d *decoder) fail() { d.b, d.bad = nil, true }

func (d *decoder) take(n uint64) []byte {
	if n > uint64(len(d.b)) {
		d.fail()
		return nil
	}
	taken := d.b[:n]
	d.b = d.b[n:]
	return taken
}

func (d *decoder) byte() byte {
	if b := d.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) varint() int64 {
	u := d.uvarint()
	return int64(u>>1) ^ -int64(u&1)
}

func (d *decoder) bytes() []byte { return d.take(d.uvarint()) }

// list returns the type and number of items that follow. Each takes a byte at
// least.
func (d *decoder) list() (kind byte, n int) {
	b := d.byte()
	length := uint64(b >> 4)
	if length == 15 {
		length = d.uvarint()
	}
	if length > uint64(len(d.b)) || d.items+int(length) > maxItems {
		d.fail()
		return 0, 0
	}
	d.items += int(length)
	return b & 15, int(length)
}

// fields takes a struct: known is called with the number and type of each
// field, and takes its value or returns false.
func (d *decoder) fields(depth int, known func(id int, kind byte) bool) {
	for id := 0; !d.bad; {
		b := d.byte()
		kind := b & 15
		if kind == typeStop {
			return
		}
		if delta := int(b >> 4); delta > 0 {
			id += delta
		} else {
			id = int(d.varint())
		}
		if !known(id, kind) {
			d.skip(kind, depth)
		}
	}
}

func unknown(int, byte) bool { return false }

// skip takes the value of a field. Sets, maps and lists of booleans are not in
// what is read here.
func (d *decoder) skip(kind byte, depth int) {
	if depth >= maxDepth {
		d.fail()
		return
	}
	switch kind {
	case typeTrue, typeFalse: // the type is the value
	case typeByte:
		d.byte()
	case typeI16, typeI32, typeI64:
		d.uvarint()
	case typeDouble:
		d.take(8)
	case typeBinary:
		d.bytes()
	case typeStruct:
		d.fields(depth+1, unknown)
	case typeList:
		item, n := d.list()
		if item == typeTrue || item == typeFalse {
			d.fail()
		}
		for range n {
			if d.bad {
				return
			}
			d.skip(item, depth+1)
		}
	default:
		d.fail()
	}
}

// CheckFooter returns an error where the footer of a file cannot be decoded in
// bounded memory.
func CheckFooter(r io.ReaderAt, size int64) error {
	const trailer = 8 // the length of the footer, and a magic number
	if size < trailer {
		return fmt.Errorf("a file of %d bytes: %w", size, ErrMalformed)
	}
	var end [trailer]byte
	if err := readAt(r, end[:], size-trailer); err != nil {
		return err
	}
	n := int64(binary.LittleEndian.Uint32(end[:]))
	if n > maxFooter || n > size-trailer || string(end[4:]) != "PAR1" {
		return fmt.Errorf("a footer of %d bytes in a file of %d: %w", n, size, ErrMalformed)
	}
	footer := make([]byte, n)
	if err := readAt(r, footer, size-trailer-n); err != nil {
		return err
	}
	d := decoder{b: footer}
	d.fields(0, unknown)
	if d.bad || len(d.b) > 0 {
		return fmt.Errorf("footer: %w", ErrMalformed)
	}
	return nil
}

// readAt fills b.
func readAt(r io.ReaderAt, b []byte, offset int64) error {
	if n, err := r.ReadAt(b, offset); n < len(b) {
		return fmt.Errorf("read %d bytes at %d: %w", len(b), offset, err)
	}
	return nil
}
