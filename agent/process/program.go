package process

import (
	"path"
	"slices"
	"strings"

	"github.com/holdfast-security/holdfast/event"
)

// language says how an interpreter finds its script among its arguments.
type language struct {
	inline string   // letters of options after which there is no script file: -c, -e
	values string   // letters of options that take the next argument
	long   []string // long options that take the next argument
	file   byte     // letter of an option whose value is the script
}

var (
	shellLanguage = language{inline: "cs", values: "oO", long: []string{"--rcfile", "--init-file"}}
	languages     = map[string]language{
		"sh": shellLanguage, "bash": shellLanguage, "dash": shellLanguage, "ash": shellLanguage, "zsh": shellLanguage,
		"ksh": shellLanguage, "mksh": shellLanguage, "rbash": shellLanguage, "busybox": shellLanguage,
		"fish": {inline: "c", values: "C"}, "csh": {inline: "cs"}, "tcsh": {inline: "cs"},
		"python": {inline: "cm", values: "WX", long: []string{"--check-hash-based-pycs"}}, "pypy": {inline: "cm", values: "WX"},
		"perl": {inline: "eE", values: "I"}, "ruby": {inline: "e", values: "rIC"},
		"node": {inline: "ep", values: "rC", long: []string{"--require", "--eval", "--print", "--import"}},
		"php":  {inline: "r", values: "dcz", file: 'f'},
		"lua":  {inline: "e", values: "l"}, "tclsh": {}, "expect": {inline: "c", file: 'f'},
		"Rscript": {inline: "e"}, "pwsh": {inline: "c", long: []string{"-Command"}}, "awk": {file: 'f', inline: "\x00"},
	}
	// networkTools move data between the network and a terminal, a file or
	// another program.
	networkTools = []string{"nc", "ncat", "netcat", "socat", "telnet", "curl", "wget", "openssl", "ssh", "scp", "sftp", "rlwrap", "script", "xxd", "base64"}
)

// family returns the name of a program without its version: "python" for
// python3.11, "nc" for nc.openbsd, "node" for nodejs.
func family(base string) string {
	switch base {
	case "nodejs":
		return "node"
	case "gawk", "mawk", "nawk":
		return "awk"
	}
	base, _, _ = strings.Cut(base, ".")
	for _, name := range []string{"python", "pypy", "perl", "ruby", "php", "lua", "tclsh"} {
		if rest, ok := strings.CutPrefix(base, name); ok && strings.Trim(rest, "0123456789-") == "" {
			return name
		}
	}
	return base
}

// interpreter reports whether a program executes scripts.
func interpreter(base string) bool {
	_, ok := languages[family(base)]
	return ok
}

// wantsDescriptors reports whether it matters to what the standard descriptors
// of a program are connected: it is a shell, an interpreter or a network tool,
// or what started it talks to a socket.
func wantsDescriptors(proc, parent *event.Process) bool {
	name := family(proc.Base())
	if _, ok := languages[name]; ok || slices.Contains(networkTools, name) {
		return true
	}
	return parent != nil && slices.ContainsFunc(parent.Descriptors, func(d event.Descriptor) bool {
		return d.Kind == event.DescriptorSocket
	})
}

// scriptOf returns the absolute path of the script that an interpreter runs,
// or "" for commands given inline, standard input, and programs.
func scriptOf(base string, args []string, dir string) string {
	lang, ok := languages[family(base)]
	if !ok || len(args) < 2 {
		return ""
	}
	args = args[1:]
	if base == "busybox" && interpreter(args[0]) {
		args = args[1:]
	}
	script := lang.script(args)
	switch {
	case script == "" || strings.ContainsAny(script, "\x00"):
		return ""
	case path.IsAbs(script):
		return path.Clean(script)
	case dir == "":
		return ""
	}
	return path.Join(dir, script)
}

func (l language) script(args []string) string {
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		switch {
		case arg == "--":
			return first(args)
		case arg == "-":
			return ""
		case slices.Contains(l.long, arg):
			if arg == "--eval" || arg == "--print" || arg == "-Command" {
				return ""
			}
			args = args[min(1, len(args)):]
		case strings.HasPrefix(arg, "--"):
		case strings.HasPrefix(arg, "-"), strings.HasPrefix(arg, "+"):
			if strings.ContainsAny(arg[1:], l.inline) && l.inline != "" {
				return ""
			}
			last := arg[len(arg)-1]
			if l.file != 0 && last == l.file {
				return first(args)
			}
			if strings.IndexByte(l.values, last) >= 0 {
				args = args[min(1, len(args)):]
			}
		case l.inline == "\x00": // awk: the program is the first argument
			return ""
		default:
			return arg
		}
	}
	return ""
}

func first(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return args[0]
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
	parent := n.image.parent.resolve()
	alive = alive && t.host != nil
	unit := ""
	if alive && movesCgroup(proc, n.image.proc, parent) {
		unit = t.place(proc)
	}
	if proc.Script == "" {
		proc.Script = scriptOf(proc.Base(), proc.Arguments, proc.Directory)
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
