package process

import (
	"slices"
	"strings"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/internal/cgroup"
)

// Programs that start sessions, by the last element of their path.
var (
	sshServers   = []string{"sshd", "sshd-session", "sshd-auth", "dropbear"}
	jobServers   = []string{"cron", "crond", "anacron", "atd", "fcron"}
	displays     = []string{"gdm-session-worker", "gdm-x-session", "gdm-wayland-session", "lightdm", "sddm-helper", "xdm", "greetd"}
	runtimes     = []string{"containerd-shim", "containerd-shim-runc-v2", "containerd-shim-runc-v1", "runc", "crun", "youki", "conmon", "lxc-start", "lxc-attach", "dockerd", "docker-init", "catatonit"}
	supervisors  = []string{"systemd", "systemd-executor", "init"}
	cgroupMovers = []string{"cgexec", "systemd-run", "nsenter"}
)

// starts reports whether an image belongs to one of the programs. A runtime
// re-executes itself from memory or from /proc/self/exe, so that the name
// counts where the path is no path.
func starts(p *event.Process, programs []string) bool {
	return p != nil && called(p, p.Base(), programs)
}

// called is starts for an image whose base name is known.
func called(p *event.Process, base string, programs []string) bool {
	if slices.Contains(programs, base) {
		return true
	}
	return p.Executable != nil && p.Executable.Kind == event.FileMemory &&
		slices.ContainsFunc(programs, func(name string) bool { return strings.HasPrefix(p.Executable.Path, "/memfd:"+name) })
}

// isRuntime reports whether an image belongs to a container runtime. runc
// executes itself anew from a mount that it has detached, for which the kernel
// has no path but "/": what it calls itself counts then.
func isRuntime(p *event.Process) bool {
	if starts(p, runtimes) {
		return true
	}
	return p.Path() == "/" && (strings.HasPrefix(p.Name, "runc:[") || slices.Contains(runtimes, p.Name) ||
		len(p.Arguments) > 0 && slices.Contains(runtimes, p.Arguments[0]))
}

// movesCgroup reports whether a program executed by a child of parent, or in
// the place of prev, may live in another control group than its parent.
func movesCgroup(proc, prev, parent *event.Process) bool {
	if parent == nil || parent.PID == 1 {
		return true
	}
	for _, p := range []*event.Process{parent, prev} {
		if isRuntime(p) || starts(p, supervisors) || starts(p, cgroupMovers) || strings.HasPrefix(p.Name, "runc:[") {
			return true
		}
	}
	return proc.Container == nil && starts(parent, sshServers)
}

// place finds the container and the unit that a process lives in.
func (t *Table) place(proc *event.Process) (unit string) {
	path, ok := t.host.cgroup(proc.PID)
	if !ok {
		return ""
	}
	if id, runtime := cgroup.Container(path); id != "" {
		if proc.Container == nil || proc.Container.ID != id {
			proc.Container = &event.Container{ID: id, Runtime: runtime}
			t.host.container(proc.Container)
		}
	} else {
		proc.Container = nil
	}
	return cgroup.Unit(path)
}

// entered returns the image with the container that a runtime's process has
// moved into. There it mounts and sets up before it executes the container's
// program, which may be gone before anybody can ask where it lives.
func (t *Table) entered(n *node, img *image) *image {
	old := t.resolve(img)
	if t.host == nil || n.exit != 0 || old.Container != nil || !isRuntime(old) {
		return img
	}
	proc := *old
	t.place(&proc)
	if proc.Container == nil {
		return img
	}
	t.entry(&proc, t.resolve(img.parent), "")
	fresh := &image{proc: &proc, parent: img.parent, depth: img.depth}
	n.replace(img, fresh)
	return fresh
}

// entry derives through what the session of a process came into the host. It
// keeps what was inherited unless the process is the first of a session.
func (t *Table) entry(proc, parent *event.Process, unit string) {
	base := parent.Base()
	switch {
	case proc.PID == 1:
		proc.Entry = event.EntryPoint{Kind: event.EntryInit}
	case parent == nil:
	case entersContainer(proc, parent):
		proc.Entry = event.EntryPoint{Kind: event.EntryContainer}
	case called(parent, base, sshServers) && !starts(proc, sshServers):
		t.sshEntry(proc, parent)
	case called(parent, base, jobServers) && !starts(proc, jobServers):
		proc.Entry = event.EntryPoint{Kind: event.EntryCron, User: proc.User.Name}
	case base == "login" && proc.Base() != "login":
		proc.Entry = event.EntryPoint{Kind: event.EntryConsole, User: proc.User.Name}
	case called(parent, base, displays) && !starts(proc, displays):
		proc.Entry = event.EntryPoint{Kind: event.EntryGraphical, User: proc.User.Name}
	case parent.PID == 1 || called(parent, base, supervisors):
		if unit != "" || proc.Entry.Kind == event.EntryUnknown || proc.Entry.Kind == event.EntryInit {
			proc.Entry = event.EntryPoint{Kind: event.EntryService, Unit: unit}
		}
	}
}

func entersContainer(proc, parent *event.Process) bool {
	if proc.Container == nil {
		return false
	}
	return parent.Container == nil || parent.Container.ID != proc.Container.ID
}

// sshEntry marks the first program of an ssh session. The address comes from
// the logon that was seen for the server's process, else from the environment
// that the server has prepared.
func (t *Table) sshEntry(proc, parent *event.Process) {
	entry := parent.Entry
	if entry.Kind != event.EntrySSH {
		entry = event.EntryPoint{Kind: event.EntrySSH}
	}
	if entry.User == "" {
		entry.User = proc.User.Name
	}
	if entry.Address == "" && t.host != nil {
		if proc.Environment == nil {
			proc.Environment = t.host.environment(proc.PID)
		}
		entry.Address = sshAddress(proc.Environment)
	}
	proc.Entry = entry
}

// sshAddress takes the client's address from SSH_CONNECTION, see sshd(8).
func sshAddress(environment []string) string {
	for _, v := range environment {
		for _, name := range []string{"SSH_CONNECTION=", "SSH_CLIENT="} {
			if value, ok := strings.CutPrefix(v, name); ok {
				address, _, _ := strings.Cut(value, " ")
				return address
			}
		}
	}
	return ""
}

// strayEntry gives an entry point to a process that was there before the table
// and whose parents have gone: its environment still names the ssh session.
func (t *Table) strayEntry(proc *event.Process) {
	if proc.PPID != 1 || strings.HasSuffix(proc.Entry.Unit, ".service") {
		return
	}
	if proc.Environment == nil {
		proc.Environment = t.host.environment(proc.PID)
	}
	if address := sshAddress(proc.Environment); address != "" {
		proc.Entry = event.EntryPoint{Kind: event.EntrySSH, Address: address, User: proc.User.Name}
	}
}

// logon remembers with an ssh server's process who logged on through it, and
// from where. The programs of the session inherit that.
func (t *Table) logon(n *node, ev *event.Event) {
	l := ev.Logon
	if l == nil || ev.Class != event.ClassAuthentication || ev.Status != event.StatusSuccess || !l.Address.IsValid() {
		return
	}
	old := t.resolve(n.image)
	if !starts(old, sshServers) {
		return
	}
	entry := event.EntryPoint{Kind: event.EntrySSH, Address: l.Address.Unmap().String()}
	if ev.User != nil {
		entry.User = ev.User.Name
	}
	if old.Entry == entry || entry.User == "" && old.Entry.Address == entry.Address {
		return
	}
	proc := *old
	proc.Entry = entry
	n.replace(n.image, &image{proc: &proc, parent: n.image.parent, depth: n.image.depth})
	ev.Process = &proc
}
