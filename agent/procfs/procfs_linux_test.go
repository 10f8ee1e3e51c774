package procfs

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holdfast-security/holdfast/agent/feature"
	"github.com/holdfast-security/holdfast/agent/hostfs"
	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/internal/procfs"
)

// place writes a /proc with one process into root.
func place(t *testing.T, root string, pid int, stat string) {
	t.Helper()
	dir := filepath.Join(root, "proc", strconv.Itoa(pid))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	files := map[string]string{
		"stat": stat, "status": "Name:\tx\nUid:\t1000\t0\t0\t0\nGid:\t5\t5\t5\t5\n",
		"cmdline": "prog\x00-a\x00", "loginuid": "4294967295", "sessionid": "3",
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func stat(pid int, name string, state byte, start int) string {
	return strconv.Itoa(pid) + " (" + name + ") " + string(state) + " 7 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 " + strconv.Itoa(start) + " 0\n"
}

func TestLook(t *testing.T) {
	root := t.TempDir()
	place(t, root, 10, stat(10, "old", 'S', 100))
	p := poller{proc: procfs.NewReader(filepath.Join(root, "proc")), known: make(map[uint32]*seen)}
	look := func() string {
		t.Helper()
		events, err := p.look(time.Unix(5, 0))
		if err != nil {
			t.Fatal(err)
		}
		text := ""
		for _, e := range events {
			text += e.Class.Name(e.Activity) + " " + strconv.Itoa(int(e.Process.PID)) + " " + e.Process.Name + ";"
		}
		return text
	}
	if got := look(); got != "" {
		t.Errorf("the first look reported %q", got)
	}
	place(t, root, 11, stat(11, "a) (b", 'R', 200))
	if got := look(); got != "launch 11 a) (b;" {
		t.Errorf("new process: %q", got)
	}
	p11 := p.events[0].Process
	if p11.PPID != 7 || p11.User.UID != 1000 || p11.Effective.UID != 0 || p11.Login != nil || p11.Session != 3 || len(p11.Arguments) != 2 {
		t.Errorf("new process: %+v", p11)
	}
	place(t, root, 11, stat(11, "exec", 'R', 200))
	if got := look(); got != "launch 11 exec;" {
		t.Errorf("another program: %q", got)
	}
	place(t, root, 11, stat(11, "other", 'R', 300))
	if got := look(); got != "terminate 11 exec;launch 11 other;" {
		t.Errorf("pid used again: %q", got)
	}
	place(t, root, 11, stat(11, "other", 'Z', 300))
	if got := look(); got != "terminate 11 other;" {
		t.Errorf("zombie: %q", got)
	}
	if got := look(); got != "" {
		t.Errorf("nothing changed, but %q", got)
	}
}

func TestWithoutProc(t *testing.T) {
	host := feature.Host{FS: hostfs.New(t.TempDir()), Log: slog.New(slog.DiscardHandler), Health: feature.NewHealth("procfs")}
	if err := New(Options{}).Run(t.Context(), host); !errors.Is(err, feature.ErrUnsupported) {
		t.Errorf("got %v, want an error that wraps ErrUnsupported", err)
	}
}

type sink func([]event.Event)

func (s sink) Emit(events []event.Event) { s(events) }

func TestRun(t *testing.T) {
	root := t.TempDir()
	place(t, root, 10, stat(10, "old", 'S', 100))
	synctest.Test(t, func(t *testing.T) {
		var got []event.Event
		ctx, cancel := context.WithCancel(t.Context())
		host := feature.Host{FS: hostfs.New(root), Log: slog.New(slog.DiscardHandler), Health: feature.NewHealth("procfs")}
		host.Sink = sink(func(events []event.Event) { got = append(got, events...) })
		done := make(chan error)
		go func() { done <- New(Options{}).Run(ctx, host) }()
		time.Sleep(1500 * time.Millisecond)
		place(t, root, 12, stat(12, "new", 'S', 500))
		time.Sleep(2 * time.Second)
		if s := host.Health.Status(); s.State != feature.Degraded {
			t.Errorf("state %s, want degraded: short processes are not seen", s.State)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if len(got) != 1 || got[0].Process.PID != 12 || got[0].Source != event.SourceProcfs {
			t.Errorf("got %+v", got)
		}
	})
}

func TestRealProcess(t *testing.T) {
	p := poller{proc: procfs.NewReader("/proc"), known: make(map[uint32]*seen)}
	if _, err := p.look(time.Now()); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Skip(err)
	}
	defer cmd.Process.Kill()
	events, err := p.look(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		if int(e.Process.PID) == cmd.Process.Pid {
			if int(e.Process.PPID) != os.Getpid() {
				t.Errorf("parent %d", e.Process.PPID)
			}
			return
		}
	}
	t.Error("a new process was not reported")
}

func BenchmarkLook(b *testing.B) {
	p := poller{proc: procfs.NewReader("/proc"), known: make(map[uint32]*seen)}
	b.ReportAllocs()
	for b.Loop() {
		p.look(time.Now())
	}
	b.ReportMetric(float64(len(p.known)), "processes")
}
