package fanotify

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Errors that say why a file system cannot be watched. They are wrapped around
// the kernel's own.
var (
	ErrUnsupported  = errors.New("the kernel has no notifications with names")       // before Linux 5.9, or built without
	ErrNotPermitted = errors.New("not permitted")                                    // no CAP_SYS_ADMIN, or a filter of system calls
	ErrNoHandles    = errors.New("the file system cannot be watched as a whole")     // no file handles, no id, or a part of another
	ErrLimit        = errors.New("the kernel's limit of listeners is reached")       // fs.fanotify.max_user_groups
	ErrGone         = errors.New("what the handle names is gone")                    // ESTALE
	ErrElsewhere    = errors.New("the directory is not below what can be looked at") // hidden, or of another mount
)

// Abilities are what the kernel tells beyond the least that is needed.
type Abilities struct {
	Target bool // the handle of what was created, deleted or renamed: Linux 5.17
	PIDFD  bool // a descriptor of the process: Linux 5.15
	Rename bool // both places of a rename in one event: Linux 5.17
}

// Options tunes a group.
type Options struct {
	// Bounded keeps the kernel's bound on waiting events
	// (fs.fanotify.max_queued_events); otherwise none is lost and the kernel's
	// memory is the bound.
	Bounded bool
	// Without takes abilities away that the kernel has.
	Without Abilities
}

// Group listens to the changes of one file system. It belongs to one
// goroutine.
type Group struct {
	fd      int
	windows []window
	able    Abilities
}

// Mount is where a file system is mounted.
type Mount struct {
	ID    int    // of the mount that must be on top there
	Point string // the path
	Root  string // the part of the file system that is mounted
}

// window is a mount of our own through which a part of the file system is
// seen, to open handles under.
type window struct {
	fd         int
	root       string
	file       bool   // the root is a file
	dev, inode uint64 // of the root
}

// Open marks the whole file system of which the mounts, one at least, show the
// parts to look at.
//
// The group looks at the file system through copies of the mounts that nobody
// else sees: plain descriptors would keep the mounts from being unmounted.
func Open(mounts []Mount, opts Options) (*Group, error) {
	g := &Group{fd: -1}
	err := g.Look(mounts)
	for _, step := range []func(Options) error{g.probe, g.init, g.mark} {
		if err == nil {
			err = step(opts)
		}
	}
	if err != nil {
		g.Close()
		return nil, fmt.Errorf("watch a file system: %w", err)
	}
	return g, nil
}

// Look makes the group look through these mounts from now on, those of them
// that can be looked through. Where none can it returns why, and goes on as
// before.
func (g *Group) Look(mounts []Mount) error {
	var windows []window
	err := ErrElsewhere
	for _, m := range mounts {
		w, why := clone(m)
		if why != nil {
			err = why
			continue
		}
		windows = append(windows, w)
	}
	if len(windows) == 0 {
		return err
	}
	closeAll(g.windows)
	g.windows = windows
	return nil
}

// SeesFiles reports whether a window shows a single file and not its directory.
func (g *Group) SeesFiles() bool {
	return slices.ContainsFunc(g.windows, func(w window) bool { return w.file })
}

// clone makes the copy of a mount, and opens its root for open_by_handle_at,
// which takes no O_PATH descriptor.
func clone(m Mount) (window, error) {
	path, err := unix.Open(m.Point, unix.O_PATH|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
	if err != nil {
		return window{}, fmt.Errorf("open %q: %w", m.Point, err)
	}
	defer unix.Close(path)
	var root unix.Stat_t
	if err := unix.Fstat(path, &root); err != nil {
		return window{}, fmt.Errorf("stat %q: %w", m.Point, err)
	}
	kind := root.Mode & unix.S_IFMT
	if kind != unix.S_IFDIR && kind != unix.S_IFREG { // opening a device can do anything
		return window{}, fmt.Errorf("%q is neither directory nor file: %w", m.Point, ErrNoHandles)
	}
	var stat unix.Statx_t
	err = unix.Statx(path, "", unix.AT_EMPTY_PATH|unix.AT_STATX_DONT_SYNC, unix.STATX_MNT_ID, &stat)
	if err != nil || stat.Mask&unix.STATX_MNT_ID != 0 && int(stat.Mnt_id) != m.ID {
		return window{}, fmt.Errorf("another mount is at %q: %w", m.Point, errors.Join(ErrElsewhere, err))
	}
	tree, err := unix.OpenTree(path, "", unix.AT_EMPTY_PATH|unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		return window{}, explain(fmt.Errorf("copy the mount at %q: %w", m.Point, err))
	}
	defer unix.Close(tree)
	fd, err := unix.Open("/proc/self/fd/"+strconv.Itoa(tree), unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return window{}, fmt.Errorf("open the copy of the mount at %q: %w", m.Point, err)
	}
	return window{fd: fd, root: m.Root, file: kind == unix.S_IFREG, dev: uint64(root.Dev), inode: root.Ino}, nil
}

// probe finds out whether handles can be opened again. Overlays can make
// handles that they cannot open.
func (g *Group) probe(Options) error {
	h, _, err := unix.NameToHandleAt(g.windows[0].fd, "", unix.AT_EMPTY_PATH)
	if err != nil {
		return explain(fmt.Errorf("make a file handle: %w", err))
	}
	fd, err := unix.OpenByHandleAt(g.windows[0].fd, h, unix.O_PATH|unix.O_CLOEXEC)
	if err != nil {
		return explain(fmt.Errorf("open a file handle: %w", err))
	}
	return unix.Close(fd)
}

func (g *Group) init(opts Options) (err error) {
	flags := uint(unix.FAN_CLASS_NOTIF | unix.FAN_CLOEXEC | unix.FAN_NONBLOCK | unix.FAN_UNLIMITED_MARKS |
		unix.FAN_REPORT_DFID_NAME | unix.FAN_REPORT_FID)
	if !opts.Bounded {
		flags |= unix.FAN_UNLIMITED_QUEUE
	}
	for _, able := range []Abilities{{Target: true, PIDFD: true}, {PIDFD: true}, {Target: true}, {}} {
		if able.Target && opts.Without.Target || able.PIDFD && opts.Without.PIDFD {
			continue
		}
		extra := uint(0)
		if able.Target {
			extra |= unix.FAN_REPORT_TARGET_FID
		}
		if able.PIDFD {
			extra |= unix.FAN_REPORT_PIDFD
		}
		g.able = able
		g.fd, err = unix.FanotifyInit(flags|extra, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_LARGEFILE)
		if !errors.Is(err, unix.EINVAL) {
			break
		}
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.EINVAL):
		err = fmt.Errorf("%w: %w", ErrUnsupported, err)
	case errors.Is(err, unix.EMFILE), errors.Is(err, unix.ENFILE):
		err = fmt.Errorf("%w: %w", ErrLimit, err)
	}
	return explain(fmt.Errorf("open a listener: %w", err))
}

func (g *Group) mark(opts Options) error {
	const mask = uint64(Create | Delete | Modify | CloseWrite | Attrib | OnDir)
	const add = unix.FAN_MARK_ADD | unix.FAN_MARK_FILESYSTEM
	path := "/proc/self/fd/" + strconv.Itoa(g.windows[0].fd)
	err := error(unix.EINVAL)
	if !opts.Without.Rename {
		err = unix.FanotifyMark(g.fd, add, mask|uint64(Rename), unix.AT_FDCWD, path)
		g.able.Rename = err == nil
	}
	if errors.Is(err, unix.EINVAL) {
		err = unix.FanotifyMark(g.fd, add, mask|uint64(MovedFrom|MovedTo), unix.AT_FDCWD, path)
	}
	if err != nil {
		return explain(fmt.Errorf("mark it: %w", err))
	}
	return nil
}

// explain gives the kernel's refusals their name.
func explain(err error) error {
	switch {
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		return fmt.Errorf("%w: %w", ErrNotPermitted, err)
	case errors.Is(err, unix.ENOSYS):
		return fmt.Errorf("%w: %w", ErrUnsupported, err)
	case errors.Is(err, unix.EXDEV), errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.ENODEV),
		errors.Is(err, unix.ESTALE), errors.Is(err, unix.EOVERFLOW), errors.Is(err, unix.EINVAL):
		return fmt.Errorf("%w: %w", ErrNoHandles, err)
	}
	return err
}

// FD returns the descriptor that becomes readable with the first event.
func (g *Group) FD() int { return g.fd }

// Abilities returns what the kernel tells here.
func (g *Group) Abilities() Abilities { return g.able }

// Read fills buf with waiting events and returns how many bytes that are,
// 0 when there are none. It does not block. Descriptors of processes in them
// belong to the caller, see [Event.PIDFD].
func (g *Group) Read(buf []byte) (int, error) {
	for {
		n, err := unix.Read(g.fd, buf)
		switch {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EAGAIN):
			return 0, nil
		case err != nil:
			return 0, fmt.Errorf("read file notifications: %w", err)
		default:
			return n, nil
		}
	}
}

// Place returns where in the file system that is which the handle names now,
// as an absolute path from the file system's own root. For what was removed
// while somebody still holds it open that is where it last was, and removed is
// true. The error is [ErrGone], [ErrElsewhere], or the kernel's.
func (g *Group) Place(h Handle) (place string, removed bool, err error) {
	err = ErrElsewhere
	for i := range g.windows {
		place, removed, err = g.windows[i].place(h)
		if !errors.Is(err, ErrElsewhere) {
			break
		}
	}
	return place, removed, err
}

func (w *window) place(h Handle) (place string, removed bool, err error) {
	fd, err := unix.OpenByHandleAt(w.fd, unix.NewFileHandle(h.Type(), h.Bytes()), unix.O_PATH|unix.O_CLOEXEC)
	if err != nil {
		if errors.Is(err, unix.ESTALE) || errors.Is(err, unix.ENOENT) {
			err = ErrGone
		}
		return "", false, err
	}
	defer unix.Close(fd)
	place, err = os.Readlink("/proc/self/fd/" + strconv.Itoa(fd))
	if err != nil {
		return "", false, err
	}
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil {
		return "", false, err
	}
	const mark = " (deleted)" // d_path in fs/d_path.c; a file may also be called so
	if rest, ok := strings.CutSuffix(place, mark); ok && stat.Nlink == 0 {
		place, removed = rest, true
	}
	// What is not below the window's root is shown as "/" (prepend_path there).
	if !strings.HasPrefix(place, "/") || place == "/" && (stat.Ino != w.inode || uint64(stat.Dev) != w.dev) {
		return "", false, ErrElsewhere
	}
	if w.root != "/" {
		place = w.root + strings.TrimSuffix(place, "/")
	}
	return place, removed, nil
}

// Close ends the listening. What waited is dropped.
func (g *Group) Close() {
	if g.fd >= 0 {
		unix.Close(g.fd)
	}
	closeAll(g.windows)
	g.fd, g.windows = -1, nil
}

func closeAll(windows []window) {
	for _, w := range windows {
		unix.Close(w.fd)
	}
}
