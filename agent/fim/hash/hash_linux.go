package hash

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/holdfast-security/holdfast/agent/fim/walk"
	"github.com/holdfast-security/holdfast/fim"
)

// location is a name in an open directory.
type location struct {
	dir  int
	name string
}

func locate(d *walk.Directory, name string) location {
	if name == "" {
		name = d.Base()
	}
	return location{dir: d.FD(), name: name}
}

func (l location) failed(op string, err error) error {
	return &fs.PathError{Op: op, Path: l.name, Err: err}
}

// gone reports whether an error says that there is nothing of this kind.
func gone(err error) bool {
	return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ELOOP) || errors.Is(err, unix.ENXIO) || errors.Is(err, unix.ESTALE)
}

// file is an open file.
type file struct {
	fd     int
	cached bool // reading it leaves the cache of files as it is, or it was there before
	cache  *cache
	device uint64
}

// open opens a file. A pipe or a device put in its place does not block.
func (l location) open() (*file, error) {
	flags := unix.O_RDONLY | unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_NOCTTY | unix.O_CLOEXEC | unix.O_NOATIME
	for {
		fd, err := unix.Openat(l.dir, l.name, flags, 0)
		switch {
		case err == nil:
			return &file{fd: fd}, nil
		case errors.Is(err, unix.EPERM) && flags&unix.O_NOATIME != 0: // not ours
			flags &^= unix.O_NOATIME
		case errors.Is(err, unix.EINTR):
		default:
			return nil, l.failed("open", err)
		}
	}
}

func (f *file) close() { _ = unix.Close(f.fd) } // only read from

func (f *file) stat(s *fim.Stat) error {
	err := walk.StatFile(f.fd, s)
	f.device = s.Device
	return err
}

// written reports whether somebody has the file open for writing or has pages
// of it mapped so: then a read lease is refused, fcntl(2). It is let go at
// once, for whoever opens the file for writing would wait for it. Without the
// right to ask the answer is no.
func (f *file) written() bool {
	_, err := unix.FcntlInt(uintptr(f.fd), unix.F_SETLEASE, unix.F_RDLCK)
	if err == nil {
		_, _ = unix.FcntlInt(uintptr(f.fd), unix.F_SETLEASE, unix.F_UNLCK) // closing the file would do it too
	}
	return errors.Is(err, unix.EAGAIN)
}

// cache knows on which devices files can be read past the system's cache.
type cache struct {
	through sync.Map // uint64 to struct{}: devices where they cannot
}

func (c *cache) bypass(device uint64) bool {
	_, no := c.through.Load(device)
	return !no
}

// begin prepares for reading. Before Linux 6.14, and on file systems that
// cannot do better, what was not cached before is dropped again at the end.
func (f *file) begin(c *cache, size int64) {
	f.cache, f.cached = c, true
	if size == 0 || c.bypass(f.device) {
		return
	}
	probe := make([]byte, 1)
	_, first := unix.Preadv2(f.fd, [][]byte{probe}, 0, unix.RWF_NOWAIT)
	_, middle := unix.Preadv2(f.fd, [][]byte{probe}, size/2, unix.RWF_NOWAIT)
	f.cached = !errors.Is(first, unix.EAGAIN) && !errors.Is(middle, unix.EAGAIN)
}

func (f *file) end() {
	if !f.cached {
		_ = unix.Fadvise(f.fd, 0, 0, unix.FADV_DONTNEED) // advice
	}
}

// readAt reads as much as one call gives; at the end of the file it is io.EOF.
func (f *file) readAt(p []byte, offset int64) (int, error) {
	for {
		n, err := f.read(p, offset)
		switch {
		case err == nil && n == 0:
			return 0, io.EOF
		case err == nil:
			return n, nil
		case !errors.Is(err, unix.EINTR):
			return 0, os.NewSyscallError("read", err)
		}
	}
}

func (f *file) read(p []byte, offset int64) (int, error) {
	if f.cache.bypass(f.device) {
		n, err := unix.Preadv2(f.fd, [][]byte{p}, offset, unix.RWF_DONTCACHE)
		if !errors.Is(err, unix.EOPNOTSUPP) && !errors.Is(err, unix.ENOSYS) && !errors.Is(err, unix.EINVAL) {
			return n, err
		}
		f.cache.through.Store(f.device, struct{}{})
	}
	return unix.Pread(f.fd, p, offset)
}

// extents returns where the file has data, as pairs of offsets, and one offset
// for the rest when there are more than most.
func (f *file) extents(size int64, most int) []int64 {
	var found []int64
	for at := int64(0); at < size; {
		data, err := unix.Seek(f.fd, at, unix.SEEK_DATA)
		if err != nil {
			return found // a hole to the end, or a file system that cannot tell
		}
		hole, err := unix.Seek(f.fd, data, unix.SEEK_HOLE)
		if err != nil || hole <= data {
			return found
		}
		if len(found)/2 >= most {
			return append(found, data)
		}
		found = append(found, data, hole)
		at = hole
	}
	return found
}

// maxTarget bounds the target of a link; the system allows one byte less.
const maxTarget = unix.PathMax

// target reads a symbolic link.
func (l location) target() (string, error) {
	buf := make([]byte, maxTarget)
	n, err := unix.Readlinkat(l.dir, l.name, buf)
	if errors.Is(err, unix.EINVAL) {
		return "", fmt.Errorf("%w: it is no link now", ErrGone)
	}
	if err != nil {
		return "", l.failed("readlink", err)
	}
	return string(buf[:n]), nil
}

// xattrs reads the attributes of what is not opened. There is a call for a name
// in an open directory only since Linux 6.13; /proc leads there on all.
func (l location) xattrs() ([]fim.Xattr, error) {
	path := "/proc/self/fd/" + strconv.Itoa(l.dir) + "/" + l.name
	return readXattrs(
		func(b []byte) (int, error) { return unix.Llistxattr(path, b) },
		func(name string, b []byte) (int, error) { return unix.Lgetxattr(path, name, b) },
	)
}

func (f *file) xattrs() ([]fim.Xattr, error) {
	return readXattrs(
		func(b []byte) (int, error) { return unix.Flistxattr(f.fd, b) },
		func(name string, b []byte) (int, error) { return unix.Fgetxattr(f.fd, name, b) },
	)
}

// Limits of the system, linux/limits.h.
const (
	maxXattrList  = 64 << 10
	maxXattrValue = 64 << 10
)

// readXattrs reads all attributes that there are. One that vanishes meanwhile
// has moved the ctime of its file.
func readXattrs(list func([]byte) (int, error), get func(string, []byte) (int, error)) ([]fim.Xattr, error) {
	var small [512]byte
	names, err := grown(small[:], maxXattrList, list)
	if err != nil || len(names) == 0 {
		return nil, absent(err)
	}
	var found []fim.Xattr
	for name := range strings.SplitSeq(strings.TrimSuffix(string(names), "\x00"), "\x00") {
		value, err := grown(small[:], maxXattrValue, func(b []byte) (int, error) { return get(name, b) })
		if errors.Is(err, unix.ENODATA) {
			continue
		}
		if err != nil {
			return nil, &fs.PathError{Op: "getxattr", Path: name, Err: err}
		}
		found = append(found, bounded(name, value))
	}
	slices.SortFunc(found, func(a, b fim.Xattr) int { return strings.Compare(a.Name, b.Name) })
	return found, nil
}

// grown calls read with a buffer that is large enough.
func grown(small []byte, most int, read func([]byte) (int, error)) ([]byte, error) {
	n, err := read(small)
	if errors.Is(err, unix.ERANGE) {
		small = make([]byte, most)
		n, err = read(small)
	}
	if err != nil {
		return nil, err
	}
	return small[:n], nil
}

// absent turns the error of a file system without attributes into none, and of
// /proc that is not there as well: then those of files alone are known.
func absent(err error) error {
	if errors.Is(err, unix.ENOTSUP) || errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) {
		return nil
	}
	return err
}

func bounded(name string, value []byte) fim.Xattr {
	x := fim.Xattr{Name: name, Size: len(value), Value: string(value)}
	if len(value) > fim.MaxXattrValue {
		sum := sha256.Sum256(value)
		x.Value = string(sum[:])
	}
	return x
}
