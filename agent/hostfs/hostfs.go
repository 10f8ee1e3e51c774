// Package hostfs is a rooted view of a host's files: /, /proc and /sys.
//
// Features read the host through an [FS] so that tests pass a directory, and
// so that an agent in a container can be pointed at the host's mounts. Paths
// are absolute paths of the host; joining cannot climb out of the root by
// "..", but symbolic links inside the host are followed as the kernel does:
// an FS is a convenience, not a jail. Where hostile link chains matter, open
// with O_NOFOLLOW or openat2 at the call site.
package hostfs

import (
	"io"
	"os"
	"path/filepath"
)

// FS is a host's file system seen from a root directory. The zero value is
// the running system itself. It is safe for concurrent use.
type FS struct {
	root string
}

// New returns the file system whose "/" is the directory root; "" is "/".
func New(root string) FS {
	if root == "" {
		return FS{}
	}
	if root = filepath.Clean(root); root == "/" {
		root = ""
	}
	return FS{root: root}
}

// Live reports whether the FS is the running system itself: only then do pids
// under /proc name processes of this kernel.
func (f FS) Live() bool { return f.root == "" }

// Path returns where the host path name is found on the running system.
func (f FS) Path(name string) string {
	if f.root == "" {
		return filepath.Clean("/" + name)
	}
	return filepath.Join(f.root, filepath.Clean("/"+name))
}

// Open opens a host file for reading.
func (f FS) Open(name string) (*os.File, error) { return os.Open(f.Path(name)) }

// Stat describes a host file, following links.
func (f FS) Stat(name string) (os.FileInfo, error) { return os.Stat(f.Path(name)) }

// ReadDir lists a host directory.
func (f FS) ReadDir(name string) ([]os.DirEntry, error) { return os.ReadDir(f.Path(name)) }

// Readlink returns the target of a symbolic link as it is written there.
func (f FS) Readlink(name string) (string, error) { return os.Readlink(f.Path(name)) }

// ReadFile reads at most limit bytes of a host file; files under /proc report
// no size, and a hostile file has no end. What lies beyond limit is cut off
// without an error.
func (f FS) ReadFile(name string, limit int64) ([]byte, error) {
	file, err := f.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, limit))
}
