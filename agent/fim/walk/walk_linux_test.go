package walk_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/holdfast-security/holdfast/agent/fim/walk"
	"github.com/holdfast-security/holdfast/fim"
	"github.com/holdfast-security/holdfast/internal/hosttest"
)

func descriptors(t testing.TB) int {
	t.Helper()
	names, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(names)
}

// meanwhile does something again and again until the test ends.
func meanwhile(t *testing.T, do func()) {
	t.Helper()
	var stop atomic.Bool
	var done sync.WaitGroup
	done.Go(func() {
		for !stop.Load() {
			do()
		}
	})
	t.Cleanup(func() { stop.Store(true); done.Wait() })
}

func TestHostileNames(t *testing.T) {
	root := t.TempDir()
	write(t, root, "new\nline/\x1b[2Jred", "\xff\xfe", "...", " ", "-rf", strings.Repeat("n", 255))
	before := descriptors(t)
	r := run(t, walk.Config{Selector: everything(t, root)})
	equal(t, r.seen(root), []string{
		"", "/ ", "/-rf", "/...", "/new\nline", "/new\nline/\x1b[2Jred", "/" + strings.Repeat("n", 255), "/\xff\xfe",
	})
	if after := descriptors(t); after != before {
		t.Errorf("%d descriptors, before %d", after, before)
	}
}

func TestLinksAreNotFollowed(t *testing.T) {
	outside := t.TempDir()
	write(t, outside, "secret")
	root := t.TempDir()
	write(t, root, "d/file")
	for name, target := range map[string]string{"out": outside, "loop": ".", "d/up": "..", "self": "self", "gone": "nowhere", "d/file2": outside + "/secret"} {
		if err := os.Symlink(target, filepath.Join(root, name)); err != nil {
			t.Fatal(err)
		}
	}
	r := run(t, walk.Config{Selector: everything(t, root)})
	equal(t, r.seen(root), []string{"", "/d", "/d/file", "/d/file2", "/d/up", "/gone", "/loop", "/out", "/self"})
	if i := r.items[root+"/out"]; i.Stat.Kind != fim.KindLink || i.Own {
		t.Errorf("got %+v", i)
	}
	r = run(t, walk.Config{Selector: everything(t, root+"/out")})
	if s := r.self[root+"/out"]; s.Kind != fim.KindLink || len(r.items) > 0 {
		t.Errorf("a root that is a link: %+v, %v", s, r.items)
	}
	r = run(t, walk.Config{Selector: everything(t, root+"/loop/d/file")}) // a link on the way to it
	if s := r.self[root+"/loop/d/file"]; s.Kind != fim.KindFile {
		t.Errorf("a root behind a link: %+v", s)
	}
}

// TestLinksPutInTheWay swaps a directory for a link to elsewhere, again and
// again, while the tree is walked.
func TestLinksPutInTheWay(t *testing.T) {
	outside := t.TempDir()
	write(t, outside, "x/secret")
	root := t.TempDir()
	write(t, root, "d/x/file", "spare/x/file")
	if err := os.Symlink(outside, filepath.Join(root, "link")); err != nil {
		t.Fatal(err)
	}
	meanwhile(t, func() {
		_ = unix.Renameat2(unix.AT_FDCWD, root+"/d", unix.AT_FDCWD, root+"/link", unix.RENAME_EXCHANGE)
	})
	for range 300 {
		r := run(t, walk.Config{Selector: everything(t, root), Workers: 2})
		for path, err := range r.problems {
			t.Errorf("%q: %v", path, err)
		}
		for path := range r.items {
			if strings.HasSuffix(path, "secret") {
				t.Fatalf("left the root: %q", path)
			}
		}
	}
}

func TestFilesThatComeAndGo(t *testing.T) {
	root := t.TempDir()
	write(t, root, "keep/1", "keep/2")
	meanwhile(t, func() {
		_ = os.MkdirAll(root+"/new/deep", 0o755)
		_ = os.WriteFile(root+"/new/deep/file", nil, 0o600)
		_ = os.WriteFile(root+"/keep/3", nil, 0o600)
		_ = os.RemoveAll(root + "/new")
		_ = os.Remove(root + "/keep/3")
	})
	for range 300 {
		r := run(t, walk.Config{Selector: everything(t, root)})
		if _, ok := r.items[root+"/keep/2"]; !ok || len(r.problems) > 0 {
			t.Fatalf("lost what stays: %v, problems %v", r.seen(root), r.problems)
		}
	}
}

// TestDeepTrees goes deeper than any path that a system call takes.
func TestDeepTrees(t *testing.T) {
	root := t.TempDir()
	name := strings.Repeat("d", 100)
	fd, err := unix.Open(root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	const depth = 400
	for range depth {
		if err := unix.Mkdirat(fd, name, 0o755); err != nil {
			t.Fatal(err)
		}
		next, err := unix.Openat(fd, name, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		unix.Close(fd)
		if err != nil {
			t.Fatal(err)
		}
		fd = next
	}
	unix.Close(fd)
	before := descriptors(t)
	r := run(t, walk.Config{Selector: everything(t, root)})
	within := (walk.MaxPath - len(root)) / (len(name) + 1)
	if len(r.self) != 1+within {
		t.Errorf("%d directories, want %d", len(r.self), 1+within)
	}
	if len(r.problems) != 1 {
		t.Errorf("%d problems, want one", len(r.problems))
	}
	for _, err := range r.problems {
		if !errors.Is(err, walk.ErrDeep) {
			t.Error(err)
		}
	}
	if after := descriptors(t); after != before {
		t.Errorf("%d descriptors, before %d", after, before)
	}
}

func TestEveryKind(t *testing.T) {
	root := t.TempDir()
	write(t, root, "file")
	if err := errors.Join(
		unix.Mkfifo(root+"/pipe", 0o600),
		unix.Mknod(root+"/socket", unix.S_IFSOCK|0o600, 0),
		os.Link(root+"/file", root+"/hard"),
		os.Chmod(root+"/file", 0o6755|os.ModeSetuid|os.ModeSetgid),
	); err != nil {
		t.Fatal(err)
	}
	sparse, err := os.Create(root + "/sparse")
	if err == nil {
		err = errors.Join(sparse.Truncate(10<<30), sparse.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	r := run(t, walk.Config{Selector: everything(t, root)})
	for name, want := range map[string]fim.Kind{"pipe": fim.KindPipe, "socket": fim.KindSocket, "file": fim.KindFile, "sparse": fim.KindFile} {
		if got := r.items[root+"/"+name].Stat.Kind; got != want {
			t.Errorf("%s is a %s", name, got)
		}
	}
	file, hard := r.items[root+"/file"].Stat, r.items[root+"/hard"].Stat
	if file != hard || file.Links != 2 || file.Mode != 0o6755 || file.Changed == 0 || file.Inode == 0 || file.Device == 0 {
		t.Errorf("got %+v and %+v", file, hard)
	}
	if size := r.items[root+"/sparse"].Stat.Size; size != 10<<30 {
		t.Errorf("the sparse file has %d bytes", size)
	}
}

func TestUnreadableDirectories(t *testing.T) {
	if !hosttest.Unprivileged(t) {
		return
	}
	root := t.TempDir()
	write(t, root, "closed/file", "listed/file", "open/file")
	for name, mode := range map[string]os.FileMode{"closed": 0, "listed": 0o400} {
		if err := os.Chmod(root+"/"+name, mode); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.Chmod(root+"/"+name, 0o700) })
	}
	r := run(t, walk.Config{Selector: everything(t, root)})
	for _, name := range []string{"/closed", "/listed"} { // the one cannot be opened, the other not be looked into
		if err := r.problems[root+name]; !errors.Is(err, os.ErrPermission) {
			t.Errorf("%s: %v", name, err)
		}
	}
	equal(t, r.seen(root), []string{"", "/open", "/open/file"})
}

func TestFileSystemsThatAreNotNamed(t *testing.T) {
	hosttest.Root(t)
	root := t.TempDir()
	write(t, root, "here/file")
	if err := os.Mkdir(root+"/other", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("none", root+"/other", "tmpfs", 0, ""); err != nil {
		hosttest.Missing(t, "needs to mount a file system: %v", err)
	}
	t.Cleanup(func() { unix.Unmount(root+"/other", unix.MNT_DETACH) })
	write(t, root, "other/file")

	r := run(t, walk.Config{Selector: everything(t, root)})
	equal(t, r.seen(root), []string{"", "/here", "/here/file", "/other", "/other/file"})
	if a, b := r.self[root], r.self[root+"/other"]; a.Mount == b.Mount || a.Volume == b.Volume || a.Volume != r.items[root+"/here/file"].Stat.Volume {
		t.Errorf("got %+v and %+v", a, b)
	}
	types := fim.LocalFilesystems()
	for i, name := range types {
		if name == "tmpfs" {
			types = append(types[:i], types[i+1:]...)
			break
		}
	}
	s, err := fim.Compile(fim.Selection{Watches: []fim.Watch{{Root: root, Recursive: true}}, Filesystems: types})
	if err != nil {
		t.Fatal(err)
	}
	if r.self[root].Kind != fim.KindDirectory {
		t.Fatal("the root is gone")
	}
	r = run(t, walk.Config{Selector: s})
	if err := r.problems[root+"/other"]; !errors.Is(err, walk.ErrFilesystem) || !strings.Contains(err.Error(), "tmpfs") {
		if !errors.Is(r.problems[root], walk.ErrFilesystem) { // where the test's own directory lies on one
			t.Errorf("problems: %v", r.problems)
		}
	}
}

func TestProcIsNotEntered(t *testing.T) {
	r := run(t, walk.Config{Selector: everything(t, "/proc")})
	if err := r.problems["/proc"]; !errors.Is(err, walk.ErrFilesystem) || len(r.self) > 0 {
		t.Errorf("problems: %v", r.problems)
	}
}

func BenchmarkWalkUsr(b *testing.B) {
	s := everything(b, "/usr")
	for b.Loop() {
		p := new(walk.Progress)
		if err := walk.Walk(b.Context(), walk.Config{Selector: s, Progress: p, Visit: func(*walk.Directory) error { return nil }}); err != nil {
			b.Fatal(err)
		}
		c := p.Count(time.Now())
		b.ReportMetric(float64(c.Entries), "entries")
	}
}
