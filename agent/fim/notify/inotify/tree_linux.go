package inotify

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

const (
	watchMask = uint32(Modify | Attrib | CloseWrite | MovedFrom | MovedTo | Create | Delete | DeleteSelf | MoveSelf)
	bufferLen = 64 << 10
	// maxReads bounds how much one call of Read takes in.
	maxReads = 64
	// dirChunk is how many names of a directory are held at once.
	dirChunk = 1024
)

// Errors of a tree.
var (
	ErrNotPermitted = errors.New("inotify is not permitted")
	ErrLimit        = errors.New("the limit of inotify watches is reached")
)

// Event is one change of a watched tree.
type Event struct {
	Mask Mask   // of Create, Delete, Modify, CloseWrite, Attrib, MovedFrom, MovedTo, IsDir, Overflow
	Path string // what changed; for a rename the new path
	From string // for MovedFrom and MovedTo in one: the old path
	// Unwatched says why nothing at and below Path will be told from now on.
	Unwatched error
	// Gone says that Path, a root, was removed or renamed. It is no longer
	// watched.
	Gone bool
}

// Options tunes a tree.
type Options struct {
	// Limit is the number of directories to watch at most; zero leaves it to
	// the kernel (fs.inotify.max_user_watches).
	Limit int
	// Enter is asked for each directory below a root; nil enters all.
	Enter func(dir string) bool
	// Grace is how long the second half of a rename is waited for.
	Grace time.Duration
}

// Tree watches directories. It belongs to one goroutine.
type Tree struct {
	fd      int
	opts    Options
	emit    func(Event)
	roots   map[string]*node
	watches map[int32][]*node // a directory can belong to several roots
	moving  map[uint32][]move // by cookie: seen leaving, not yet arriving
	count   int
	buf     []byte
}

// node is a watched directory.
type node struct {
	watch    int32
	parent   *node // nil for a root
	name     string
	only     string // the one name that matters in it; empty for all
	mount    uint64
	children map[string]*node
}

type move struct {
	path  string
	child *node
	dir   bool
	read  time.Time
}

func (n *node) path() string {
	if n.parent == nil {
		return n.name
	}
	return join(n.parent.path(), n.name)
}

// join is filepath.Join for names that must stay as they are.
func join(dir, name string) string {
	if dir == "/" {
		return dir + name
	}
	return dir + "/" + name
}

// Open returns a tree without roots. emit is called from within Add and Read.
func Open(opts Options, emit func(Event)) (*Tree, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	switch {
	case errors.Is(err, unix.EMFILE):
		return nil, fmt.Errorf("open inotify: %w: %w", ErrLimit, err)
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES), errors.Is(err, unix.ENOSYS):
		return nil, fmt.Errorf("open inotify: %w: %w", ErrNotPermitted, err)
	case err != nil:
		return nil, fmt.Errorf("open inotify: %w", err)
	}
	return &Tree{
		fd: fd, opts: opts, emit: emit, buf: make([]byte, bufferLen),
		roots: make(map[string]*node), watches: make(map[int32][]*node), moving: make(map[uint32][]move),
	}, nil
}

// FD returns the descriptor that becomes readable with the first change.
func (t *Tree) FD() int { return t.fd }

// Close ends the watching.
func (t *Tree) Close() { unix.Close(t.fd) }

// Add watches a root: a directory with what is below it on the same file
// system, or one file. What below it cannot be watched is emitted; an error is
// of the root itself. Adding a root again does nothing.
func (t *Tree) Add(root string) error {
	if t.roots[root] != nil {
		return nil
	}
	var stat unix.Stat_t
	if err := unix.Lstat(root, &stat); err != nil {
		return &fs.PathError{Op: "watch", Path: root, Err: err}
	}
	n := &node{name: root, mount: mountOf(root)}
	if stat.Mode&unix.S_IFMT != unix.S_IFDIR {
		n.name, n.only = filepath.Dir(root), filepath.Base(root)
	}
	if err := t.watch(n, n.name); err != nil {
		return fmt.Errorf("watch %q: %w", root, err)
	}
	t.roots[root] = n
	if n.only == "" {
		t.descend(n, false)
	}
	return nil
}

// watch puts a watch on the directory of n.
func (t *Tree) watch(n *node, path string) error {
	if t.opts.Limit > 0 && t.count >= t.opts.Limit {
		return ErrLimit
	}
	wd, err := unix.InotifyAddWatch(t.fd, path, watchMask|unix.IN_ONLYDIR|unix.IN_DONT_FOLLOW|unix.IN_EXCL_UNLINK)
	if errors.Is(err, unix.ENOSPC) {
		return fmt.Errorf("%w: %w", ErrLimit, err)
	}
	if err != nil {
		return err
	}
	n.watch = int32(wd)
	t.watches[n.watch] = append(t.watches[n.watch], n)
	t.count++
	return nil
}

// descend watches what is below n. The watch comes before the look, so that
// what is made in between is seen by one of them; announce emits what the look
// finds in a directory that is new.
func (t *Tree) descend(n *node, announce bool) {
	todo := []*node{n}
	for len(todo) > 0 {
		n, todo = todo[len(todo)-1], todo[:len(todo)-1]
		dir := n.path()
		err := each(dir, func(e fs.DirEntry) {
			path := join(dir, e.Name())
			if announce {
				t.emit(Event{Mask: Create | dirBit(e.IsDir()), Path: path})
			}
			if e.IsDir() {
				if child := t.child(n, e.Name(), path); child != nil {
					todo = append(todo, child)
				}
			}
		})
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.emit(Event{Path: dir, Unwatched: err})
		}
	}
}

func dirBit(dir bool) Mask {
	if dir {
		return IsDir
	}
	return 0
}

// each calls f for the entries of a directory.
func each(dir string, f func(fs.DirEntry)) error {
	file, err := os.OpenFile(dir, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	defer file.Close()
	for {
		entries, err := file.ReadDir(dirChunk)
		for _, e := range entries {
			f(e)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// child watches a directory in n and returns its node, or nil when it is not
// to be entered or cannot be.
func (t *Tree) child(n *node, name, path string) *node {
	if n.children[name] != nil || t.opts.Enter != nil && !t.opts.Enter(path) {
		return nil
	}
	if m := mountOf(path); m != 0 && m != n.mount {
		return nil // mounted by itself, which is somebody else's part
	}
	child := &node{parent: n, name: name, mount: n.mount}
	err := t.watch(child, path)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) {
		return nil
	}
	if err != nil {
		t.emit(Event{Path: path, Unwatched: err})
		return nil
	}
	if n.children == nil {
		n.children = make(map[string]*node)
	}
	n.children[name] = child
	return child
}

// mountOf returns what tells a mount from others: its id, or the device before
// Linux 5.8; 0 when the kernel does not say. The device alone would take a
// subvolume for a mount.
func mountOf(path string) uint64 {
	var stat unix.Statx_t
	const flags = unix.AT_SYMLINK_NOFOLLOW | unix.AT_NO_AUTOMOUNT | unix.AT_STATX_DONT_SYNC
	if unix.Statx(unix.AT_FDCWD, path, flags, unix.STATX_MNT_ID, &stat) != nil {
		return 0
	}
	if stat.Mask&unix.STATX_MNT_ID != 0 {
		return stat.Mnt_id
	}
	return unix.Mkdev(stat.Dev_major, stat.Dev_minor)
}

// Remove forgets a root and takes its watches away.
func (t *Tree) Remove(root string) {
	if n := t.roots[root]; n != nil {
		delete(t.roots, root)
		t.drop(n)
	}
}

// drop takes the watches of n and of all below it away.
func (t *Tree) drop(n *node) {
	for _, child := range n.children {
		t.drop(child)
	}
	if t.forget(n) {
		// It fails when the directory is gone, and the watch with it.
		_, _ = unix.InotifyRmWatch(t.fd, uint32(n.watch))
	}
}

// forget takes n out of the table and reports whether its watch serves nobody
// any more.
func (t *Tree) forget(n *node) (last bool) {
	list := t.watches[n.watch]
	for i := range list {
		if list[i] == n {
			list = append(list[:i], list[i+1:]...)
			t.count--
			break
		}
	}
	if n.parent != nil && n.parent.children[n.name] == n {
		delete(n.parent.children, n.name)
	}
	if len(list) > 0 {
		t.watches[n.watch] = list
		return false
	}
	delete(t.watches, n.watch)
	return true
}

// Read emits what waits. It does not block.
func (t *Tree) Read() error {
	for range maxReads {
		n, err := unix.Read(t.fd, t.buf)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if errors.Is(err, unix.EAGAIN) {
			break
		}
		if err != nil {
			return fmt.Errorf("read inotify: %w", err)
		}
		if !Parse(t.buf[:n], t.record) {
			return errors.New("read inotify: records are not of the documented form")
		}
	}
	if len(t.moving) > 0 {
		t.GiveUp(time.Now().Add(-t.opts.Grace))
	}
	return nil
}

// Waiting reports whether the second half of a rename is waited for: then Read
// should be called again after the grace.
func (t *Tree) Waiting() bool { return len(t.moving) > 0 }

// GiveUp emits the moves of before the given time whose other half did not
// come: the file left for where nothing is watched. The kernel writes both
// halves one after the other, but may be interrupted in between.
func (t *Tree) GiveUp(before time.Time) {
	for cookie, moves := range t.moving {
		if !moves[0].read.Before(before) {
			continue
		}
		for _, m := range moves {
			if m.child != nil {
				t.drop(m.child)
			}
			t.emit(Event{Mask: MovedFrom | dirBit(m.dir), Path: m.path})
		}
		delete(t.moving, cookie)
	}
}

func (t *Tree) record(r Record) {
	if r.Mask&Overflow != 0 {
		t.emit(Event{Mask: Overflow})
		return
	}
	nodes := t.watches[r.Watch]
	for i := 0; i < len(nodes); i++ { // the slice changes when a node goes
		before := len(t.watches[r.Watch])
		t.at(nodes[i], r, i)
		if after := t.watches[r.Watch]; len(after) < before {
			nodes, i = after, i-1
		}
	}
}

// at handles a record for one of the nodes of its watch.
func (t *Tree) at(n *node, r Record, index int) {
	switch {
	case r.Mask&(Ignored|Unmount|DeleteSelf) != 0 || r.Mask&MoveSelf != 0 && n.parent == nil:
		t.ended(n)
		return
	case r.Mask&MoveSelf != 0 || n.only != "" && n.only != string(r.Name):
		return
	}
	path := n.path()
	if len(r.Name) > 0 {
		path = join(path, string(r.Name))
	}
	dir := r.Mask&IsDir != 0
	switch {
	case r.Mask&MovedFrom != 0:
		m := move{path: path, dir: dir, child: n.children[string(r.Name)], read: time.Now()}
		if m.child != nil {
			delete(n.children, m.child.name)
		}
		t.moving[r.Cookie] = append(t.moving[r.Cookie], m)
		return
	case r.Mask&MovedTo != 0:
		t.arrived(n, r, index, path)
	default:
		t.emit(Event{Mask: r.Mask, Path: path})
	}
	if dir && n.only == "" && r.Mask&(Create|MovedTo) != 0 {
		if child := t.child(n, string(r.Name), path); child != nil {
			t.descend(child, true)
		}
	}
}

// arrived joins the halves of a rename.
func (t *Tree) arrived(n *node, r Record, index int, path string) {
	moves := t.moving[r.Cookie]
	if len(moves) == 0 {
		t.emit(Event{Mask: r.Mask, Path: path})
		return
	}
	m := moves[min(index, len(moves)-1)]
	if m.child != nil && m.child.parent != nil && n.only == "" {
		m.child.parent, m.child.name = n, string(r.Name)
		if n.children == nil {
			n.children = make(map[string]*node)
		}
		n.children[m.child.name] = m.child
	}
	if index == len(t.watches[r.Watch])-1 {
		delete(t.moving, r.Cookie)
	}
	t.emit(Event{Mask: r.Mask | MovedFrom, Path: path, From: m.path})
}

// ended forgets a directory that is gone.
func (t *Tree) ended(n *node) {
	path := n.path()
	if n.only != "" {
		path = join(path, n.only)
	}
	t.drop(n)
	if n.parent == nil && t.roots[path] == n {
		delete(t.roots, path)
		t.emit(Event{Path: path, Gone: true})
	}
}
