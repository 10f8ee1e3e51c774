package netsense

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/holdfast-security/holdfast/agent/hostfs"
	"github.com/holdfast-security/holdfast/internal/netlink"
)

// maxNamespaces bounds the network namespaces that are looked into.
const maxNamespaces = 256

// destroyGroups are the kernel's announcements of sockets that end.
var destroyGroups = []uint32{groupTCP4Destroy, groupTCP6Destroy, groupUDP4Destroy, groupUDP6Destroy}

// namespace is a network namespace and the sockets opened inside it, which
// stay there whatever thread uses them.
type namespace struct {
	inode  uint64
	dump   *netlink.Conn
	events *netlink.Conn // nil where the announcements are not to be had
	pid    uint32        // a process inside, zero for the agent's own
	seen   bool          // in the present listing of processes
}

func (n *namespace) close() {
	n.dump.Close()
	if n.events != nil {
		n.events.Close()
	}
}

// openHere opens the sockets in the calling thread's namespace.
func openHere() (*namespace, error) {
	dump, err := netlink.Open(unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return nil, err
	}
	n := &namespace{dump: dump}
	if n.events, err = netlink.Open(unix.NETLINK_SOCK_DIAG, destroyGroups...); err != nil {
		n.events = nil
	} else if _, err := n.events.SetReceiveBuffer(1 << 20); err != nil {
		n.events.Close()
		n.events = nil
	}
	return n, nil
}

// openIn opens the sockets in the namespace of another process, on a thread of
// its own that ends afterwards and so can take its changed namespace with it.
func openIn(fs hostfs.FS, pid uint32) (*namespace, error) {
	file, err := fs.Open("/proc/" + strconv.FormatUint(uint64(pid), 10) + "/ns/net")
	if err != nil {
		return nil, err
	}
	defer file.Close()
	type result struct {
		n   *namespace
		err error
	}
	done := make(chan result)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread dies with the goroutine
		if err := unix.Setns(int(file.Fd()), unix.CLONE_NEWNET); err != nil {
			done <- result{err: fmt.Errorf("enter network namespace of process %d: %w", pid, err)}
			return
		}
		n, err := openHere()
		done <- result{n, err}
	}()
	r := <-done
	if r.n != nil {
		r.n.pid = pid
	}
	return r.n, r.err
}

// namespaceOf returns the inode number of a process's network namespace; zero
// when the process is gone or hidden.
func namespaceOf(fs hostfs.FS, pid string) uint64 {
	link, err := fs.Readlink("/proc/" + pid + "/ns/net")
	if err != nil {
		return 0
	}
	inode, _ := cutInode(link, "net:[")
	return uint64(inode)
}

// denied reports whether err says that a privilege is missing.
func denied(err error) bool { return errors.Is(err, os.ErrPermission) }
