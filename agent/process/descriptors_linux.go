package process

import (
	"net/netip"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/holdfast-security/holdfast/event"
)

// descriptors reads to what standard input, output and error are connected.
func (h *liveHost) descriptors(pid uint32) []event.Descriptor {
	var found []event.Descriptor
	for fd := range 3 {
		target, err := h.proc.Link(pid, "fd/"+strconv.Itoa(fd))
		if err != nil {
			continue
		}
		d := event.Descriptor{FD: fd, Target: target}
		d.Kind = descriptorKind(target)
		if d.Kind == event.DescriptorSocket {
			h.socket(pid, &d)
		}
		found = append(found, d)
	}
	return found
}

// descriptorKind reads the target of /proc/PID/fd/N, see proc_pid_fd(5).
func descriptorKind(target string) event.DescriptorKind {
	switch {
	case strings.HasPrefix(target, "socket:["):
		return event.DescriptorSocket
	case strings.HasPrefix(target, "pipe:["):
		return event.DescriptorPipe
	case strings.HasPrefix(target, "/dev/pts/"), strings.HasPrefix(target, "/dev/tty"), target == "/dev/console":
		return event.DescriptorTerminal
	}
	return event.DescriptorFile
}

// socket tells what kind of socket a descriptor is and who the peer is. A
// duplicate of the descriptor answers that in any network namespace and
// without reading socket tables; where the kernel refuses one (before 5.6, or
// Yama's ptrace_scope 3) the descriptor stays a socket with its inode.
func (h *liveHost) socket(pid uint32, d *event.Descriptor) {
	process, err := unix.PidfdOpen(int(pid), 0)
	if err != nil {
		return
	}
	defer unix.Close(process)
	fd, err := unix.PidfdGetfd(process, d.FD, 0)
	if err != nil {
		return
	}
	defer unix.Close(fd)
	switch domain, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DOMAIN); {
	case err != nil:
		return
	case domain == unix.AF_UNIX:
		d.Kind = event.DescriptorUnixSocket
	case domain != unix.AF_INET && domain != unix.AF_INET6:
		return
	}
	if peer, err := unix.Getpeername(fd); err == nil {
		if text := addressOf(peer); text != "" {
			d.Target = text
		}
	}
}

// addressOf writes the address of a peer: address:port, or the path of a
// local socket; "" for a nameless one.
func addressOf(peer unix.Sockaddr) string {
	switch a := peer.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port)).String()
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(a.Addr).Unmap(), uint16(a.Port)).String()
	case *unix.SockaddrUnix:
		return a.Name
	}
	return ""
}
