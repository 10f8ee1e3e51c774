package normalize

import (
	"path"
	"strings"

	"github.com/holdfast-security/holdfast/agent/audit/decode"
	"github.com/holdfast-security/holdfast/agent/audit/record"
	"github.com/holdfast-security/holdfast/event"
)

// exec appends the execution of a program and the capabilities it brought.
func (n *Normalizer) exec(dst []event.Event, c *call) []event.Event {
	paths := n.paths(c)
	ev := n.event(event.ClassProcessActivity, event.ProcessLaunch, c.status)
	ev.Key, ev.Process = c.key, c.process(&n.shared)
	if ev.Process == nil {
		ev.Process = &event.Process{User: event.User{UID: event.UnsetUID}}
	}
	if c.status == event.StatusFailure {
		// The process is still what it was. There is no EXECVE record, and
		// PROCTITLE is the old title.
		ev.Message = decode.Errno(c.exit)
		ev.Process.Directory = n.cwd
		if len(paths) > 0 {
			ev.File = paths[0].file()
		}
		return append(dst, ev)
	}
	n.image(ev.Process, paths)
	ev.Process.Executed = ev.Time
	dst = append(dst, ev)
	if caps := gained(n.in.Find(record.BPRMFCaps)); caps != 0 {
		dst = append(dst, n.privilege(c, caps))
	}
	return dst
}

// loneExecve appends an execution of which only the EXECVE record is known.
func (n *Normalizer) loneExecve(dst []event.Event) []event.Event {
	ev := n.event(event.ClassProcessActivity, event.ProcessLaunch, event.StatusSuccess)
	ev.Process = &event.Process{User: event.User{UID: event.UnsetUID}}
	n.image(ev.Process, n.paths(nil))
	if len(ev.Process.Arguments) > 0 && ev.Process.Name == "" {
		ev.Process.Name = path.Base(ev.Process.Arguments[0])
	}
	return append(dst, ev)
}

// image fills in the new program image.
func (n *Normalizer) image(p *event.Process, paths []pathItem) {
	p.Directory = n.cwd
	p.Arguments, p.CommandLine, p.Truncated = n.arguments.Read(n.in.Records)
	if p.Arguments == nil {
		if title := n.in.Find(record.Proctitle); title != nil {
			p.Arguments, p.Truncated = decode.Proctitle(field(title, "proctitle"))
			p.CommandLine = strings.Join(p.Arguments, " ")
		}
	}
	if len(paths) == 0 {
		p.Script = script(p, "")
		return
	}
	first := paths[0]
	if p.Executable == nil {
		p.Executable = n.shared.file(event.File{Path: first.path})
	}
	opened := ""
	if len(paths) > 1 && !strings.HasPrefix(path.Base(paths[1].name), "ld-") {
		opened = first.name // the second file is an interpreter, not the dynamic linker
	}
	p.Script = script(p, opened)
	if p.Script == "" || p.Script != first.path {
		exe := *p.Executable
		exe.Mode, exe.UID = first.mode, first.uid
		exe.Inode, exe.Device = first.inode, first.device
		p.Executable = n.shared.file(exe)
	}
}

// gained returns the capabilities that an exec added to the permitted set.
func gained(r *record.Record) uint64 {
	if r == nil {
		return 0
	}
	before, _ := decode.Hex(field(r, "old_pp"))
	after, ok := decode.Hex(field(r, "pp"))
	if !ok { // before Linux 4.16
		after, _ = decode.Hex(field(r, "new_pp"))
	}
	return after &^ before
}
