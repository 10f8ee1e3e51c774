package audit

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/holdfast-security/holdfast/agent/audit/kernel"
	"github.com/holdfast-security/holdfast/agent/audit/rule"
	"github.com/holdfast-security/holdfast/agent/feature"
	"github.com/holdfast-security/holdfast/agent/hostfs"
	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/internal/hosttest"
)

// The test binary plays an agent when this variable names a state directory.
const agentVariable = "HOLDFAST_AUDIT_TEST_STATE"

func TestMain(m *testing.M) {
	if dir := os.Getenv(agentVariable); dir != "" {
		playAgent(dir)
		return
	}
	goleak.VerifyTestMain(m)
}

// playAgent runs the feature until standard input ends, and prints its health
// whenever it changes.
func playAgent(dir string) {
	ctx, cancel := context.WithCancel(context.Background())
	host, _ := newHost(dir)
	done := make(chan error)
	go func() { done <- New(Options{SharedDir: dir}).Run(ctx, host) }()
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	for last := ""; ; {
		if s := host.Health.Status(); string(s.State)+s.Detail != last {
			last = string(s.State) + s.Detail
			fmt.Println(s.State, s.Detail)
		}
		select {
		case err := <-done:
			fmt.Println("ended:", err)
			return
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// patience bounds the waits of these tests on a machine with much else to do.
const patience = time.Minute

// sink keeps the events it gets.
type sink struct {
	mu     sync.Mutex
	events []event.Event
}

func (s *sink) Emit(events []event.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = append(s.events, events...)
}

// wait returns the first event that want accepts, or fails the test.
func (s *sink) wait(t *testing.T, what string, want func(*event.Event) bool) event.Event {
	t.Helper()
	until := time.Now().Add(patience)
	for time.Now().Before(until) {
		if ev, ok := s.find(want); ok {
			return ev
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Errorf("no event of %s", what)
	return event.Event{}
}

func (s *sink) find(want func(*event.Event) bool) (event.Event, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.events {
		if want(&s.events[i]) {
			return s.events[i], true
		}
	}
	return event.Event{}, false
}

func newHost(dir string) (feature.Host, *sink) {
	s := &sink{}
	return feature.Host{
		Log: slog.New(slog.DiscardHandler), Sink: s, Health: feature.NewHealth("audit"), StateDir: filepath.Join(dir, "unused"),
	}, s
}

// agent is a running feature.
type agent struct {
	*sink
	health *feature.Health
	cancel context.CancelFunc
	done   chan error
}

func start(t *testing.T, dir string) *agent { t.Helper(); return startOn(t, dir, hostfs.FS{}) }

func startOn(t *testing.T, dir string, fs hostfs.FS) *agent {
	t.Helper()
	host, s := newHost(dir)
	host.FS = fs
	ctx, cancel := context.WithCancel(t.Context())
	a := &agent{sink: s, health: host.Health, cancel: cancel, done: make(chan error, 1)}
	go func() { a.done <- New(Options{SharedDir: dir}).Run(ctx, host) }()
	t.Cleanup(func() {
		cancel()
		<-a.done
	})
	a.await(t, "owns|beside|listens")
	return a
}

// await waits until the detail holds one of the words.
func (a *agent) await(t *testing.T, words string) {
	t.Helper()
	until := time.Now().Add(patience)
	for time.Now().Before(until) {
		s := a.health.Status()
		for word := range strings.SplitSeq(words, "|") {
			if s.State != feature.Starting && strings.Contains(s.Detail, word) {
				return
			}
		}
		select {
		case err := <-a.done:
			a.done <- err
			t.Fatalf("the feature ended: %v", err)
		case <-time.After(5 * time.Millisecond):
		}
	}
	t.Fatalf("the feature never says %q, but %+v", words, a.health.Status())
}

func (a *agent) stop(t *testing.T) {
	t.Helper()
	a.cancel()
	err := <-a.done
	a.done <- err
	if err != nil {
		t.Errorf("stop: %v", err)
	}
}

func (a *agent) counter(name string) uint64 {
	for _, c := range a.health.Status().Counters {
		if c.Name == name {
			return c.Value
		}
	}
	return 0
}

// client gives the test the audit system, without rules of ours that a killed
// test run left behind.
func client(t *testing.T) *kernel.Client {
	t.Helper()
	hosttest.LockAudit(t)
	c, err := kernel.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	for _, data := range mustRules(t, c) {
		var r rule.Rule
		if err := r.UnmarshalBinary(data); err == nil && strings.HasPrefix(r.Key(), KeyPrefix) {
			if err := c.DeleteRule(t.Context(), data); err != nil {
				t.Fatal(err)
			}
		}
	}
	return c
}

// snapshot is what must be as before after a stop.
func snapshot(t *testing.T, c *kernel.Client) string {
	t.Helper()
	rules, err := c.Rules(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	status, err := c.Status(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	status.Lost, status.Backlog, status.BacklogWaitTimeActual = 0, 0, 0
	return fmt.Sprintf("%+v\n%x", status, bytes.Join(rules, []byte("\n")))
}

func foreignRule(t *testing.T, c *kernel.Client, line string) []byte {
	t.Helper()
	r, err := rule.Parse(line)
	if err != nil {
		t.Fatal(err)
	}
	data, err := r.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.AddRule(t.Context(), data); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.DeleteRule(context.Background(), data) })
	return data
}

func execute(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
}

func launched(marker string) func(*event.Event) bool {
	return func(ev *event.Event) bool {
		return ev.Name() == "process_activity/launch" && ev.Process != nil && strings.Contains(ev.Process.CommandLine, marker)
	}
}

func TestOwnsAndPutsBackEverything(t *testing.T) {
	c := client(t)
	foreignRule(t, c, "-a always,exit -F arch=b64 -S sethostname -F key=foreign")
	// A rule of the owner that is the same as one of ours is used and kept.
	foreignRule(t, c, "-a always,exit -F arch=b64 -S execve,execveat -F key=holdfast-exec")
	before := snapshot(t, c)

	a := start(t, t.TempDir())
	a.await(t, "owns")
	if n := a.counter("rules"); n < 30 {
		t.Errorf("%d rules are loaded", n)
	}
	for _, w := range a.health.Status().Warnings {
		t.Errorf("warning %s: %s", w.Code, w.Text)
	}
	if after := snapshot(t, c); after == before {
		t.Error("nothing changed while the feature runs")
	}
	execute(t, "/bin/sh", "-c", "true holdfast-marker-1")
	ev := a.wait(t, "the shell", launched("holdfast-marker-1"))
	if ev.Process.Path() == "" || len(ev.Process.Arguments) != 3 || ev.Key != "holdfast-exec" {
		t.Errorf("the event is %+v of %+v", ev, ev.Process)
	}
	if ev, ok := a.find(func(ev *event.Event) bool { return ev.Class == event.ClassEventLog }); ok {
		t.Errorf("the feature reports its own changes: %+v", ev)
	}
	a.stop(t)
	if after := snapshot(t, c); after != before {
		t.Errorf("the host is not as before:\n%.400s\nwas\n%.400s", after, before)
	}
}

func TestTakesOverFromRunKilledInStorm(t *testing.T) {
	c := client(t)
	before := snapshot(t, c)
	dir := t.TempDir()
	run := subprocess(t, dir)
	run.await(t, "owns")
	rules, err := c.Rules(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	stopStorm := storm(t)
	defer stopStorm()
	_ = run.cmd.Process.Kill()
	_ = run.cmd.Wait()
	if left, err := c.Rules(t.Context()); err != nil || len(left) != len(rules) {
		t.Fatalf("after the kill %d rules are left of %d, error %v", len(left), len(rules), err)
	}
	a := start(t, dir)
	a.await(t, "owns")
	execute(t, "/bin/true", "holdfast-marker-2")
	a.wait(t, "a program", launched("holdfast-marker-2"))
	stopStorm()
	if now, err := c.Rules(t.Context()); err != nil || len(now) != len(rules) {
		t.Errorf("after taking over there are %d rules, want %d, error %v", len(now), len(rules), err)
	}
	a.stop(t)
	if after := snapshot(t, c); after != before {
		t.Errorf("the host is not as before the killed run:\n%.400s\nwas\n%.400s", after, before)
	}
}

// storm starts programs as fast as one shell can, until stop is called.
func storm(t *testing.T) (stop func()) {
	t.Helper()
	cmd := exec.Command("/bin/sh", "-c", "while :; do /bin/true; done")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(100 * time.Millisecond)
	return sync.OnceFunc(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
}

// TestStopReadsWhatHasCome stops a run that is behind, as on a host short of
// processor time: what happened before its end is in its events.
func TestStopReadsWhatHasCome(t *testing.T) {
	const starts = 20
	c := client(t)
	a := start(t, t.TempDir())
	before, err := c.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	a.mu.Lock() // the run waits in its first Emit from now on
	for i := range starts {
		execute(t, "/bin/true", fmt.Sprintf("holdfast-behind-%d.", i))
	}
	a.cancel()
	after, err := c.Status(t.Context())
	a.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	a.stop(t)
	for i := range starts {
		marker := fmt.Sprintf("holdfast-behind-%d.", i)
		if _, ok := a.find(launched(marker)); !ok {
			t.Errorf("%s is not among the events; the kernel's status was %+v and became %+v", marker, before, after)
		}
	}
}

func TestTwoInstancesShareRules(t *testing.T) {
	c := client(t)
	before := snapshot(t, c)
	dir := t.TempDir()
	first := subprocess(t, dir)
	first.await(t, "owns")
	rules := len(mustRules(t, c))
	second := start(t, dir)
	second.await(t, "beside")
	if n := len(mustRules(t, c)); n != rules {
		t.Errorf("a second instance makes %d rules of %d", n, rules)
	}
	execute(t, "/bin/true", "holdfast-marker-3")
	second.wait(t, "a program, beside the first instance", launched("holdfast-marker-3"))
	first.end(t)
	if n := len(mustRules(t, c)); n != rules {
		t.Errorf("when the first instance ends, %d rules are left of %d", n, rules)
	}
	execute(t, "/bin/true", "holdfast-marker-4")
	second.wait(t, "a program, after the first instance ended", launched("holdfast-marker-4"))
	second.await(t, "owns")
	second.stop(t)
	if after := snapshot(t, c); after != before {
		t.Errorf("the host is not as before:\n%.400s\nwas\n%.400s", after, before)
	}
}

func TestRulesRemovedByOthersComeBack(t *testing.T) {
	c := client(t)
	a := start(t, t.TempDir())
	rules := mustRules(t, c)
	for _, data := range rules[:20] {
		if err := c.DeleteRule(t.Context(), data); err != nil {
			t.Fatal(err)
		}
	}
	until := time.Now().Add(patience)
	for len(mustRules(t, c)) != len(rules) && time.Now().Before(until) {
		time.Sleep(10 * time.Millisecond)
	}
	if n := len(mustRules(t, c)); n != len(rules) {
		t.Errorf("%d rules are back of %d", n, len(rules))
	}
	a.stop(t)
}

func mustRules(t *testing.T, c *kernel.Client) [][]byte {
	t.Helper()
	rules, err := c.Rules(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return rules
}

// TestFoldersThatAppear makes a folder that is watched once it is there, and
// changes a file in it.
func TestFoldersThatAppear(t *testing.T) {
	client(t)
	fs := tree(t, passwd, "/root", "/home/eve")
	a := startOn(t, t.TempDir(), fs)
	a.await(t, "owns")
	before := a.counter("rules")
	execute(t, "mkdir", fs.Path("/home/eve/.ssh"))
	until := time.Now().Add(patience)
	for a.counter("rules") == before && time.Now().Before(until) {
		time.Sleep(time.Millisecond)
	}
	keys := fs.Path("/home/eve/.ssh/authorized_keys")
	execute(t, "sh", "-c", "echo key > "+keys)
	a.wait(t, "a new key file", func(ev *event.Event) bool {
		return ev.Key == "holdfast-ssh-keys" && ev.File != nil && ev.File.Path == keys
	})
	a.stop(t)
}

// TestRelativeToDescriptor changes watched folders through descriptors of
// folders, where the kernel names the working directory as the parent.
func TestRelativeToDescriptor(t *testing.T) {
	client(t)
	fs := tree(t, passwd, "/root", "/etc/cron.d/below/deep")
	cron := fs.Path("/etc/cron.d")
	for _, name := range []string{"gone", "below/gone", "below/deep/gone", "old", "below/tree"} {
		if err := os.WriteFile(filepath.Join(cron, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	a := startOn(t, t.TempDir(), fs)
	a.await(t, "owns")
	const program = `
import os, sys
fd = os.open(sys.argv[1], os.O_RDONLY)
os.close(os.open("made", os.O_WRONLY | os.O_CREAT, dir_fd=fd))
os.unlink("gone", dir_fd=fd)
os.rename("old", "new", src_dir_fd=fd, dst_dir_fd=fd)
os.mkdir("folder", dir_fd=fd)
`
	if python, err := exec.LookPath("python3"); err == nil {
		executeIn(t, "/tmp", python, "-c", program, cron)
		a.waitFile(t, "file_activity/create", cron+"/made", "")
		a.waitFile(t, "file_activity/delete", cron+"/gone", "")
		a.waitFile(t, "file_activity/rename", cron+"/old", cron+"/new")
		a.waitFile(t, "file_activity/create", cron+"/folder", "")
	}
	executeIn(t, "/tmp", "cp", "-r", cron+"/below", cron+"/copy")
	a.waitFile(t, "file_activity/create", cron+"/copy/deep/gone", "")
	executeIn(t, "/tmp", "rm", "-r", cron+"/below")
	a.waitFile(t, "file_activity/delete", cron+"/below/gone", "")
	a.waitFile(t, "file_activity/delete", cron+"/below/deep/gone", "")
	a.waitFile(t, "file_activity/delete", cron+"/below/deep", "")
	executeIn(t, "/tmp", "install", "-m", "600", "/dev/null", cron+"/installed")
	a.waitFile(t, "file_activity/create", cron+"/installed", "")
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, ev := range a.events {
		if ev.File != nil && ev.Key == "holdfast-cron" && !strings.HasPrefix(ev.File.Path, cron) {
			t.Errorf("%s of %q, outside %s", ev.Name(), ev.File.Path, cron)
		}
	}
}

func executeIn(t *testing.T, dir, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
}

func (a *agent) waitFile(t *testing.T, name, path, newPath string) {
	t.Helper()
	a.wait(t, name+" "+path, func(ev *event.Event) bool {
		return ev.Name() == name && ev.File != nil && ev.File.Path == path && ev.File.NewPath == newPath
	})
}

func TestBesideAuditd(t *testing.T) {
	auditd := hosttest.Program(t, "auditd")
	c := client(t)
	conf := auditdConfig(t)
	before := snapshot(t, c)
	foreignRule(t, c, "-a always,exit -F arch=b64 -S sethostname -F key=foreign")
	daemon := exec.Command(auditd, "-n", "-s", "nochange", "-c", conf)
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = daemon.Process.Signal(syscall.SIGTERM)
		_ = daemon.Wait()
	}()
	waitOwner(t, c, uint32(daemon.Process.Pid))
	if err := c.SetStatus(t.Context(), kernel.SetEnabled, kernel.Status{Enabled: 1}); err != nil {
		t.Fatal(err)
	}
	defer restoreEnabled(t, c, before)
	besides := snapshot(t, c)

	a := start(t, t.TempDir())
	a.await(t, `beside "auditd"`)
	execute(t, "/bin/true", "holdfast-marker-5")
	a.wait(t, "a program, beside auditd", launched("holdfast-marker-5"))
	waitFile(t, filepath.Join(conf, "audit.log"), "holdfast-marker-5")
	if status, err := c.Status(t.Context()); err != nil || status.PID != uint32(daemon.Process.Pid) {
		t.Errorf("the owner is %d, error %v", status.PID, err)
	}
	a.stop(t)
	if after := snapshot(t, c); after != besides {
		t.Errorf("auditd's host is not as before:\n%.400s\nwas\n%.400s", after, besides)
	}
}

// TestAuditdStartsLater starts auditd while the feature owns the records: it
// is refused once and finds the place free the next time.
func TestAuditdStartsLater(t *testing.T) {
	auditd := hosttest.Program(t, "auditd")
	c := client(t)
	conf := auditdConfig(t)
	a := start(t, t.TempDir())
	a.await(t, "owns")
	_ = exec.Command(auditd, "-n", "-s", "nochange", "-c", conf).Run() // refused
	a.await(t, "listens")
	daemon := exec.Command(auditd, "-n", "-s", "nochange", "-c", conf)
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = daemon.Process.Signal(syscall.SIGTERM)
		_ = daemon.Wait()
	}()
	waitOwner(t, c, uint32(daemon.Process.Pid))
	execute(t, "/bin/true", "holdfast-marker-6")
	a.wait(t, "a program, after stepping aside", launched("holdfast-marker-6"))
	waitFile(t, filepath.Join(conf, "audit.log"), "holdfast-marker-6")
	a.stop(t)
}

func restoreEnabled(t *testing.T, c *kernel.Client, before string) {
	t.Helper()
	if strings.Contains(before, "Enabled:0") {
		if err := c.SetStatus(context.Background(), kernel.SetEnabled, kernel.Status{}); err != nil {
			t.Error(err)
		}
	}
}

// auditdConfig writes auditd's configuration into a directory of its own.
func auditdConfig(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	text := "local_events = yes\nwrite_logs = yes\nlog_file = " + dir + "/audit.log\nlog_group = root\nlog_format = RAW\n" +
		"flush = INCREMENTAL_ASYNC\nfreq = 1\nmax_log_file = 8\nnum_logs = 2\npriority_boost = 0\nname_format = NONE\n" +
		"max_log_file_action = IGNORE\nspace_left = 1\nspace_left_action = IGNORE\nadmin_space_left = 0\n" +
		"admin_space_left_action = IGNORE\ndisk_full_action = IGNORE\ndisk_error_action = IGNORE\n" +
		"q_depth = 400\noverflow_action = IGNORE\nmax_restarts = 1\nplugin_dir = " + dir + "/plugins.d\n"
	if err := os.WriteFile(filepath.Join(dir, "auditd.conf"), []byte(text), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "plugins.d"), 0o750); err != nil {
		t.Fatal(err)
	}
	return dir
}

func waitOwner(t *testing.T, c *kernel.Client, pid uint32) {
	t.Helper()
	until := time.Now().Add(patience)
	for time.Now().Before(until) {
		if status, err := c.Status(t.Context()); err == nil && status.PID == pid {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("process %d never became the owner", pid)
}

func waitFile(t *testing.T, name, text string) {
	t.Helper()
	until := time.Now().Add(patience)
	for time.Now().Before(until) {
		if data, err := os.ReadFile(name); err == nil && bytes.Contains(data, []byte(text)) {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("%s never holds %q", name, text)
}

func TestWithoutPrivilege(t *testing.T) {
	hosttest.Root(t)
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	for name, attr := range map[string]*syscall.SysProcAttr{
		"ordinary user": {Credential: &syscall.Credential{Uid: 65534, Gid: 65534}},
		"pid namespace": {Cloneflags: syscall.CLONE_NEWPID},
	} {
		t.Run(name, func(t *testing.T) {
			run := subprocessAs(t, dir, attr)
			run.await(t, "ended: "+feature.ErrUnsupported.Error())
			run.end(t)
		})
	}
}

func TestUnsupportedNamesReason(t *testing.T) {
	for _, cause := range []error{kernel.ErrNoAudit, kernel.ErrNotPermitted} {
		err := unsupported(fmt.Errorf("wrapped: %w", cause))
		if !errors.Is(err, feature.ErrUnsupported) || !errors.Is(err, cause) {
			t.Errorf("%v becomes %v", cause, err)
		}
	}
	if err := unsupported(io.EOF); errors.Is(err, feature.ErrUnsupported) {
		t.Errorf("any error becomes %v", err)
	}
}

// child is the feature in a process of its own.
type child struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	lines chan string
}

func subprocess(t *testing.T, dir string) *child { t.Helper(); return subprocessAs(t, dir, nil) }

func subprocessAs(t *testing.T, dir string, attr *syscall.SysProcAttr) *child {
	t.Helper()
	p := &child{cmd: exec.Command("/proc/self/exe"), lines: make(chan string, 100)}
	p.cmd.Env = append(os.Environ(), agentVariable+"="+dir)
	p.cmd.SysProcAttr = attr
	var err error
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.cmd.Stderr = os.Stderr
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			p.lines <- s.Text()
		}
	}()
	t.Cleanup(func() {
		p.stdin.Close()
		_ = p.cmd.Wait()
	})
	return p
}

// await waits for a line of output that holds word.
func (p *child) await(t *testing.T, word string) {
	t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case line, ok := <-p.lines:
			if strings.Contains(line, word) {
				return
			}
			if !ok {
				t.Fatalf("the process ended without %q", word)
			}
		case <-timeout:
			t.Fatalf("the process never says %q", word)
		}
	}
}

// end asks the process to stop and waits.
func (p *child) end(t *testing.T) {
	t.Helper()
	p.stdin.Close()
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("the process ended with %v", err)
	}
}
