package notify

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/holdfast-security/holdfast/agent/fim/notify/fanotify"
	"github.com/holdfast-security/holdfast/internal/hosttest"
)

// refused makes a listener that is denied fanotify, as in a container.
func refused(l *Listener) { l.refuse = fmt.Errorf("in a test: %w", fanotify.ErrNotPermitted) }

// TestAnOrdinaryUserIsToldByInotify runs without any privilege.
func TestAnOrdinaryUserIsToldByInotify(t *testing.T) {
	if !hosttest.Unprivileged(t) {
		return
	}
	root := place(t)
	c, _, _ := listen(t, Options{Roots: []string{root}})
	if part := c.covered()[0]; part.Method != Inotify || part.Reason != ReasonNotPermitted {
		t.Fatalf("%+v", part)
	}
	deed(t, "create", root+"/new")
	c.awaitOps(t, root+"/new", Created|Modified|Closed)
}

func TestInotifyFollowsTheTree(t *testing.T) {
	root := place(t)
	mkdir(t, root+"/old/deep")
	write(t, root+"/old/file", 10)
	c, _, _ := listen(t, Options{Roots: []string{root}}, refused)
	c.wantMethod(t, Inotify)
	deed(t, "rename", root+"/old", root+"/new")
	c.awaitOps(t, root+"/new", Renamed)
	deed(t, "create", root+"/new/deep/one")
	c.awaitOps(t, root+"/new/deep/one", Created)
	deed(t, "mkdir", root+"/made")
	deed(t, "mkdir", root+"/made/further")
	deed(t, "create", root+"/made/further/two")
	c.awaitOps(t, root+"/made/further/two", Created)
	deed(t, "rename", root+"/new/file", root+"/made/moved")
	c.awaitOps(t, root+"/made/moved", Renamed)
	deed(t, "remove", root+"/made")
	c.awaitOps(t, root+"/made", Deleted)
	i := slices.IndexFunc(c.all(), func(change Change) bool { return change.Path == root+"/made/moved" })
	if from := c.all()[i].From; from != root+"/new/file" {
		t.Errorf("renamed from %q", from)
	}
}

func TestInotifyTellsWhatLeft(t *testing.T) {
	base := place(t)
	root := mkdir(t, base+"/watched")
	write(t, root+"/file", 10)
	write(t, base+"/other", 10)
	c, _, _ := listen(t, Options{Roots: []string{root}}, refused)
	deed(t, "rename", root+"/file", base+"/out")
	c.awaitOps(t, root+"/file", MovedOut)
	deed(t, "rename", base+"/other", root+"/in")
	c.awaitOps(t, root+"/in", MovedIn)
}

func TestInotifySaysWhatItCannotWatch(t *testing.T) {
	root := place(t)
	for i := range 10 {
		mkdir(t, fmt.Sprintf("%s/%d", root, i))
	}
	c, _, _ := listen(t, Options{Roots: []string{root}, Watches: 5}, refused)
	missing := 0
	for _, part := range c.covered() {
		switch {
		case part.Path == root && part.Method == Inotify:
		case part.Method == Poll && part.Reason == ReasonLimit:
			missing++
		default:
			t.Errorf("%+v", part)
		}
	}
	if missing != 6 {
		t.Errorf("%d directories are said not to be watched, want 6", missing)
	}
}

// TestInotifySaysWhenAPathIsTooLong makes directories whose path has more than
// the 4,096 bytes that a system call takes.
func TestInotifySaysWhenAPathIsTooLong(t *testing.T) {
	root := place(t)
	dir, err := unix.Open(root, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	for range 20 {
		if err == nil {
			err = unix.Mkdirat(dir, strings.Repeat("d", 250), 0o755)
		}
		var below int
		if err == nil {
			below, err = unix.Openat(dir, strings.Repeat("d", 250), unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
			unix.Close(dir)
			dir = below
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	unix.Close(dir)
	c, _, _ := listen(t, Options{Roots: []string{root}}, refused)
	if !slices.ContainsFunc(c.covered(), func(p Coverage) bool { return p.Method == Poll && p.Reason == ReasonFailed }) {
		t.Errorf("%+v", c.covered())
	}
}

func TestInotifyOverflowIsTold(t *testing.T) {
	root := place(t)
	if os.Geteuid() == 0 {
		root = tmpfs(t) // fills the queue faster
	}
	text, err := os.ReadFile("/proc/sys/fs/inotify/max_queued_events")
	if err != nil {
		t.Fatal(err)
	}
	var bound int
	if _, err := fmt.Sscan(string(text), &bound); err != nil || bound > 40_000 {
		t.Skipf("a queue of %s events takes too long to fill", text)
	}
	flood := mkdir(t, root+"/flood")
	c, _, _ := listen(t, Options{Roots: []string{root}, Handler: blocked()}, refused)
	deed(t, "create", root+"/first")
	deed(t, "many", flood, fmt.Sprint(bound))
	c.open()
	await(t, "the overflow", func() bool { return slices.Contains(c.dirty(), Dirty{root, CauseOverflow}) })
	deed(t, "create", root+"/flood/after")
	c.awaitOps(t, root+"/flood/after", Created)
}

func TestARootThatIsAbsentUnderInotify(t *testing.T) {
	root := place(t) + "/later"
	c, _, _ := listen(t, Options{Roots: []string{root}}, refused, func(l *Listener) { l.retry = 10 * time.Millisecond })
	if part := c.covered()[0]; part.Method != Poll || part.Reason != ReasonAbsent {
		t.Fatalf("%+v", part)
	}
	mkdir(t, root)
	await(t, "the root to be watched", func() bool { return c.covered()[0].Method == Inotify })
	await(t, "the call to look", func() bool { return slices.Contains(c.dirty(), Dirty{root, CauseRenewed}) })
	deed(t, "create", root+"/new")
	c.awaitOps(t, root+"/new", Created)
	if err := os.RemoveAll(root); err != nil {
		t.Fatal(err)
	}
	await(t, "the root to be gone", func() bool { return c.covered()[0].Reason == ReasonAbsent })
}

// TestAnOverlayIsWatchedByInotify watches a file system that gives no handles
// that can be opened.
func TestAnOverlayIsWatchedByInotify(t *testing.T) {
	base := tmpfs(t)
	for _, name := range []string{"low", "up", "work", "merged"} {
		mkdir(t, base+"/"+name)
	}
	root := base + "/merged"
	mountOn(t, "overlay", root, "overlay", 0, "lowerdir="+base+"/low,upperdir="+base+"/up,workdir="+base+"/work")
	c, _, _ := listen(t, Options{Roots: []string{root}})
	part := c.covered()[0]
	if part.Method == Fanotify {
		t.Skip("overlays of this kernel give handles that can be opened")
	}
	if part.Method != Inotify || part.Reason != ReasonFileSystem || part.Detail == "" {
		t.Fatalf("%+v", part)
	}
	deed(t, "create", root+"/new")
	c.awaitOps(t, root+"/new", Created)
}

func TestWhatHasNoFilesIsSaidSo(t *testing.T) {
	hosttest.Root(t)
	c, _, _ := listen(t, Options{Roots: []string{"/proc/sys"}})
	if part := c.covered()[0]; part.Method != Poll || part.Reason != ReasonPseudo {
		t.Errorf("%+v", part)
	}
}
