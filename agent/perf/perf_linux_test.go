package perf

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/holdfast-security/holdfast/agent/feature"
	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/internal/hosttest"
)

// collector is a Sink that keeps everything.
type collector struct {
	gate   chan struct{} // unless nil, Emit waits until it is closed
	mu     sync.Mutex    // guards events
	events []event.Event
}

func (c *collector) Emit(events []event.Event) {
	if c.gate != nil {
		<-c.gate
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.events = append(c.events, events...)
}

func (c *collector) all() []event.Event {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.events
}

// watch runs the sensor while do runs, and returns its events and health.
func watch(t *testing.T, opts Options, do func()) ([]event.Event, feature.Status) {
	t.Helper()
	return watchInto(t, &collector{}, opts, do)
}

func watchInto(t *testing.T, sink *collector, opts Options, do func()) ([]event.Event, feature.Status) {
	t.Helper()
	hosttest.Root(t)
	health := feature.NewHealth("perf")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- New(opts).Run(ctx, feature.Host{Log: slog.New(slog.DiscardHandler), Sink: sink, Health: health})
	}()
	for health.Status().State == feature.Starting {
		select {
		case err := <-done:
			t.Fatalf("the sensor ended: %v", err)
		case <-time.After(time.Millisecond):
		}
	}
	do()
	time.Sleep(250 * time.Millisecond)
	cancel()
	if err := <-done; err != nil {
		t.Errorf("the sensor ended with %v", err)
	}
	return sink.all(), health.Status()
}

func TestShortProcessesAreAllSeen(t *testing.T) {
	const count = 500
	truth := hosttest.Program(t, "true")
	want := make(map[uint32]bool)
	events, status := watch(t, Options{}, func() {
		for range count {
			cmd := exec.Command(truth)
			if err := cmd.Run(); err != nil {
				t.Fatal(err)
			}
			want[uint32(cmd.Process.Pid)] = true
		}
	})
	if n := status.Dropped(); n != 0 {
		t.Fatalf("%d records lost", n)
	}
	forks, launches, exits := 0, 0, 0
	for _, e := range events {
		p := e.Process
		if !want[p.PID] {
			continue
		}
		switch e.Activity {
		case event.ProcessFork:
			forks++
			if p.PPID != uint32(os.Getpid()) || p.UID.Start == 0 {
				t.Errorf("fork of %d has parent %d, start %d", p.PID, p.PPID, p.UID.Start)
			}
		case event.ProcessLaunch:
			launches++
			if p.Name != "true" || p.Path() != resolved(truth) || p.Executable.Inode != inode(t, truth) {
				t.Errorf("launch of %q from %q", p.Name, p.Path())
			}
		case event.ProcessTerminate:
			exits++
		}
		if age := time.Since(e.Time); age < 0 || age > time.Minute {
			t.Errorf("event time is off by %v", age)
		}
	}
	if forks != count || launches != count || exits != count {
		t.Errorf("of %d processes %d forks, %d launches, %d ends were seen", count, forks, launches, exits)
	}
}

func resolved(path string) string {
	if target, err := os.Readlink("/bin"); err == nil && target == "usr/bin" && len(path) > 5 && path[:5] == "/bin/" {
		return "/usr" + path
	}
	return path
}

func inode(t *testing.T, path string) uint64 {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		t.Fatal(err)
	}
	return st.Ino
}

func TestExecutableMappings(t *testing.T) {
	events, _ := watch(t, Options{}, func() {
		mem, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE|unix.PROT_EXEC, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Munmap(mem)
		fd, err := unix.MemfdCreate("holdfast test\n", 0)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(fd)
		unix.Ftruncate(fd, 4096)
		shared, err := unix.Mmap(fd, 0, 4096, unix.PROT_READ|unix.PROT_EXEC, unix.MAP_SHARED)
		if err != nil {
			t.Fatal(err)
		}
		unix.Munmap(shared)
	})
	got := make(map[string]event.Event)
	for _, e := range events {
		if e.Class == event.ClassMemoryActivity && e.Process.PID == uint32(os.Getpid()) {
			got[e.Kernel.Type] = e
		}
	}
	if e, ok := got["anonymous"]; !ok || e.Kernel.Request != "rwx" || e.File != nil {
		t.Errorf("anonymous mapping: %+v", e.Kernel)
	}
	if e, ok := got["memfd"]; !ok || e.Kernel.Request != "r-x" || e.File.Kind != event.FileMemory || e.File.Path != "/memfd:holdfast test\n" {
		t.Errorf("memfd mapping: %+v", e.Kernel)
	}
}

// TestPIDReuse has the kernel give one pid to two processes, see
// proc_sys_kernel(5) ns_last_pid.
func TestPIDReuse(t *testing.T) {
	const attempts = 50
	truth := hosttest.Program(t, "true")
	var pid int
	events, _ := watch(t, Options{}, func() {
		cmd := exec.Command(truth)
		if err := cmd.Run(); err != nil {
			t.Fatal(err)
		}
		first := cmd.Process.Pid
		for range attempts {
			if err := os.WriteFile("/proc/sys/kernel/ns_last_pid", []byte(strconv.Itoa(first-1)), 0); err != nil {
				t.Skipf("the kernel lets nobody choose pids: %v", err)
			}
			cmd := exec.Command(truth)
			if err := cmd.Run(); err != nil {
				t.Fatal(err)
			}
			if cmd.Process.Pid == first {
				pid = first
				return
			}
		}
	})
	if pid == 0 {
		t.Skipf("other processes took the pid %d times", attempts)
	}
	starts := make(map[uint64]bool)
	for _, e := range events {
		if e.Activity == event.ProcessFork && int(e.Process.PID) == pid {
			starts[e.Process.UID.Start] = true
		}
	}
	if len(starts) < 2 { // another process may have had it in between
		t.Errorf("pid %d was born %d times, want two or more", pid, len(starts))
	}
}

// TestBellRingsForTheFirstRecord holds the doorbell of a CPU to its word: it
// rings while armed, and only then.
func TestBellRingsForTheFirstRecord(t *testing.T) {
	hosttest.Root(t)
	runtime.LockOSThread() // never unlocked: the thread keeps its affinity to itself
	var one unix.CPUSet
	one.Set(0)
	if err := unix.SchedSetaffinity(0, &one); err != nil {
		t.Skipf("CPU 0 is not to be had: %v", err)
	}
	b, err := openBell(0, false)
	if err != nil {
		t.Fatal(err)
	}
	defer b.close()
	rings := func() bool {
		mem, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_EXEC, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
		if err != nil {
			t.Fatal(err)
		}
		unix.Munmap(mem)
		fds := []unix.PollFd{{Fd: int32(b.fd), Events: unix.POLLIN}}
		n, err := unix.Poll(fds, 50)
		if err != nil && err != unix.EINTR {
			t.Fatal(err)
		}
		return n > 0
	}
	for _, armed := range []bool{false, true, true, false, true} {
		if err := b.arm(armed); err != nil {
			t.Fatal(err)
		}
		if rings() != armed {
			t.Fatalf("armed is %t, but the bell did otherwise", armed)
		}
	}
}

// TestLoneExecIsPrompt has single processes wake a sensor that waits for its
// doorbells.
func TestLoneExecIsPrompt(t *testing.T) {
	const most = 20 * time.Second // on a machine that has no time; else about one nap
	hosttest.Root(t)
	truth := hosttest.Program(t, "true")
	sink, health := &collector{}, feature.NewHealth("perf")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- New(Options{}).Run(ctx, feature.Host{Log: slog.New(slog.DiscardHandler), Sink: sink, Health: health})
	}()
	for range 5 {
		time.Sleep(200 * time.Millisecond)
		cmd := exec.Command(truth)
		if err := cmd.Run(); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		for !slices.ContainsFunc(sink.all(), func(e event.Event) bool {
			return e.Activity == event.ProcessTerminate && int(e.Process.PID) == cmd.Process.Pid
		}) {
			if time.Since(began) > most {
				t.Fatalf("the end of a process was not reported within %v", most)
			}
			time.Sleep(time.Millisecond)
		}
		t.Logf("reported after %v", time.Since(began))
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("the sensor ended with %v", err)
	}
}

// TestLossIsCounted stops the reader with a sink that does not return, however
// fast the machine, so that rings of one page must overflow.
func TestLossIsCounted(t *testing.T) {
	truth := hosttest.Program(t, "true")
	sink := &collector{gate: make(chan struct{})}
	_, status := watchInto(t, sink, Options{RingBytes: 4096}, func() {
		for range 200 {
			exec.Command(truth).Run()
		}
		close(sink.gate)
		time.Sleep(250 * time.Millisecond) // the kernel reports the loss with the next record
		exec.Command(truth).Run()
	})
	if status.Dropped() == 0 || len(status.Warnings) == 0 {
		t.Errorf("rings of one page took 200 processes without loss: %+v", status)
	}
}

func TestWithoutPrivilege(t *testing.T) {
	if !hosttest.Unprivileged(t) { // root may always read the side-band
		return
	}
	err := New(Options{}).Run(t.Context(), feature.Host{Health: feature.NewHealth("perf"), Sink: &collector{}})
	if err != nil && !errors.Is(err, feature.ErrUnsupported) {
		t.Errorf("got %v, want an error that wraps ErrUnsupported", err)
	}
}

func TestParseCPUs(t *testing.T) {
	for list, want := range map[string]int{"0": 1, "0-3": 4, "0-1,4,6-7": 5, "": -1, "3-1": -1, "a": -1, "0-99999": -1, "1,": -1} {
		cpus, err := parseCPUs(list)
		if want < 0 != (err != nil) || err == nil && len(cpus) != want {
			t.Errorf("%q: got %v, %v", list, cpus, err)
		}
	}
}

func TestClockSteps(t *testing.T) {
	const second = uint64(time.Second)
	var c clock
	at := func(boot uint64) int64 { return c.wall(boot).Unix() }
	c.update(100*second, int64(1000*second))
	c.update(101*second, int64(1001*second))
	if got := at(101 * second); got != 1001 {
		t.Errorf("steady clock: got %d", got)
	}
	c.update(102*second, int64(502*second)) // set back by 500 s
	if got := at(102 * second); got != 502 {
		t.Errorf("after the step: got %d", got)
	}
	if got := at(100 * second); got != 1000 {
		t.Errorf("a record from before the step: got %d", got)
	}
}
