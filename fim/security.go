package fim

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"strconv"
	"strings"
)

// Capabilities are those that a program gets from its file, decoded from the
// attribute security.capability: struct vfs_cap_data of linux/capability.h.
type Capabilities struct {
	Permitted   uint64 // bit n is capability n
	Inheritable uint64
	Effective   bool   // raised when the program starts, not by its own doing
	Root        uint32 // user that is root where they count; 0 for the host's
}

// Revisions of the format, in the highest byte of its first word.
const (
	capRevision2 = 0x02000000
	capRevision3 = 0x03000000
	capEffective = 1
)

// DecodeCapabilities reads revisions 2 and 3 of the format; revision 1 has not
// been written since Linux 2.6.25.
func DecodeCapabilities(value string) (Capabilities, error) {
	want := map[uint32]int{capRevision2: 20, capRevision3: 24}
	b := []byte(value)
	if len(b) < 4 {
		return Capabilities{}, fmt.Errorf("capabilities of %d bytes", len(b))
	}
	magic := binary.LittleEndian.Uint32(b)
	if size, ok := want[magic&0xff000000]; !ok || len(b) != size {
		return Capabilities{}, fmt.Errorf("capabilities of %d bytes with revision %#x", len(b), magic&0xff000000)
	}
	word := func(i int) uint64 { return uint64(binary.LittleEndian.Uint32(b[4*i:])) }
	c := Capabilities{
		Permitted:   word(1) | word(3)<<32,
		Inheritable: word(2) | word(4)<<32,
		Effective:   magic&capEffective != 0,
	}
	if len(b) == 24 {
		c.Root = uint32(word(5))
	}
	return c, nil
}

// capabilityNames are those of linux/capability.h, by number.
var capabilityNames = [...]string{
	"chown", "dac_override", "dac_read_search", "fowner", "fsetid", "kill", "setgid", "setuid", "setpcap", "linux_immutable",
	"net_bind_service", "net_broadcast", "net_admin", "net_raw", "ipc_lock", "ipc_owner", "sys_module", "sys_rawio", "sys_chroot",
	"sys_ptrace", "sys_pacct", "sys_admin", "sys_boot", "sys_nice", "sys_resource", "sys_time", "sys_tty_config", "mknod", "lease",
	"audit_write", "audit_control", "setfcap", "mac_override", "mac_admin", "syslog", "wake_alarm", "block_suspend", "audit_read",
	"perfmon", "bpf", "checkpoint_restore",
}

// String returns the capabilities by name: "cap_net_raw,cap_net_admin
// (effective)".
func (c Capabilities) String() string {
	text := capabilityList(c.Permitted)
	if c.Inheritable != 0 {
		text += " inheritable " + capabilityList(c.Inheritable)
	}
	if c.Effective {
		text += " (effective)"
	}
	if c.Root != 0 {
		text += " under root user " + number(c.Root)
	}
	return text
}

func capabilityList(set uint64) string {
	if set == 0 {
		return "none"
	}
	if all := uint64(1)<<len(capabilityNames) - 1; set == all {
		return "all capabilities"
	}
	var names []string
	for ; set != 0; set &= set - 1 {
		n := bits.TrailingZeros64(set)
		if n < len(capabilityNames) {
			names = append(names, "cap_"+capabilityNames[n])
		} else {
			names = append(names, "cap_"+strconv.Itoa(n))
		}
	}
	return strings.Join(names, ",")
}

// ACL is a POSIX access list, acl(5), decoded from the attributes
// system.posix_acl_access and system.posix_acl_default.
type ACL []ACLEntry

// ACLEntry gives rights to one user, to one group or to others.
type ACLEntry struct {
	Tag    uint16 // of linux/posix_acl.h
	Rights uint16 // 4 read, 2 write, 1 execute
	ID     uint32 // of the user or group where the tag names one
}

// Tags and version of linux/posix_acl.h and posix_acl_xattr.h.
const (
	aclVersion  = 2
	aclUserObj  = 0x01
	aclUser     = 0x02
	aclGroupObj = 0x04
	aclGroup    = 0x08
	aclMask     = 0x10
	aclOther    = 0x20
)

// DecodeACL reads version 2 of the format, the only one.
func DecodeACL(value string) (ACL, error) {
	b := []byte(value)
	if len(b) < 4 || binary.LittleEndian.Uint32(b) != aclVersion || (len(b)-4)%8 != 0 {
		return nil, fmt.Errorf("an access list of %d bytes is not of version %d", len(b), aclVersion)
	}
	acl := make(ACL, 0, len(b)/8)
	for b = b[4:]; len(b) > 0; b = b[8:] {
		acl = append(acl, ACLEntry{
			Tag: binary.LittleEndian.Uint16(b), Rights: binary.LittleEndian.Uint16(b[2:]), ID: binary.LittleEndian.Uint32(b[4:]),
		})
	}
	return acl, nil
}

// String returns the list in the short form of acl(5), with numbers for users
// and groups: "u::rw-,u:1000:rw-,g::r--,m::rw-,o::---".
func (a ACL) String() string {
	parts := make([]string, len(a))
	for i, e := range a {
		parts[i] = e.String()
	}
	return strings.Join(parts, ",")
}

// String returns the entry in the short form of acl(5).
func (e ACLEntry) String() string {
	rights := []byte("---")
	for i, letter := range "rwx" {
		if e.Rights&(4>>i) != 0 {
			rights[i] = byte(letter)
		}
	}
	who := map[uint16]string{aclUserObj: "u:", aclGroupObj: "g:", aclMask: "m:", aclOther: "o:"}[e.Tag]
	switch {
	case e.Tag == aclUser:
		who = "u:" + number(e.ID)
	case e.Tag == aclGroup:
		who = "g:" + number(e.ID)
	case who == "":
		who = fmt.Sprintf("tag %#x:%d", e.Tag, e.ID)
	}
	return who + ":" + string(rights)
}
