package notify

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// exitUnsupported says that the kernel or the file system cannot do the deed.
const exitUnsupported = 77

// deeds are what the test program does to files when it is started for that.
// The arguments are what the tests pass, mostly one path.
var deeds = map[string]func(args []string) error{
	"create":   func(a []string) error { return os.WriteFile(a[0], []byte("new"), 0o644) },
	"empty":    func(a []string) error { return os.WriteFile(a[0], nil, 0o644) },
	"write":    func(a []string) error { return withFile(a[0], unix.O_WRONLY, func(fd int) error { return pwrite(fd) }) },
	"append":   func(a []string) error { return withFile(a[0], unix.O_WRONLY|unix.O_APPEND, writeOnce) },
	"truncate": func(a []string) error { return unix.Truncate(a[0], 10) },
	"ftruncate": func(a []string) error {
		return withFile(a[0], unix.O_WRONLY, func(fd int) error { return unix.Ftruncate(fd, 5) })
	},
	"otrunc": func(a []string) error {
		return withFile(a[0], unix.O_WRONLY|unix.O_TRUNC, func(int) error { return nil })
	},
	"pwritev": func(a []string) error { return withFile(a[0], unix.O_WRONLY, pwritev) },
	"rename":  func(a []string) error { return os.Rename(a[0], a[1]) },
	"exchange": func(a []string) error {
		return unix.Renameat2(unix.AT_FDCWD, a[0], unix.AT_FDCWD, a[1], unix.RENAME_EXCHANGE)
	},
	"link":     func(a []string) error { return os.Link(a[0], a[1]) },
	"symlink":  func(a []string) error { return os.Symlink("target", a[0]) },
	"unlink":   func(a []string) error { return os.Remove(a[0]) },
	"remove":   func(a []string) error { return os.RemoveAll(a[0]) },
	"mkdir":    func(a []string) error { return os.Mkdir(a[0], 0o755) },
	"fifo":     func(a []string) error { return unix.Mkfifo(a[0], 0o600) },
	"mknod":    func(a []string) error { return unix.Mknod(a[0], unix.S_IFCHR|0o600, int(unix.Mkdev(1, 3))) },
	"chmod":    func(a []string) error { return os.Chmod(a[0], 0o4755) },
	"chown":    func(a []string) error { return os.Lchown(a[0], 1234, 1234) },
	"utimes":   func(a []string) error { return unix.Utimes(a[0], []unix.Timeval{{Sec: 1}, {Sec: 1}}) },
	"xattr":    func(a []string) error { return unix.Setxattr(a[0], "user.note", []byte("x"), 0) },
	"unxattr":  func(a []string) error { return unix.Removexattr(a[0], "user.old") },
	"setcap":   setcap,
	"acl":      setACL,
	"mmap":     mapStore,
	"uring":    uringWrite,
	"direct":   direct,
	"sendfile": sendfile,
	"splice":   splice,
	"copy":     copyRange,
	"reflink":  reflink,
	"fallocate": func(a []string) error {
		return withFile(a[0], unix.O_WRONLY, func(fd int) error { return unix.Fallocate(fd, 0, 0, 64<<10) })
	},
	"punch": func(a []string) error {
		return withFile(a[0], unix.O_WRONLY, func(fd int) error {
			return unix.Fallocate(fd, unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, 0, 4096)
		})
	},
	"tmpfile": tmpfile,
	"chroot":  chroot,
	"handle":  byHandle,
	"many":    many,
	"churn":   churn,
	"rewrite": rewrite,
}

// doDeed is the program that the tests start; it returns its exit code.
func doDeed(name string, args []string) int {
	err := deeds[name](args)
	switch {
	case err == nil:
		return 0
	case errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.ENOSYS), errors.Is(err, errUnsupported):
		fmt.Println(err)
		return exitUnsupported
	}
	fmt.Println(err)
	return 1
}

var errUnsupported = errors.New("unsupported here")

func withFile(path string, flags int, do func(fd int) error) error {
	fd, err := unix.Open(path, flags|unix.O_CLOEXEC, 0o644)
	if err != nil {
		return err
	}
	return errors.Join(do(fd), unix.Close(fd))
}

func writeOnce(fd int) error {
	_, err := unix.Write(fd, []byte("more"))
	return err
}

func pwrite(fd int) error {
	_, err := unix.Pwrite(fd, []byte("x"), 7)
	return err
}

func pwritev(fd int) error {
	_, err := unix.Pwritev2(fd, [][]byte{[]byte("x"), []byte("y")}, 3, 0)
	return err
}

// setcap gives cap_net_raw in the form of struct vfs_cap_data, revision 2.
func setcap(a []string) error {
	var data [20]byte
	binary.LittleEndian.PutUint32(data[:], 0x02000001)
	binary.LittleEndian.PutUint32(data[4:], 1<<unix.CAP_NET_RAW)
	return unix.Setxattr(a[0], "security.capability", data[:], 0)
}

// setACL lets the user 1234 read, acl(5) in the form of linux/posix_acl_xattr.h.
func setACL(a []string) error {
	data := binary.LittleEndian.AppendUint32(nil, 2)
	for _, entry := range [][3]uint32{
		{0x01, 6, ^uint32(0)}, {0x02, 4, 1234}, {0x04, 4, ^uint32(0)}, {0x10, 4, ^uint32(0)}, {0x20, 4, ^uint32(0)},
	} {
		data = binary.LittleEndian.AppendUint16(data, uint16(entry[0]))
		data = binary.LittleEndian.AppendUint16(data, uint16(entry[1]))
		data = binary.LittleEndian.AppendUint32(data, entry[2])
	}
	return unix.Setxattr(a[0], "system.posix_acl_access", data, 0)
}

func mapStore(a []string) error {
	return withFile(a[0], unix.O_RDWR, func(fd int) error {
		mem, err := unix.Mmap(fd, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
		if err != nil {
			return err
		}
		mem[100] = 'm'
		return unix.Munmap(mem)
	})
}

func direct(a []string) error {
	return withFile(a[0], unix.O_WRONLY|unix.O_DIRECT, func(fd int) error {
		mem, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
		if err != nil {
			return err
		}
		_, err = unix.Pwrite(fd, mem, 0)
		return errors.Join(err, unix.Munmap(mem))
	})
}

// between opens a[1] to read and a[0] to write.
func between(a []string, do func(to, from int) error) error {
	return withFile(a[1], unix.O_RDONLY, func(from int) error {
		return withFile(a[0], unix.O_WRONLY, func(to int) error { return do(to, from) })
	})
}

func sendfile(a []string) error {
	return between(a, func(to, from int) error {
		_, err := unix.Sendfile(to, from, nil, 100)
		return err
	})
}

func splice(a []string) error {
	return between(a, func(to, from int) error {
		var pipe [2]int
		if err := unix.Pipe(pipe[:]); err != nil {
			return err
		}
		if _, err := unix.Splice(from, nil, pipe[1], nil, 100, 0); err != nil {
			return err
		}
		_, err := unix.Splice(pipe[0], nil, to, nil, 100, 0)
		return err
	})
}

func copyRange(a []string) error {
	return between(a, func(to, from int) error {
		_, err := unix.CopyFileRange(from, nil, to, nil, 100, 0)
		return err
	})
}

func reflink(a []string) error {
	return between(a, func(to, from int) error { return unix.IoctlFileClone(to, from) })
}

func tmpfile(a []string) error {
	return withFile(filepath.Dir(a[0]), unix.O_TMPFILE|unix.O_WRONLY, func(fd int) error {
		if err := writeOnce(fd); err != nil {
			return err
		}
		return unix.Linkat(unix.AT_FDCWD, "/proc/self/fd/"+strconv.Itoa(fd), unix.AT_FDCWD, a[0], unix.AT_SYMLINK_FOLLOW)
	})
}

// chroot writes a[1] inside of the new root a[0].
func chroot(a []string) error {
	if err := unix.Chroot(a[0]); err != nil {
		return err
	}
	if err := unix.Chdir("/"); err != nil {
		return err
	}
	return os.WriteFile(a[1], []byte("from inside"), 0o644)
}

// byHandle writes to a[0] without ever looking up its name.
func byHandle(a []string) error {
	h, _, err := unix.NameToHandleAt(unix.AT_FDCWD, a[0], 0)
	if err != nil {
		return err
	}
	return withFile(filepath.Dir(a[0]), unix.O_RDONLY, func(mount int) error {
		fd, err := unix.OpenByHandleAt(mount, h, unix.O_WRONLY)
		if err != nil {
			return err
		}
		return errors.Join(writeOnce(fd), unix.Close(fd))
	})
}

// many makes a[1] files in a[0].
func many(a []string) error {
	n, err := strconv.Atoi(a[1])
	for i := 0; i < n && err == nil; i++ {
		err = os.WriteFile(filepath.Join(a[0], "f"+strconv.Itoa(i)), nil, 0o644)
	}
	return err
}

// churn makes, renames and removes a[1] directories with a file each in a[0].
func churn(a []string) error {
	n, err := strconv.Atoi(a[1])
	for i := 0; i < n && err == nil; i++ {
		dir := filepath.Join(a[0], "d"+strconv.Itoa(i))
		other := filepath.Join(a[0], "e"+strconv.Itoa(i))
		err = errors.Join(os.Mkdir(dir, 0o755), os.WriteFile(dir+"/a", []byte("x"), 0o644), os.Rename(dir, other),
			os.WriteFile(other+"/b", []byte("x"), 0o644), os.RemoveAll(other))
	}
	return err
}

// rewrite writes a[0] a[1] times.
func rewrite(a []string) error {
	n, err := strconv.Atoi(a[1])
	return errors.Join(err, withFile(a[0], unix.O_WRONLY, func(fd int) error {
		for range n {
			if err := pwrite(fd); err != nil {
				return err
			}
		}
		return nil
	}))
}

// Constants and structures of include/uapi/linux/io_uring.h.
const (
	uringOpWrite     = 23
	uringEnterGetEvs = 1
	uringOffSQ       = 0
	uringOffSQEs     = 0x10000000
	uringFeatSingle  = 1
)

type uringParams struct {
	sqEntries, cqEntries, flags, threadCPU, threadIdle, features, wq uint32
	_                                                                [3]uint32
	sq                                                               struct {
		head, tail, mask, entries, flags, dropped, array, _ uint32
		_                                                   uint64
	}
	cq struct {
		head, tail, mask, entries, overflow, cqes, flags, _ uint32
		_                                                   uint64
	}
}

// uringWrite writes to a[0] without the system call write.
func uringWrite(a []string) error {
	return withFile(a[0], unix.O_WRONLY, func(fd int) error {
		var p uringParams
		ring, _, errno := unix.Syscall(unix.SYS_IO_URING_SETUP, 4, uintptr(unsafe.Pointer(&p)), 0)
		if errno == unix.EPERM { // kernel.io_uring_disabled
			return errUnsupported
		}
		if errno != 0 {
			return errno
		}
		if p.features&uringFeatSingle == 0 {
			return errUnsupported
		}
		size := max(int(p.sq.array+4*p.sqEntries), int(p.cq.cqes+16*p.cqEntries))
		mem, err := unix.Mmap(int(ring), uringOffSQ, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_POPULATE)
		if err != nil {
			return err
		}
		sqes, err := unix.Mmap(int(ring), uringOffSQEs, 64*int(p.sqEntries), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_POPULATE)
		if err != nil {
			return err
		}
		return uringSubmit(int(ring), fd, mem, sqes, &p)
	})
}

func uringSubmit(ring, fd int, mem, sqes []byte, p *uringParams) error {
	text := []byte("by the ring")
	sqes[0] = uringOpWrite
	n := binary.NativeEndian
	n.PutUint32(sqes[4:], uint32(fd))
	n.PutUint64(sqes[8:], 3)
	n.PutUint64(sqes[16:], uint64(uintptr(unsafe.Pointer(&text[0]))))
	n.PutUint32(sqes[24:], uint32(len(text)))
	n.PutUint32(mem[p.sq.array:], 0)
	atomic.StoreUint32((*uint32)(unsafe.Pointer(&mem[p.sq.tail])), 1)
	_, _, errno := unix.Syscall6(unix.SYS_IO_URING_ENTER, uintptr(ring), 1, 1, uringEnterGetEvs, 0, 0)
	if errno != 0 {
		return errno
	}
	if result := int32(n.Uint32(mem[p.cq.cqes+8:])); result != int32(len(text)) {
		return fmt.Errorf("the ring wrote %d bytes", result)
	}
	return nil
}
