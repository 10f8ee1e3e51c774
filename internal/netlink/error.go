package netlink

import (
	"encoding/binary"
	"fmt"
	"syscall"
)

// Attributes of an extended acknowledgement, linux/netlink.h
// (enum nlmsgerr_attrs).
const (
	errAttrText   = 1 // NLMSGERR_ATTR_MSG
	errAttrOffset = 2 // NLMSGERR_ATTR_OFFS
)

// Error is a request that the kernel refused. It unwraps to its Errno.
type Error struct {
	Errno  syscall.Errno
	Text   string // the kernel's own words, or ""
	Offset uint32 // of the offending attribute from the start of the request, or zero
}

// Error returns the errno's text and the kernel's own words.
func (e *Error) Error() string {
	switch {
	case e.Text == "":
		return e.Errno.Error()
	case e.Offset == 0:
		return fmt.Sprintf("%s: kernel says: %s", e.Errno.Error(), e.Text)
	default:
		return fmt.Sprintf("%s: kernel says: %s (at byte %d of the request)", e.Errno.Error(), e.Text, e.Offset)
	}
}

// Unwrap returns the Errno.
func (e *Error) Unwrap() error { return e.Errno }

// Err returns the error in an acknowledgement: nil for success, an [*Error]
// for a refusal, an error wrapping [ErrMalformed] for nonsense. Of a message
// of another type than [TypeError] and [TypeDone] it returns nil.
func (m Message) Err() error {
	if m.Type != TypeError && m.Type != TypeDone {
		return nil
	}
	if m.Type == TypeDone && len(m.Data) == 0 {
		return nil
	}
	if len(m.Data) < 4 {
		return fmt.Errorf("%w: acknowledgement of %d bytes", ErrMalformed, len(m.Data))
	}
	code := int32(binary.NativeEndian.Uint32(m.Data))
	if code >= 0 {
		return nil
	}
	e := &Error{Errno: syscall.Errno(-int64(code))}
	e.readAttrs(m)
	return e
}

// readAttrs reads what follows the acknowledgement proper: struct nlmsgerr is
// the code and the header of the refused request, with the request's payload
// unless FlagCapped is set.
func (e *Error) readAttrs(m Message) {
	if m.Flags&FlagExtendedAck == 0 {
		return
	}
	skip := 4
	if m.Type == TypeError {
		skip += HeaderLen
		if len(m.Data) < skip {
			return
		}
		if m.Flags&FlagCapped == 0 {
			skip = 4 + align(int(min(binary.NativeEndian.Uint32(m.Data[4:]), 1<<30)), messageAlign)
		}
	}
	if skip > len(m.Data) {
		return
	}
	for a := NewAttrs(m.Data[skip:]); a.Next(); {
		switch a.Type() {
		case errAttrText:
			e.Text = a.Text()
		case errAttrOffset:
			e.Offset = a.Uint32()
		}
	}
}
