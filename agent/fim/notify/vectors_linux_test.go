package notify

import (
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// vector is a way to change a file that a listener has to see. Relative names
// in args and path are below the directory of the case.
type vector struct {
	name string
	prep func(t *testing.T, dir string)
	deed string
	args []string
	raw  []string // arguments that are no paths
	attr *syscall.SysProcAttr
	path string // what has to be told of
	from string
	op   Op
	only string // the kind of file system that can do it; "" for any
}

// vectors are the write vectors that are visible above the block layer. In
// every directory are the files "file" and "other", 64 KiB long.
var vectors = []vector{
	{name: "create", deed: "create", args: []string{"new"}, path: "new", op: Created | Modified | Closed},
	{name: "create empty", deed: "empty", args: []string{"new"}, path: "new", op: Created | Closed},
	{name: "write", deed: "write", args: []string{"file"}, path: "file", op: Modified | Closed},
	{name: "append", deed: "append", args: []string{"file"}, path: "file", op: Modified | Closed},
	{name: "gather write", deed: "pwritev", args: []string{"file"}, path: "file", op: Modified | Closed},
	{name: "truncate", deed: "truncate", args: []string{"file"}, path: "file", op: Modified},
	{name: "ftruncate", deed: "ftruncate", args: []string{"file"}, path: "file", op: Modified | Closed},
	{name: "open to truncate", deed: "otrunc", args: []string{"file"}, path: "file", op: Modified | Closed},
	{name: "rename", deed: "rename", args: []string{"file", "new"}, path: "new", from: "file", op: Renamed},
	{name: "rename over", deed: "rename", args: []string{"file", "other"}, path: "other", from: "file", op: Renamed},
	{name: "exchange", deed: "exchange", args: []string{"file", "other"}, path: "other", from: "file", op: Renamed},
	{name: "link", deed: "link", args: []string{"file", "new"}, path: "new", op: Created},
	{name: "symlink", deed: "symlink", args: []string{"new"}, path: "new", op: Created},
	{name: "unlink", deed: "unlink", args: []string{"file"}, path: "file", op: Deleted},
	{name: "mkdir", deed: "mkdir", args: []string{"new"}, path: "new", op: Created},
	{name: "fifo", deed: "fifo", args: []string{"new"}, path: "new", op: Created},
	{name: "device", deed: "mknod", args: []string{"new"}, path: "new", op: Created},
	{name: "unnamed file gets a name", deed: "tmpfile", args: []string{"new"}, path: "new", op: Created},
	{name: "chmod", deed: "chmod", args: []string{"file"}, path: "file", op: Attributes},
	{name: "chmod of a directory", deed: "chmod", args: []string{"."}, path: ".", op: Attributes},
	{name: "chown", deed: "chown", args: []string{"file"}, path: "file", op: Attributes},
	{name: "times", deed: "utimes", args: []string{"file"}, path: "file", op: Attributes},
	{name: "xattr", deed: "xattr", args: []string{"file"}, path: "file", op: Attributes},
	{
		name: "xattr removed", deed: "unxattr", args: []string{"file"}, path: "file", op: Attributes,
		prep: func(t *testing.T, dir string) {
			if err := unix.Setxattr(dir+"/file", "user.old", []byte("x"), 0); err != nil {
				t.Fatal(err)
			}
		},
	},
	{name: "capabilities", deed: "setcap", args: []string{"file"}, path: "file", op: Attributes},
	{name: "ACL", deed: "acl", args: []string{"file"}, path: "file", op: Attributes},
	{name: "mapping closed", deed: "mmap", args: []string{"file"}, path: "file", op: Closed},
	{name: "io_uring", deed: "uring", args: []string{"file"}, path: "file", op: Modified | Closed},
	{name: "O_DIRECT", deed: "direct", args: []string{"file"}, path: "file", op: Modified | Closed},
	{name: "sendfile", deed: "sendfile", args: []string{"file", "other"}, path: "file", op: Modified | Closed},
	{name: "splice", deed: "splice", args: []string{"file", "other"}, path: "file", op: Modified | Closed},
	{name: "copy_file_range", deed: "copy", args: []string{"file", "other"}, path: "file", op: Modified | Closed},
	{name: "reflink", deed: "reflink", args: []string{"file", "other"}, path: "file", op: Modified | Closed, only: "xfs"},
	{name: "fallocate", deed: "fallocate", args: []string{"file"}, path: "file", op: Modified},
	{name: "punch a hole", deed: "punch", args: []string{"file"}, path: "file", op: Modified},
	{name: "by handle", deed: "handle", args: []string{"file"}, path: "file", op: Modified},
	{name: "name with a newline", deed: "create", args: []string{"a\nb\x1b[31m"}, path: "a\nb\x1b[31m", op: Created | Closed},
	{name: "name that is no UTF-8", deed: "create", args: []string{"\xff\xfe (deleted)"}, path: "\xff\xfe (deleted)", op: Created | Closed},
	{
		name: "bind mount", deed: "create", args: []string{"../bound/new"}, path: "sub/new", op: Created | Closed,
		prep: func(t *testing.T, dir string) {
			mountOn(t, mkdir(t, dir+"/sub"), mkdir(t, filepath.Dir(dir)+"/bound"), "", unix.MS_BIND, "")
		},
	},
	{
		name: "overlay", deed: "write", args: []string{"merged/low"}, path: "up/low", op: Created | Modified,
		prep: func(t *testing.T, dir string) {
			for _, name := range []string{"low", "up", "work", "merged"} {
				mkdir(t, dir+"/"+name)
			}
			write(t, dir+"/low/low", 100)
			mountOn(t, "overlay", dir+"/merged", "overlay", 0, "lowerdir="+dir+"/low,upperdir="+dir+"/up,workdir="+dir+"/work")
		},
	},
	{
		name: "mount namespace", deed: "write", args: []string{"file"}, path: "file", op: Modified | Closed,
		attr: &syscall.SysProcAttr{Unshareflags: unix.CLONE_NEWNS},
	},
	{name: "chroot", deed: "chroot", args: []string{"."}, raw: []string{"/inside"}, path: "inside", op: Created | Closed},
}

func mountOn(t *testing.T, source, target, kind string, flags uintptr, data string) {
	t.Helper()
	if err := unix.Mount(source, target, kind, flags, data); err != nil {
		t.Fatalf("mount %s on %s: %v", source, target, err)
	}
	unmountLater(t, target)
}

// TestEveryWayToWrite lets a process of its own change a file in each of the
// ways that there are, and wants it told with the process.
func TestEveryWayToWrite(t *testing.T) {
	for kind, fs := range map[string]func(testing.TB) string{"ext4": ext4, "tmpfs": tmpfs, "xfs": xfs} {
		t.Run(kind, func(t *testing.T) {
			root := fs(t)
			c, _, _ := listen(t, Options{Roots: []string{root}})
			c.wantMethod(t, Fanotify)
			for i, v := range vectors {
				if v.only != "" && v.only != kind {
					continue
				}
				t.Run(v.name, func(t *testing.T) {
					dir := mkdir(t, filepath.Join(root, string(rune('a'+i/26))+string(rune('a'+i%26)), "dir"))
					v.check(t, c, dir)
				})
			}
		})
	}
}

func (v vector) check(t *testing.T, c *collector, dir string) {
	write(t, dir+"/file", 64<<10)
	write(t, dir+"/other", 64<<10)
	if v.prep != nil {
		v.prep(t, dir)
	}
	in := func(name string) string {
		if name == "." {
			return dir
		}
		return dir + "/" + name
	}
	var args []string
	for _, arg := range v.args {
		args = append(args, in(arg))
	}
	pid := deedIn(t, v.attr, v.deed, append(args, v.raw...)...)
	c.awaitOps(t, in(v.path), v.op)
	for _, change := range c.all() {
		if change.Path != in(v.path) {
			continue
		}
		if change.Who.PID != pid {
			t.Errorf("%v by %d, want %d", change.Op, change.Who.PID, pid)
		}
		if v.from != "" && change.Op&Renamed != 0 && change.From != in(v.from) {
			t.Errorf("renamed from %q, want %q", change.From, in(v.from))
		}
	}
}
