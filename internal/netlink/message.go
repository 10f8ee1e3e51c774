package netlink

import (
	"encoding/binary"
	"fmt"
)

// Message types and flags that netlink itself defines, linux/netlink.h.
const (
	TypeNoop    = 1 // NLMSG_NOOP
	TypeError   = 2 // NLMSG_ERROR: an error, or an acknowledgement when the error is zero
	TypeDone    = 3 // NLMSG_DONE: end of a dump
	TypeOverrun = 4 // NLMSG_OVERRUN: data was lost

	FlagRequest         = 0x1   // NLM_F_REQUEST
	FlagMulti           = 0x2   // NLM_F_MULTI: part of a dump
	FlagAck             = 0x4   // NLM_F_ACK: answer with an acknowledgement
	FlagDumpInterrupted = 0x10  // NLM_F_DUMP_INTR: what is dumped changed meanwhile
	FlagCapped          = 0x100 // NLM_F_CAPPED: the request was left out of an acknowledgement
	FlagExtendedAck     = 0x200 // NLM_F_ACK_TLVS: attributes follow an acknowledgement
	FlagDump            = 0x300 // NLM_F_DUMP, in requests: the whole table

	// HeaderLen is the length of struct nlmsghdr.
	HeaderLen = 16

	messageAlign = 4
)

// Message is one netlink message. Data lies in the buffer it was received in.
type Message struct {
	Type  uint16
	Flags uint16
	Seq   uint32
	Port  uint32 // port id of the socket it belongs to; zero for the kernel
	Data  []byte // without the header
}

// Next cuts the first message off a datagram. rest is what follows it, and is
// empty after the last one.
func Next(datagram []byte) (m Message, rest []byte, err error) {
	if len(datagram) < HeaderLen {
		return Message{}, nil, fmt.Errorf("%w: header of %d bytes", ErrMalformed, len(datagram))
	}
	size := binary.NativeEndian.Uint32(datagram)
	if size < HeaderLen || uint64(size) > uint64(len(datagram)) {
		return Message{}, nil, fmt.Errorf("%w: message of %d bytes in a datagram of %d", ErrMalformed, size, len(datagram))
	}
	m = header(datagram)
	m.Data = datagram[HeaderLen:size:size]
	return m, datagram[min(align(int(size), messageAlign), len(datagram)):], nil
}

// Whole reads a datagram that holds one message, whatever length its header
// claims. The audit system needs it: its headers leave out their own length
// (kernel/audit.c, audit_log_end).
func Whole(datagram []byte) (Message, error) {
	if len(datagram) < HeaderLen {
		return Message{}, fmt.Errorf("%w: header of %d bytes", ErrMalformed, len(datagram))
	}
	m := header(datagram)
	m.Data = datagram[HeaderLen:]
	return m, nil
}

func header(b []byte) Message {
	return Message{
		Type:  binary.NativeEndian.Uint16(b[4:]),
		Flags: binary.NativeEndian.Uint16(b[6:]),
		Seq:   binary.NativeEndian.Uint32(b[8:]),
		Port:  binary.NativeEndian.Uint32(b[12:]),
	}
}

func appendMessage(dst []byte, m Message) []byte {
	dst = binary.NativeEndian.AppendUint32(dst, uint32(HeaderLen+len(m.Data)))
	dst = binary.NativeEndian.AppendUint16(dst, m.Type)
	dst = binary.NativeEndian.AppendUint16(dst, m.Flags)
	dst = binary.NativeEndian.AppendUint32(dst, m.Seq)
	dst = binary.NativeEndian.AppendUint32(dst, m.Port)
	return pad(append(dst, m.Data...))
}
