package process

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/holdfast-security/holdfast/agent/hostfs"
	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/internal/hosttest"
)

// liveTable returns a table of this machine that knows its processes.
func liveTable(t testing.TB) *Table {
	t.Helper()
	table := NewTable(Options{})
	t.Cleanup(table.Close)
	if err := table.Snapshot(t.Context()); err != nil {
		t.Fatal(err)
	}
	return table
}

func TestSnapshotOfThisMachine(t *testing.T) {
	table := liveTable(t)
	p := table.Lookup(uint32(os.Getpid()), time.Time{})
	exe, _ := os.Executable()
	if p == nil || p.Path() != exe || p.Executable.SHA256 == "" && p.Executable.Size <= 8<<20 || p.Executable.Owned == event.OwnedYes {
		t.Fatalf("this process: %+v", p)
	}
	if !slices.Equal(p.Arguments, os.Args) || p.User.UID != uint32(os.Getuid()) || p.UID.Boot == (event.BootID{}) {
		t.Errorf("this process: %+v", p)
	}
	if p.Parent == nil || p.Parent.PID != uint32(os.Getppid()) {
		t.Errorf("parent: %+v", p.Parent)
	}
	last := p.Lineage()[len(p.Lineage())-1]
	if last.PID != 1 && len(p.Lineage()) < event.MaxLineage {
		t.Errorf("the lineage ends with %d", last.PID)
	}
	if d := time.Since(p.Started); d < 0 || d > time.Hour {
		t.Errorf("started %v ago", d)
	}
}

// launched runs cmd, which prints a line when it is there, and returns what
// the table makes of perf's reports of it.
func launched(t *testing.T, table *Table, cmd *exec.Cmd, path string) *event.Process {
	t.Helper()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	out.Read(make([]byte, 1))
	pid, now := uint32(cmd.Process.Pid), time.Now()
	ev := activity(event.SourcePerf, now, event.ProcessFork, &event.Process{PID: pid, PPID: uint32(os.Getpid())})
	table.Apply(&ev)
	ev = activity(event.SourcePerf, now, event.ProcessLaunch, perfProcess(pid, path))
	if !table.Apply(&ev) {
		t.Error("the exec was not published")
	}
	return ev.Process
}

func TestShellOnASocket(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	file, err := conn.(*net.TCPConn).File()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	local := os.NewFile(uintptr(pair[0]), "local")
	defer local.Close()
	defer unix.Close(pair[1])

	sh, err := filepath.EvalSymlinks("/bin/sh")
	if err != nil {
		t.Skip(err)
	}
	cmd := exec.Command(sh, "-c", "echo; sleep 60; :")
	cmd.Stdin, cmd.Stderr, cmd.Dir = file, local, "/tmp"
	cmd.Env = append(os.Environ(), "HISTFILE=/dev/null", "LD_PRELOAD=")
	p := launched(t, liveTable(t), cmd, sh)
	kinds := make(map[int]event.Descriptor)
	for _, d := range p.Descriptors {
		kinds[d.FD] = d
	}
	if d := kinds[0]; d.Kind != event.DescriptorSocket || d.Target != l.Addr().String() {
		t.Errorf("input is %+v, want a socket to %s", d, l.Addr())
	}
	if d := kinds[1]; d.Kind != event.DescriptorPipe {
		t.Errorf("output is %+v, want a pipe", d)
	}
	if d := kinds[2]; d.Kind != event.DescriptorUnixSocket {
		t.Errorf("error output is %+v, want a unix socket", d)
	}
	if !slices.Contains(p.Environment, "HISTFILE=/dev/null") {
		t.Errorf("environment %q", p.Environment)
	}
	if p.CommandLine != sh+" -c echo; sleep 60; :" || p.Directory != "/tmp" || p.Parent == nil || p.Parent.PID != uint32(os.Getpid()) {
		t.Errorf("got %+v", p)
	}
}

func TestMemfdExecutable(t *testing.T) {
	content, err := os.ReadFile(hosttest.Program(t, "sleep"))
	if err != nil {
		t.Fatal(err)
	}
	fd, err := unix.MemfdCreate("payload", 0)
	if err != nil {
		t.Skip(err)
	}
	mem := os.NewFile(uintptr(fd), "payload")
	defer mem.Close()
	if _, err := mem.Write(content); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/proc/self/fd/3", "60")
	cmd.ExtraFiles = []*os.File{mem}
	table := liveTable(t)
	if err := cmd.Start(); err != nil {
		t.Skip(err) // vm.memfd_noexec
	}
	defer func() { cmd.Process.Kill(); cmd.Wait() }()
	ev := activity(event.SourcePerf, time.Now(), event.ProcessLaunch, &event.Process{
		PID: uint32(cmd.Process.Pid), Name: "3", Executable: &event.File{Path: "/memfd:payload", Kind: event.FileMemory},
	})
	table.perf = false
	table.launch(&ev, table.clock.since(ev.Time, table.host), true)
	if f := ev.Process.Executable; f == nil || f.Kind != event.FileMemory || f.SHA256 == "" || f.Size != int64(len(content)) {
		t.Errorf("executable %+v", f)
	}
}

// BenchmarkSnapshot reads a machine with a thousand processes more than it has.
func BenchmarkSnapshot(b *testing.B) {
	sleep := hosttest.Program(b, "sleep")
	for range 1000 {
		cmd := exec.Command(sleep, "600")
		if err := cmd.Start(); err != nil {
			b.Skip(err)
		}
		b.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	}
	table := NewTable(Options{})
	defer table.Close()
	b.ReportAllocs()
	for b.Loop() {
		clear(table.nodes)
		table.stats.Live = 0
		if err := table.Snapshot(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	n := table.stats.Live
	b.ReportMetric(float64(n), "processes")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/process")
}

func TestDockerContainer(t *testing.T) {
	id := strings.Repeat("c0", 32)
	root := t.TempDir()
	dir := filepath.Join(root, dockerDir, id)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	text := `{"State":{"Pid":7},"Config":{"Image":"redis:7","Env":["A=1"]},"Name":"/cache"}`
	if err := os.WriteFile(filepath.Join(dir, dockerFile), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	h := &liveHost{fs: hostfs.New(root)}
	c := event.Container{ID: id, Runtime: "docker"}
	if h.container(&c); c.Name != "cache" || c.Image != "redis:7" {
		t.Errorf("got %+v", c)
	}
	for _, id := range []string{"../../etc", strings.Repeat("d", 64)} {
		c := event.Container{ID: id, Runtime: "docker"}
		if h.container(&c); c.Name != "" {
			t.Errorf("got %+v", c)
		}
	}
}

func FuzzDocker(f *testing.F) {
	f.Add([]byte(`{"Name":"/a","Config":{"Image":"b"}}`))
	f.Add([]byte(`{"Name":1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if name, image := parseDocker(data); len(name) > maxDockerName || len(image) > maxDockerName {
			t.Errorf("%d and %d bytes", len(name), len(image))
		}
	})
}
