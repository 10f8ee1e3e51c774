package process

import (
	"github.com/holdfast-security/holdfast/event"
)

// apply completes an event. With final set it does not wait for a report of
// the process's birth any more.
func (t *Table) apply(ev *event.Event, at int64, final bool) bool {
	t.names(ev)
	if ev.Process == nil || ev.Process.PID == 0 {
		return true
	}
	if ev.Class == event.ClassProcessActivity && ev.Status != event.StatusFailure {
		switch ev.Activity {
		case event.ProcessFork:
			return t.fork(ev, at)
		case event.ProcessLaunch:
			return t.launch(ev, at, final)
		case event.ProcessTerminate:
			return t.terminate(ev, at, final)
		}
	}
	return t.act(ev, at, final)
}

// names fills in account names that the sensor did not know.
func (t *Table) names(ev *event.Event) {
	if t.host == nil {
		return
	}
	if u := ev.User; u != nil && u.Name == "" && u.UID != event.UnsetUID {
		if name := t.host.userName(u.UID); name != "" {
			ev.User = &event.User{UID: u.UID, Name: name}
		}
	}
	if g := ev.Group; g != nil && g.Name == "" && g.GID != event.UnsetUID {
		if name := t.host.groupName(g.GID); name != "" {
			ev.Group = &event.Group{GID: g.GID, Name: name}
		}
	}
}

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
		ev.Process = n.image.resolve()
		t.release(p.PID)
		return false
	}
	n = t.born(p.PID, p.PPID, start, parent)
	n.firm = true
	ev.Process = n.image.resolve()
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
			i.adopt(parent)
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

// view returns the image that a process has in the eyes of a source.
func (t *Table) view(n *node, source event.Source) *image {
	switch {
	case source == event.SourceAudit && n.byAudit != nil:
		return n.byAudit
	case source == event.SourcePerf && n.byPerf != nil && t.fresh(n):
		return n.byPerf
	}
	return n.image
}

// fresh reports whether perf may still report the execs that audit has; it
// drops those for which it is too late.
func (t *Table) fresh(n *node) bool {
	for len(n.early) > 0 && t.clock.boot-n.early[0].at > pairWait {
		n.early = n.early[1:]
	}
	n.settle()
	return len(n.early) > 0
}

// saw notes that a source reports process activity.
func (t *Table) saw(source event.Source) {
	t.perf = t.perf || source == event.SourcePerf
}

// launch takes an exec.
func (t *Table) launch(ev *event.Event, at int64, final bool) bool {
	t.saw(ev.Source)
	if ev.Source == event.SourceAudit {
		t.audit, t.silent = true, 0
	}
	n := t.actor(ev, at, final)
	if n == nil {
		return false
	}
	switch {
	case t.host == nil:
		ev.Process = t.exec(n, ev, at).resolve()
		return true
	case ev.Source == event.SourceAudit:
		return t.auditLaunch(n, ev, at)
	case ev.Source == event.SourcePerf:
		return t.perfLaunch(n, ev, at)
	}
	return t.polledLaunch(n, ev, at)
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

// auditLaunch takes audit's report of an exec, which may come before or after
// that of perf.
func (t *Table) auditLaunch(n *node, ev *event.Event, at int64) bool {
	if q := n.awaiting(ev.Process.Name, at); q != nil {
		t.stats.Paired++
		t.complete(n, q, ev)
		return true
	}
	before := n.image
	ev.Process = t.exec(n, ev, at).resolve()
	if t.perf && len(n.early) < maxMarks {
		if n.byPerf == nil {
			n.byPerf = before
		}
		n.early = append(n.early, mark{at: at, name: ev.Process.Name, image: n.image})
	}
	return true
}

// awaiting takes the first exec that perf reported and that audit's report at
// the given time can be of.
func (n *node) awaiting(name string, at int64) *pending {
	for i, q := range n.pending {
		if q.at+tick < at || !sameName(q.event.Process.Name, name) {
			continue
		}
		q.done = true
		n.pending = n.pending[i+1:]
		return q
	}
	return nil
}

// sameName compares names of a task, of which one source may know none.
func sameName(a, b string) bool { return a == b || a == "" || b == "" }

// complete joins audit's report with the image made from perf's.
func (t *Table) complete(n *node, q *pending, ev *event.Event) {
	proc := *q.image.proc
	t.overlay(&proc, ev)
	t.enrich(n, &proc, n.exit == 0)
	q.image.set(&proc)
	n.byAudit = q.image
	n.settle()
	ev.Process = q.image.resolve()
}

// perfLaunch takes perf's report of an exec. While audit reports execs too,
// this one is kept until audit's arrives.
func (t *Table) perfLaunch(n *node, ev *event.Event, at int64) bool {
	if m := n.reported(ev.Process.Name, at); m != nil {
		t.stats.Paired++
		n.byPerf = m.image
		n.settle()
		return false
	}
	before := n.image
	img := t.exec(n, ev, at)
	n.byPerf = nil
	ev.Process = img.resolve()
	if !t.audit || len(t.pending) >= maxPending {
		return true
	}
	if n.byAudit == nil {
		n.byAudit = before
	}
	q := &pending{node: n, image: img, at: at, deadline: t.clock.boot + pairWait, event: *ev}
	n.pending = append(n.pending, q)
	t.pending = append(t.pending, q)
	return false
}

// reported takes the first exec that audit reported and that perf's report at
// the given time can be of. Audit's stamp is that of the system call's entry.
func (n *node) reported(name string, at int64) *mark {
	for i := range n.early {
		m := &n.early[i]
		if m.at > at+tick || at-m.at > pairWait || !sameName(m.name, name) {
			continue
		}
		n.early = n.early[i+1:]
		return m
	}
	return nil
}

// polledLaunch takes a process that the /proc poller found new, or changed.
func (t *Table) polledLaunch(n *node, ev *event.Event, at int64) bool {
	old := n.image.resolve()
	if path := ev.Process.Path(); path == "" || path != old.Path() || ev.Process.Name != old.Name {
		ev.Process = t.exec(n, ev, at).resolve()
		return true
	}
	if !old.Executed.IsZero() {
		ev.Process = old
		return false
	}
	proc := *old
	proc.Executed = ev.Time
	n.image.set(&proc)
	ev.Process = &proc
	return true
}

// exec makes the image of a program that was just executed.
func (t *Table) exec(n *node, ev *event.Event, at int64) *image {
	prev := n.image.resolve()
	proc := &event.Process{
		UID: prev.UID, PID: prev.PID, PPID: prev.PPID, Started: prev.Started, Executed: ev.Time, Name: prev.Name,
		Directory: prev.Directory, User: prev.User, Effective: prev.Effective, Login: prev.Login, Session: prev.Session,
		Terminal: prev.Terminal, Entry: prev.Entry, Container: prev.Container,
	}
	img := newImage(proc, n.image.parent)
	alive := t.host != nil && n.exit == 0
	if alive {
		t.facts(proc, ev)
	}
	t.overlay(proc, ev)
	t.enrich(n, proc, alive)
	n.image = img
	return img
}

// facts reads from /proc what the source does not report. Where audit is going
// to report the rest in a moment only the arguments are read, in case it will
// not.
func (t *Table) facts(proc *event.Process, ev *event.Event) {
	switch {
	case ev.Source == event.SourceAudit:
	case ev.Source == event.SourcePerf && t.audit:
		if t.host.runs(proc.PID, ev.Process.Path()) {
			proc.Arguments, proc.Truncated = t.host.arguments(proc.PID)
		}
	default:
		d, ok := t.host.describe(proc.PID)
		if !ok {
			return
		}
		if path := ev.Process.Path(); path != "" && d.executable != nil && d.executable.Path != path {
			d.arguments = nil // it has executed another program since
		}
		d.fill(proc)
	}
}

// overlay writes what a sensor knows over what was inherited.
func (t *Table) overlay(proc *event.Process, ev *event.Event) {
	p := ev.Process
	if p.Name != "" {
		proc.Name = p.Name
	}
	if p.Executable != nil && p.Executable.Path != "" {
		proc.Executable = p.Executable
	}
	if len(p.Arguments) > 0 {
		proc.Arguments, proc.Truncated = p.Arguments, p.Truncated
		proc.CommandLine = p.CommandLine
	}
	if proc.CommandLine == "" {
		proc.CommandLine = join(proc.Arguments)
	}
	if p.Directory != "" {
		proc.Directory = p.Directory
	}
	if p.Script != "" {
		proc.Script = p.Script
	}
	if (ev.Source == event.SourceAudit || ev.Source == event.SourceProcfs) && p.User.UID != event.UnsetUID {
		t.credentials(proc, p)
	}
}

// credentials takes accounts and session from a source that knows them.
func (t *Table) credentials(proc, p *event.Process) {
	proc.User, proc.Effective, proc.Login = p.User, p.Effective, p.Login
	proc.Session, proc.Terminal = p.Session, p.Terminal
	t.nameUsers(proc)
}

// nameUsers resolves account numbers to names. The parts may be shared and
// are replaced, not changed.
func (t *Table) nameUsers(proc *event.Process) {
	if t.host == nil {
		return
	}
	if proc.User.Name == "" {
		proc.User.Name = t.host.userName(proc.User.UID)
	}
	for _, u := range []**event.User{&proc.Effective, &proc.Login} {
		if *u != nil && (*u).Name == "" {
			*u = &event.User{UID: (*u).UID, Name: t.host.userName((*u).UID)}
		}
	}
}

// terminate takes the end of a process.
func (t *Table) terminate(ev *event.Event, at int64, final bool) bool {
	t.saw(ev.Source)
	n := t.actor(ev, at, final)
	if n == nil || n.exit != 0 {
		return false
	}
	ev.Process = t.view(n, ev.Source).resolve()
	t.end(n, at)
	return true
}

// act completes an event of a process that keeps its image, or changes its
// credentials.
func (t *Table) act(ev *event.Event, at int64, final bool) bool {
	switch ev.Source {
	case event.SourceAudit, event.SourcePerf:
	default:
		t.attribute(ev, at)
		return true
	}
	if ev.Source == event.SourcePerf && ev.Class == event.ClassKernelExtension && t.audit {
		return false // audit reports it with the outcome
	}
	n := t.actor(ev, at, final)
	if n == nil {
		return false
	}
	img := t.view(n, ev.Source)
	if ev.Source == event.SourceAudit {
		img = t.refresh(n, img, ev)
	}
	ev.Process = img.resolve()
	t.target(ev, at)
	t.logon(n, ev)
	return true
}

// attribute finds the process of an event that came late and from outside the
// kernel: a log file, a socket table.
func (t *Table) attribute(ev *event.Event, at int64) {
	n := t.find(ev.Process.PID, at, logSlack)
	if n == nil && t.host != nil {
		n = t.infer(ev.Process.PID, ev.Process.PPID, at+logSlack, false)
	}
	if n == nil {
		return
	}
	ev.Process = n.image.resolve()
	t.target(ev, at)
	t.logon(n, ev)
}

func (t *Table) target(ev *event.Event, at int64) {
	if ev.Target == nil || ev.Target.PID == 0 {
		return
	}
	n := t.find(ev.Target.PID, at, stampSlack)
	if n == nil {
		n = t.infer(ev.Target.PID, 0, at, false)
	}
	if n != nil {
		ev.Target = n.image.resolve()
	}
}

// refresh returns the image with what an audit record says of the process by now:
// programs change user and directory without an exec.
func (t *Table) refresh(n *node, img *image, ev *event.Event) *image {
	old, p := img.resolve(), ev.Process
	if p.PPID == 0 { // a program's own message, which lacks the effective user
		return img
	}
	sameDir := p.Directory == "" || p.Directory == old.Directory
	if sameDir && sameUsers(old, p) && (old.Executable != nil || p.Executable == nil) {
		return img
	}
	proc := *old
	if !sameUsers(old, p) {
		t.credentials(&proc, p)
	}
	if !sameDir {
		proc.Directory = p.Directory
	}
	if proc.Executable == nil && p.Executable != nil {
		proc.Name, proc.Executable = p.Name, p.Executable
		t.enrich(n, &proc, n.exit == 0)
	}
	// A change is a new image: the old one may be a child's parent.
	fresh := &image{proc: &proc, parent: img.parent, depth: img.depth}
	n.replace(img, fresh)
	return fresh
}

func sameUsers(a, b *event.Process) bool {
	return a.User.UID == b.User.UID && sameUser(a.Effective, b.Effective) && sameUser(a.Login, b.Login) && a.Session == b.Session
}

func sameUser(a, b *event.User) bool {
	return a == b || a != nil && b != nil && a.UID == b.UID
}

// hold puts an event aside until its process's birth is reported.
func (t *Table) hold(ev *event.Event, at int64) {
	t.stats.Held++
	t.held = append(t.held, held{event: *ev, at: at, deadline: t.clock.boot + birthWait})
	t.waiting[ev.Process.PID]++
}

// release applies the events that waited for the birth of a process.
func (t *Table) release(pid uint32) {
	if t.waiting[pid] == 0 {
		return
	}
	kept := t.held[:0]
	for _, h := range t.held {
		if h.event.Process.PID != pid {
			kept = append(kept, h)
			continue
		}
		t.applyHeld(h)
	}
	clear(t.held[len(kept):])
	t.held = kept
	delete(t.waiting, pid)
}

func (t *Table) applyHeld(h held) {
	if t.apply(&h.event, h.at, true) {
		t.ready = append(t.ready, h.event)
	}
}

// expireHeld applies the events that waited long enough.
func (t *Table) expireHeld(now int64) {
	for len(t.held) > 0 && t.held[0].deadline <= now {
		h := t.held[0]
		t.held = t.held[1:]
		pid := h.event.Process.PID
		if t.waiting[pid]--; t.waiting[pid] == 0 {
			delete(t.waiting, pid)
		}
		t.stats.HeldExpired++
		t.applyHeld(h)
	}
	if len(t.held) == 0 {
		t.held = nil
	}
}

// expirePending publishes execs that audit did not report.
func (t *Table) expirePending(now int64) {
	done := 0
	for ; done < len(t.pending) && (t.pending[done].done || t.pending[done].deadline <= now); done++ {
		q := t.pending[done]
		if q.done {
			continue
		}
		t.giveUp(q)
	}
	clear(t.pending[:done])
	if t.pending = t.pending[done:]; len(t.pending) == 0 {
		t.pending = nil
	}
}

func (t *Table) giveUp(q *pending) {
	t.stats.Unpaired++
	if t.silent++; t.silent >= silentExecs {
		t.audit = false
	}
	n := q.node
	for i := range n.pending {
		if n.pending[i] == q {
			n.pending = append(n.pending[:i:i], n.pending[i+1:]...)
			break
		}
	}
	n.settle()
	q.event.Process = q.image.resolve()
	t.ready = append(t.ready, q.event)
}
