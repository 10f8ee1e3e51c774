package syslogline

import (
	"strconv"
	"strings"
	"time"

	"github.com/holdfast-security/holdfast/event"
)

// maxLine is the longest line that is read, in bytes; syslog daemons cut at 8
// KiB by default. A longer one counts as unreadable.
const maxLine = 64 << 10

// Options configure a [Parser]. The zero value reads a live file of this
// machine.
type Options struct {
	Clock  Clock
	Source event.Source // of the events; "" means event.SourceSyslog
	// Audit is given the text of kernel audit records that the log carries,
	// from "audit(" or "type=" on, for a parser of audit records. It must not
	// keep the slice. nil drops them.
	Audit func(record []byte)
}

// Stats count lines. Their sum is the number of lines given to the parser.
type Stats struct {
	Understood    uint64 // produced an event, or are known to be part of an attempt that another line counts
	NotOfInterest uint64 // readable, but not about logons, accounts or jobs; empty lines too
	Unreadable    uint64 // in no known format
	Audit         uint64 // audit records that the kernel or auditd wrote to the log
}

// Parser turns lines into events. It remembers, per process that logs,
// which attempts were announced and which were counted; that memory is bounded.
// The zero value is not usable, see [New]. It belongs to one goroutine.
type Parser struct {
	opts     Options
	stats    Stats
	attempts tracker
	now      time.Time // of the line at hand
	line     context   // the same
	host     string    // of the latest line of interest

	last     []event.Event // what the latest line of interest produced, for "last message repeated"
	lastHost string
}

// New returns a parser.
func New(opts Options) *Parser {
	if opts.Source == "" {
		opts.Source = event.SourceSyslog
	}
	opts.Clock.minute = new(minute)
	return &Parser{opts: opts, attempts: newTracker()}
}

// Stats returns the counts so far.
func (p *Parser) Stats() Stats { return p.stats }

// Append parses one line without its line feed and appends the events that
// follow from it to dst: often none, for a delayed announcement more than one.
// It does not keep line.
func (p *Parser) Append(dst []event.Event, line []byte) []event.Event {
	if len(line) > maxLine {
		p.stats.Unreadable++
		return dst
	}
	l, err := ParseLine(line, p.opts.Clock)
	if err != nil {
		if blank(line) {
			p.stats.NotOfInterest++
		} else {
			p.stats.Unreadable++
		}
		return dst
	}
	return p.AppendLine(dst, l)
}

// AppendLine is [Parser.Append] for a line that is split already, such as an
// entry of the journal. A line without time gets the present one.
func (p *Parser) AppendLine(dst []event.Event, l Line) []event.Event {
	if l.Time.IsZero() {
		l.Time = p.opts.Clock.now().UTC()
	}
	p.now = l.Time
	if record := auditRecord(l); record != nil {
		p.stats.Audit++
		if p.opts.Audit != nil {
			p.opts.Audit(record)
		}
		return dst
	}
	program, ok := programOf(&l)
	if !ok {
		p.stats.NotOfInterest++
		p.last = p.last[:0]
		return dst
	}
	dst = p.attempts.expire(dst, l.Time)
	before := len(dst)
	c := p.newContext(dst, &l, program)
	if !c.read() {
		p.stats.NotOfInterest++
		p.last = p.last[:0]
		return c.out
	}
	p.stats.Understood++
	p.remember(c.out[before:], c.host)
	return c.out
}

// Flush appends the announced attempts that were announced before the given
// time and not counted yet. The caller gives a time some [Grace] ago now and
// then on a live log, and the zero time, which means all, at the end.
func (p *Parser) Flush(dst []event.Event, before time.Time) []event.Event {
	return p.attempts.flush(dst, before)
}

// remember keeps what a line produced for a later "last message repeated".
func (p *Parser) remember(events []event.Event, host string) {
	p.last = append(p.last[:0], events...)
	p.lastHost = host
}

// programs are those whose messages are read, by their names.
var programs = func() map[string]string {
	names := make(map[string]string)
	for _, name := range []string{
		"sshd", "sshd-session", "sshd-auth", "sudo", "su", "login", "doas",
		"CRON", "cron", "crond", "useradd", "userdel", "usermod", "groupadd", "groupdel", "groupmod", "gpasswd",
		"passwd", "chpasswd", "chage", "chsh", "chfn", "newusers",
	} {
		names[name] = name
	}
	return names
}()

// OfInterest reports whether the line's program is one whose messages are read.
// It is the cheap test that most lines of a busy log fail.
func OfInterest(l Line) bool {
	_, ok := programOf(&l)
	return ok
}

// programOf returns the program of a line of interest.
func programOf(l *Line) (program string, ok bool) {
	switch program = programs[string(l.Program)]; {
	case program != "":
		return program, true
	case len(l.Program) == 0:
		return "", len(l.Message) > 5 && string(l.Message[:5]) == "last "
	case len(l.Module) > 4 && string(l.Module[:4]) == "pam_",
		len(l.Message) > 4 && string(l.Message[:4]) == "pam_":
		return string(l.Program), true
	}
	return "", false
}

// auditRecord returns the audit record that a kernel or auditd line carries.
func auditRecord(l Line) []byte {
	switch string(l.Program) {
	case "kernel", "audit", "auditd", "audispd", "audisp-syslog":
	default:
		return nil
	}
	m := l.Message
	if len(m) > 7 && string(m[:7]) == "audit: " {
		m = m[7:]
	}
	switch {
	case hasPrefix(m, "type="), hasPrefix(m, "audit("), hasPrefix(m, "node=") && l.Program[0] == 'a':
		return m
	case string(l.Program) == "audit" && len(m) > 0 && m[0] >= 'A' && m[0] <= 'Z':
		return m // journald's own audit transport: "USER_AUTH pid=…"
	}
	return nil
}

// context is the work on one line.
type context struct {
	p       *Parser
	out     []event.Event
	host    string
	program string // as logged
	service string // what the events name: sshd for all of OpenSSH's programs
	pid     uint32
	module  string
	msg     string // the message, or what "message repeated" wraps
	text    string // the whole message
	repeat  uint32 // how many times; one for most
}

func (p *Parser) newContext(dst []event.Event, l *Line, program string) *context {
	msg := string(l.Message)
	if p.host != string(l.Host) {
		p.host = string(l.Host)
	}
	c := &p.line
	*c = context{
		p: p, out: dst, host: p.host, program: program, pid: l.PID,
		module: string(l.Module), text: msg[:min(len(msg), event.MaxMessage)], repeat: 1,
	}
	c.msg, c.repeat = unwrapRepeat(msg)
	c.service = serviceOf(c.program)
	return c
}

// serviceOf folds the programs that OpenSSH was split into since 9.8.
func serviceOf(program string) string {
	switch program {
	case "sshd-session", "sshd-auth":
		return "sshd"
	case "CRON", "crond":
		return "cron"
	case "su-l":
		return "su"
	case "sudo-i":
		return "sudo"
	}
	return program
}

// unwrapRepeat opens rsyslog's "message repeated 5 times: [ text]". The text
// was logged once before, so that 5 more are meant.
func unwrapRepeat(msg string) (string, uint32) {
	rest, ok := strings.CutPrefix(msg, "message repeated ")
	if !ok {
		return msg, 1
	}
	count, rest, ok := strings.Cut(rest, " times: [")
	n, err := strconv.ParseUint(count, 10, 32)
	if !ok || err != nil || n == 0 || !strings.HasSuffix(rest, "]") {
		return msg, 1
	}
	return strings.TrimPrefix(strings.TrimSuffix(rest, "]"), " "), uint32(min(n, maxRepeat))
}

// maxRepeat bounds what one line may count for.
const maxRepeat = 100_000

// read appends the events of the line and reports whether it was understood.
func (c *context) read() bool {
	if c.program == "" {
		return c.lastRepeated()
	}
	if module, kind, service, msg, ok := cutPAM(c.module, c.service, c.msg); ok {
		return c.pam(module, kind, service, msg)
	}
	switch c.service {
	case "sshd":
		return c.sshd()
	case "sudo":
		return c.sudo()
	case "su":
		return c.su()
	case "doas":
		return c.doas()
	case "login":
		return c.login()
	case "cron":
		return c.cron()
	}
	return c.account()
}

// lastRepeated reads the classic syslogd's "last message repeated 3 times".
func (c *context) lastRepeated() bool {
	rest, ok := strings.CutPrefix(c.msg, "last message repeated ")
	if !ok {
		return false
	}
	count, _, _ := strings.Cut(rest, " ")
	n, err := strconv.ParseUint(count, 10, 32)
	if err != nil || n == 0 || len(c.p.last) == 0 || c.p.lastHost != c.host {
		return false
	}
	for _, e := range c.p.last {
		e.Time, e.Count = c.p.now, uint32(min(n, maxRepeat))
		c.out = append(c.out, e)
	}
	return true
}

// process is who logged, with the account that acts where it is known.
func (c *context) process(actor string) *event.Process {
	if c.pid == 0 && actor == "" {
		return nil
	}
	return &event.Process{PID: c.pid, Name: c.program, User: event.User{UID: event.UnsetUID, Name: actor}}
}

// as names the account that acts in an event of this line.
func (c *context) as(e *event.Event, actor string) {
	if e.Process == nil {
		e.Process = c.process(actor)
		return
	}
	e.Process.User.Name = actor
}

func account(name string) *event.User { return &event.User{UID: event.UnsetUID, Name: name} }

// event returns what all events of this line share.
func (c *context) event(class event.Class, activity event.Activity, status event.Status) event.Event {
	e := c.bare(class, activity, status)
	e.Process = c.process("")
	return e
}

// bare is event without the process.
func (c *context) bare(class event.Class, activity event.Activity, status event.Status) event.Event {
	e := event.Event{
		Time: c.p.now, Class: class, Activity: activity, Status: status, Source: c.p.opts.Source, Message: c.text,
	}
	if c.repeat > 1 {
		e.Count = c.repeat
	}
	return e
}

// logon returns an event with its parts in one piece of memory: most of what a
// log tells is logons.
func (c *context) logon(status event.Status, user string, l event.Logon) event.Event {
	e := c.bare(event.ClassAuthentication, event.AuthLogon, status)
	parts := &struct {
		process event.Process
		user    event.User
		logon   event.Logon
	}{
		process: event.Process{PID: c.pid, Name: c.program, User: event.User{UID: event.UnsetUID}},
		user:    event.User{UID: event.UnsetUID, Name: user},
		logon:   l,
	}
	e.User, e.Logon = &parts.user, &parts.logon
	if c.pid != 0 {
		e.Process = &parts.process
	}
	return e
}

func (c *context) emit(e event.Event) { c.out = append(c.out, e) }

func blank(line []byte) bool {
	for _, b := range line {
		if b != ' ' && b != '\t' && b != '\r' && b != '\n' && b != 0 {
			return false
		}
	}
	return true
}

func hasPrefix(b []byte, prefix string) bool {
	return len(b) >= len(prefix) && string(b[:len(prefix)]) == prefix
}
