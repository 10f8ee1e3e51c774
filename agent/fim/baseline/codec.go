package baseline

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/holdfast-security/holdfast/fim"
)

// ErrDamaged says that what is on the disk was not written by this package or
// has been changed since.
var ErrDamaged = errors.New("the baseline is damaged")

// Kinds of frames. Each begins with one byte of these.
const (
	frameSelection = 's' // JSON of what is watched, in force with the next commit
	frameUnit      = 'u' // one part of a unit
	frameRemove    = 'r' // path of a unit that is gone
	frameCommit    = 'c' // what came before it counts
)

// Bounds of what is decoded.
const (
	maxFrame  = 8 << 20
	partBytes = 256 << 10 // a unit is cut into parts of about this size
)

// Item is one name in a directory as it was kept.
type Item struct {
	Name string
	// Own says that the name is a directory with a unit of its own, which
	// holds its state.
	Own   bool
	State fim.State
}

// encoder makes the parts of one unit, items in ascending order of names.
type encoder struct {
	path  string
	self  fim.State
	parts [][]byte
	part  []byte
}

// reset begins a unit. It keeps the room of the last one.
func (e *encoder) reset(path string, self fim.State) {
	*e = encoder{path: path, self: self, parts: e.parts[:0], part: e.part[:0]}
	e.begin()
}

// begin starts a part: kind, number, path, and in the first one the state of
// the directory itself. Whether it is the last is put in at the end.
func (e *encoder) begin() {
	e.part = append(e.part, frameUnit, 0)
	e.part = binary.AppendUvarint(e.part, uint64(len(e.parts)))
	e.part = appendText(e.part, e.path)
	if len(e.parts) == 0 {
		e.part = appendState(e.part, e.self, fim.Stat{})
	}
}

const ownBit = 0x80 // of the kind of an item

// add appends an item.
func (e *encoder) add(item Item) {
	if len(e.part) >= partBytes {
		e.parts = append(e.parts, e.part)
		e.part = nil
		e.begin()
	}
	e.part = appendText(e.part, item.Name)
	if item.Own {
		e.part = append(e.part, ownBit)
		return
	}
	e.part = appendState(e.part, item.State, e.self.Stat)
}

// finish returns the parts, which are valid until the next reset.
func (e *encoder) finish() [][]byte {
	e.part[1] = 1
	return append(e.parts, e.part)
}

func appendText(b []byte, text string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

// appendState appends a state. Numbers that are mostly the same as those of the
// directory, or near them, are written as differences.
func appendState(b []byte, s fim.State, near fim.Stat) []byte {
	b = append(b, byte(s.Kind), byte(s.Flags))
	for _, v := range []uint64{
		uint64(s.Mode), uint64(s.Links), uint64(s.UID), uint64(s.GID), uint64(s.Size), s.Inode ^ near.Inode,
		s.Device ^ near.Device, s.Volume ^ near.Volume, s.Mount ^ near.Mount, s.Node,
	} {
		b = binary.AppendUvarint(b, v)
	}
	b = binary.AppendVarint(b, s.Changed-near.Changed)
	b = binary.AppendVarint(b, s.Born-s.Changed)
	b = binary.AppendVarint(b, s.Modified-s.Changed)
	return appendDetail(b, s.Detail)
}

const unsettledBit = 0x80 // of the content

func appendDetail(b []byte, d fim.Detail) []byte {
	content := byte(d.Content)
	if d.Unsettled {
		content |= unsettledBit
	}
	b = append(b, content)
	if hasDigest(d.Content) {
		b = append(b, d.Digest[:]...)
	}
	b = appendText(b, d.Target)
	b = binary.AppendUvarint(b, uint64(len(d.Xattrs)))
	for _, x := range d.Xattrs {
		b = appendText(b, x.Name)
		b = binary.AppendUvarint(b, uint64(x.Size))
		b = appendText(b, x.Value)
	}
	return b
}

func hasDigest(c fim.Content) bool { return c == fim.ContentWhole || c == fim.ContentSample }

// decoder reads what encoder wrote, from bytes that may be anything. Its texts
// are parts of what it was given.
type decoder struct {
	rest string
	err  error
}

func (d *decoder) fail(format string, args ...any) {
	if d.err == nil {
		d.err = fmt.Errorf("%w: %s", ErrDamaged, fmt.Sprintf(format, args...))
	}
	d.rest = ""
}

func (d *decoder) byte() byte {
	if d.rest == "" {
		d.fail("cut off")
		return 0
	}
	b := d.rest[0]
	d.rest = d.rest[1:]
	return b
}

func (d *decoder) bytes(n uint64) string {
	if n > uint64(len(d.rest)) {
		d.fail("%d bytes of %d", n, len(d.rest))
		return ""
	}
	text := d.rest[:n]
	d.rest = d.rest[n:]
	return text
}

func (d *decoder) text() string { return d.bytes(d.uvarint()) }

func (d *decoder) uvarint() (v uint64) {
	for i := 0; i < min(len(d.rest), binary.MaxVarintLen64); i++ {
		b := d.rest[i]
		if i == binary.MaxVarintLen64-1 && b > 1 {
			break
		}
		v |= uint64(b&0x7f) << (7 * i)
		if b < 0x80 {
			d.rest = d.rest[i+1:]
			return v
		}
	}
	d.fail("a number is cut off")
	return 0
}

func (d *decoder) varint() int64 {
	u := d.uvarint()
	return int64(u>>1) ^ -int64(u&1)
}

// bounded reads a number that may not be larger than most.
func (d *decoder) bounded(most uint64) uint64 {
	v := d.uvarint()
	if v > most {
		d.fail("a number is %d, more than %d", v, most)
		return 0
	}
	return v
}

// part is what a part of a unit begins with.
type part struct {
	number uint64
	last   bool
	path   string
}

// head reads the beginning of a part, after the kind of the frame.
func (d *decoder) head() (p part) {
	p.last = d.byte() != 0
	p.number = d.bounded(1 << 32)
	p.path = d.text()
	if d.err == nil && !fim.Absolute(p.path) {
		d.fail("a unit of %.40q", p.path)
	}
	return p
}

func (d *decoder) state(near fim.Stat) (s fim.State) {
	s.Kind = fim.Kind(d.byte())
	if s.Kind > fim.KindBlockDevice {
		d.fail("kind %d", s.Kind)
	}
	s.Flags = fim.Flags(d.byte())
	s.Mode = uint16(d.bounded(0o7777))
	s.Links, s.UID, s.GID = uint32(d.bounded(1<<32-1)), uint32(d.bounded(1<<32-1)), uint32(d.bounded(1<<32-1))
	s.Size = int64(d.bounded(1<<63 - 1))
	s.Inode, s.Device = d.uvarint()^near.Inode, d.uvarint()^near.Device
	s.Volume, s.Mount, s.Node = d.uvarint()^near.Volume, d.uvarint()^near.Mount, d.uvarint()
	s.Changed = d.varint() + near.Changed
	s.Born, s.Modified = d.varint()+s.Changed, d.varint()+s.Changed
	s.Detail = d.detail()
	return s
}

func (d *decoder) detail() (x fim.Detail) {
	content := d.byte()
	x.Content, x.Unsettled = fim.Content(content&^unsettledBit), content&unsettledBit != 0
	if x.Content > fim.ContentUnreadable {
		d.fail("content %d", x.Content)
	}
	if hasDigest(x.Content) {
		copy(x.Digest[:], d.bytes(uint64(len(x.Digest))))
	}
	x.Target = d.text()
	count := d.uvarint()
	if count > uint64(len(d.rest)) { // each takes more than a byte
		d.fail("%d attributes in %d bytes", count, len(d.rest))
	}
	for i := uint64(0); i < count && d.err == nil; i++ {
		x.Xattrs = append(x.Xattrs, fim.Xattr{Name: d.text(), Size: int(d.bounded(1 << 30)), Value: d.text()})
	}
	return x
}

// item reads the next item of a part, whose name comes after the last one.
func (d *decoder) item(last string, near fim.Stat) (i Item) {
	i.Name = d.text()
	if d.err == nil && (i.Name <= last || strings.ContainsAny(i.Name, "/\x00")) {
		d.fail("the name %.40q after %.40q", i.Name, last)
	}
	if d.rest != "" && d.rest[0] == ownBit {
		d.rest = d.rest[1:]
		i.Own = true
		return i
	}
	i.State = d.state(near)
	return i
}
