package process

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-security/holdfast/event"
)

func TestExecIsPublishedOnceAsAudits(t *testing.T) {
	orders := map[string]func(b *bench){
		"audit first": func(b *bench) {
			b.auditExec(200, 100, "/usr/bin/id", "-u")
			b.perfExec(200, "/usr/bin/id")
		},
		"perf first": func(b *bench) {
			b.perfExec(200, "/usr/bin/id")
			b.auditExec(200, 100, "/usr/bin/id", "-u")
		},
		"audit after the end": func(b *bench) {
			b.perfExec(200, "/usr/bin/id")
			b.exit(200)
			b.wait(time.Second)
			ev := activity(event.SourceAudit, b.host.at().Add(-1002*time.Millisecond), event.ProcessLaunch,
				auditProcess(200, 100, []string{"/usr/bin/id", "-u"}))
			b.apply(ev)
		},
	}
	for name, order := range orders {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.table.SetActive(event.SourceAudit, true)
			b.fork(100, 50)
			b.fork(200, 100)
			order(b)
			b.wait(5 * time.Second)
			got := b.launches()
			if len(got) != 1 {
				t.Fatalf("published %d times", len(got))
			}
			p := got[0].Process
			if got[0].Source != event.SourceAudit || p.CommandLine != "/usr/bin/id -u" || p.User.Name != "anna" || p.Session != 7 {
				t.Errorf("published %+v", p)
			}
			if p.Parent.PID != 100 || p.Parent.Parent.PID != 50 || p.Parent.Parent.Parent.PID != 1 {
				t.Errorf("lineage %s", lineage(p))
			}
			if s := b.table.Stats(); s.Paired != 1 || s.Unpaired != 0 {
				t.Errorf("ledger %+v", s)
			}
		})
	}
}

func TestExecThatAuditMissedIsPublished(t *testing.T) {
	b := newBench(t)
	b.table.SetActive(event.SourceAudit, true)
	b.fork(200, 50)
	b.host.procs[200] = fakeProcess{ppid: 50, start: b.host.boot, name: "id", args: []string{"id", "-u"}}
	b.perfExec(200, "/usr/bin/id")
	b.wait(time.Second)
	if n := len(b.launches()); n != 0 {
		t.Fatalf("published %d before audit had its time", n)
	}
	b.wait(1100 * time.Millisecond)
	got := b.launches()
	if len(got) != 1 || got[0].Source != event.SourcePerf || got[0].Process.CommandLine != "id -u" {
		t.Fatalf("got %+v", got)
	}
	for pid := range uint32(silentExecs) {
		b.fork(300+pid, 50)
		b.perfExec(300+pid, "/usr/bin/id")
	}
	b.wait(3 * time.Second)
	before := len(b.launches())
	b.perfExec(300, "/usr/bin/true")
	if len(b.launches()) != before+1 {
		t.Error("audit reports nothing any more, and execs still wait for it")
	}
}

func TestArgumentsOfALaterProgramAreNotTaken(t *testing.T) {
	for _, audit := range []bool{false, true} {
		b := newBench(t)
		b.table.SetActive(event.SourceAudit, audit)
		b.fork(200, 50)
		b.host.procs[200] = fakeProcess{ppid: 50, start: b.host.boot, path: "/usr/bin/python3", args: []string{"python3", "x.py"}}
		b.perfExec(200, "/usr/bin/env")
		b.perfExec(200, "/usr/bin/python3")
		b.wait(3 * time.Second)
		got := b.launches()
		if len(got) != 2 || got[0].Process.CommandLine != "" || got[1].Process.CommandLine != "python3 x.py" {
			t.Errorf("audit %v: published %+v", audit, got)
		}
	}
}

func TestFlush(t *testing.T) {
	b := newBench(t)
	b.table.SetActive(event.SourceAudit, true)
	b.fork(200, 50)
	b.perfExec(200, "/usr/bin/id")
	b.auditExec(300, 50, "/usr/bin/id")
	b.table.Expire(b.host.at().Add(time.Hour), func(ev event.Event) { b.published = append(b.published, ev) })
	if n := len(b.launches()); n != 2 {
		t.Errorf("%d of 2 waiting events were flushed", n)
	}
}

func TestEventBeforeBirthWaits(t *testing.T) {
	b := newBench(t)
	b.fork(100, 50)
	b.auditExec(200, 100, "/bin/sh")
	if len(b.launches()) != 0 {
		t.Fatal("published before the birth was reported")
	}
	b.fork(200, 100)
	b.expire()
	got := b.launches()
	if len(got) != 1 || got[0].Process.Parent.PID != 100 {
		t.Fatalf("got %+v", got)
	}
	if got[0].Process.UID != b.table.Lookup(200, time.Time{}).UID {
		t.Error("the published process has another name than the table's")
	}

	b.auditExec(300, 100, "/bin/sh") // its birth was lost
	b.wait(300 * time.Millisecond)
	got = b.launches()
	if len(got) != 2 || got[1].Process.Parent.PID != 100 {
		t.Fatalf("an exec without a birth: %+v", got)
	}
	if s := b.table.Stats(); s.HeldExpired != 1 || s.Inferred != 1 {
		t.Errorf("ledger %+v", s)
	}
}

func TestParentAtBirth(t *testing.T) {
	b := newBench(t)
	b.fork(100, 50)
	b.perfExec(100, "/bin/bash")
	b.fork(101, 100)
	b.fork(102, 101) // double fork: 101 ends, init adopts 102
	b.exit(101)
	b.host.procs[102] = fakeProcess{ppid: 1, start: b.host.boot}
	ev := b.perfExec(102, "/usr/bin/miner")
	if got := ev.Process.Parent; got.PID != 101 || got.Parent.PID != 100 || got.Path() != "/bin/bash" || ev.Process.PPID != 101 {
		t.Errorf("lineage %s", lineage(ev.Process))
	}
	b.perfExec(100, "/usr/bin/vim") // the parent becomes another program later
	if got := b.table.Lookup(102, time.Time{}); got.Parent.Parent.Path() != "/bin/bash" {
		t.Errorf("the parent's later program changed the lineage: %s", lineage(got))
	}
}

func TestPIDReuse(t *testing.T) {
	b := newBench(t)
	b.fork(200, 50)
	first := b.perfExec(200, "/usr/bin/first").Process
	during := b.host.at()
	b.exit(200)
	b.wait(time.Minute)
	b.fork(200, 1)
	second := b.perfExec(200, "/usr/bin/second").Process
	if first.UID == second.UID {
		t.Fatal("two processes have one name")
	}
	if got := b.table.Lookup(200, during); got == nil || got.UID != first.UID {
		t.Errorf("at the time of the first: %v", got)
	}
	if got := b.table.Lookup(200, b.host.at()); got.UID != second.UID || got.Parent.PID != 1 {
		t.Errorf("now: %v", got)
	}
	late := activity(event.SourceAudit, during, event.ProcessSetUser, auditProcess(200, 50, []string{"/usr/bin/first"}))
	if got := b.apply(late).Process; got.UID != first.UID {
		t.Errorf("a late event of the first process went to %v", got.UID)
	}
	if got := b.table.Lookup(200, during.Add(30*time.Second)); got != nil {
		t.Errorf("between the two: %v", got)
	}
}

// The kernel ends the monitoring of a process that gains rights by an exec,
// which perf reports as its end.
func TestAProcessThatGainsRightsLivesOn(t *testing.T) {
	b := newBench(t)
	b.fork(200, 50)
	b.host.procs[200] = fakeProcess{ppid: 50, start: b.host.boot}
	sudo := b.perfExec(200, "/usr/bin/sudo").Process
	b.exit(200)
	b.fork(201, 200)
	if got := b.perfExec(201, "/usr/bin/id").Process; got.Parent == nil || got.Parent.UID != sudo.UID {
		t.Errorf("what it starts is below %+v", got.Parent)
	}
	delete(b.host.procs, 200)
	b.exit(200)
	b.wait(time.Minute)
	ends := 0
	for _, e := range b.published {
		if e.Activity == event.ProcessTerminate && e.Process.PID == 200 {
			ends++
		}
	}
	if got := b.table.Lookup(200, b.host.at()); got != nil || ends != 1 {
		t.Errorf("after its end it is %v, and %d ends were published", got, ends)
	}
}

func TestPIDReuseWithoutPerf(t *testing.T) {
	b := newBench(t)
	start := b.host.boot
	b.host.procs[200] = fakeProcess{ppid: 50, start: start}
	first := b.auditExec(200, 50, "/usr/bin/first").Process
	again := b.auditExec(200, 50, "/usr/bin/again").Process
	if first.UID != again.UID || again.Parent.PID != 50 {
		t.Errorf("a second exec made another process: %v, %v", first.UID, again.UID)
	}
	b.host.pass(time.Minute)
	b.host.procs[200] = fakeProcess{ppid: 1, start: b.host.boot}
	other := b.auditExec(200, 1, "/usr/bin/other").Process
	if other.UID == first.UID || other.Parent.PID != 1 {
		t.Errorf("the pid came back as %v with parent %d", other.UID, other.Parent.PID)
	}
}

func TestThreadThatExecutes(t *testing.T) {
	b := newBench(t)
	b.fork(200, 50)
	uid := b.perfExec(200, "/usr/bin/first").Process.UID
	b.exit(200) // the first thread
	if got := b.perfExec(200, "/usr/bin/second").Process; got.UID != uid || got.Path() != "/usr/bin/second" {
		t.Errorf("got %+v, want the same process with another program", got)
	}
	if s := b.table.Stats(); s.Live != 4 || s.Exited != 0 || s.Bytes != 0 {
		t.Errorf("ledger %+v", s)
	}
}

func TestExecChain(t *testing.T) {
	b := newBench(t)
	b.table.SetActive(event.SourceAudit, true)
	b.fork(200, 50)
	b.perfExec(200, "/bin/sh")
	b.fork(201, 200) // born to sh
	b.perfExec(200, "/usr/bin/env")
	b.fork(202, 200) // born to env
	b.perfExec(200, "/usr/bin/python3")
	at := b.host.at().Add(-6 * time.Millisecond)
	for _, path := range []string{"/bin/sh", "/usr/bin/env", "/usr/bin/python3"} {
		b.apply(activity(event.SourceAudit, at, event.ProcessLaunch, auditProcess(200, 50, []string{path, "arg of " + path})))
	}
	got := b.launches()
	if len(got) != 3 || got[2].Process.CommandLine != "/usr/bin/python3 arg of /usr/bin/python3" {
		t.Fatalf("published %+v", got)
	}
	for pid, want := range map[uint32]string{201: "/bin/sh arg of /bin/sh", 202: "/usr/bin/env arg of /usr/bin/env"} {
		if p := b.table.Lookup(pid, time.Time{}); p.Parent.CommandLine != want {
			t.Errorf("parent of %d is %q, want %q", pid, p.Parent.CommandLine, want)
		}
	}
}

func TestLineageIsBounded(t *testing.T) {
	b := newBench(t)
	const forks = 5000
	for i := range uint32(forks) {
		b.fork(1000+i, max(999+i, 1000)-b2u(i == 0)*950)
		b.exit(999 + i)
	}
	p := b.table.Lookup(1000+forks-1, time.Time{})
	n := 0
	for a := p; a != nil; a = a.Parent {
		n++
	}
	if n > event.MaxLineage || n < keptLineage {
		t.Errorf("the lineage has %d processes", n)
	}
	if p.Entry.Kind != event.EntryService || p.Entry.Unit != "ssh.service" {
		t.Errorf("the entry point was lost on the way: %+v", p.Entry)
	}
}

func b2u(b bool) uint32 {
	if b {
		return 1
	}
	return 0
}

func TestEviction(t *testing.T) {
	h := newFakeHost()
	table := newTable(Options{MaxExited: 10, MaxLive: 20, Retain: time.Hour}, h)
	b := &bench{T: t, host: h, table: table}
	for pid := uint32(1); pid <= 100; pid++ {
		b.fork(pid, 0)
		if pid > 15 {
			b.exit(pid)
		}
	}
	s := table.Stats()
	if s.Live != 15 || s.Exited != 10 || s.Evicted != 75 || s.Overflow != 0 {
		t.Errorf("ledger %+v", s)
	}
	for pid := uint32(101); pid <= 110; pid++ {
		b.fork(pid, 1)
	}
	if s := table.Stats(); s.Live != 20 || s.Overflow != 5 {
		t.Errorf("ledger %+v", s)
	}
	for pid := range uint32(20) {
		h.procs[pid] = fakeProcess{start: 1}
	}
	b.wait(2 * time.Hour)
	s = table.Stats()
	if s.Live != 15 || s.Swept != 5 {
		t.Errorf("after the sweep: %+v", s)
	}
	b.wait(2 * time.Hour)
	if s := table.Stats(); s.Exited != 0 || s.Bytes != 0 || len(table.nodes) != 15 {
		t.Errorf("after the time of retention: %+v, %d nodes", s, len(table.nodes))
	}
}

func TestClockSteps(t *testing.T) {
	for name, step := range map[string]time.Duration{"back": -24 * time.Hour, "forward": 24 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.fork(200, 50)
			before := b.host.at()
			b.perfExec(200, "/usr/bin/a")
			b.expire()
			b.host.wall += int64(step)
			b.host.pass(10 * time.Millisecond)
			b.fork(201, 200)
			got := b.perfExec(201, "/usr/bin/b").Process
			if got.Parent == nil || got.Parent.Path() != "/usr/bin/a" {
				t.Errorf("born after the step: %s", lineage(got))
			}
			if d := got.Started.Sub(b.host.at()); d > time.Second || d < -time.Second {
				t.Errorf("started %v from now", d)
			}
			late := activity(event.SourceAudit, before, event.ProcessSetUser, auditProcess(200, 50, []string{"/usr/bin/a"}))
			if got := b.apply(late).Process; got.UID != b.table.Lookup(200, time.Time{}).UID {
				t.Errorf("an event stamped before the step went to %v", got.UID)
			}
		})
	}
}

func TestSnapshot(t *testing.T) {
	b := newBench(t)
	id := strings.Repeat("a1", 32)
	b.host.procs[60] = fakeProcess{ppid: 50, start: 5 * int64(time.Second), name: "bash", path: "/bin/bash", uid: 1000, env: []string{"SSH_CONNECTION=192.0.2.7 50000 10.0.0.1 22"}}
	b.host.procs[61] = fakeProcess{ppid: 2, start: 6 * int64(time.Second), name: "kworker/0:1", kernel: true}
	b.host.procs[62] = fakeProcess{ppid: 1, start: 7 * int64(time.Second), name: "nginx", path: "/usr/sbin/nginx", cgroup: "/system.slice/nginx.service"}
	b.host.procs[63] = fakeProcess{ppid: 1, start: 8 * int64(time.Second), name: "containerd-shim", path: "/usr/bin/containerd-shim-runc-v2", cgroup: "/system.slice/docker.service"}
	b.host.procs[64] = fakeProcess{ppid: 63, start: 9 * int64(time.Second), name: "redis", path: "/redis", cgroup: "/system.slice/docker-" + id + ".scope"}
	b.host.procs[65] = fakeProcess{ppid: 64, start: 10 * int64(time.Second), name: "a) (b\n", path: "/x", cgroup: "/system.slice/docker-" + id + ".scope"}
	if err := b.table.Snapshot(t.Context()); err != nil {
		t.Fatal(err)
	}
	for pid, want := range map[uint32]event.EntryPoint{
		1: {Kind: event.EntryInit}, 2: {Kind: event.EntryKernel}, 61: {Kind: event.EntryKernel},
		50: {Kind: event.EntryService, Unit: "ssh.service"}, 62: {Kind: event.EntryService, Unit: "nginx.service"},
		60: {Kind: event.EntrySSH, Address: "192.0.2.7", User: "anna"},
		64: {Kind: event.EntryContainer}, 65: {Kind: event.EntryContainer},
	} {
		if got := b.table.Lookup(pid, time.Time{}); got.Entry != want {
			t.Errorf("pid %d entered by %+v, want %+v", pid, got.Entry, want)
		}
	}
	p := b.table.Lookup(65, time.Time{})
	if p.Container == nil || p.Container.ID != id || p.Container.Runtime != "docker" || p.Name != "a) (b\n" {
		t.Errorf("in the container: %+v", p)
	}
	if p.Parent.Container == nil || p.Parent.Parent.Container != nil {
		t.Error("the container's border is not between shim and first process")
	}
}

func TestSSHLogonColoursTheSession(t *testing.T) {
	b := newBench(t)
	b.fork(70, 50)
	b.apply(event.Event{
		Time: b.host.at(), Class: event.ClassAuthentication, Activity: event.AuthLogon, Status: event.StatusSuccess,
		Source: event.SourceSyslog, Process: &event.Process{PID: 70}, User: &event.User{Name: "anna", UID: 1000},
		Logon: &event.Logon{Service: "sshd", Address: netip.MustParseAddr("198.51.100.9")},
	})
	b.fork(71, 70)
	b.fork(72, 71)
	b.perfExec(72, "/bin/bash")
	b.fork(73, 72)
	got := b.perfExec(73, "/usr/bin/id").Process.Entry
	if want := (event.EntryPoint{Kind: event.EntrySSH, Address: "198.51.100.9", User: "anna"}); got != want {
		t.Errorf("entry %+v, want %+v", got, want)
	}
}

// TestContainerOfAShortProgram executes a container's program that has ended
// before the table looks: runc, which set the container up, told where it
// lives. runc has executed itself from a detached mount before.
func TestContainerOfAShortProgram(t *testing.T) {
	b := newBench(t)
	id := strings.Repeat("a1", 32)
	b.fork(83, 50)
	b.host.procs[83] = fakeProcess{ppid: 50, start: b.host.boot, cgroup: "/"}
	b.perfExec(83, "/usr/sbin/runc")
	b.auditExec(83, 50, "/usr/sbin/runc", "create")
	b.fork(84, 83)
	b.host.procs[84] = fakeProcess{ppid: 83, start: b.host.boot, cgroup: "/"}
	runc := auditProcess(84, 83, []string{"runc", "init"})
	runc.Name, runc.Executable = "exe", &event.File{Path: "/"}
	b.apply(activity(event.SourcePerf, b.host.at(), event.ProcessLaunch, &event.Process{PID: 84, Name: "exe"}))
	outside := b.apply(activity(event.SourceAudit, b.host.at(), event.ProcessLaunch, runc)).Process
	b.host.procs[84] = fakeProcess{ppid: 83, start: b.host.boot, cgroup: "/docker/" + id}
	mount := *runc
	inside := b.apply(event.Event{
		Time: b.host.at(), Class: event.ClassDeviceConfigChange, Activity: event.ConfigMount, Status: event.StatusSuccess,
		Source: event.SourceAudit, Process: &mount,
	}).Process
	if c := inside.Container; c == nil || c.ID != id || c.Runtime != "docker" {
		t.Errorf("runc within the container: %+v", c)
	}
	delete(b.host.procs, 84)
	b.perfExec(84, "/brief")
	brief := b.auditExec(84, 83, "/brief").Process
	if brief.Container == nil || brief.Container.ID != id || brief.Entry.Kind != event.EntryContainer {
		t.Errorf("the program that has ended: container %+v, entry %+v", brief.Container, brief.Entry)
	}
	if outside.Container != nil || brief.Parent.Container != nil {
		t.Errorf("runc outside the container: %+v, %+v", outside.Container, brief.Parent.Container)
	}
}

func TestDescriptors(t *testing.T) {
	b := newBench(t)
	socket := []event.Descriptor{{FD: 0, Kind: event.DescriptorSocket, Target: "203.0.113.5:4444"}}
	b.fork(80, 50)
	b.host.procs[80] = fakeProcess{ppid: 50, start: b.host.boot, fds: socket, env: []string{"HISTFILE=/dev/null"}}
	sh := b.perfExec(80, "/bin/sh").Process
	if !slices.Equal(sh.Descriptors, socket) || len(sh.Environment) != 1 {
		t.Errorf("shell: %+v %q", sh.Descriptors, sh.Environment)
	}
	b.fork(81, 80)
	if id := b.perfExec(81, "/usr/bin/id").Process; !slices.Equal(id.Descriptors, socket) {
		t.Errorf("child that has ended: %+v", id.Descriptors)
	}
	b.fork(82, 50)
	b.host.procs[82] = fakeProcess{ppid: 50, start: b.host.boot, fds: socket}
	if ls := b.perfExec(82, "/bin/ls").Process; ls.Descriptors != nil {
		t.Errorf("descriptors of a plain program were read: %+v", ls.Descriptors)
	}
}

func TestRefreshChangesNoPublishedImage(t *testing.T) {
	b := newBench(t)
	b.fork(200, 50)
	b.auditExec(200, 50, "/usr/sbin/daemon")
	b.perfExec(200, "/usr/sbin/daemon")
	old := b.table.Lookup(200, time.Time{})
	b.fork(201, 200)
	p := auditProcess(200, 50, []string{"/usr/sbin/daemon"})
	p.User = event.User{UID: 0}
	ev := b.apply(activity(event.SourceAudit, b.host.at(), event.ProcessSetUser, p))
	if ev.Process.User.Name != "root" || old.User.Name != "anna" {
		t.Errorf("now %q, before %q", ev.Process.User.Name, old.User.Name)
	}
	if got := b.table.Lookup(201, time.Time{}); got.Parent.User.Name != "anna" {
		t.Errorf("the child's parent changed to %q", got.Parent.User.Name)
	}
	b.fork(202, 200)
	if got := b.table.Lookup(202, time.Time{}); got.Parent.User.Name != "root" {
		t.Errorf("a child born later has a parent of %q", got.Parent.User.Name)
	}
}

func TestRecordedMode(t *testing.T) {
	table := NewTable(Options{Recorded: true})
	apply := func(second int64, pid, ppid uint32, args ...string) *event.Process {
		ev := activity(event.SourceAudit, time.Unix(second, 0), event.ProcessLaunch, auditProcess(pid, ppid, args))
		if !table.Apply(&ev) {
			t.Errorf("%q was not published", args)
		}
		return ev.Process
	}
	sh := apply(100, 20, 10, "/bin/sh", "x.sh")
	id := apply(101, 21, 20, "/usr/bin/id")
	if id.Parent.UID != sh.UID || id.Parent.CommandLine != "/bin/sh x.sh" || id.Parent.Parent.PID != 10 || id.Parent.Parent.Path() != "" {
		t.Errorf("lineage %s", lineage(id))
	}
	if sh.Script != "/home/anna/x.sh" || sh.User.Name != "" || sh.UID.Boot != (event.BootID{}) {
		t.Errorf("got %+v", sh)
	}
	if again := apply(102, 21, 20, "/bin/ls"); again.UID != id.UID {
		t.Error("a second exec made another process")
	}
	if other := apply(200, 21, 30, "/bin/ls"); other.UID == id.UID {
		t.Error("another parent's process has the same name")
	}
}

func TestRecordedAccounts(t *testing.T) {
	table := NewTable(Options{Recorded: true})
	p := &event.Process{
		PID: 20, PPID: 10, User: event.User{UID: 0}, Effective: &event.User{UID: 33}, Login: &event.User{UID: 1000, Name: "eve"},
	}
	ev := activity(event.SourceAudit, time.Unix(100, 0), event.ProcessLaunch, p)
	ev.User = &event.User{UID: 0}
	table.Apply(&ev)
	got := ev.Process
	if got.User.String() != "root" || got.Effective.String() != "33" || got.Login.String() != "eve" || ev.User.String() != "root" {
		t.Errorf("user %v, effective %v, login %v, concerned %v", got.User, got.Effective, got.Login, ev.User)
	}
}

func TestCompleteEventsAreLeftAlone(t *testing.T) {
	b := newBench(t)
	p := &event.Process{PID: 1, UID: event.ProcessUID{Boot: event.BootID{9}, PID: 1}, Name: "imported"}
	ev := activity(event.SourceImport, b.host.at(), event.ProcessLaunch, p)
	if !b.table.Apply(&ev) || ev.Process != p {
		t.Error("an imported process was changed")
	}
}

// TestInterleavings feeds one history as perf and audit would report it, with
// random delays between the two, and expects the same lineages each time.
func TestInterleavings(t *testing.T) {
	for seed := range uint64(300) {
		checkInterleaving(t, seed)
	}
}

type report struct {
	due int64
	ev  event.Event
}

func checkInterleaving(t *testing.T, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 1))
	b := newBench(t)
	b.table.SetActive(event.SourceAudit, true)
	b.table.SetActive(event.SourcePerf, true)
	perf, audit, want, execs := history(r, b.host)
	reports := append(delayed(r, perf), delayed(r, audit)...)
	slices.SortStableFunc(reports, func(x, y report) int { return cmp.Compare(x.due, y.due) })
	for i := range reports {
		if d := reports[i].due - b.host.boot; d > 0 {
			b.wait(time.Duration(d))
		}
		b.apply(reports[i].ev)
	}
	b.wait(5 * time.Second)
	if n := len(b.launches()); n != execs {
		t.Errorf("seed %d: %d execs, %d published; %+v", seed, execs, n, b.table.Stats())
	}
	for pid, lines := range want {
		got := ""
		for p := b.table.Lookup(pid, time.Time{}); p != nil; p = p.Parent {
			got += fmt.Sprintf("%d:%s ", p.PID, p.CommandLine)
		}
		if got != lines {
			t.Errorf("seed %d pid %d:\n got %s\nwant %s", seed, pid, got, lines)
		}
	}
}

// delayed gives each report of one source a time of arrival, keeping their
// order, as a reader that naps would.
func delayed(r *rand.Rand, events []event.Event) []report {
	var out []report
	nap := int64(1+r.IntN(100)) * int64(time.Millisecond)
	var due int64
	for _, ev := range events {
		at := ev.Time.UnixNano() - newFakeHost().wall + newFakeHost().boot
		due = max(due, at+r.Int64N(nap)+int64(5*time.Millisecond))
		out = append(out, report{due, ev})
	}
	return out
}

// history makes processes that fork, exec and end, and the truth about them.
func history(r *rand.Rand, h *fakeHost) (perf, audit []event.Event, want map[uint32]string, execs int) {
	type living struct {
		own  string
		ppid uint32
		up   string
	}
	want = make(map[uint32]string)
	alive := map[uint32]living{50: {up: "1:/sbin/init ", own: "50:sshd "}}
	now, next := h.wall, uint32(100)
	pids := []uint32{50}
	for range 60 {
		now += int64(r.IntN(3000)+50) * int64(time.Microsecond)
		at := time.Unix(0, now)
		pid := pids[r.IntN(len(pids))]
		p := alive[pid]
		switch action := r.IntN(5); {
		case action < 2 || len(pids) < 3:
			child := living{ppid: pid, up: p.own + p.up, own: strings.Replace(p.own, fmt.Sprint(pid, ":"), fmt.Sprint(next, ":"), 1)}
			alive[next] = child
			pids = append(pids, next)
			want[next] = child.own + child.up
			perf = append(perf, activity(event.SourcePerf, at, event.ProcessFork,
				&event.Process{PID: next, PPID: pid, UID: event.ProcessUID{Start: uint64(now - h.wall + h.boot)}}))
			next++
		case action < 4 && pid != 50:
			execs++
			path := fmt.Sprintf("/bin/p%d", r.IntN(4))
			args := []string{path, fmt.Sprint(execs)}
			p.own = fmt.Sprintf("%d:%s ", pid, strings.Join(args, " "))
			alive[pid] = p
			want[pid] = p.own + p.up
			entered := time.Unix(0, now-int64(r.IntN(30))*int64(time.Microsecond)).Truncate(4 * time.Millisecond)
			audit = append(audit, activity(event.SourceAudit, entered, event.ProcessLaunch, auditProcess(pid, p.ppid, args)))
			perf = append(perf, activity(event.SourcePerf, at, event.ProcessLaunch, perfProcess(pid, path)))
		case pid != 50:
			delete(alive, pid)
			pids = slices.DeleteFunc(pids, func(x uint32) bool { return x == pid })
			perf = append(perf, activity(event.SourcePerf, at, event.ProcessTerminate, &event.Process{PID: pid}))
		}
	}
	return perf, audit, want, execs
}

func TestHundredThousandProcesses(t *testing.T) {
	const count = 100_000
	h := newFakeHost()
	b := &bench{T: t, host: h, table: newTable(Options{}, h)}
	before := heap()
	for i := range uint32(count) {
		h.boot += int64(tick) / 100
		h.wall += int64(tick) / 100
		ev := activity(event.SourcePerf, h.at(), event.ProcessFork, &event.Process{PID: 1000 + i, PPID: 999 + i/50*50 + 1, UID: event.ProcessUID{Start: uint64(h.boot)}})
		b.table.Apply(&ev)
		ev = activity(event.SourceAudit, h.at(), event.ProcessLaunch, auditProcess(1000+i, 1000, []string{"/usr/bin/worker", fmt.Sprint(i)}))
		b.table.Apply(&ev)
		ev = activity(event.SourcePerf, h.at(), event.ProcessLaunch, perfProcess(1000+i, "/usr/bin/worker"))
		b.table.Apply(&ev)
	}
	used := heap() - before
	s := b.table.Stats()
	if s.Live != count || s.Overflow != 0 {
		t.Errorf("ledger %+v", s)
	}
	t.Logf("%d live processes: %.1f MB, %d bytes each", count, float64(used)/1e6, used/count)
	if used/count > 2000 {
		t.Errorf("%d bytes per process", used/count)
	}
	for i := range uint32(count) {
		if p := b.table.Lookup(1000+i, time.Time{}); p == nil || p.PID != 1000+i {
			t.Fatalf("pid %d: %v", 1000+i, p)
		}
	}
	for i := range uint32(count) {
		b.exit(1000 + i)
	}
	s = b.table.Stats()
	if s.Live != 0 || s.Exited > defaultMaxExited || s.Bytes > defaultMaxBytes || s.Evicted == 0 {
		t.Errorf("ledger after the end: %+v", s)
	}
	runtime.KeepAlive(b)
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func BenchmarkLifecycle(b *testing.B) {
	for name, audit := range map[string]bool{"perf+audit": true, "perf": false} {
		b.Run(name, func(b *testing.B) {
			h := newFakeHost()
			table := newTable(Options{}, h)
			h.procs[1] = fakeProcess{start: int64(tick), name: "init"}
			table.Snapshot(b.Context())
			args := []string{"/usr/bin/true", "--version"}
			exe := &event.File{Path: "/usr/bin/true"}
			pid := uint32(1000)
			b.ReportAllocs()
			for b.Loop() {
				pid = 1000 + (pid+1)%30000
				h.pass(time.Millisecond)
				ev := activity(event.SourcePerf, h.at(), event.ProcessFork, &event.Process{PID: pid, PPID: 1, UID: event.ProcessUID{Start: uint64(h.boot)}})
				table.Apply(&ev)
				if audit {
					ev = activity(event.SourceAudit, h.at(), event.ProcessLaunch, &event.Process{PID: pid, PPID: 1, Name: "true", Executable: exe, Arguments: args, CommandLine: "/usr/bin/true --version"})
					table.Apply(&ev)
				}
				ev = activity(event.SourcePerf, h.at(), event.ProcessLaunch, &event.Process{PID: pid, Name: "true", Executable: exe})
				table.Apply(&ev)
				h.pass(time.Millisecond)
				ev = activity(event.SourcePerf, h.at(), event.ProcessTerminate, &event.Process{PID: pid})
				table.Apply(&ev)
				if pid%20 == 0 {
					table.Expire(h.at(), func(event.Event) {})
				}
			}
		})
	}
}
