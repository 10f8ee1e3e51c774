package walk

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/holdfast-security/holdfast/fim"
)

// place is an open directory. For a root that is no directory it is the one
// that the root lies in.
type place struct {
	fd   int    // 0 for none: descriptor 0 is never a directory of ours
	base string // where the path itself is found from fd: "." or a name
	lent bool   // somebody else closes it
}

// FD returns the descriptor from which the names of the directory are found,
// and, by [Directory.Base], the directory itself. It is open until Visit
// returns, and 0 when there is nothing.
func (p *place) FD() int { return p.fd }

// Base returns the name by which FD leads to what Path names: "." for a
// directory.
func (p *place) Base() string { return p.base }

func (p *place) close() {
	if p.fd > 0 && !p.lent {
		_ = unix.Close(p.fd) // only read from
	}
	*p = place{}
}

func (p *place) borrowed() place { return place{fd: p.fd, base: p.base, lent: true} }

// Flags for directories. Reading one leaves no trace in its access time where
// the system allows that: to its owner and to root.
const dirFlags = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC | unix.O_NOATIME

// openRoot opens what lies at an absolute path. Links on the way are followed,
// one at the path itself is not.
func (p *place) openRoot(name string, self *fim.Stat) error {
	dir, err := open(unix.AT_FDCWD, path.Dir(name), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC)
	if err != nil {
		return err
	}
	base := path.Base(name)
	if name == "/" {
		base = "."
	}
	up := place{fd: dir, base: base}
	if err := Stat(dir, base, self); err != nil {
		up.close()
		return err
	}
	if self.Kind != fim.KindDirectory {
		*p = up
		return nil
	}
	defer up.close()
	return p.openAt(dir, base, self)
}

// openAt opens a directory by one name.
func (p *place) openAt(dir int, name string, self *fim.Stat) error {
	fd, err := open(dir, name, dirFlags)
	if err != nil {
		return err
	}
	*p = place{fd: fd, base: "."}
	return p.stat(self)
}

func (p *place) stat(self *fim.Stat) error {
	if err := Stat(p.fd, ".", self); err != nil {
		p.close()
		return err
	}
	return nil
}

// openBelow opens a directory by its path below another, without following any
// link. The path may be longer than what one system call takes.
func (p *place) openBelow(root *place, below string, self *fim.Stat) error {
	at := root.fd
	for {
		part, rest := split(below)
		fd, err := beneath(at, part)
		if at != root.fd {
			_ = unix.Close(at)
		}
		if err != nil {
			return err
		}
		if at, below = fd, rest; rest == "" {
			break
		}
	}
	*p = place{fd: at, base: "."}
	return p.stat(self)
}

// split cuts a path at a slash so that the first part is short enough for one
// system call.
func split(below string) (part, rest string) {
	if len(below) < unix.PathMax {
		return below, ""
	}
	i := strings.LastIndexByte(below[:unix.PathMax-1], '/')
	if i < 0 {
		return below, ""
	}
	return below[:i], below[i+1:]
}

// beneath opens a directory by a path below dir, by openat2(2) or, before Linux
// 5.6, name by name.
func beneath(dir int, below string) (int, error) {
	how := unix.OpenHow{Flags: dirFlags, Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS}
	for {
		fd, err := unix.Openat2(dir, below, &how)
		switch {
		case err == nil:
			return fd, nil
		case errors.Is(err, unix.EPERM) && how.Flags&unix.O_NOATIME != 0:
			how.Flags &^= unix.O_NOATIME
		case errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM):
			return stepwise(dir, below)
		case !errors.Is(err, unix.EINTR) && !errors.Is(err, unix.EAGAIN):
			return 0, &fs.PathError{Op: "open", Path: below, Err: err}
		}
	}
}

func stepwise(dir int, below string) (int, error) {
	at := dir
	for name := range strings.SplitSeq(below, "/") {
		fd, err := open(at, name, dirFlags)
		if at != dir {
			_ = unix.Close(at)
		}
		if err != nil {
			return 0, err
		}
		at = fd
	}
	return at, nil
}

// open opens a name, without O_NOATIME where that is refused.
func open(dir int, name string, flags int) (int, error) {
	for {
		fd, err := unix.Openat(dir, name, flags, 0)
		switch {
		case err == nil:
			return fd, nil
		case errors.Is(err, unix.EPERM) && flags&unix.O_NOATIME != 0:
			flags &^= unix.O_NOATIME
		case !errors.Is(err, unix.EINTR):
			return 0, &fs.PathError{Op: "open", Path: name, Err: err}
		}
	}
}

// vanished reports whether an error says that there is no such directory any
// more: nothing, or something else in its place.
func vanished(err error) bool {
	return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP) || errors.Is(err, unix.EXDEV) || errors.Is(err, unix.ESTALE)
}

const statMask = unix.STATX_BASIC_STATS | unix.STATX_BTIME | unix.STATX_MNT_ID

// Stat reads the state of a name in an open directory without following it. It
// waits for no network and mounts nothing.
func Stat(dir int, name string, s *fim.Stat) error { return stat(dir, name, 0, s) }

// StatFile reads the state of an open file.
func StatFile(fd int, s *fim.Stat) error { return stat(fd, "", unix.AT_EMPTY_PATH, s) }

func stat(dir int, name string, flags int, s *fim.Stat) error {
	var x unix.Statx_t
	for {
		err := unix.Statx(dir, name, flags|unix.AT_SYMLINK_NOFOLLOW|unix.AT_STATX_DONT_SYNC|unix.AT_NO_AUTOMOUNT, statMask, &x)
		if err == nil {
			convert(&x, s)
			return nil
		}
		if !errors.Is(err, unix.EINTR) {
			return &fs.PathError{Op: "statx", Path: name, Err: err}
		}
	}
}

// statName is [Stat] of a name that a zero byte follows, without a copy of it.
func statName(dir int, name string, x *unix.Statx_t) unix.Errno {
	for {
		_, _, e := unix.Syscall6(unix.SYS_STATX, uintptr(dir), uintptr(unsafe.Pointer(unsafe.StringData(name))),
			unix.AT_SYMLINK_NOFOLLOW|unix.AT_STATX_DONT_SYNC|unix.AT_NO_AUTOMOUNT, statMask, uintptr(unsafe.Pointer(x)), 0)
		if e != unix.EINTR {
			return e
		}
	}
}

var kinds = map[uint16]fim.Kind{
	unix.S_IFREG: fim.KindFile, unix.S_IFDIR: fim.KindDirectory, unix.S_IFLNK: fim.KindLink, unix.S_IFIFO: fim.KindPipe,
	unix.S_IFSOCK: fim.KindSocket, unix.S_IFCHR: fim.KindCharDevice, unix.S_IFBLK: fim.KindBlockDevice,
}

func convert(x *unix.Statx_t, s *fim.Stat) {
	*s = fim.Stat{
		Kind: kindOf(x.Mode), Mode: x.Mode & 0o7777, Links: x.Nlink, UID: x.Uid, GID: x.Gid, Size: int64(x.Size), Inode: x.Ino,
		Device: device(x.Dev_major, x.Dev_minor), Node: device(x.Rdev_major, x.Rdev_minor),
		Changed: nanoseconds(x.Ctime), Modified: nanoseconds(x.Mtime),
	}
	if x.Mask&unix.STATX_MNT_ID != 0 {
		s.Mount = x.Mnt_id
	}
	if x.Mask&unix.STATX_BTIME != 0 {
		s.Born = nanoseconds(x.Btime)
	}
	if x.Attributes != 0 {
		s.Flags = flags(x.Attributes)
	}
}

// kindOf spares the map for what is most frequent.
func kindOf(mode uint16) fim.Kind {
	if mode&unix.S_IFMT == unix.S_IFREG {
		return fim.KindFile
	}
	return kinds[mode&unix.S_IFMT]
}

func device(major, minor uint32) uint64 { return uint64(major)<<32 | uint64(minor) }

func nanoseconds(t unix.StatxTimestamp) int64 { return t.Sec*1e9 + int64(t.Nsec) }

func flags(attributes uint64) (f fim.Flags) {
	for bit, flag := range map[uint64]fim.Flags{
		unix.STATX_ATTR_IMMUTABLE: fim.FlagImmutable, unix.STATX_ATTR_APPEND: fim.FlagAppend, unix.STATX_ATTR_VERITY: fim.FlagVerity,
	} {
		if attributes&bit != 0 {
			f |= flag
		}
	}
	return f
}

// scratch is what a worker uses again and again.
type scratch struct {
	directory Directory
	names     []byte   // of one directory, each followed by a zero byte
	starts    []uint32 // where each begins
	entries   [64 << 10]byte
}

// read fills the items with all that is in the directory.
func (d *Directory) read(s *scratch, most int) error {
	if err := s.list(d.fd, most); err != nil {
		return err
	}
	names := string(s.names)
	d.Items = slices.Grow(d.Items[:0], len(s.starts))
	for i, start := range s.starts {
		end := len(names)
		if i+1 < len(s.starts) {
			end = int(s.starts[i+1])
		}
		d.Items = append(d.Items, Item{Name: names[start : end-1]})
	}
	slices.SortFunc(d.Items, func(a, b Item) int { return strings.Compare(a.Name, b.Name) })
	d.statItems()
	return nil
}

// statItems reads the state of each item and drops those that are gone.
func (d *Directory) statItems() {
	var x unix.Statx_t
	kept := d.Items[:0]
	for _, item := range d.Items {
		switch e := statName(d.fd, item.Name, &x); e {
		case 0:
			convert(&x, &item.Stat)
			if item.Stat.Device == d.Self.Device {
				item.Stat.Volume = d.Self.Volume
			}
		case unix.ENOENT:
			continue
		default:
			d.refused = append(d.refused, refusal{item.Name, os.NewSyscallError("statx", e)})
		}
		kept = append(kept, item)
	}
	d.Items = kept
}

// list reads all names of a directory.
func (s *scratch) list(fd, most int) error {
	s.names, s.starts = s.names[:0], s.starts[:0]
	for {
		n, err := unix.Getdents(fd, s.entries[:])
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return fmt.Errorf("read directory: %w", err)
		}
		if n == 0 {
			return nil
		}
		if err := s.split(s.entries[:n]); err != nil {
			return err
		}
		if len(s.starts) > most || len(s.names) > 1<<30 {
			return fmt.Errorf("%w: %d", ErrLarge, most)
		}
	}
}

// nameOffset is where the name begins in struct linux_dirent64, getdents(2).
const nameOffset = 19

// split takes the names out of directory entries.
func (s *scratch) split(entries []byte) error {
	for len(entries) > 0 {
		if len(entries) <= nameOffset {
			return errors.New("read directory: an entry is cut off")
		}
		size := int(binary.NativeEndian.Uint16(entries[16:]))
		if size <= nameOffset || size > len(entries) {
			return fmt.Errorf("read directory: an entry of %d bytes in %d", size, len(entries))
		}
		name := entries[nameOffset:size]
		end := bytes.IndexByte(name, 0)
		if end < 0 {
			return errors.New("read directory: a name without an end")
		}
		if name = name[:end]; end > 0 && string(name) != "." && string(name) != ".." {
			s.starts = append(s.starts, uint32(len(s.names)))
			s.names = append(append(s.names, name...), 0)
		}
		entries = entries[size:]
	}
	return nil
}
