// Package inotify watches directory trees with inotify(7), for where the
// kernel gives nothing better: it watches one directory at a time, knows
// nothing of who did it, and has limits that a large tree meets.
//
// [Parse] takes the bytes of a read apart; it is pure and works everywhere.
// [Tree] keeps a watch on every directory below its roots and exists on Linux
// only. Where it cannot watch it says so by name, so that somebody can look
// there by other means.
package inotify

import (
	"bytes"
	"encoding/binary"
)

// Mask is a set of what happened, include/uapi/linux/inotify.h.
type Mask uint32

// Bits of a Mask.
const (
	Modify     Mask = 0x2
	Attrib     Mask = 0x4
	CloseWrite Mask = 0x8
	MovedFrom  Mask = 0x40
	MovedTo    Mask = 0x80
	Create     Mask = 0x100
	Delete     Mask = 0x200
	DeleteSelf Mask = 0x400
	MoveSelf   Mask = 0x800
	Unmount    Mask = 0x2000
	Overflow   Mask = 0x4000
	Ignored    Mask = 0x8000
	IsDir      Mask = 0x40000000
)

// Record is one struct inotify_event. Name is a part of the parsed bytes.
type Record struct {
	Watch  int32 // -1 for Overflow
	Mask   Mask
	Cookie uint32 // joins MovedFrom and MovedTo
	Name   []byte // in the watched directory; empty for the directory itself
}

const headerLength = 16

// Parse calls yield for each record in data, the bytes of one read. It returns
// false when data is not of the documented form.
func Parse(data []byte, yield func(Record)) bool {
	n := binary.NativeEndian
	for len(data) >= headerLength {
		size := n.Uint32(data[12:])
		if uint64(size) > uint64(len(data)-headerLength) {
			return false
		}
		r := Record{Watch: int32(n.Uint32(data)), Mask: Mask(n.Uint32(data[4:])), Cookie: n.Uint32(data[8:])}
		name := data[headerLength : headerLength+int(size)]
		if i := bytes.IndexByte(name, 0); i >= 0 {
			name = name[:i]
		}
		if bytes.IndexByte(name, '/') >= 0 {
			return false
		}
		r.Name = name[:len(name):len(name)]
		yield(r)
		data = data[headerLength+int(size):]
	}
	return len(data) == 0
}
