package procfs

import (
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-security/holdfast/event"
)

func TestReadSelf(t *testing.T) {
	r, pid := NewReader("/proc"), uint32(os.Getpid())
	s, err := r.Stat(pid)
	if err != nil || s.PID != pid || s.PPID != uint32(os.Getppid()) || s.Start == 0 || s.Kernel() {
		t.Errorf("stat of this process: %+v, %v", s, err)
	}
	c, err := r.Credentials(pid)
	if err != nil || c.UID != uint32(os.Getuid()) || c.EGID != uint32(os.Getegid()) {
		t.Errorf("credentials of this process: %+v, %v", c, err)
	}
	if args, truncated := r.Arguments(pid); truncated || !slices.Equal(args, os.Args) {
		t.Errorf("arguments %q, want %q", args, os.Args)
	}
	exe, _ := os.Executable()
	if got, err := r.Link(pid, "exe"); err != nil || got != exe {
		t.Errorf("exe %q, %v, want %q", got, err, exe)
	}
	pids, err := r.PIDs()
	if err != nil || !slices.Contains(pids, pid) || !slices.IsSorted(pids) {
		t.Errorf("own pid is not in %d pids: %v", len(pids), err)
	}
	if r.BootID() == (event.BootID{}) {
		t.Error("no boot id")
	}
}

func TestArgumentsKeepHeadAndTail(t *testing.T) {
	for _, size := range []int{event.MaxArguments - 100, event.MaxArguments + 5, 100_000} {
		long := strings.Repeat("x", size)
		cmd := exec.Command("/bin/sh", "-c", "echo; read _", "first", long, "last")
		if size > 100_000-1 {
			cmd.Args = append(cmd.Args[:4], long, long, long, "last")
		}
		in := start(t, cmd)
		args, truncated := NewReader("/proc").Arguments(uint32(cmd.Process.Pid))
		total := 0
		for _, a := range args {
			total += len(a) + 1
		}
		if args[3] != "first" || args[len(args)-1] != "last" || total > event.MaxArguments+1 {
			t.Errorf("size %d: %d bytes kept, arguments %d", size, total, len(args))
		}
		if want := size > event.MaxArguments-100; truncated != want {
			t.Errorf("size %d: truncated %v, want %v", size, truncated, want)
		}
		in.Close()
		cmd.Wait()
	}
}

func TestEnvironment(t *testing.T) {
	cmd := exec.Command("/bin/sh", "-c", "echo; read _")
	cmd.Env = []string{"A=1", "LD_PRELOAD=/tmp/evil.so", "BIG=" + strings.Repeat("b", 100_000), "HISTFILE=/dev/null"}
	in := start(t, cmd)
	got := NewReader("/proc").Environment(uint32(cmd.Process.Pid), 14, func(n string) bool { return n == "LD_PRELOAD" || n == "HISTFILE" })
	if want := []string{"LD_PRELOAD=/tm", "HISTFILE=/dev/"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	in.Close()
	cmd.Wait()
}

// start runs cmd, which prints a line once it is there, and returns its input.
func start(t *testing.T, cmd *exec.Cmd) io.Closer {
	t.Helper()
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	return in
}

func BenchmarkStat(b *testing.B) {
	r, pid := NewReader("/proc"), uint32(os.Getpid())
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Stat(pid); err != nil {
			b.Fatal(err)
		}
	}
}
