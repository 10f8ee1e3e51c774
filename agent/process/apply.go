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
	if u := ev.User; u != nil && u.Name == "" && u.UID != event.UnsetUID {
		if name := t.userName(u.UID); name != "" {
			ev.User = &event.User{UID: u.UID, Name: name}
		}
	}
	if g := ev.Group; t.host != nil && g != nil && g.Name == "" && g.GID != event.UnsetUID {
		if name := t.host.groupName(g.GID); name != "" {
			ev.Group = &event.Group{GID: g.GID, Name: name}
		}
	}
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
		ev.Process = t.resolve(t.exec(n, ev, at))
		return true
	case ev.Source == event.SourceAudit:
		return t.auditLaunch(n, ev, at)
	case ev.Source == event.SourcePerf:
		return t.perfLaunch(n, ev, at)
	}
	return t.polledLaunch(n, ev, at)
}

// polledLaunch takes a process that the /proc poller found new, or changed.
func (t *Table) polledLaunch(n *node, ev *event.Event, at int64) bool {
	old := t.resolve(n.image)
	if path := ev.Process.Path(); path == "" || path != old.Path() || ev.Process.Name != old.Name {
		ev.Process = t.resolve(t.exec(n, ev, at))
		return true
	}
	if !old.Executed.IsZero() {
		ev.Process = old
		return false
	}
	proc := *old
	proc.Executed = ev.Time
	t.teach(n.image, &proc)
	ev.Process = &proc
	return true
}

// exec makes the image of a program that was just executed, in the place of what
// the sensor reported of it.
func (t *Table) exec(n *node, ev *event.Event, at int64) *image {
	prev, seen, proc := t.resolve(n.image), *ev.Process, ev.Process
	*proc = event.Process{
		UID: prev.UID, PID: prev.PID, PPID: prev.PPID, Started: prev.Started, Executed: ev.Time, Name: prev.Name,
		Directory: prev.Directory, User: prev.User, Effective: prev.Effective, Login: prev.Login, Session: prev.Session,
		Terminal: prev.Terminal, Entry: prev.Entry, Container: prev.Container,
	}
	img := t.newImage(proc, n.image.parent)
	alive := t.host != nil && n.exit == 0
	if alive {
		t.facts(proc, ev.Source, seen.Path())
	}
	t.overlay(proc, &seen, ev.Source)
	t.enrich(n, proc, alive)
	n.image = img
	return img
}

// facts reads from /proc what the source does not report of the program at
// path. Where audit is going to report the rest in a moment only the arguments
// are read, in case it will not.
func (t *Table) facts(proc *event.Process, source event.Source, path string) {
	switch {
	case source == event.SourceAudit:
	case source == event.SourcePerf && t.audit:
		if t.host.runs(proc.PID, path) {
			proc.Arguments, proc.Truncated = t.host.arguments(proc.PID)
		}
	default:
		d, ok := t.host.describe(proc.PID)
		if !ok {
			return
		}
		if path != "" && d.executable != nil && d.executable.Path != path {
			d.arguments = nil // it has executed another program since
		}
		d.fill(proc)
	}
}

// overlay writes what a sensor knows over what was inherited.
func (t *Table) overlay(proc, p *event.Process, source event.Source) {
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
	if (source == event.SourceAudit || source == event.SourceProcfs) && p.User.UID != event.UnsetUID {
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
	if proc.User.Name == "" {
		proc.User.Name = t.userName(proc.User.UID)
	}
	for _, u := range []**event.User{&proc.Effective, &proc.Login} {
		if *u == nil || (*u).Name != "" {
			continue
		}
		if name := t.userName((*u).UID); name != "" {
			*u = &event.User{UID: (*u).UID, Name: name}
		}
	}
}

// userName returns the name of an account, "" where it is not known. A record
// comes from a host whose accounts are not known here, but for user 0.
func (t *Table) userName(uid uint32) string {
	switch {
	case t.host != nil:
		return t.host.userName(uid)
	case uid == 0:
		return "root"
	}
	return ""
}

// terminate takes the end of a process.
func (t *Table) terminate(ev *event.Event, at int64, final bool) bool {
	t.saw(ev.Source)
	n := t.actor(ev, at, final)
	if n == nil || n.exit != 0 || ev.Source == event.SourcePerf && t.lives(n) {
		return false
	}
	ev.Process = t.resolve(t.view(n, ev.Source))
	t.end(n, at)
	return true
}

// exiting is PF_EXITING of the kernel's include/linux/sched.h.
const exiting = 0x4

// lives reports whether a process that perf calls ended is still there. perf
// does so when a process executes a program that gives it rights, as sudo: the
// kernel then takes it out of all monitoring for a moment.
func (t *Table) lives(n *node) bool {
	if t.host == nil {
		return false
	}
	s, ok := t.host.stat(n.pid)
	return ok && near(n.birth, int64(s.Start)) && s.State != 'Z' && s.State != 'X' && s.Flags&exiting == 0
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
		img = t.entered(n, t.refresh(n, img, ev))
	}
	ev.Process = t.resolve(img)
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
	ev.Process = t.resolve(n.image)
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
		ev.Target = t.resolve(n.image)
	}
}

// refresh returns the image with what an audit record says of the process by now:
// programs change user and directory without an exec.
func (t *Table) refresh(n *node, img *image, ev *event.Event) *image {
	old, p := t.resolve(img), ev.Process
	if p.PPID == 0 { // a program's own message, which lacks the effective user
		return img
	}
	sameDir := p.Directory == "" || p.Directory == old.Directory
	if sameDir && sameUsers(old, p) && (old.Executable != nil || p.Executable == nil) {
		return img
	}
	seen, proc := *p, p // in the place of what the sensor reported
	*proc = *old
	if !sameUsers(old, &seen) {
		t.credentials(proc, &seen)
	}
	if !sameDir {
		proc.Directory = seen.Directory
	}
	if proc.Executable == nil && seen.Executable != nil {
		proc.Name, proc.Executable = seen.Name, seen.Executable
		t.enrich(n, proc, n.exit == 0)
	}
	// A change is a new image: the old one may be a child's parent.
	fresh := &image{proc: proc, parent: img.parent, lessons: t.lessons, depth: img.depth}
	n.replace(img, fresh)
	return fresh
}

func sameUsers(a, b *event.Process) bool {
	return a.User.UID == b.User.UID && sameUser(a.Effective, b.Effective) && sameUser(a.Login, b.Login) && a.Session == b.Session
}

func sameUser(a, b *event.User) bool {
	return a == b || a != nil && b != nil && a.UID == b.UID
}
