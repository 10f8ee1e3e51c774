// Package mounts reads the kernel's list of mounts and answers where in which
// file system a path lies, and by which paths a place in a file system is seen.
//
// A file system can be mounted at several places, whole or a part of it, and
// a mount can hide what lies below its mount point. Change notifications speak
// of file systems; people and policies of paths. A [Table] is the bridge. It is
// made from the text of /proc/self/mountinfo and does no I/O of its own.
//
// The text comes from the kernel, but the names in it are chosen by whoever
// may mount: they are raw bytes, unescaped here, and their number and length
// are bounded.
package mounts

import (
	"bytes"
	"errors"
	"slices"
	"strconv"
	"strings"
)

// Bounds on what is read. The kernel's own limit is fs.mount-max, 100,000.
const (
	maxMounts = 200_000
	maxLine   = 64 << 10
)

// Mount is one line of mountinfo, proc_pid_mountinfo(5).
type Mount struct {
	ID, Parent int
	Device     string // "254:0"; the same for all mounts of one file system
	Root       string // the directory or file of the file system that is mounted here
	Point      string // where it is mounted
	Type       string // "ext4"
}

// Table is a list of mounts. It does not change and is safe for concurrent
// use.
type Table struct {
	mounts   []Mount
	children map[int][]int // indexes by the id of the parent
	root     int           // index of the mount that "/" leads to
}

// Parse reads the text of mountinfo. Lines that are not of the documented form
// are left out and counted in bad; without a mount for "/" there is no table.
func Parse(text []byte) (t *Table, bad int, err error) {
	t = &Table{children: make(map[int][]int), root: -1}
	ids := make(map[int]bool)
	for line := range bytes.Lines(text) {
		m, ok := parseLine(bytes.TrimSuffix(line, []byte("\n")))
		if !ok || len(t.mounts) >= maxMounts {
			bad++
			continue
		}
		t.children[m.Parent] = append(t.children[m.Parent], len(t.mounts))
		t.mounts = append(t.mounts, m)
		ids[m.ID] = true
	}
	for i, m := range t.mounts {
		if m.Point == "/" && (!ids[m.Parent] || m.ID == m.Parent) {
			t.root = i
		}
	}
	if t.root < 0 {
		return nil, bad, errors.New("the list of mounts names none for /")
	}
	return t, bad, nil
}

// parseLine reads "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw".
func parseLine(line []byte) (Mount, bool) {
	if len(line) > maxLine {
		return Mount{}, false
	}
	head, tail, ok := strings.Cut(string(line), " - ")
	fields, rest := strings.Fields(head), strings.SplitN(tail, " ", 3)
	if !ok || len(fields) < 6 || len(rest) < 2 {
		return Mount{}, false
	}
	id, errID := strconv.Atoi(fields[0])
	parent, errParent := strconv.Atoi(fields[1])
	m := Mount{
		ID: id, Parent: parent, Device: fields[2],
		Root: unescape(fields[3]), Point: unescape(fields[4]), Type: unescape(rest[0]),
	}
	return m, errID == nil && errParent == nil && strings.HasPrefix(m.Point, "/")
}

// unescape undoes \040 and its like, seq_path in fs/seq_file.c.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if c, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(c))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// At returns the mount in which path, absolute and without symbolic links,
// lies.
func (t *Table) At(path string) *Mount {
	current := t.root
	for range len(t.mounts) {
		next := t.cover(t.mounts[current].ID, path, current)
		if next < 0 {
			break
		}
		current = next
	}
	return &t.mounts[current]
}

// cover returns the mount on top of the given one that path runs into first,
// or -1. Of two in one place the later hides the earlier.
func (t *Table) cover(parent int, path string, self int) int {
	found := -1
	for _, i := range t.children[parent] {
		point := t.mounts[i].Point
		if i == self || !Below(path, point) {
			continue
		}
		if found < 0 || len(point) <= len(t.mounts[found].Point) {
			found = i
		}
	}
	return found
}

// View is a way by which a part of a file system is seen: what lies at or
// below Place in the file system is found at or below Path.
type View struct {
	Mount *Mount
	Place string
	Path  string
	Real  string // Path without symbolic links among the parents of the root
}

// Views returns by which file systems a watched root is filled: that in which
// it lies first, then those mounted below it. real is root with the symbolic
// links among its parents resolved; the views' paths start with root. enter is
// asked for each mount point below the root; nil enters all.
func (t *Table) Views(root, real string, enter func(m *Mount) bool) []View {
	home := t.At(real)
	views := []View{{Mount: home, Place: Join(home.Root, strings.TrimPrefix(real, home.Point)), Path: root, Real: real}}
	for i := range t.mounts {
		m := &t.mounts[i]
		if m.Point == real || !Below(m.Point, real) || t.At(m.Point) != m || enter != nil && !enter(m) {
			continue
		}
		views = append(views, View{Mount: m, Place: m.Root, Path: Join(root, strings.TrimPrefix(m.Point, real)), Real: m.Point})
	}
	return views
}

// Anywhere returns a path by which the place of a file system is seen, or "".
func (t *Table) Anywhere(device, place string) string {
	for i := range t.mounts {
		m := &t.mounts[i]
		if m.Device != device || !Below(place, m.Root) {
			continue
		}
		if path := Join(m.Point, strings.TrimPrefix(place, m.Root)); t.At(path) == m {
			return path
		}
	}
	return ""
}

// Windows returns mounts that together show all that can be seen of a file
// system, the widest first.
func (t *Table) Windows(device string) []*Mount {
	var visible, windows []*Mount
	for i := range t.mounts {
		if m := &t.mounts[i]; m.Device == device && t.At(m.Point) == m {
			visible = append(visible, m)
		}
	}
	slices.SortStableFunc(visible, func(a, b *Mount) int { return len(a.Root) - len(b.Root) })
	for _, m := range visible {
		if !slices.ContainsFunc(windows, func(w *Mount) bool { return Below(m.Root, w.Root) }) {
			windows = append(windows, m)
		}
	}
	return windows
}

// Below reports whether path is dir or lies below it.
func Below(path, dir string) bool {
	if dir == "/" {
		return strings.HasPrefix(path, "/")
	}
	return strings.HasPrefix(path, dir) && (len(path) == len(dir) || path[len(dir)] == '/')
}

// Join puts a path together from a directory and what follows it, which may be
// empty and may start with a slash. Names are taken as they are.
func Join(dir, rest string) string {
	rest = strings.TrimPrefix(rest, "/")
	if rest == "" {
		return dir
	}
	return strings.TrimSuffix(dir, "/") + "/" + rest
}

// Remote reports whether the files can change without this kernel's knowing,
// by other hosts or by a program that serves them: notifications would be a
// promise not kept, and merely asking can take for ever.
func (m *Mount) Remote() bool {
	kind, _, _ := strings.Cut(m.Type, ".")
	return slices.Contains(remote, kind)
}

// Pseudo reports whether the file system shows the kernel's state rather than
// files that somebody stored.
func (m *Mount) Pseudo() bool { return slices.Contains(pseudo, m.Type) }

var (
	remote = []string{
		"9p", "afs", "beegfs", "ceph", "cifs", "coda", "fuse", "gfs2", "glusterfs", "gpfs", "lustre", "ncpfs", "nfs", "nfs4",
		"ocfs2", "orangefs", "smb3", "smbfs", "virtiofs", "vboxsf", "prl_fs", "vmhgfs",
	}
	pseudo = []string{
		"autofs", "binfmt_misc", "bpf", "cgroup", "cgroup2", "configfs", "debugfs", "devpts", "efivarfs", "fusectl",
		"hugetlbfs", "mqueue", "nfsd", "nsfs", "proc", "pstore", "resctrl", "rpc_pipefs", "securityfs", "selinuxfs",
		"sysfs", "tracefs",
	}
)
