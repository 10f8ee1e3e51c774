package process

import (
	"github.com/holdfast-security/holdfast/event"
)

// fork enters a birth. A process that was inferred before its birth was
// reported keeps its name and gets its true parent.
func (t *Table) fork(ev *event.Event, at int64) bool {
	t.saw(ev.Source)
	p := ev.Process
	start := at
	if p.UID.Start != 0 {
		start = int64(p.UID.Start)
	}
	parent := t.parentAt(p.PPID, start, ev.Source)
	n := t.nodes[p.PID]
	if n != nil && near(n.birth, start) || n != nil && n.exit == 0 && !n.firm && n.birth >= start-stampSlack {
		t.confirm(n, p.PPID, start, parent)
		ev.Process = t.resolve(n.image)
		t.release(p.PID)
		return false
	}
	n = t.born(p.PID, p.PPID, start, parent)
	n.firm = true
	ev.Process = t.resolve(n.image)
	t.release(p.PID)
	return true
}

// confirm gives an inferred process the parent that the fork record names.
func (t *Table) confirm(n *node, ppid uint32, start int64, parent *image) {
	if n.firm && n.image.parent != nil {
		return
	}
	n.firm, n.ppid, n.birth = true, ppid, start
	if parent == nil || parent == n.image.parent {
		return
	}
	for _, i := range []*image{n.image, n.byAudit, n.byPerf} {
		if i != nil {
			t.adopt(i, parent)
			i.proc.PPID = ppid
		}
	}
}

// parentAt returns the image that a process had when it forked.
func (t *Table) parentAt(pid uint32, at int64, source event.Source) *image {
	if pid == 0 {
		return nil
	}
	n := t.find(pid, at, 0)
	if n == nil {
		n = t.infer(pid, 0, at, false)
	}
	if n == nil {
		return nil
	}
	return t.view(n, source)
}

// actor returns the process that an event is about, entering it when nobody
// reported its birth. It returns nil when the event was put aside to wait for
// that report.
func (t *Table) actor(ev *event.Event, at int64, final bool) *node {
	p := ev.Process
	if t.waiting[p.PID] > 0 && !final {
		t.hold(ev, at)
		return nil
	}
	slack := stampSlack
	if ev.Source == event.SourcePerf {
		slack = 0
	}
	n := t.find(p.PID, at, slack)
	if n != nil && t.reused(n, ev) {
		n = nil
	}
	if n == nil && ev.Source == event.SourcePerf {
		n = t.ledByThread(p.PID, at)
	}
	if n != nil {
		return n
	}
	if t.perf && t.host != nil && !final && len(t.held) < maxHeld {
		t.hold(ev, at)
		return nil
	}
	return t.inferActor(ev, at)
}

// ledByThread returns the ended process with the pid when nothing says that
// the pid was given away since: a thread other than the first executed a
// program, which ends the first and takes over its pid (execve(2)).
func (t *Table) ledByThread(pid uint32, at int64) *node {
	n := t.nodes[pid]
	if n == nil || n.exit == 0 || at < n.exit || at-n.exit > int64(pairWait) {
		return nil
	}
	t.revive(n)
	return n
}

// reused reports whether an exec that only audit sees comes from another
// process than the one the table knows under the pid. Without perf nobody
// reports ends, so that pids come back unannounced.
func (t *Table) reused(n *node, ev *event.Event) bool {
	if t.perf || ev.Source != event.SourceAudit || ev.Activity != event.ProcessLaunch || ev.Class != event.ClassProcessActivity {
		return false
	}
	if t.host != nil {
		if s, ok := t.host.stat(n.pid); ok {
			return !near(int64(s.Start), n.birth) && n.firm
		}
	}
	ppid := ev.Process.PPID
	return ppid != 0 && n.ppid != 0 && ppid != n.ppid && ppid != 1
}

// inferActor enters the process of an event whose birth nobody reported.
func (t *Table) inferActor(ev *event.Event, at int64) *node {
	p := ev.Process
	// An exec replaces what could be read now.
	light := ev.Activity == event.ProcessLaunch && ev.Class == event.ClassProcessActivity && ev.Source == event.SourceAudit
	if n := t.infer(p.PID, p.PPID, at, light); n != nil {
		return n
	}
	var parent *image
	if p.PPID != 0 {
		parent = t.parentOrStub(p.PPID, at)
	}
	t.stats.Inferred++
	if light && t.host == nil && ev.Status != event.StatusFailure {
		return t.bornAs(&t.fleeting, p.PID, p.PPID, at, parent)
	}
	return t.born(p.PID, p.PPID, at, parent)
}

// parentOrStub returns the image of a parent; one that nobody knows anything
// of is entered with its pid alone, so that its children share it.
func (t *Table) parentOrStub(pid uint32, at int64) *image {
	if n := t.find(pid, at, stampSlack); n != nil {
		return n.image
	}
	if n := t.infer(pid, 0, at, false); n != nil {
		return n.image
	}
	t.stats.Inferred++
	return t.born(pid, 0, at-1, nil).image
}

// maxInferred bounds how many unknown ancestors are read from /proc at once.
const maxInferred = 8

// infer enters a process that lives from /proc, with its unknown parents. With
// light set it is a copy of its parent and nothing more is read.
func (t *Table) infer(pid, ppid uint32, at int64, light bool) *node {
	if t.host == nil {
		return nil
	}
	var chain []birth
	for len(chain) < maxInferred && pid != 0 {
		s, ok := t.host.stat(pid)
		if !ok || int64(s.Start) > at+stampSlack {
			break
		}
		if ppid == 0 {
			ppid = s.PPID
		}
		chain = append(chain, birth{pid: pid, ppid: ppid, start: int64(s.Start), kernel: s.Kernel(), name: s.Comm})
		if t.find(ppid, int64(s.Start)+tick, 0) != nil {
			break
		}
		pid, ppid = ppid, 0
	}
	var n *node
	for i := len(chain) - 1; i >= 0; i-- {
		t.stats.Inferred++
		n = t.read(chain[i], light && i == 0)
	}
	return n
}
