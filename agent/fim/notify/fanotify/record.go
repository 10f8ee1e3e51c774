// Package fanotify reads the kernel's file notifications that carry file
// handles and names (fanotify(7), FAN_REPORT_DFID_NAME).
//
// [Parse] takes the bytes of a read apart into events; it is pure and works
// everywhere. [Group] talks to the kernel and exists on Linux only.
//
// The bytes come from the kernel, but the names in them are whatever a user
// calls a file: raw, possibly with newlines, never with a slash or a NUL. Every
// length is checked against the bytes that are there.
package fanotify

import (
	"bytes"
	"encoding/binary"
)

// Mask is a set of what happened, include/uapi/linux/fanotify.h. The kernel
// merges events of one object and process, so that several can be set.
type Mask uint64

// Bits of a Mask.
const (
	Attrib     Mask = 0x4
	Modify     Mask = 0x2
	CloseWrite Mask = 0x8
	MovedFrom  Mask = 0x40
	MovedTo    Mask = 0x80
	Create     Mask = 0x100
	Delete     Mask = 0x200
	Overflow   Mask = 0x4000
	Rename     Mask = 0x10000000
	OnDir      Mask = 0x40000000
)

// Types of information records, FAN_EVENT_INFO_TYPE_*.
const (
	infoFID         = 1
	infoDFIDName    = 2
	infoDFID        = 3
	infoPIDFD       = 4
	infoOldDFIDName = 10
	infoNewDFIDName = 12
)

// Sizes and the version of include/uapi/linux/fanotify.h.
const (
	metadataLength  = 24
	metadataVersion = 3
	headerLength    = 4 // struct fanotify_event_info_header
	fsidLength      = 8
	handleHead      = 8   // of struct file_handle: handle_bytes, handle_type
	maxHandle       = 128 // MAX_HANDLE_SZ
)

// Values of Event.PIDFD that are no descriptor.
const (
	NoPIDFD    = -1 // the process had ended, FAN_NOPIDFD
	PIDFDError = -2 // it could not be made, FAN_EPIDFD
	NotAsked   = -3 // the kernel was not asked, or did not tell
)

// Handle names an inode of a file system for as long as that lives: struct
// file_handle as the kernel wrote it. Two handles of one file system are equal
// exactly when their bytes are.
type Handle []byte

// Type returns handle_type.
func (h Handle) Type() int32 { return int32(binary.NativeEndian.Uint32(h[4:])) }

// Bytes returns f_handle.
func (h Handle) Bytes() []byte { return h[handleHead:] }

// Entry is a name in a directory. Name "." is the directory itself; an empty
// Dir says that the kernel told none.
type Entry struct {
	Dir  Handle
	Name []byte
}

// Event is one notification. Its slices are parts of the parsed bytes.
type Event struct {
	Mask   Mask
	PID    int32  // of the process that did it; 0 for one outside the reader's pid namespace
	PIDFD  int32  // a descriptor that the reader has to close, or one of the constants
	At     Entry  // where; for Rename the new place
	From   Entry  // for Rename the old place
	Object Handle // the file or directory itself, where the kernel tells it
}

// Parse calls yield for each event in data, the bytes of one read. bad counts
// events or records that are not of the documented form; with a length that
// leads nowhere the rest of data is given up. The event is used again for the
// next call.
func Parse(data []byte, yield func(*Event)) (bad int) {
	n := binary.NativeEndian
	var e Event
	for len(data) >= metadataLength {
		size, head := int(n.Uint32(data)), int(n.Uint16(data[6:]))
		if size < metadataLength || size > len(data) || head < metadataLength || head > size || data[4] != metadataVersion {
			return bad + 1
		}
		e = Event{Mask: Mask(n.Uint64(data[8:])), PID: int32(n.Uint32(data[20:])), PIDFD: NotAsked}
		if !e.records(data[head:size]) {
			bad++
		}
		yield(&e)
		data = data[size:]
	}
	if len(data) > 0 {
		bad++
	}
	return bad
}

// records reads the information records of an event and reports whether all
// were well-formed. Types that it does not know are passed over.
func (e *Event) records(data []byte) bool {
	for len(data) > 0 {
		if len(data) < headerLength {
			return false
		}
		size := int(binary.NativeEndian.Uint16(data[2:]))
		if size < headerLength || size > len(data) {
			return false
		}
		if !e.record(data[0], data[headerLength:size]) {
			return false
		}
		data = data[size:]
	}
	return true
}

func (e *Event) record(kind byte, body []byte) bool {
	switch kind {
	case infoPIDFD:
		if len(body) < 4 {
			return false
		}
		e.PIDFD = int32(binary.NativeEndian.Uint32(body))
		return true
	case infoFID, infoDFID, infoDFIDName, infoOldDFIDName, infoNewDFIDName:
		entry, ok := parseEntry(body)
		if !ok {
			return false
		}
		switch kind {
		case infoFID:
			e.Object = entry.Dir
		case infoOldDFIDName:
			e.From = entry
		default:
			e.At = entry
		}
	}
	return true
}

// parseEntry reads {fsid; struct file_handle; char name[]}.
func parseEntry(body []byte) (Entry, bool) {
	if len(body) < fsidLength+handleHead {
		return Entry{}, false
	}
	body = body[fsidLength:]
	size := binary.NativeEndian.Uint32(body)
	if size > maxHandle || int(size) > len(body)-handleHead {
		return Entry{}, false
	}
	end := handleHead + int(size)
	name := body[end:]
	if i := bytes.IndexByte(name, 0); i >= 0 {
		name = name[:i]
	}
	if bytes.IndexByte(name, '/') >= 0 {
		return Entry{}, false
	}
	return Entry{Dir: Handle(body[:end:end]), Name: name[:len(name):len(name)]}, true
}
