package notify

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/holdfast-security/holdfast/agent/fim/notify/fanotify"
	"github.com/holdfast-security/holdfast/internal/hosttest"
)

// TestShortWritersAreAllNamed starts processes that live for less than a
// millisecond and write one file each, named after their pid.
func TestShortWritersAreAllNamed(t *testing.T) {
	const writers, storms = 5000, 2
	shell := hosttest.Program(t, "dash")
	root := tmpfs(t)
	c, l, _ := listen(t, Options{Roots: []string{root}})
	c.wantMethod(t, Fanotify)
	var storm [storms]*exec.Cmd
	for i := range storm {
		storm[i] = exec.Command(shell, "-c", `i=0
			while [ $i -lt $2 ]; do
				( read -r pid rest < /proc/self/stat; : > "$1/$i.$pid" )
				i=$((i+1))
			done`, "storm", mkdir(t, fmt.Sprint(root, "/", i)), fmt.Sprint(writers/storms))
		if err := storm[i].Start(); err != nil {
			t.Fatal(err)
		}
	}
	for _, cmd := range storm {
		if err := cmd.Wait(); err != nil {
			t.Fatal(err)
		}
	}
	created := func() (n int) {
		for _, change := range c.all() {
			if change.Op&Created != 0 && !change.Dir {
				n++
			}
		}
		return n
	}
	await(t, "all files", func() bool { return created() >= writers })
	wrong, started := 0, 0
	for _, change := range c.all() {
		if fmt.Sprint(".", change.Who.PID) != filepath.Ext(change.Path) {
			wrong++
		}
		if change.Who.Sure {
			started++
		}
	}
	if n := created(); n != writers || wrong != 0 {
		t.Errorf("%d of %d files were told of, %d changes with a wrong pid", n, writers, wrong)
	}
	if d := c.dirty(); len(d) > 0 {
		t.Errorf("changes were lost: %v", d)
	}
	t.Logf("%d of %d changes with the start of the writer; %+v", started, len(c.all()), l.Stats())
}

// TestABlockedHandlerIsToldWhatItMissed holds the handler up until the bounded
// queue of the kernel has overflown.
func TestABlockedHandlerIsToldWhatItMissed(t *testing.T) {
	root := tmpfs(t)
	text, err := os.ReadFile("/proc/sys/fs/fanotify/max_queued_events")
	if err != nil {
		t.Fatal(err)
	}
	bound, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || bound > 40_000 {
		t.Skipf("a queue of %s events takes too long to fill", text)
	}
	c, l, _ := listen(t, Options{Roots: []string{root}, Handler: blocked(), Bounded: true})
	deed(t, "create", root+"/first") // its telling blocks
	deed(t, "many", mkdir(t, root+"/flood"), strconv.Itoa(2*bound))
	c.open()
	await(t, "the overflow", func() bool {
		return slices.Contains(c.dirty(), Dirty{Path: root, Cause: CauseOverflow})
	})
	c.awaitOps(t, root+"/first", Created) // was in the queue
	await(t, "the count", func() bool { return l.Stats().Overflows > 0 })
	deed(t, "create", root+"/after")
	c.awaitOps(t, root+"/after", Created)
}

// TestABlockedHandlerMissesNothing does the same without the bound.
func TestABlockedHandlerMissesNothing(t *testing.T) {
	const files = 20_000
	root := tmpfs(t)
	c, _, _ := listen(t, Options{Roots: []string{root}, Handler: blocked()})
	deed(t, "create", root+"/first")
	deed(t, "many", mkdir(t, root+"/flood"), strconv.Itoa(files))
	c.open()
	await(t, "every file", func() bool { return len(c.all()) > files })
	if d := c.dirty(); len(d) > 0 {
		t.Errorf("lost: %v", d)
	}
}

func TestDirectoriesThatMoveAreNamedRightly(t *testing.T) {
	root := tmpfs(t)
	mkdir(t, root+"/old/deep")
	c, _, _ := listen(t, Options{Roots: []string{root}})
	deed(t, "create", root+"/old/deep/one")
	c.awaitOps(t, root+"/old/deep/one", Created)
	deed(t, "rename", root+"/old", root+"/new")
	deed(t, "create", root+"/new/deep/two")
	c.awaitOps(t, root+"/new/deep/two", Created)
	i := slices.IndexFunc(c.all(), func(change Change) bool { return change.Op&Renamed != 0 })
	if i < 0 || c.all()[i].From != root+"/old" || c.all()[i].Path != root+"/new" || !c.all()[i].Dir {
		t.Errorf("the rename was told as %+v", c.all())
	}
}

func TestARemovedTreeIsNamedToTheLast(t *testing.T) {
	root := tmpfs(t)
	for i := range 200 {
		write(t, mkdir(t, fmt.Sprintf("%s/tree/%d/below", root, i))+"/file", 1)
	}
	c, l, _ := listen(t, Options{Roots: []string{root}, Handler: blocked()})
	deed(t, "create", root+"/first") // holds the reader up, so that it finds all gone
	deed(t, "remove", root+"/tree")
	c.open()
	c.awaitOps(t, root+"/tree", Deleted)
	for i := range 200 {
		c.awaitOps(t, fmt.Sprintf("%s/tree/%d/below/file", root, i), Deleted)
		c.awaitOps(t, fmt.Sprintf("%s/tree/%d/below", root, i), Deleted)
	}
	if n := l.Stats().Vanished; n != 0 {
		t.Errorf("%d changes have no name", n)
	}
}

func TestShortLivedDirectoriesAreNamed(t *testing.T) {
	root := tmpfs(t)
	c, l, _ := listen(t, Options{Roots: []string{root}})
	deed(t, "churn", root, "300")
	deed(t, "create", root+"/end")
	c.awaitOps(t, root+"/end", Created)
	for i := range 300 {
		c.awaitOps(t, fmt.Sprintf("%s/d%d", root, i), Created)
		c.awaitOps(t, fmt.Sprintf("%s/e%d", root, i), Renamed|Deleted)
	}
	for i := range 300 {
		c.awaitOps(t, fmt.Sprintf("%s/d%d/a", root, i), Created)
	}
	if s := l.Stats(); s.Unnamed != 0 {
		t.Errorf("%+v", s)
	}
}

func TestOlderKernelsTellTheSame(t *testing.T) {
	root := tmpfs(t)
	mkdir(t, root+"/dir")
	write(t, root+"/file", 10)
	write(t, root+"/dir/inside", 10)
	older := func(l *Listener) { l.without = fanotify.Abilities{Target: true, PIDFD: true, Rename: true} }
	c, _, _ := listen(t, Options{Roots: []string{root + "/dir"}}, older)
	c.wantMethod(t, Fanotify)
	if part := c.covered()[0]; part.WhoCertain || part.WholeRenames {
		t.Errorf("more is told than there is: %+v", part)
	}
	pid := deed(t, "rename", root+"/dir/inside", root+"/dir/renamed")
	c.awaitOps(t, root+"/dir/renamed", Renamed)
	deed(t, "rename", root+"/file", root+"/dir/in")
	c.awaitOps(t, root+"/dir/in", Renamed)
	deed(t, "rename", root+"/dir/in", root+"/out")
	c.awaitOps(t, root+"/out", Renamed)
	for i, change := range c.all() {
		if change.From == "" || change.Op != Renamed || change.Who.Sure || i == 0 && change.Who.PID != pid {
			t.Errorf("%+v", change)
		}
	}
}

func TestRenamesAcrossTheBorder(t *testing.T) {
	root := tmpfs(t)
	mkdir(t, root+"/watched")
	write(t, root+"/file", 10)
	c, l, _ := listen(t, Options{Roots: []string{root + "/watched"}})
	deed(t, "rename", root+"/file", root+"/watched/in")
	deed(t, "create", root+"/unwatched")
	deed(t, "rename", root+"/watched/in", root+"/out")
	deed(t, "rename", root+"/watched", root+"/gone")
	c.awaitOps(t, root+"/gone", Renamed)
	var got []string
	for _, change := range c.all() {
		got = append(got, strings.ReplaceAll(fmt.Sprint(change.Op, " ", change.From, " ", change.Path), root, ""))
	}
	want := []string{"renamed /file /watched/in", "renamed /watched/in /out", "renamed /watched /gone"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	await(t, "the count of what lies elsewhere", func() bool { return l.Stats().Elsewhere > 0 })
}

func TestWhatIsNotWantedAndTheListenersOwnAreLeftOut(t *testing.T) {
	root := tmpfs(t)
	c, l, stop := listen(t, Options{
		Roots:  []string{root},
		Wanted: func(path string) bool { return !strings.HasSuffix(path, ".log") },
	})
	write(t, root+"/own", 10)
	deed(t, "create", root+"/some.log")
	deed(t, "create", root+"/wanted")
	c.awaitOps(t, root+"/wanted", Created|Closed)
	stop()
	for _, change := range c.all() {
		if change.Path != root+"/wanted" {
			t.Errorf("%+v", change)
		}
	}
	if s := l.Stats(); s.Own == 0 || s.Unwanted == 0 {
		t.Errorf("%+v", s)
	}
}

func TestWritesOfOneFileAreJoined(t *testing.T) {
	root := tmpfs(t)
	write(t, root+"/file", 10)
	c, _, stop := listen(t, Options{Roots: []string{root}})
	deed(t, "rewrite", root+"/file", "100000")
	c.awaitOps(t, root+"/file", Modified|Closed)
	stop()
	if n := len(c.all()); n > 1000 {
		t.Errorf("100,000 writes were told as %d changes", n)
	}
}

func TestTheWriterIsKnownForCertain(t *testing.T) {
	root := tmpfs(t)
	c, _, _ := listen(t, Options{Roots: []string{root}})
	if !c.covered()[0].WhoCertain {
		hosttest.Missing(t, "needs a kernel that gives pidfds")
	}
	cmd := exec.Command(hosttest.Program(t, "dash"), "-c", `: > "$0"; read -r line`, root+"/file")
	hold, err := cmd.StdinPipe() // it lives until this is closed
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c.awaitOps(t, root+"/file", Created)
	for _, change := range c.all() {
		who := change.Who
		if !who.Sure || who.PID != int32(cmd.Process.Pid) || who.Name != "dash" || who.Parent != int32(os.Getpid()) ||
			who.Start == 0 || filepath.Base(who.Executable) != "dash" {
			t.Errorf("%+v", who)
		}
	}
	hold.Close()
	if err := cmd.Wait(); err == nil {
		t.Error("the writer read a line")
	}
}

func TestFileSystemsComeAndGo(t *testing.T) {
	root := tmpfs(t)
	inner := mkdir(t, root+"/inner")
	c, _, _ := listen(t, Options{Roots: []string{root}})
	mountOn(t, "holdfast-inner", inner, "tmpfs", 0, "")
	await(t, "the mount", func() bool { return slices.Contains(c.dirty(), Dirty{inner, CauseMounted}) })
	c.wantMethod(t, Fanotify)
	deed(t, "create", inner+"/new")
	c.awaitOps(t, inner+"/new", Created)
	await(t, "the file system to let itself be unmounted", func() bool { return unix.Unmount(inner, 0) == nil })
	await(t, "the end of the mount", func() bool { return slices.Contains(c.dirty(), Dirty{inner, CauseUnmounted}) })
	deed(t, "create", inner+"/below")
	c.awaitOps(t, inner+"/below", Created)
}

// TestOneMountInPlaceOfAnother replaces a file system by one of the same type
// while the listener does not look.
func TestOneMountInPlaceOfAnother(t *testing.T) {
	for name, change := range map[string]func(*Listener){"fanotify": func(*Listener) {}, "inotify": refused} {
		t.Run(name, func(t *testing.T) {
			root := tmpfs(t)
			inner := mkdir(t, root+"/inner")
			mountOn(t, "holdfast-inner", inner, "tmpfs", 0, "")
			c, _, _ := listen(t, Options{Roots: []string{root}, Handler: blocked()}, change)
			deed(t, "create", root+"/first")
			await(t, "the first to be let go", func() bool { return unix.Unmount(inner, 0) == nil })
			mountOn(t, "holdfast-other", inner, "tmpfs", 0, "")
			c.open()
			await(t, "the other mount", func() bool {
				return slices.ContainsFunc(c.dirty(), func(d Dirty) bool { return d.Path == inner })
			})
			deed(t, "create", inner+"/new")
			c.awaitOps(t, inner+"/new", Created)
		})
	}
}

// TestTheDeviceIsFreeAfterUnmounting finds out that nothing of the listener
// keeps a file system alive that was unmounted.
func TestTheDeviceIsFreeAfterUnmounting(t *testing.T) {
	root := ext4(t)
	c, _, _ := listen(t, Options{Roots: []string{root}})
	c.wantMethod(t, Fanotify)
	var stat unix.Stat_t
	if err := unix.Stat(root, &stat); err != nil {
		t.Fatal(err)
	}
	backing := fmt.Sprintf("/sys/dev/block/%d:%d/loop/backing_file", unix.Major(stat.Dev), unix.Minor(stat.Dev))
	before, err := os.ReadFile(backing)
	if err != nil {
		t.Fatal(err)
	}
	await(t, "the file system to let itself be unmounted", func() bool { return unix.Unmount(root, 0) == nil })
	await(t, "the device to be free", func() bool {
		now, err := os.ReadFile(backing)
		return err != nil || !bytes.Equal(before, now)
	})
}

func TestRootsThatAreFilesMountsAndLinks(t *testing.T) {
	base := tmpfs(t)
	write(t, base+"/plain", 10)
	write(t, mkdir(t, base+"/data")+"/www", 10)
	write(t, base+"/point", 0)
	mountOn(t, base+"/data/www", base+"/point", "", unix.MS_BIND, "")
	if err := os.Symlink("data", base+"/link"); err != nil {
		t.Fatal(err)
	}
	roots := []string{base + "/plain", base + "/point", base + "/later", base + "/link/through"}
	c, _, _ := listen(t, Options{Roots: roots})
	c.wantMethod(t, Fanotify)
	deed(t, "write", base+"/plain")
	deed(t, "write", base+"/data/www")
	deed(t, "mkdir", base+"/later")
	deed(t, "create", base+"/later/file")
	deed(t, "create", base+"/data/through")
	for path, op := range map[string]Op{
		"/plain": Modified, "/point": Modified, "/later": Created, "/later/file": Created, "/link/through": Created,
	} {
		c.awaitOps(t, base+path, op)
	}
	for _, change := range c.all() {
		if !slices.ContainsFunc(roots, func(root string) bool { return strings.HasPrefix(change.Path, root) }) {
			t.Errorf("told of %+v", change)
		}
	}
}

// TestWhatIsSeenThroughPartOfAFileSystem watches a file system of which only
// parts are mounted where the listener can see it.
func TestWhatIsSeenThroughPartOfAFileSystem(t *testing.T) {
	whole := tmpfs(t)
	mkdir(t, whole+"/one/sub")
	mkdir(t, whole+"/two/one/sub")
	one, two := place(t), place(t)
	mountOn(t, whole+"/one", one, "", unix.MS_BIND, "")
	mountOn(t, whole+"/two", two, "", unix.MS_BIND, "")
	if err := unix.Unmount(whole, unix.MNT_DETACH); err != nil {
		t.Fatal(err)
	}
	c, _, _ := listen(t, Options{Roots: []string{one, two}})
	c.wantMethod(t, Fanotify)
	deed(t, "create", one+"/sub/a")
	deed(t, "create", two+"/one/sub/b")
	deed(t, "rename", two+"/one/sub/b", two+"/one/sub/c")
	c.awaitOps(t, two+"/one/sub/c", Renamed)
	var got []string
	for _, change := range c.all() {
		got = append(got, change.Path)
	}
	for _, path := range []string{one + "/sub/a", two + "/one/sub/b", two + "/one/sub/c"} {
		if !slices.Contains(got, path) {
			t.Errorf("%q is missing in %q", path, got)
		}
	}
	for _, path := range got {
		if strings.HasPrefix(path, one) && !strings.HasSuffix(path, "/a") {
			t.Errorf("told of %q", path)
		}
	}
}

// TestAFileThatIsMountedByItself is what containers have in /etc.
func TestAFileThatIsMountedByItself(t *testing.T) {
	whole, point := tmpfs(t), place(t)+"/hosts"
	write(t, whole+"/hosts", 10)
	write(t, whole+"/other", 10)
	write(t, point, 0)
	mountOn(t, whole+"/hosts", point, "", unix.MS_BIND, "")
	c, l, _ := listen(t, Options{Roots: []string{point}})
	c.wantMethod(t, Fanotify)
	if err := unix.Unmount(whole, unix.MNT_DETACH); err != nil {
		t.Fatal(err)
	}
	pid := deed(t, "append", point)
	c.awaitOps(t, point, Modified)
	deed(t, "chmod", point)
	c.awaitOps(t, point, Attributes)
	if who := c.all()[0].Who; who.PID != pid {
		t.Errorf("written by %d, want %d", who.PID, pid)
	}
	if s := l.Stats(); s.Unnamed != 0 || len(c.dirty()) != 0 {
		t.Errorf("%+v, %v", s, c.dirty())
	}
}

func TestARootThatIsMovedFromAboveIsToldOf(t *testing.T) {
	base := tmpfs(t)
	root := mkdir(t, base+"/a/b/root")
	c, _, _ := listen(t, Options{Roots: []string{root}})
	deed(t, "rename", base+"/a", base+"/x")
	await(t, "the renaming above", func() bool { return slices.Contains(c.dirty(), Dirty{root, CauseMoved}) })
	before := len(c.dirty())
	deed(t, "rename", base+"/x", base+"/a")
	await(t, "the renaming back", func() bool { return len(c.dirty()) > before })
	deed(t, "create", root+"/here")
	c.awaitOps(t, root+"/here", Created)
}

func TestNewRefusesWhatMakesNoSense(t *testing.T) {
	for _, opts := range []Options{
		{Roots: []string{"/etc"}},
		{Handler: &collector{}},
		{Handler: &collector{}, Roots: []string{"etc"}},
		{Handler: &collector{}, Roots: []string{"/etc/"}},
		{Handler: &collector{}, Roots: []string{"/etc/../usr"}},
	} {
		if _, err := New(opts); err == nil {
			t.Errorf("took %+v", opts)
		}
	}
}
