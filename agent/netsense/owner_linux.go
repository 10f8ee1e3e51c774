package netsense

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/holdfast-security/holdfast/agent/hostfs"
)

// maxLinks is how many descriptors one look may read; at about 5 µs each this
// bounds a look to some tens of milliseconds.
const maxLinks = 10_000

// owners finds the process that holds a socket. Processes share sockets; the
// first found wins, and a later one is not looked for. It belongs to one
// goroutine.
type owners struct {
	fs     hostfs.FS
	known  map[uint32]struct{} // pids of the last listing
	useful map[uint32]struct{} // pids that were found to hold a socket
	resume uint32              // pid at which the budget ended the last search, or zero
	buf    [64]byte
}

func newOwners(fs hostfs.FS) *owners {
	return &owners{fs: fs, known: make(map[uint32]struct{}), useful: make(map[uint32]struct{})}
}

// search looks for the owners of the sockets whose inodes are the keys of
// wanted, sets their pids there, and returns how many descriptors it read.
// New processes come first, then those that hold sockets, then the rest,
// newest first and from where the budget ended the last search.
func (o *owners) search(wanted map[uint32]uint32) (links int) {
	missing := len(wanted)
	if missing == 0 {
		return 0
	}
	pids, first := o.list()
	for i, pid := range pids {
		if i >= first && o.resume != 0 && pid > o.resume {
			continue
		}
		n, found := o.scan(pid, wanted)
		links, missing = links+n, missing-found
		if missing == 0 || links >= maxLinks {
			o.resume = pid
			return links
		}
	}
	o.resume = 0
	return links
}

// list returns all pids in the order of search, and how many of them are new
// or known to hold sockets.
func (o *owners) list() (pids []uint32, first int) {
	pids = listPIDs(o.fs)
	rank := func(pid uint32) int {
		if _, ok := o.known[pid]; !ok {
			return 0
		}
		if _, ok := o.useful[pid]; ok {
			return 1
		}
		return 2
	}
	slices.SortFunc(pids, func(a, b uint32) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(b, a))
	})
	first = slices.IndexFunc(pids, func(pid uint32) bool { return rank(pid) == 2 })
	if first < 0 {
		first = len(pids)
	}
	o.remember(pids)
	return pids, first
}

// remember makes pids the known ones and forgets those that ended.
func (o *owners) remember(pids []uint32) {
	clear(o.known)
	for _, pid := range pids {
		o.known[pid] = struct{}{}
	}
	for pid := range o.useful {
		if _, ok := o.known[pid]; !ok {
			delete(o.useful, pid)
		}
	}
}

// scan reads the descriptors of one process. A process that ends meanwhile
// yields nothing.
func (o *owners) scan(pid uint32, wanted map[uint32]uint32) (links, found int) {
	dir, err := o.fs.Open("/proc/" + strconv.FormatUint(uint64(pid), 10) + "/fd")
	if err != nil {
		return 0, 0
	}
	defer dir.Close()
	for {
		names, err := dir.Readdirnames(256)
		for _, name := range names {
			links++
			inode, ok := o.socketInode(int(dir.Fd()), name)
			if owner, ask := wanted[inode]; ok && ask && owner == 0 {
				wanted[inode] = pid
				o.useful[pid] = struct{}{}
				found++
			}
		}
		if err != nil || links > maxLinks {
			return links, found
		}
	}
}

// socketInode reads a link of the form "socket:[123]".
func (o *owners) socketInode(dir int, name string) (uint32, bool) {
	n, err := unix.Readlinkat(dir, name, o.buf[:])
	if err != nil {
		return 0, false
	}
	return cutInode(string(o.buf[:n]), "socket:[")
}

func cutInode(link, prefix string) (uint32, bool) {
	digits, ok := strings.CutPrefix(link, prefix)
	if !ok || !strings.HasSuffix(digits, "]") {
		return 0, false
	}
	inode, err := strconv.ParseUint(digits[:len(digits)-1], 10, 32)
	return uint32(inode), err == nil
}

func listPIDs(fs hostfs.FS) []uint32 {
	dir, err := fs.Open("/proc")
	if err != nil {
		return nil
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1)
	pids := make([]uint32, 0, len(names))
	for _, name := range names {
		if name[0] < '1' || name[0] > '9' {
			continue
		}
		if pid, err := strconv.ParseUint(name, 10, 32); err == nil {
			pids = append(pids, uint32(pid))
		}
	}
	return pids
}
