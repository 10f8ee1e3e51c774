package process

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/internal/procfs"
)

// fakeHost is a system made of what a test says. Its clock stands still until
// the test moves it.
type fakeHost struct {
	boot, wall int64
	procs      map[uint32]fakeProcess
	files      map[string]*event.File
}

type fakeProcess struct {
	ppid   uint32
	start  int64
	kernel bool
	name   string
	path   string
	args   []string
	uid    uint32
	cgroup string
	env    []string
	fds    []event.Descriptor
}

var _ host = (*fakeHost)(nil)

func newFakeHost() *fakeHost {
	return &fakeHost{boot: int64(time.Hour), wall: 1_700_000_000 * int64(time.Second), procs: make(map[uint32]fakeProcess), files: make(map[string]*event.File)}
}

func (h *fakeHost) pass(d time.Duration) { h.boot += int64(d); h.wall += int64(d) }
func (h *fakeHost) at() time.Time        { return time.Unix(0, h.wall).UTC() }

func (h *fakeHost) now() (boot, wall int64) { return h.boot, h.wall }
func (h *fakeHost) bootID() event.BootID    { return event.BootID{1} }
func (h *fakeHost) pids() ([]uint32, error) {
	var pids []uint32
	for pid := range h.procs {
		pids = append(pids, pid)
	}
	slices.Sort(pids)
	return pids, nil
}

func (h *fakeHost) get(pid uint32) (fakeProcess, bool) {
	p, ok := h.procs[pid]
	return p, ok
}

func (h *fakeHost) stat(pid uint32) (procfs.Stat, bool) {
	p, ok := h.get(pid)
	s := procfs.Stat{PID: pid, PPID: p.ppid, Comm: p.name, State: 'S', Start: uint64(p.start - p.start%tick)}
	if p.kernel {
		s.Flags = 0x00200000
	}
	return s, ok
}

func (h *fakeHost) describe(pid uint32) (description, bool) {
	p, ok := h.get(pid)
	d := description{arguments: p.args, user: event.User{UID: p.uid, Name: h.userName(p.uid)}}
	if p.path != "" {
		d.executable = &event.File{Path: p.path}
	}
	return d, ok
}

func (h *fakeHost) arguments(pid uint32) ([]string, bool) {
	p, _ := h.get(pid)
	return p.args, false
}

func (h *fakeHost) runs(pid uint32, path string) bool {
	p, ok := h.get(pid)
	return ok && (path == "" || p.path == "" || p.path == path)
}

func (h *fakeHost) cgroup(pid uint32) (string, bool) {
	p, ok := h.get(pid)
	return p.cgroup, ok
}

func (h *fakeHost) environment(pid uint32) []string {
	p, _ := h.get(pid)
	return p.env
}

func (h *fakeHost) descriptors(pid uint32) []event.Descriptor {
	p, _ := h.get(pid)
	return p.fds
}

func (h *fakeHost) identify(f *event.File, _ uint32, _ bool) *event.File {
	if known, ok := h.files[f.Path]; ok {
		return known
	}
	h.files[f.Path] = f
	return f
}

func (h *fakeHost) container(*event.Container) {}

func (h *fakeHost) userName(uid uint32) string {
	return map[uint32]string{0: "root", 1000: "anna"}[uid]
}
func (h *fakeHost) groupName(uint32) string { return "" }
func (h *fakeHost) unhashed() uint64        { return 0 }
func (h *fakeHost) close()                  {}

// bench is a table with a fake host and what it published.
type bench struct {
	*testing.T
	host      *fakeHost
	table     *Table
	published []event.Event
}

func newBench(t *testing.T) *bench {
	h := newFakeHost()
	h.procs[1] = fakeProcess{start: int64(tick), name: "systemd", path: "/usr/lib/systemd/systemd", args: []string{"/sbin/init"}}
	h.procs[2] = fakeProcess{start: int64(tick), name: "kthreadd", kernel: true}
	h.procs[50] = fakeProcess{ppid: 1, start: int64(time.Second), name: "sshd", path: "/usr/sbin/sshd", args: []string{"sshd"}, cgroup: "/system.slice/ssh.service"}
	b := &bench{T: t, host: h, table: newTable(Options{}, h)}
	if err := b.table.Snapshot(t.Context()); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *bench) apply(ev event.Event) *event.Event {
	if b.table.Apply(&ev) {
		b.published = append(b.published, ev)
	}
	return &ev
}

func (b *bench) expire() {
	b.table.Expire(b.host.at(), func(ev event.Event) { b.published = append(b.published, ev) })
}

func (b *bench) wait(d time.Duration) {
	b.host.pass(d)
	b.expire()
}

func activity(src event.Source, at time.Time, a event.Activity, p *event.Process) event.Event {
	return event.Event{Time: at, Class: event.ClassProcessActivity, Activity: a, Status: event.StatusSuccess, Source: src, Process: p}
}

func (b *bench) fork(pid, ppid uint32) *event.Event {
	b.host.pass(time.Millisecond)
	return b.apply(activity(event.SourcePerf, b.host.at(), event.ProcessFork,
		&event.Process{PID: pid, PPID: ppid, UID: event.ProcessUID{Start: uint64(b.host.boot)}}))
}

func (b *bench) perfExec(pid uint32, path string) *event.Event {
	b.host.pass(time.Millisecond)
	return b.apply(activity(event.SourcePerf, b.host.at(), event.ProcessLaunch, perfProcess(pid, path)))
}

func perfProcess(pid uint32, path string) *event.Process {
	return &event.Process{PID: pid, Name: base(path), Executable: &event.File{Path: path}}
}

func (b *bench) auditExec(pid, ppid uint32, args ...string) *event.Event {
	return b.apply(activity(event.SourceAudit, b.host.at().Truncate(time.Millisecond), event.ProcessLaunch, auditProcess(pid, ppid, args)))
}

func auditProcess(pid, ppid uint32, args []string) *event.Process {
	return &event.Process{
		PID: pid, PPID: ppid, Name: base(args[0]), Executable: &event.File{Path: args[0]}, Arguments: args,
		Directory: "/home/anna", User: event.User{UID: 1000}, Login: &event.User{UID: 1000}, Session: 7, Terminal: "pts0",
	}
}

func (b *bench) exit(pid uint32) *event.Event {
	b.host.pass(time.Millisecond)
	return b.apply(activity(event.SourcePerf, b.host.at(), event.ProcessTerminate, &event.Process{PID: pid}))
}

func base(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

// lineage writes a lineage as pid:path, nearest first.
func lineage(p *event.Process) string {
	var parts []string
	for _, a := range p.Lineage() {
		parts = append(parts, a.UID.String()[17:]+":"+a.Path())
	}
	return strings.Join(parts, " ")
}

func (b *bench) launches() []event.Event {
	var found []event.Event
	for _, ev := range b.published {
		if ev.Activity == event.ProcessLaunch && ev.Class == event.ClassProcessActivity {
			found = append(found, ev)
		}
	}
	return found
}
