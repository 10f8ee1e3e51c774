package normalize

import (
	"strconv"
	"strings"
	"time"

	"github.com/holdfast-security/holdfast/agent/audit/decode"
	"github.com/holdfast-security/holdfast/agent/audit/record"
	"github.com/holdfast-security/holdfast/event"
)

// call appends what the system call of an event did.
func (n *Normalizer) call(dst []event.Event, c *call) []event.Event {
	switch c.name {
	case "execve", "execveat":
		return n.exec(dst, c)
	case "ptrace", "process_vm_writev", "process_vm_readv":
		return n.access(dst, c)
	case "kill", "tkill", "tgkill", "pidfd_send_signal", "rt_sigqueueinfo", "rt_tgsigqueueinfo":
		return n.signal(dst, c)
	case "init_module", "finit_module":
		return append(dst, n.extension(c, event.ExtensionLoad, "module"))
	case "delete_module":
		return append(dst, n.extension(c, event.ExtensionUnload, "module"))
	case "kexec_load", "kexec_file_load":
		return append(dst, n.extension(c, event.ExtensionLoad, "kexec"))
	case "bpf":
		return n.bpf(dst, c)
	case "memfd_create":
		ev := n.kernel(c, event.ClassMemoryActivity, event.MemoryCreateAnonymousFile)
		ev.Kernel.Type = "memfd"
		return append(dst, ev)
	case "mount", "umount", "umount2", "pivot_root", "move_mount":
		return append(dst, n.mount(c))
	case "unshare", "setns", "clone", "clone3":
		return n.namespace(dst, c)
	case "socket":
		return n.socket(dst, c)
	case "setuid", "setreuid", "setresuid", "setfsuid", "setuid32", "setreuid32", "setresuid32", "setfsuid32", "capset":
		return append(dst, n.privilege(c, 0))
	case "adjtimex", "clock_adjtime", "clock_adjtime64", "settimeofday", "clock_settime", "clock_settime64", "stime":
		return n.clock(dst, c)
	}
	return n.files(dst, c)
}

// kernel returns an event with its Kernel part begun.
func (n *Normalizer) kernel(c *call, class event.Class, activity event.Activity) event.Event {
	ev := n.event(class, activity, c.status)
	ev.Key, ev.Process = c.key, c.process(&n.shared)
	ev.Kernel = &event.Kernel{Syscall: c.name, Arguments: make([]string, len(c.args))}
	for i, a := range c.args {
		ev.Kernel.Arguments[i] = strconv.FormatUint(a, 16)
	}
	if c.status == event.StatusFailure {
		ev.Message = decode.Errno(c.exit)
	}
	return ev
}

// injecting are the ptrace requests that change the other process.
var injecting = map[string]bool{
	"PTRACE_POKETEXT": true, "PTRACE_POKEDATA": true, "PTRACE_POKEUSR": true, "PTRACE_SETREGS": true,
	"PTRACE_SETFPREGS": true, "PTRACE_SETREGSET": true,
}

// access appends that a process reached into another one.
func (n *Normalizer) access(dst []event.Event, c *call) []event.Event {
	request, activity := "", event.ProcessOpen
	pid := uint32(c.args[1])
	switch c.name {
	case "ptrace":
		if request = decode.PtraceRequest(c.args[0]); injecting[request] {
			activity = event.ProcessInject
		}
	case "process_vm_writev":
		pid, activity = uint32(c.args[0]), event.ProcessInject
	default:
		pid = uint32(c.args[0])
	}
	if request == "PTRACE_TRACEME" {
		return dst // lets the parent trace; the parent's own attach would be another call
	}
	ev := n.kernel(c, event.ClassProcessActivity, activity)
	ev.Kernel.Request = request
	ev.Target = &event.Process{PID: pid, User: event.User{UID: event.UnsetUID}}
	if r := n.in.Find(record.ObjPID); r != nil {
		ev.Target = n.target(r)
	}
	return append(dst, ev)
}

// signal appends one event for each process that a signal was sent to.
func (n *Normalizer) signal(dst []event.Event, c *call) []event.Event {
	number := c.args[1]
	if strings.Contains(c.name, "tg") {
		number = c.args[2]
	}
	const maxTargets = 16
	for i := range n.in.Records {
		r := &n.in.Records[i]
		if r.Type != record.ObjPID || len(dst) > maxTargets {
			continue
		}
		ev := n.kernel(c, event.ClassProcessActivity, event.ProcessSignal)
		ev.Kernel.Request = decode.Signal(int(uint32(number)))
		ev.Target = n.target(r)
		dst = append(dst, ev)
	}
	return dst
}

// target reads an OBJ_PID record.
func (n *Normalizer) target(r *record.Record) *event.Process {
	a := noActor
	var seen uint
	f := r.Fields()
	for f.Next() {
		if len(f.Name) > 1 && f.Name[0] == 'o' {
			a.field(&n.shared, f.Name[1:], f.Value, &seen)
		}
	}
	a.names(&n.shared, r, "O")
	if p := a.process(&n.shared); p != nil {
		return p
	}
	return &event.Process{User: event.User{UID: event.UnsetUID}}
}

func (n *Normalizer) extension(c *call, activity event.Activity, kind string) event.Event {
	ev := n.kernel(c, event.ClassKernelExtension, activity)
	ev.Kernel.Type = kind
	if r := n.in.Find(record.KernModule); r != nil {
		ev.Kernel.Name = n.textField(r, "name")
	}
	if paths := n.paths(c); len(paths) > 0 {
		ev.File = paths[0].file()
	}
	return ev
}

// bpf appends that a BPF program was loaded; other commands mean nothing here.
func (n *Normalizer) bpf(dst []event.Event, c *call) []event.Event {
	const progLoad = 5 // BPF_PROG_LOAD, <linux/bpf.h>
	if c.args[0] != progLoad {
		return dst
	}
	ev := n.extension(c, event.ExtensionLoad, "bpf")
	ev.Kernel.Request = decode.BPFCommand(c.args[0])
	if r := n.in.Find(record.BPF); r != nil {
		ev.Kernel.Name = n.plainField(r, "prog-id")
	}
	return append(dst, ev)
}

// bpfLoad appends a load that no rule on bpf(2) saw, from the kernel's own BPF
// record. The unloading of programs is no event: it follows from every exit of
// their owners.
func (n *Normalizer) bpfLoad(dst []event.Event, r *record.Record, c *call) []event.Event {
	if c != nil && c.name == "bpf" || string(field(r, "op")) != "LOAD" {
		return dst
	}
	ev := n.event(event.ClassKernelExtension, event.ExtensionLoad, event.StatusSuccess)
	ev.Kernel = &event.Kernel{Type: "bpf", Name: n.plainField(r, "prog-id"), Request: "PROG_LOAD"}
	if c != nil {
		ev.Process, ev.Key = c.process(&n.shared), c.key
	}
	return append(dst, ev)
}

// mount appends a change of the tree of mounts. The first PATH record is the
// mount point, the second what was bound or moved there (do_mount in
// fs/namespace.c looks the target up first).
func (n *Normalizer) mount(c *call) event.Event {
	activity := event.ConfigMount
	if strings.HasPrefix(c.name, "umount") {
		activity = event.ConfigUnmount
	}
	ev := n.kernel(c, event.ClassDeviceConfigChange, activity)
	if c.name == "mount" {
		ev.Kernel.Request = strings.Join(decode.MountFlags(c.args[3]), "|")
	}
	paths := n.paths(c)
	if len(paths) > 0 {
		ev.File, ev.Kernel.Name = paths[0].file(), paths[0].path
	}
	if len(paths) > 1 {
		ev.Kernel.Source = paths[1].path
	}
	return ev
}

// namespace appends that namespaces were made or entered. Calls without a flag
// of a namespace mean nothing here, nor does clone3, whose flags audit cannot
// see.
func (n *Normalizer) namespace(dst []event.Event, c *call) []event.Event {
	flags, activity := c.args[0], event.KernelCreate
	switch c.name {
	case "setns":
		flags, activity = c.args[1], event.KernelInvoke
	case "clone":
		flags &^= 0xff // the signal to the parent, clone(2)
	case "clone3":
		flags = 0
	}
	kinds := decode.Namespaces(flags)
	if len(kinds) == 0 && c.name != "setns" {
		return dst
	}
	ev := n.kernel(c, event.ClassKernelActivity, activity)
	ev.Kernel.Type = strings.Join(kinds, ",")
	return append(dst, ev)
}

// socket appends sockets that bypass the protocol stack or reach the kernel's
// crypto; audit rules see to it that only these are recorded.
func (n *Normalizer) socket(dst []event.Event, c *call) []event.Event {
	if c.args[0] != decode.FamilyPacket && c.args[0] != decode.FamilyALG {
		return dst
	}
	ev := n.kernel(c, event.ClassKernelActivity, event.KernelCreate)
	ev.Kernel.Type = decode.Family(c.args[0])
	return append(dst, ev)
}

// privilege appends a change of user or a gain of capabilities. Process shows
// the ids after the call, User the account that it acts as now, or tried to.
func (n *Normalizer) privilege(c *call, caps uint64) event.Event {
	ev := n.kernel(c, event.ClassProcessActivity, event.ProcessSetUser)
	ev.Kernel.Capabilities = decode.Capabilities(caps)
	ev.User = &event.User{UID: c.euid, Name: c.euidName}
	if strings.HasPrefix(c.name, "set") && c.status == event.StatusFailure {
		argument := c.args[0]
		if strings.Contains(c.name, "re") && uint32(argument) == event.UnsetUID {
			argument = c.args[1]
		}
		ev.User = &event.User{UID: uint32(argument)}
	}
	if r := n.in.Find(record.Capset); r != nil {
		set, _ := decode.Hex(field(r, "cap_pe"))
		ev.Kernel.Capabilities = decode.Capabilities(set)
	}
	return ev
}

// step is a TIME_INJOFFSET record of a process.
type step struct {
	pid           uint32
	seconds, nano int64
}

// clock appends a change of the clock. adjtimex is a change only where the
// kernel says so: with no flags set it just reads.
func (n *Normalizer) clock(dst []event.Event, c *call) []event.Event {
	var tuned []string
	for i := range n.in.Records {
		if r := &n.in.Records[i]; r.Type == record.TimeAdjntpval {
			tuned = append(tuned, n.plainField(r, "op"))
		}
	}
	moved, stepped := n.clockStep(c)
	if strings.Contains(c.name, "adj") && !stepped && tuned == nil && c.status != event.StatusFailure {
		return dst
	}
	ev := n.kernel(c, event.ClassDeviceConfigChange, event.ConfigClock)
	ev.Kernel.Request, ev.Kernel.Adjusted = strings.Join(tuned, ","), moved
	return append(dst, ev)
}

// clockStep returns how far the call moved the clock. The kernel does not clear
// a task's step, and writes it again with every later adjustment of the same
// task (audit_tk_injoffset in kernel/auditsc.c): a step with the very same
// nanoseconds is that old one.
func (n *Normalizer) clockStep(c *call) (moved time.Duration, stepped bool) {
	r := n.in.Find(record.TimeInjoffset)
	if r == nil {
		return 0, false
	}
	now := step{pid: c.pid}
	now.seconds, _ = decode.Int(field(r, "sec"))
	now.nano, _ = decode.Int(field(r, "nsec"))
	old := now == n.lastStep
	n.lastStep = now
	if old {
		return 0, false
	}
	const most = int64(1<<63-1)/int64(time.Second) - 1 // seconds that a Duration holds
	seconds := min(max(now.seconds, -most), most)
	nanos := min(max(now.nano, -int64(time.Second)), int64(time.Second))
	return time.Duration(seconds)*time.Second + time.Duration(nanos), true
}
