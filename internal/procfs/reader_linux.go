package procfs

import (
	"bytes"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/holdfast-security/holdfast/event"
)

// Limits of single files.
const (
	smallFile   = 4 << 10
	maxCmdline  = 8 << 20   // read at most; what is kept is event.MaxArguments
	maxEnviron  = 128 << 10 // searched for marks
	maxPIDs     = 4 << 20   // PID_MAX_LIMIT of include/linux/threads.h
	chunkLength = 32 << 10
)

// Reader reads files of one /proc. It is for one goroutine at a time.
type Reader struct {
	root string
	path []byte
	buf  []byte
}

// NewReader returns a Reader of the /proc mounted at root.
func NewReader(root string) *Reader {
	return &Reader{root: strings.TrimSuffix(root, "/"), buf: make([]byte, chunkLength)}
}

// Stat reads /proc/PID/stat.
func (r *Reader) Stat(pid uint32) (Stat, error) {
	data, err := r.read(pid, "stat", smallFile)
	if err != nil {
		return Stat{}, err
	}
	return ParseStat(data)
}

// Credentials reads /proc/PID/status.
func (r *Reader) Credentials(pid uint32) (Credentials, error) {
	data, err := r.read(pid, "status", chunkLength)
	if err != nil {
		return Credentials{}, err
	}
	return ParseCredentials(data)
}

// Login reads the audit login uid and session, [UnsetID] where there is none
// or the kernel lacks audit.
func (r *Reader) Login(pid uint32) (uid, session uint32) {
	return r.id(pid, "loginuid"), r.id(pid, "sessionid")
}

func (r *Reader) id(pid uint32, name string) uint32 {
	data, err := r.read(pid, name, 64)
	if err != nil {
		return UnsetID
	}
	v, ok := parseUint(bytes.TrimSpace(data))
	if !ok || v > UnsetID {
		return UnsetID
	}
	return uint32(v)
}

// Arguments reads the argument vector, bounded to [event.MaxArguments] bytes:
// the first three quarters and the last quarter; truncated says that something
// in between was left out. Kernel threads and ended processes have none.
func (r *Reader) Arguments(pid uint32) (args []string, truncated bool) {
	fd, err := r.open(pid, "cmdline")
	if err != nil {
		return nil, false
	}
	defer unix.Close(fd)
	n := readFull(fd, r.buf)
	if n < len(r.buf) {
		return Title(SplitArguments(r.buf[:n])), false
	}
	const head, tail = event.MaxArguments / 4 * 3, event.MaxArguments / 4
	kept := slices.Clone(r.buf[:head])
	last := slices.Clone(r.buf[head:])
	for total := n; total < maxCmdline; {
		n := readFull(fd, r.buf)
		if n == 0 {
			break
		}
		total += n
		last = append(last, r.buf[:n]...)
		if cut := len(last) - tail; cut > 0 {
			last, truncated = slices.Delete(last, 0, cut), true
		}
	}
	return SplitArguments(append(kept, last...)), truncated
}

// Environment returns the variables of a process's first environment that
// want accepts, as NAME=value, each bounded to limit bytes.
func (r *Reader) Environment(pid uint32, limit int, want func(name string) bool) []string {
	fd, err := r.open(pid, "environ")
	if err != nil {
		return nil
	}
	defer unix.Close(fd)
	var found []string
	var part []byte
	for total := 0; total < maxEnviron; {
		n := readFull(fd, r.buf)
		total += n
		part = append(part, r.buf[:n]...)
		for {
			variable, rest, whole := bytes.Cut(part, []byte{0})
			if !whole {
				break
			}
			found = appendWanted(found, variable, limit, want)
			part = rest
		}
		if n < len(r.buf) {
			break
		}
	}
	return found
}

func appendWanted(found []string, variable []byte, limit int, want func(string) bool) []string {
	eq := bytes.IndexByte(variable, '=')
	if eq <= 0 || eq > 64 || !want(unsafe.String(&variable[0], eq)) {
		return found
	}
	return append(found, string(variable[:min(len(variable), limit)]))
}

// Cgroup reads /proc/PID/cgroup, see [CgroupPath].
func (r *Reader) Cgroup(pid uint32) (string, error) {
	data, err := r.read(pid, "cgroup", chunkLength)
	if err != nil {
		return "", err
	}
	return CgroupPath(data), nil
}

// Link reads a symbolic link of a process: "exe", "cwd", "fd/0". The text is
// the kernel's, with " (deleted)" behind unlinked files.
func (r *Reader) Link(pid uint32, name string) (string, error) {
	n, err := unix.Readlink(r.file(pid, name), r.buf[:unix.PathMax])
	if err != nil {
		return "", err
	}
	return string(r.buf[:n]), nil
}

// Path returns the path of a file of a process on the running system.
func (r *Reader) Path(pid uint32, name string) string {
	return strings.Clone(r.file(pid, name))
}

// ReadFile reads at most limit bytes of a file of a process.
func (r *Reader) ReadFile(pid uint32, name string, limit int64) ([]byte, error) {
	f, err := os.Open(r.Path(pid, name))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, limit))
}

// PIDs returns the pids that /proc lists, ascending.
func (r *Reader) PIDs() ([]uint32, error) {
	dir, err := os.Open(r.root)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	var pids []uint32
	for len(pids) < maxPIDs {
		names, err := dir.Readdirnames(4096)
		for _, name := range names {
			if pid, err := strconv.ParseUint(name, 10, 32); err == nil {
				pids = append(pids, uint32(pid))
			}
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	slices.Sort(pids)
	return pids, nil
}

// BootID reads the random id of this boot; zero when it cannot be read.
func (r *Reader) BootID() event.BootID {
	var id event.BootID
	data, err := os.ReadFile(r.root + "/sys/kernel/random/boot_id")
	if err != nil {
		return id
	}
	text := strings.ReplaceAll(string(data), "-", "")
	for i := range id {
		if len(text) < 2*i+2 {
			return event.BootID{}
		}
		b, err := strconv.ParseUint(text[2*i:2*i+2], 16, 8)
		if err != nil {
			return event.BootID{}
		}
		id[i] = byte(b)
	}
	return id
}

// file returns the path of a file of a process, ended by a NUL beyond the
// string's end. It is valid until the next call.
func (r *Reader) file(pid uint32, name string) string {
	r.path = append(r.path[:0], r.root...)
	r.path = append(r.path, '/')
	r.path = strconv.AppendUint(r.path, uint64(pid), 10)
	r.path = append(r.path, '/')
	r.path = append(r.path, name...)
	return unsafe.String(&r.path[0], len(r.path))
}

func (r *Reader) open(pid uint32, name string) (int, error) {
	for {
		fd, err := unix.Open(r.file(pid, name), unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NOCTTY, 0)
		if err != unix.EINTR {
			return fd, err
		}
	}
}

// read returns the content of a small file. It is valid until the next call.
func (r *Reader) read(pid uint32, name string, limit int) ([]byte, error) {
	fd, err := r.open(pid, name)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	n := readFull(fd, r.buf[:min(limit, len(r.buf))])
	if n == 0 {
		return nil, unix.ESRCH
	}
	return r.buf[:n], nil
}

// readFull fills buf and returns how much there was. Errors end the content:
// a process that exits half way reads as ESRCH.
func readFull(fd int, buf []byte) int {
	total := 0
	for total < len(buf) {
		n, err := unix.Read(fd, buf[total:])
		if err == unix.EINTR {
			continue
		}
		if err != nil || n <= 0 {
			break
		}
		total += n
	}
	return total
}
