package notify

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/holdfast-security/holdfast/internal/hosttest"
)

// What the test program is started for a second time.
const (
	deedEnv    = "HOLDFAST_NOTIFY_DEED"    // to do something to files and end
	privateEnv = "HOLDFAST_NOTIFY_PRIVATE" // to run the tests in a mount namespace of their own
)

// TestMain runs the tests as root in a mount namespace of their own: what they
// mount is seen by nobody, and gone when they end in whatever way.
func TestMain(m *testing.M) {
	if name := os.Getenv(deedEnv); name != "" {
		os.Exit(doDeed(name, os.Args[1:]))
	}
	fuzzing := slices.ContainsFunc(os.Args, func(arg string) bool { return strings.HasPrefix(arg, "-test.fuzz") })
	if os.Geteuid() != 0 || os.Getenv(privateEnv) != "" || fuzzing {
		goleak.VerifyTestMain(m)
		return
	}
	runtime.LockOSThread() // the child dies with the thread that made it
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Env = append(os.Environ(), privateEnv+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: unix.CLONE_NEWNS, Pdeathsig: unix.SIGKILL}
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	os.Exit(cmd.ProcessState.ExitCode())
}

// patience is how long a test waits for what has to come.
const patience = time.Minute

// collector is a Handler that keeps everything.
type collector struct {
	gate chan struct{} // unless nil, Changes waits until it is closed
	open func()

	mu      sync.Mutex // guards the rest
	changes []Change
	dirt    []Dirty
	parts   []Coverage
}

// blocked returns a handler that holds the listener up until open is called.
func blocked() *collector {
	gate := make(chan struct{})
	return &collector{gate: gate, open: sync.OnceFunc(func() { close(gate) })}
}

func (c *collector) Changes(changes []Change) {
	if c.gate != nil {
		<-c.gate
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changes = append(c.changes, changes...)
}

func (c *collector) Dirty(d Dirty) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dirt = append(c.dirt, d)
}

func (c *collector) Covered(parts []Coverage) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.parts = parts
}

func (c *collector) all() []Change {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.changes)
}

func (c *collector) dirty() []Dirty {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.dirt)
}

func (c *collector) covered() []Coverage {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.parts)
}

// ops returns what was told of a path.
func (c *collector) ops(path string) (o Op) {
	for _, change := range c.all() {
		if change.Path == path {
			o |= change.Op
		}
	}
	return o
}

// await waits until the condition holds.
func await(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// awaitOps waits until all of want was told of path.
func (c *collector) awaitOps(t testing.TB, path string, want Op) {
	t.Helper()
	defer func() {
		if t.Failed() {
			all := c.all()
			for _, change := range all[max(0, len(all)-30):] {
				t.Logf("%v %q from %q by %+v", change.Op, change.Path, change.From, change.Who)
			}
		}
	}()
	await(t, fmt.Sprintf("%v of %q", want, path), func() bool { return c.ops(path)&want == want })
}

// listen runs a listener until the test ends, or the returned function is
// called.
func listen(t testing.TB, opts Options, change ...func(*Listener)) (*collector, *Listener, func()) {
	t.Helper()
	c, ok := opts.Handler.(*collector)
	if !ok {
		c = &collector{}
		opts.Handler = c
	}
	l, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range change {
		f(l)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	stop := sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the listener ended with: %v", err)
		}
	})
	t.Cleanup(stop)
	if c.open != nil {
		t.Cleanup(c.open)
	}
	await(t, "the listener", func() bool { return len(c.covered()) > 0 })
	return c, l, stop
}

// wantMethod fails unless all parts are watched in the given way.
func (c *collector) wantMethod(t testing.TB, method Method) {
	t.Helper()
	for _, part := range c.covered() {
		if part.Method != method {
			t.Fatalf("want %s: %+v", method, part)
		}
	}
}

// tmpfs mounts an empty file system for the test.
func tmpfs(t testing.TB) string {
	t.Helper()
	hosttest.Root(t)
	dir := place(t)
	if err := unix.Mount("holdfast-test", dir, "tmpfs", 0, "size=1g,nr_inodes=1m"); err != nil {
		t.Fatal(err)
	}
	unmountLater(t, dir)
	return dir
}

// place makes a directory with a path without symbolic links.
func place(t testing.TB) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func unmountLater(t testing.TB, dir string) {
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
}

func ext4(t testing.TB) string {
	t.Helper()
	return loop(t, 64<<20, "mkfs.ext4", "-q", "-F")
}

// xfs can share blocks between files.
func xfs(t testing.TB) string {
	t.Helper()
	return loop(t, 320<<20, "mkfs.xfs", "-q", "-f") // it wants 300 MiB, of which it uses few
}

// loop makes and mounts a file system on a loop device.
func loop(t testing.TB, size int64, maker string, options ...string) string {
	t.Helper()
	hosttest.Root(t)
	if _, err := os.Stat("/dev/loop-control"); err != nil {
		hosttest.Missing(t, "needs loop devices")
	}
	mkfs, mount := hosttest.Program(t, maker), hosttest.Program(t, "mount")
	image, dir := filepath.Join(t.TempDir(), "image"), place(t)
	if err := os.WriteFile(image, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(image, size); err != nil {
		t.Fatal(err)
	}
	run(t, mkfs, append(options, image)...)
	run(t, mount, "-o", "loop,noatime", image, dir)
	unmountLater(t, dir)
	return dir
}

func run(t testing.TB, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
}

// deed lets another process do something, for the listener leaves its own
// out. It returns the pid.
func deed(t testing.TB, name string, args ...string) int32 {
	t.Helper()
	return deedIn(t, nil, name, args...)
}

func deedIn(t testing.TB, attr *syscall.SysProcAttr, name string, args ...string) int32 {
	t.Helper()
	cmd := exec.Command("/proc/self/exe", args...)
	cmd.Env = append(os.Environ(), deedEnv+"="+name, "GORACE=atexit_sleep_ms=0") // or it sleeps for a second
	cmd.SysProcAttr = attr
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState != nil && cmd.ProcessState.ExitCode() == exitUnsupported {
		t.Skipf("the kernel or the file system has no %s: %s", name, out)
	}
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
	return int32(cmd.Process.Pid)
}

func write(t testing.TB, path string, size int) {
	t.Helper()
	if err := os.WriteFile(path, make([]byte, size), 0o644); err != nil {
		t.Fatal(err)
	}
}

func mkdir(t testing.TB, path string) string {
	t.Helper()
	if err := os.MkdirAll(path, 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}
