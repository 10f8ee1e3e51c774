package normalize

import (
	"bytes"
	"strconv"

	"github.com/holdfast-security/holdfast/agent/audit/decode"
	"github.com/holdfast-security/holdfast/agent/audit/record"
	"github.com/holdfast-security/holdfast/event"
)

// pathItem is a PATH record.
type pathItem struct {
	name     string // as the program gave it
	path     string // absolute and clean; relative where the directory is not known
	nametype string // NORMAL, PARENT, CREATE, DELETE, UNKNOWN; "" in old logs
	inode    uint64
	device   uint64
	mode     uint32
	uid      uint32
}

// atFDCWD is AT_FDCWD of <linux/fcntl.h>, as 32 bits.
const atFDCWD = 0xffffff9c

// directoryArgument tells which arguments of a system call are the descriptors
// of the directories that its relative paths start from: one for the first
// path, one for the second.
var directoryArgument = map[string][2]int{
	"openat": {0, 0}, "openat2": {0, 0}, "unlinkat": {0, 0}, "mkdirat": {0, 0}, "mknodat": {0, 0},
	"fchmodat": {0, 0}, "fchmodat2": {0, 0}, "fchownat": {0, 0}, "utimensat": {0, 0}, "futimesat": {0, 0},
	"execveat": {0, 0}, "symlinkat": {1, 1}, "renameat": {0, 2}, "renameat2": {0, 2}, "linkat": {0, 2},
	"setxattrat": {0, 0}, "removexattrat": {0, 0},
}

// paths reads the PATH records in the order of their item numbers as far as
// they came, and finds what their names are relative to.
//
// Where a call was given the descriptor of a directory, the kernel names the
// working directory as the parent all the same (audit_log_name in
// kernel/auditsc.c prints the pwd for a name without directory part). Such a
// parent is looked up by its inode instead; unless it is known the name stays
// relative, which is less than wanted but not wrong. The slice is used again for
// the next event.
func (n *Normalizer) paths(c *call) []pathItem {
	items := n.items[:0]
	for i := range n.in.Records {
		if n.in.Records[i].Type != record.Path {
			continue
		}
		if p := n.readPath(&n.in.Records[i]); len(items) == 0 || !p.ofLayer() {
			items = append(items, p)
		}
	}
	n.items = items
	parents := 0
	for i := range items {
		if items[i].nametype == "PARENT" {
			parents++
		}
	}
	for i := range items {
		n.resolve(c, items, i, parents)
	}
	return items
}

func (n *Normalizer) readPath(r *record.Record) pathItem {
	var p pathItem
	f := r.Fields()
	for f.Next() {
		switch string(f.Name) {
		case "name":
			p.name = n.shared.text(f.Value)
		case "nametype":
			p.nametype = n.nametype(f.Value)
		case "objtype": // audit 2.4 to 2.6 called it so
			p.nametype = n.nametype(f.Value)
		case "inode":
			p.inode, _ = decode.Uint(f.Value)
		case "dev":
			p.device = device(f.Value)
		case "mode":
			m, _ := strconv.ParseUint(string(f.Value), 8, 32)
			p.mode = uint32(m)
		case "ouid":
			u, _ := decode.Uint(f.Value)
			p.uid = uint32(u)
		}
	}
	return p
}

// nametype returns the value as a string, without a look at all others where it
// is one of those that come with every call.
func (n *Normalizer) nametype(value []byte) string {
	switch string(value) {
	case "NORMAL":
		return "NORMAL"
	case "PARENT":
		return "PARENT"
	case "CREATE":
		return "CREATE"
	case "DELETE":
		return "DELETE"
	}
	return n.shared.plain(value)
}

// ofLayer reports whether an item that is not the first tells of what a stacked
// file system did below: overlayfs makes, moves and removes files in its layers
// to carry out one call, and audit adds a PATH record without a name for each
// (__audit_inode_child in kernel/auditsc.c). What the caller named comes before
// them, and so does the file that it gave by descriptor.
func (p *pathItem) ofLayer() bool {
	return p.name == "" && (p.nametype == "PARENT" || p.nametype == "CREATE" || p.nametype == "DELETE")
}

// device reads major:minor in hex and returns st_dev as glibc's makedev packs
// it, <sys/sysmacros.h>.
func device(value []byte) uint64 {
	high, low, _ := bytes.Cut(value, []byte(":"))
	major, _ := decode.Hex(high)
	minor, _ := decode.Hex(low)
	const most = 1<<32 - 1
	major, minor = min(major, most), min(minor, most)
	return major&0xfff<<8 | major&^0xfff<<32 | minor&0xff | minor&^0xff<<12
}

// resolve finds the absolute path of item i and remembers it by inode.
func (n *Normalizer) resolve(c *call, items []pathItem, i, parents int) {
	p := &items[i]
	if p.name == "" {
		p.path = n.pathOf(p.device, p.inode)
		return
	}
	dir := n.cwd
	if c != nil && c.relativeToDescriptor(i, items, parents) {
		if p.nametype == "PARENT" && (p.name[0] != '/' || p.name == n.cwd) {
			p.path = n.pathOf(p.device, p.inode)
			return
		}
		dir = parentOf(items, i, parents)
	}
	p.path = absolute(dir, p.name)
	switch {
	case p.nametype == "DELETE":
		n.inodes.drop(p.device, p.inode)
		n.named.drop(p.device, p.inode)
	case p.path[0] == '/' && c != nil && c.name != "execve" && c.name != "execveat":
		n.inodes.put(p.device, p.inode, p.path)
	}
}

// parentOf returns the known path of the parent of item i, "" for none.
func parentOf(items []pathItem, i, parents int) string {
	want := 0
	if parents > 1 && items[i].nametype == "CREATE" {
		want = 1
	}
	for k := range items {
		if items[k].nametype != "PARENT" {
			continue
		}
		if want == 0 {
			return items[k].path
		}
		want--
	}
	return ""
}

// relativeToDescriptor reports whether the name of item i, if it is relative,
// starts from a descriptor that is not the working directory.
func (c *call) relativeToDescriptor(i int, items []pathItem, parents int) bool {
	arguments, ok := directoryArgument[c.name]
	if !ok {
		return false
	}
	argument := arguments[0]
	second := items[i].nametype == "CREATE" || items[i].nametype == "PARENT" && parents > 1 && i > 0
	if second {
		argument = arguments[1]
	}
	return uint32(c.args[argument]) != atFDCWD
}

func (p *pathItem) file() *event.File {
	f := &event.File{Path: p.path, Mode: p.mode, UID: p.uid, Inode: p.inode, Device: p.device}
	const format, directory, symlink, regular = 0o170000, 0o040000, 0o120000, 0o100000 // <linux/stat.h>
	switch p.mode & format {
	case directory:
		f.Kind = event.FileDir
	case symlink:
		f.Kind = event.FileSymlink
	case regular, 0:
	default:
		f.Kind = event.FileOther
	}
	return f
}

// inodes remembers the paths of inodes, the latest maxInodes of them.
type inodes struct {
	paths map[inode]string
	ring  []inode
	next  int
}

type inode struct{ device, number uint64 }

const maxInodes = 1024

func (t *inodes) put(device, number uint64, path string) {
	const maxPath = 4096 // PATH_MAX, <linux/limits.h>
	id := inode{device, number}
	if number == 0 || len(path) > maxPath {
		return
	}
	if t.paths == nil {
		t.paths = make(map[inode]string)
	}
	if _, ok := t.paths[id]; !ok {
		if len(t.ring) < maxInodes {
			t.ring = append(t.ring, id)
		} else {
			delete(t.paths, t.ring[t.next%maxInodes])
			t.ring[t.next%maxInodes] = id
			t.next++
		}
	}
	t.paths[id] = path
}

// drop forgets an inode whose name was removed: its number may be used again.
func (t *inodes) drop(device, number uint64) {
	if id := (inode{device, number}); t.paths[id] != "" {
		t.paths[id] = ""
	}
}

func (t *inodes) get(device, number uint64) string { return t.paths[inode{device, number}] }
