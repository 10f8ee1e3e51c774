package netsense

import (
	"encoding/binary"
	"errors"
	"net/netip"

	"github.com/holdfast-security/holdfast/internal/netlink"
)

// Numbers of linux/sock_diag.h and linux/inet_diag.h.
const (
	sockDiagByFamily = 20 // SOCK_DIAG_BY_FAMILY

	diagRequestLen = 56 // struct inet_diag_req_v2
	diagMessageLen = 72 // struct inet_diag_msg

	diagAttrInfo     = 2  // INET_DIAG_INFO: struct tcp_info
	diagAttrProtocol = 10 // INET_DIAG_PROTOCOL

	// Multicast groups, enum sknetlink_groups.
	groupTCP4Destroy = 1
	groupUDP4Destroy = 2
	groupTCP6Destroy = 3
	groupUDP6Destroy = 4
)

// Address families and protocols as the kernel numbers them, on any OS.
const (
	familyINET  = 2
	familyINET6 = 10
	protoTCP    = 6
	protoUDP    = 17
)

// States of a socket, net/tcp_states.h.
const (
	stateEstablished = 1
	stateSynSent     = 2
	stateSynRecv     = 3
	stateTimeWait    = 6
	stateClose       = 7
	stateListen      = 10
	stateNewSynRecv  = 12
)

// wantedTCP are all states but those without a socket of a process: handshakes
// the kernel does alone, what lingers after the end, and sockets not in use.
const wantedTCP = 0xfff &^ (1<<stateSynRecv | 1<<stateTimeWait | 1<<stateClose | 1<<stateNewSynRecv | 1)

// wantedUDP are connected sockets.
const wantedUDP = 1 << stateEstablished

// errShort says that a message is shorter than its structure.
var errShort = errors.New("socket message is cut short")

// socket is one socket as the kernel describes it.
type socket struct {
	cookie   uint64 // unique for the time the kernel runs
	proto    uint8
	state    uint8
	local    netip.AddrPort
	remote   netip.AddrPort
	inode    uint32 // zero when no process holds it any more
	uid      uint32
	bytesOut uint64 // acknowledged by the peer; only in the last message about a TCP socket
	bytesIn  uint64
}

// listening reports whether the socket waits for connections.
func (s *socket) listening() bool { return s.proto == protoTCP && s.state == stateListen }

// diagRequest returns struct inet_diag_req_v2 asking for all sockets of a
// family and protocol in the given states.
func diagRequest(family, proto uint8, states uint32) []byte {
	b := make([]byte, diagRequestLen)
	b[0], b[1] = family, proto
	binary.NativeEndian.PutUint32(b[4:], states)
	return b
}

// parseDiag reads struct inet_diag_msg with its attributes. proto is what was
// asked for; a message nobody asked for says it itself.
func parseDiag(b []byte, proto uint8) (socket, error) {
	if len(b) < diagMessageLen {
		return socket{}, errShort
	}
	s := socket{
		proto: proto, state: b[1],
		cookie: uint64(binary.NativeEndian.Uint32(b[44:])) | uint64(binary.NativeEndian.Uint32(b[48:]))<<32,
		uid:    binary.NativeEndian.Uint32(b[64:]),
		inode:  binary.NativeEndian.Uint32(b[68:]),
	}
	s.local = netip.AddrPortFrom(diagAddr(b[0], b[8:24]), binary.BigEndian.Uint16(b[4:]))
	s.remote = netip.AddrPortFrom(diagAddr(b[0], b[24:40]), binary.BigEndian.Uint16(b[6:]))
	if s.listening() {
		s.remote = netip.AddrPort{}
	}
	if len(b) == diagMessageLen {
		return s, nil
	}
	return s, s.attrs(b[diagMessageLen:])
}

func diagAddr(family uint8, b []byte) netip.Addr {
	if family == familyINET {
		return netip.AddrFrom4([4]byte(b[:4]))
	}
	return netip.AddrFrom16([16]byte(b)).Unmap()
}

func (s *socket) attrs(b []byte) error {
	a := netlink.NewAttrs(b)
	for a.Next() {
		switch a.Type() {
		case diagAttrProtocol:
			s.proto = a.Uint8()
		case diagAttrInfo:
			// tcpi_bytes_acked and tcpi_bytes_received of struct tcp_info,
			// linux/tcp.h; older kernels send less.
			if info := a.Data(); len(info) >= 136 && s.proto != protoUDP {
				s.bytesOut = binary.NativeEndian.Uint64(info[120:])
				s.bytesIn = binary.NativeEndian.Uint64(info[128:])
			}
		}
	}
	return a.Err()
}
