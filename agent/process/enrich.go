package process

import (
	"slices"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/internal/interpreter"
)

// networkTools move data between the network and a terminal, a file or
// another program.
var networkTools = []string{"nc", "ncat", "netcat", "socat", "telnet", "curl", "wget", "openssl", "ssh", "scp", "sftp", "rlwrap", "script", "xxd", "base64"}

// wantsDescriptors reports whether it matters to what the standard descriptors
// of a program are connected: it is a shell, an interpreter or a network tool,
// or what started it talks to a socket.
func wantsDescriptors(proc, parent *event.Process) bool {
	name := interpreter.Family(proc.Base())
	if interpreter.Is(name) || slices.Contains(networkTools, name) {
		return true
	}
	return parent != nil && slices.ContainsFunc(parent.Descriptors, func(d event.Descriptor) bool {
		return d.Kind == event.DescriptorSocket
	})
}

// marks are the environment variables that matter to detection.
var marks = map[string]bool{
	"LD_PRELOAD": true, "LD_LIBRARY_PATH": true, "LD_AUDIT": true, "HISTFILE": true, "HISTSIZE": true,
	"HISTFILESIZE": true, "HISTCONTROL": true, "SSH_CONNECTION": true, "SSH_CLIENT": true, "SUDO_USER": true,
	"SUDO_COMMAND": true, "PROMPT_COMMAND": true, "BASH_ENV": true, "PYTHONPATH": true, "PERL5OPT": true,
	"NODE_OPTIONS": true, "http_proxy": true, "https_proxy": true, "ALL_PROXY": true,
}

// maxMark bounds one environment variable.
const maxMark = 1024

// enrich completes an image from what can be read and derived. alive says that
// the process can still be read. It may run twice for one image.
func (t *Table) enrich(n *node, proc *event.Process, alive bool) {
	parent := t.resolve(n.image.parent)
	alive = alive && t.host != nil
	unit := ""
	if alive && movesCgroup(proc, n.image.proc, parent) {
		unit = t.place(proc)
	}
	if proc.Script == "" {
		proc.Script = interpreter.Script(proc.Base(), proc.Arguments, proc.Directory)
	}
	if t.host != nil && proc.Executable != nil {
		pid := uint32(0)
		if alive {
			pid = proc.PID
		}
		proc.Executable = t.host.identify(proc.Executable, pid, proc.Container != nil)
	}
	if t.host != nil && proc.Descriptors == nil && wantsDescriptors(proc, parent) {
		t.surroundings(proc, parent, alive && t.same(n))
	}
	t.entry(proc, parent, unit)
}

// same reports whether the pid still names the process. Perf would have told.
func (t *Table) same(n *node) bool {
	if t.perf {
		return true
	}
	s, ok := t.host.stat(n.pid)
	return ok && near(int64(s.Start), n.birth)
}

// surroundings reads descriptors and environment, or takes those of the parent
// when the process has ended.
func (t *Table) surroundings(proc, parent *event.Process, alive bool) {
	if alive {
		proc.Descriptors = t.host.descriptors(proc.PID)
		proc.Environment = t.host.environment(proc.PID)
	}
	if parent == nil {
		return
	}
	if proc.Descriptors == nil {
		proc.Descriptors = parent.Descriptors
	}
	if proc.Environment == nil {
		proc.Environment = parent.Environment
	}
}
