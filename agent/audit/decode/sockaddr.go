package decode

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"strings"
)

// Address families with an address that [ParseSockaddr] reads, <sys/socket.h>.
const (
	FamilyUnix    = 1
	FamilyInet    = 2
	FamilyInet6   = 10
	FamilyNetlink = 16
	FamilyPacket  = 17
	FamilyALG     = 38
)

// Sockaddr is a socket address.
type Sockaddr struct {
	Family uint16
	// Address is set for AF_INET and AF_INET6.
	Address netip.AddrPort
	// Path is set for AF_UNIX: a path, "@name" for an abstract name, "" for
	// a socket without a name.
	Path string
	// Port and Groups are set for AF_NETLINK, Protocol (in host byte order,
	// an ETH_P number) and Interface for AF_PACKET; Path holds type:name for
	// AF_ALG.
	Port, Groups uint32
	Protocol     uint16
	Interface    uint32
}

var errSockaddr = errors.New("malformed socket address")

// maxSockaddr is the size of struct sockaddr_storage, <linux/socket.h>.
const maxSockaddr = 128

// ParseSockaddr reads the saddr field of a SOCKADDR record: a struct sockaddr
// in hex. The byte order of the host that wrote it is taken from the family.
// A family that it does not know is not an error.
func ParseSockaddr(value []byte) (Sockaddr, error) {
	var raw [maxSockaddr]byte
	if len(value) > 2*maxSockaddr || len(value) < 4 {
		return Sockaddr{}, fmt.Errorf("%w: %d hex digits", errSockaddr, len(value))
	}
	n, err := hex.Decode(raw[:], value)
	if err != nil {
		return Sockaddr{}, fmt.Errorf("%w: %w", errSockaddr, err)
	}
	b := raw[:n]
	order := binary.ByteOrder(binary.LittleEndian)
	if b[0] == 0 && b[1] != 0 {
		order = binary.BigEndian
	}
	s := Sockaddr{Family: order.Uint16(b)}
	return s, s.parse(b, order)
}

func (s *Sockaddr) parse(b []byte, order binary.ByteOrder) error {
	need := map[uint16]int{FamilyInet: 8, FamilyInet6: 24, FamilyNetlink: 12, FamilyPacket: 8, FamilyALG: 24}[s.Family]
	if len(b) < need {
		return fmt.Errorf("%w: %d bytes of %s", errSockaddr, len(b), Family(uint64(s.Family)))
	}
	switch s.Family {
	case FamilyUnix:
		s.Path = unixPath(b[2:])
	case FamilyInet: // struct sockaddr_in, <linux/in.h>
		s.Address = netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[4:8])), binary.BigEndian.Uint16(b[2:]))
	case FamilyInet6: // struct sockaddr_in6, <linux/in6.h>
		s.Address = netip.AddrPortFrom(netip.AddrFrom16([16]byte(b[8:24])), binary.BigEndian.Uint16(b[2:]))
	case FamilyNetlink: // struct sockaddr_nl, <linux/netlink.h>
		s.Port, s.Groups = order.Uint32(b[4:]), order.Uint32(b[8:])
	case FamilyPacket: // struct sockaddr_ll, <linux/if_packet.h>
		s.Protocol, s.Interface = binary.BigEndian.Uint16(b[2:]), order.Uint32(b[4:])
	case FamilyALG: // struct sockaddr_alg, <linux/if_alg.h>
		s.Path = cString(b[2:16]) + ":" + cString(b[24:])
	}
	return nil
}

// String returns the address as text: "192.0.2.1:443", a path, or the family.
func (s Sockaddr) String() string {
	switch {
	case s.Address.IsValid():
		return s.Address.String()
	case s.Path != "":
		return s.Path
	}
	return Family(uint64(s.Family))
}

// unixPath reads sun_path of struct sockaddr_un, unix(7). An abstract name
// begins with a zero byte; where the kernel logged the whole buffer, the zero
// bytes at its end are not part of the name.
func unixPath(b []byte) string {
	if len(b) > 1 && b[0] == 0 {
		name := strings.TrimRight(string(b[1:]), "\x00")
		if name == "" {
			return ""
		}
		return "@" + name
	}
	return cString(b)
}

func cString(b []byte) string {
	text, _, _ := strings.Cut(string(b), "\x00")
	return text
}
