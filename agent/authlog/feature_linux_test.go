package authlog

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/holdfast-security/holdfast/agent/authlog/journal/journaltest"
	"github.com/holdfast-security/holdfast/agent/feature"
	"github.com/holdfast-security/holdfast/agent/hostfs"
	"github.com/holdfast-security/holdfast/event"
)

// hostDir is a host's root and the agent's state directory.
type hostDir struct {
	root, state string
}

const machineID = "0123456789abcdef0123456789abcdef"

func newHost(t *testing.T) hostDir {
	t.Helper()
	h := hostDir{root: t.TempDir(), state: t.TempDir()}
	for _, dir := range []string{"var/log", "etc", "var/log/journal/" + machineID} {
		if err := os.MkdirAll(filepath.Join(h.root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	h.write(t, "/etc/machine-id", machineID+"\n")
	return h
}

func (h hostDir) path(name string) string { return filepath.Join(h.root, name) }

// write appends to a file.
func (h hostDir) write(t *testing.T, name, text string) {
	t.Helper()
	f, err := os.OpenFile(h.path(name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
}

func (h hostDir) rename(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(h.path(from), h.path(to)); err != nil {
		t.Fatal(err)
	}
}

// failed is a line about a wrong password whose port tells it apart.
func failed(port int) string {
	return fmt.Sprintf("%s host sshd[%d]: Failed password for root from 192.0.2.1 port %d ssh2\n",
		time.Now().Format(time.RFC3339), port, port)
}

// running is a sensor at work.
type running struct {
	t      *testing.T
	health *feature.Health
	cancel context.CancelFunc
	done   chan error

	mu     sync.Mutex // guards events
	events []event.Event
	more   chan struct{} // buffered by one
}

func (r *running) Emit(events []event.Event) {
	r.mu.Lock()
	r.events = append(r.events, events...)
	r.mu.Unlock()
	select {
	case r.more <- struct{}{}:
	default:
	}
}

func (h hostDir) run(t *testing.T) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{t: t, health: feature.NewHealth("authlog"), cancel: cancel, done: make(chan error, 1), more: make(chan struct{}, 1)}
	go func() {
		r.done <- New().Run(ctx, feature.Host{
			FS: hostfs.New(h.root), Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Sink: r, Health: r.health, StateDir: h.state,
		})
	}()
	t.Cleanup(r.stop)
	return r
}

func (r *running) stop() {
	if r.cancel == nil {
		return
	}
	r.cancel()
	r.cancel = nil
	if err := <-r.done; err != nil {
		r.t.Errorf("run: %v", err)
	}
}

// ports returns the ports of the failures seen so far.
func (r *running) ports() []int {
	r.mu.Lock()
	defer r.mu.Unlock()
	var ports []int
	for _, e := range r.events {
		if e.Logon != nil {
			ports = append(ports, int(e.Logon.Port))
		}
	}
	return ports
}

// want waits until exactly these ports were seen.
func (r *running) want(ports ...int) {
	r.t.Helper()
	deadline := time.After(time.Minute)
	for {
		got := r.ports()
		if cmp.Equal(got, ports) {
			return
		}
		select {
		case <-r.more:
		case <-deadline:
			r.t.Fatalf("ports %v, want %v; %+v", got, ports, r.health.Status())
		}
	}
}

// ready waits until the sensor follows a source.
func (r *running) ready(name string) {
	r.t.Helper()
	for range 6000 {
		if strings.Contains(r.health.Status().Detail, name) {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	r.t.Fatalf("not following %s: %+v", name, r.health.Status())
}

func TestFollowsFileFromItsEnd(t *testing.T) {
	h := newHost(t)
	h.write(t, "/var/log/auth.log", failed(1))
	r := h.run(t)
	r.ready("/var/log/auth.log")
	h.write(t, "/var/log/auth.log", failed(2)+failed(3)[:20])
	r.want(2)
	h.write(t, "/var/log/auth.log", failed(3)[20:])
	r.want(2, 3)
	if e := r.events[0]; e.Source != event.SourceSyslog || e.Logon.Service != "sshd" || e.User.Name != "root" {
		t.Errorf("%+v", e)
	}
}

func TestRotationLosesNothing(t *testing.T) {
	h := newHost(t)
	h.write(t, "/var/log/auth.log", "")
	r := h.run(t)
	r.ready("/var/log/auth.log")
	h.write(t, "/var/log/auth.log", failed(1))
	h.rename(t, "/var/log/auth.log", "/var/log/auth.log.1")
	h.write(t, "/var/log/auth.log.1", failed(2)) // the daemon was not told yet
	h.write(t, "/var/log/auth.log", failed(3))
	r.want(1, 2, 3)
	h.write(t, "/var/log/auth.log.1", failed(4))
	h.write(t, "/var/log/auth.log", failed(5))
	for deadline := time.Now().Add(time.Minute); len(r.ports()) < 5 && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond)
	}
	if got := r.ports(); len(got) != 5 {
		t.Errorf("ports %v", got)
	}
}

func TestCopyTruncate(t *testing.T) {
	h := newHost(t)
	h.write(t, "/var/log/auth.log", "")
	r := h.run(t)
	r.ready("/var/log/auth.log")
	h.write(t, "/var/log/auth.log", failed(1)+failed(2))
	r.want(1, 2)
	if err := os.Truncate(h.path("/var/log/auth.log"), 0); err != nil {
		t.Fatal(err)
	}
	h.write(t, "/var/log/auth.log", failed(3)+failed(4)+failed(5)) // longer than before
	r.want(1, 2, 3, 4, 5)
}

func TestRestartGoesOn(t *testing.T) {
	h := newHost(t)
	h.write(t, "/var/log/auth.log", failed(1))
	r := h.run(t)
	r.ready("/var/log/auth.log")
	h.write(t, "/var/log/auth.log", failed(2))
	r.want(2)
	r.stop()
	h.write(t, "/var/log/auth.log", failed(3))
	r = h.run(t)
	r.want(3)
	r.stop()
	h.write(t, "/var/log/auth.log", failed(4))
	h.rename(t, "/var/log/auth.log", "/var/log/auth.log.1")
	h.write(t, "/var/log/auth.log", failed(5))
	r = h.run(t)
	r.want(4, 5)
}

func TestLogThatAppearsLater(t *testing.T) {
	h := newHost(t)
	r := h.run(t)
	r.ready("no log")
	if s := r.health.Status(); s.State != feature.Degraded {
		t.Errorf("state %s without any log", s.State)
	}
	h.write(t, "/var/log/auth.log", failed(1))
	deadline := time.Now().Add(time.Minute)
	for len(r.ports()) == 0 && time.Now().Before(deadline) {
		time.Sleep(20 * time.Millisecond)
	}
	r.want(1)
	if s := r.health.Status(); s.State != feature.Running {
		t.Errorf("state %s: %+v", s.State, s.Warnings)
	}
}

func TestHostileLines(t *testing.T) {
	h := newHost(t)
	h.write(t, "/var/log/auth.log", "")
	r := h.run(t)
	r.ready("/var/log/auth.log")
	h.write(t, "/var/log/auth.log", strings.Repeat("x", 300_000)+"\n"+failed(1)+"\x00\xff\xfe\n\n"+failed(2))
	r.want(1, 2)
	overlong := func() (n uint64) {
		for _, c := range r.health.Status().Counters {
			if c.Name == "lines_overlong" {
				n = c.Value
			}
		}
		return n
	}
	// The ledger is brought up to date after the events are out.
	for deadline := time.Now().Add(time.Minute); overlong() == 0 && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond)
	}
	if n := overlong(); n != 1 {
		t.Errorf("overlong lines %d, want 1", n)
	}
}

// journalDir writes journals as journald names them.
type journalDir struct {
	t *testing.T
	h hostDir
	w *journaltest.Writer
}

func (h hostDir) journal(t *testing.T) *journalDir {
	t.Helper()
	j := &journalDir{t: t, h: h}
	j.create(1)
	return j
}

func (j *journalDir) name(base string) string { return "/var/log/journal/" + machineID + "/" + base }

func (j *journalDir) create(first uint64) {
	j.t.Helper()
	w, err := journaltest.Create(j.h.path(j.name("system.journal")), true, first)
	if err != nil {
		j.t.Fatal(err)
	}
	j.w = w
}

func (j *journalDir) failed(ports ...int) {
	j.t.Helper()
	for _, port := range ports {
		j.add(fmt.Sprintf("Failed password for root from 192.0.2.1 port %d ssh2", port), "sshd", "0", "/usr/sbin/sshd")
	}
}

func (j *journalDir) add(message, identifier, uid, exe string) {
	j.t.Helper()
	err := j.w.Append(time.Now(), "MESSAGE="+message, "SYSLOG_IDENTIFIER="+identifier, "_PID=7", "_UID="+uid, "_EXE="+exe, "_HOSTNAME=h")
	if err != nil {
		j.t.Fatal(err)
	}
}

// rotate archives the file and begins another.
func (j *journalDir) rotate() {
	j.t.Helper()
	next := j.w.Next()
	if err := j.w.Close(); err != nil {
		j.t.Fatal(err)
	}
	j.h.rename(j.t, j.name("system.journal"), j.name(fmt.Sprintf("system@%d.journal", next)))
	j.create(next)
}

func TestJournalAcrossRotationAndRestart(t *testing.T) {
	h := newHost(t)
	j := h.journal(t)
	j.failed(1)
	r := h.run(t)
	r.ready("/var/log/journal/")
	j.failed(2, 3)
	r.want(2, 3)
	j.failed(4)
	j.rotate()
	j.failed(5)
	r.want(2, 3, 4, 5)
	if e := r.events[0]; e.Source != event.SourceJournal {
		t.Errorf("source %s", e.Source)
	}
	r.stop()
	j.failed(6)
	j.rotate()
	j.failed(7)
	j.rotate()
	j.failed(8)
	r = h.run(t)
	r.want(6, 7, 8)
}

func TestForgedJournalEntriesAreRefused(t *testing.T) {
	h := newHost(t)
	j := h.journal(t)
	r := h.run(t)
	r.ready("/var/log/journal/")
	j.add("Accepted password for root from 192.0.2.1 port 1 ssh2", "sshd", "1000", "/usr/bin/logger")
	j.add("Accepted password for root from 192.0.2.1 port 2 ssh2", "sshd", "1000", "/home/eve/sshd")
	j.add("bob : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/ls", "sudo", "1000", "/usr/bin/sudo")
	j.failed(3)
	r.want(0, 3) // sudo has no port
	forged := uint64(0)
	for range 100 {
		for _, c := range r.health.Status().Counters {
			if c.Name == "entries_forged" {
				forged = c.Value
			}
		}
		if forged == 2 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("forged entries counted: %d, want 2", forged)
}

func TestStaleFileGivesWayToJournal(t *testing.T) {
	h := newHost(t)
	h.write(t, "/var/log/auth.log", failed(1))
	old := time.Now().Add(-48 * time.Hour)
	if err := os.Chtimes(h.path("/var/log/auth.log"), old, old); err != nil {
		t.Fatal(err)
	}
	h.journal(t)
	h.run(t).ready("/var/log/journal/")
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func FuzzTailFeed(f *testing.F) {
	f.Add([]byte("one\ntwo\nthr"), uint8(3))
	f.Fuzz(func(t *testing.T, data []byte, step uint8) {
		var got []string
		s := &segment{}
		for rest := data; len(rest) > 0; {
			n := min(len(rest), int(step)+1)
			s.feed(rest[:n], func(line []byte) { got = append(got, string(line)) })
			rest = rest[n:]
		}
		lines := strings.Split(string(data), "\n")
		want := lines[:len(lines)-1]
		if len(data) < maxLine && strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Fatalf("%q became %q", data, got)
		}
		if s.offset != int64(len(data)) || len(s.proof) > proofLen {
			t.Fatalf("offset %d of %d, proof of %d bytes", s.offset, len(data), len(s.proof))
		}
	})
}

func BenchmarkTail(b *testing.B) {
	dir := b.TempDir()
	name := filepath.Join(dir, "auth.log")
	line := failed(4711)
	if err := os.WriteFile(name, []byte(strings.Repeat(line, 10_000)), 0o600); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(10_000 * len(line)))
	b.ReportAllocs()
	for b.Loop() {
		tail := newTail(hostfs.New(dir), "/auth.log")
		n := 0
		if err := tail.poll(time.Now(), func([]byte) { n++ }); err != nil || n != 10_000 {
			b.Fatal(n, err)
		}
		tail.close()
	}
}
