package normalize

import (
	"bytes"
	"strings"

	"github.com/holdfast-security/holdfast/agent/audit/decode"
	"github.com/holdfast-security/holdfast/agent/audit/record"
	"github.com/holdfast-security/holdfast/agent/audit/syscalls"
	"github.com/holdfast-security/holdfast/event"
)

// actor is the process that a record names.
type actor struct {
	pid, ppid                uint32
	uid, euid, auid, ses     uint32
	userName, euidName, auth string // names from an enriched log; auth is that of auid
	tty, comm, exe           string
}

// call is the SYSCALL record of an event.
type call struct {
	actor
	arch   syscalls.Arch
	name   string // of the system call, or its number
	status event.Status
	exit   int64
	args   [4]uint64
	key    string
}

// noActor is an actor of whom nothing is known.
var noActor = actor{uid: event.UnsetUID, euid: event.UnsetUID, auid: event.UnsetUID}

// actor reads the process from any record. Of fields that come twice the first
// counts: in records of programs the kernel writes its own fields before the
// program's text.
func (n *Normalizer) actor(r *record.Record) actor {
	a := noActor
	var seen uint
	f := r.Fields()
	for f.Next() {
		a.field(&n.shared, f.Name, f.Value, &seen)
	}
	a.names(&n.shared, r, "")
	return a
}

// names takes the names that auditd resolved for the fields that begin with
// prefix.
func (a *actor) names(s *shared, r *record.Record, prefix string) {
	f := r.EnrichedFields()
	for f.Next() {
		name, ok := bytes.CutPrefix(f.Name, []byte(prefix))
		if !ok {
			continue
		}
		switch string(name) {
		case "UID":
			a.userName = accountName(s, f.Value)
		case "EUID":
			a.euidName = accountName(s, f.Value)
		case "AUID":
			a.auth = accountName(s, f.Value)
		}
	}
}

// field takes one field that names the process.
func (a *actor) field(s *shared, name, value []byte, seen *uint) {
	var number *uint32
	var text *string
	var bit uint
	switch string(name) {
	case "pid":
		number, bit = &a.pid, 1
	case "ppid":
		number, bit = &a.ppid, 2
	case "uid":
		number, bit = &a.uid, 4
	case "euid":
		number, bit = &a.euid, 8
	case "auid":
		number, bit = &a.auid, 16
	case "ses":
		number, bit = &a.ses, 32
	case "tty":
		text, bit = &a.tty, 64
	case "comm":
		text, bit = &a.comm, 128
	case "exe":
		text, bit = &a.exe, 256
	default:
		return
	}
	if *seen&bit != 0 {
		return
	}
	*seen |= bit
	if text != nil {
		*text = s.text(value)
		return
	}
	if n, ok := decode.Uint(value); ok && n < 1<<32 {
		*number = uint32(n)
	}
}

// accountName reads a name that auditd resolved; it writes "unset" for an
// unset id and "unknown(N)" for one without an account.
func accountName(s *shared, value []byte) string {
	name := s.text(value)
	if name == "unset" || strings.HasPrefix(name, "unknown(") {
		return ""
	}
	return name
}

// process returns what the record knows of the process, or nil for none.
func (a *actor) process(s *shared) *event.Process {
	if a.pid == 0 && a.exe == "" && a.comm == "" {
		return nil
	}
	p := &event.Process{PID: a.pid, PPID: a.ppid, Name: a.comm, User: event.User{UID: a.uid, Name: a.userName}}
	if a.exe != "" {
		p.Executable = s.file(executable(a.exe))
	}
	if a.euid != event.UnsetUID && a.euid != a.uid {
		p.Effective = s.user(event.User{UID: a.euid, Name: a.euidName})
	}
	if a.auid != event.UnsetUID {
		p.Login = s.user(event.User{UID: a.auid, Name: a.auth})
	}
	if a.ses != event.UnsetUID {
		p.Session = a.ses
	}
	p.Terminal = terminal(a.tty)
	return p
}

// terminal returns the device name without its directory, "" for none.
func terminal(tty string) string {
	if tty == "(none)" || tty == "?" {
		return ""
	}
	return strings.TrimPrefix(tty, "/dev/")
}

// executable reads the exe field: the path by d_path, which marks unlinked
// files and names memfd files by their own prefix.
func executable(exe string) event.File {
	path, deleted := strings.CutSuffix(exe, " (deleted)")
	f := event.File{Path: path}
	switch {
	case strings.HasPrefix(path, "/memfd:"):
		f.Kind = event.FileMemory
	case deleted:
		f.Kind = event.FileDeleted
	}
	return f
}

// syscall reads the SYSCALL record, or returns nil where there is none.
func (n *Normalizer) syscall() *call {
	r := n.in.Find(record.Syscall)
	if r == nil {
		return nil
	}
	c := &n.sysCall
	*c = call{actor: noActor}
	var seen uint
	number := -1
	var text []byte // of the number
	f := r.Fields()
	for f.Next() {
		switch string(f.Name) {
		case "arch":
			v, _ := decode.Hex(f.Value)
			c.arch = syscalls.Arch(v)
		case "syscall":
			if v, ok := decode.Uint(f.Value); ok && v < 1<<16 {
				number = int(v)
			}
			text = f.Value
		case "success":
			c.status = outcome(f.Value)
		case "exit":
			c.exit, _ = decode.Int(f.Value)
		case "a0", "a1", "a2", "a3":
			c.args[f.Name[1]-'0'], _ = decode.Hex(f.Value)
		case "key":
			c.key = n.keys(f.Value)
		default:
			c.field(&n.shared, f.Name, f.Value, &seen)
		}
	}
	c.names(&n.shared, r, "")
	name, ok := syscalls.Name(c.arch, number)
	if c.name = name; !ok {
		c.name = n.shared.plain(text)
	}
	return c
}

// keys joins the keys of all rules that matched by commas; the kernel separates
// them by byte 1 (AUDIT_KEY_SEPARATOR in <linux/audit.h>).
func (n *Normalizer) keys(value []byte) string {
	return strings.ReplaceAll(n.shared.text(value), "\x01", ",")
}

// outcome reads the success and res fields in all their spellings.
func outcome(value []byte) event.Status {
	if len(value) > 1 && value[0] == '"' {
		value = bytes.Trim(value, `"`)
	}
	switch string(value) {
	case "yes", "success", "1":
		return event.StatusSuccess
	case "no", "failed", "fail", "0":
		return event.StatusFailure
	}
	return event.StatusUnknown
}

func field(r *record.Record, name string) []byte {
	value, _ := r.Get(name)
	return value
}

func (n *Normalizer) textField(r *record.Record, name string) string {
	return n.shared.text(field(r, name))
}

func (n *Normalizer) plainField(r *record.Record, name string) string {
	return n.shared.plain(field(r, name))
}
