package stream

import (
	"math"

	"golang.org/x/sys/unix"
)

// freeBytes returns how much of the file system that holds path is free for
// this user; all of it when that cannot be known.
func freeBytes(path string) uint64 {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return math.MaxUint64
	}
	free := st.Bavail
	if unix.Geteuid() == 0 {
		free = st.Bfree // the reserve is root's
	}
	return free * uint64(st.Bsize)
}
