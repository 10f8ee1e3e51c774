package syslogline

import (
	"strconv"
	"strings"

	"github.com/holdfast-security/holdfast/event"
)

// sudo reads "bob : [REASON ; ]TTY=pts/0 ; PWD=/home/bob ; USER=root ;
// COMMAND=/bin/ls" (sudo's log_server and eventlog, sudoers(5) "LOG FORMAT").
func (c *context) sudo() bool {
	actor, rest, ok := strings.Cut(c.msg, " : ")
	if !ok || strings.ContainsAny(strings.TrimSpace(actor), " ") {
		return false
	}
	actor = strings.TrimSpace(actor)
	head, command, ok := strings.Cut(rest, "COMMAND=")
	if !ok {
		return strings.HasPrefix(rest, "(command continued) ")
	}
	l := event.Logon{Service: "sudo", Command: command, Terminal: sudoValue(head, "TTY")}
	user := sudoValue(head, "USER")
	reason := sudoReason(head)
	a := c.attempt()
	switch n := incorrectPasswords(reason); {
	case reason == "":
		c.settle(a) // a wrong password came before the right one
		a.reported, a.logon = true, l
		c.emitAs(actor, c.logon(event.StatusSuccess, user, l))
	case n > 0:
		l.Method = "password"
		c.repeat *= n
		e := c.logon(event.StatusFailure, actor, l) // sudo asks for the caller's own password
		c.as(&e, actor)
		c.count(a, e)
	case reason == "a password is required":
		a.drop() // sudo -n: nothing was tried
	default: // not in sudoers, command not allowed, …
		e := c.logon(event.StatusFailure, user, l)
		c.as(&e, actor)
		c.count(a, e)
	}
	return true
}

func (c *context) emitAs(actor string, e event.Event) {
	c.as(&e, actor)
	c.emit(e)
}

// sudoReason returns what stands before the first NAME=value.
func sudoReason(head string) string {
	first, _, _ := strings.Cut(head, " ; ")
	if i := strings.IndexByte(first, '='); i > 0 && first[:i] == strings.ToUpper(first[:i]) {
		return ""
	}
	return strings.TrimSpace(first)
}

// sudoValue returns a value of the part before COMMAND=. A directory may hold
// any text, so that the name has to follow a separator.
func sudoValue(head, name string) string {
	for part := range strings.SplitSeq(head, " ; ") {
		if v, ok := strings.CutPrefix(strings.TrimSpace(part), name+"="); ok {
			return strings.TrimSuffix(strings.TrimSpace(v), " ;")
		}
	}
	return ""
}

// incorrectPasswords reads "3 incorrect password attempts".
func incorrectPasswords(reason string) uint32 {
	count, rest, _ := strings.Cut(reason, " ")
	if !strings.HasPrefix(rest, "incorrect password attempt") {
		return 0
	}
	n, err := strconv.ParseUint(count, 10, 16)
	if err != nil {
		return 0
	}
	return uint32(n)
}

// su reads the lines of util-linux ("(to root) bob on pts/0", "FAILED SU (to
// root) bob on pts/0"), shadow ("Successful su for root by bob", "FAILED su
// for root by bob"; the "+ pts/0 bob:root" behind them says the same) and BSD
// ("BAD SU bob to root on /dev/ttyp0", "bob to root on /dev/ttyp0").
func (c *context) su() bool {
	msg := c.msg
	rest, failed := strings.CutPrefix(msg, "FAILED SU ")
	if to, ok := strings.CutPrefix(rest, "(to "); ok {
		target, from, ok := strings.Cut(to, ") ")
		actor, tty, ok2 := strings.Cut(from, " on ")
		return ok && ok2 && c.suResult(failed, target, actor, tty)
	}
	for _, form := range [...]struct {
		prefix string
		failed bool
	}{{"Successful su for ", false}, {"FAILED su for ", true}, {"FAILED SU for ", true}} {
		if rest, ok := strings.CutPrefix(msg, form.prefix); ok {
			target, actor, ok := strings.Cut(rest, " by ")
			return ok && c.suResult(form.failed, target, actor, "")
		}
	}
	if strings.HasPrefix(msg, "+ ") || strings.HasPrefix(msg, "- ") {
		return true
	}
	rest, failed = strings.CutPrefix(msg, "BAD SU ")
	who, tty, ok := strings.Cut(rest, " on ")
	actor, target, ok2 := strings.Cut(who, " to ")
	return ok && ok2 && !strings.Contains(actor, " ") && c.suResult(failed, target, actor, tty)
}

func (c *context) suResult(failed bool, target, actor, tty string) bool {
	l := event.Logon{Service: "su", Terminal: strings.TrimPrefix(tty, "/dev/")}
	a := c.attempt()
	if failed {
		e := c.logon(event.StatusFailure, target, l)
		c.as(&e, actor)
		c.count(a, e)
		return true
	}
	c.settle(a)
	a.reported, a.logon = true, l
	c.emitAs(actor, c.logon(event.StatusSuccess, target, l))
	return true
}

// doas reads "bob ran command CMD as root from /dir", "failed command for
// bob: CMD" and "failed auth for bob".
func (c *context) doas() bool {
	if user, ok := strings.CutPrefix(c.msg, "failed auth for "); ok {
		c.count(c.attempt(), c.logon(event.StatusFailure, user, event.Logon{Service: "doas"}))
		return true
	}
	if rest, ok := cutEither(c.msg, "failed command for ", "command not permitted for "); ok {
		actor, command, _ := strings.Cut(rest, ": ")
		e := c.logon(event.StatusFailure, "", event.Logon{Service: "doas", Command: command})
		c.as(&e, actor)
		c.count(c.attempt(), e)
		return true
	}
	actor, rest, ok := strings.Cut(c.msg, " ran command ")
	if !ok || strings.Contains(actor, " ") {
		return false
	}
	command, target := rest, ""
	if as, ok := strings.CutPrefix(rest, "as "); ok { // "as root: ls"
		target, command, _ = strings.Cut(as, ": ")
	} else if i := strings.LastIndex(rest, " as "); i >= 0 {
		command = rest[:i]
		target, _, _ = strings.Cut(rest[i+len(" as "):], " ")
	}
	a := c.attempt()
	c.settle(a)
	a.reported = true
	c.emitAs(actor, c.logon(event.StatusSuccess, target, event.Logon{Service: "doas", Command: command}))
	return true
}

func cutEither(s string, prefixes ...string) (string, bool) {
	for _, prefix := range prefixes {
		if rest, ok := strings.CutPrefix(s, prefix); ok {
			return rest, true
		}
	}
	return s, false
}

// login reads util-linux's "FAILED LOGIN (1) on '/dev/tty1' FOR 'root',
// Authentication failure" and "TOO MANY LOGIN TRIES (3) …", which stands for
// the last of them. "LOGIN ON tty1 BY bob" follows PAM's "session opened".
func (c *context) login() bool {
	rest, ok := cutEither(c.msg, "FAILED LOGIN (", "TOO MANY LOGIN TRIES (", "FAILED LOGIN ")
	if !ok {
		return strings.HasPrefix(c.msg, "LOGIN ON ") || strings.HasPrefix(c.msg, "ROOT LOGIN ")
	}
	head, who, ok := strings.Cut(rest, " FOR ")
	if !ok {
		return false
	}
	l := event.Logon{Service: "login"}
	if _, tty, ok := strings.Cut(head, " on "); ok {
		l.Terminal = strings.TrimPrefix(strings.Trim(tty, "'"), "/dev/")
	}
	if i := strings.LastIndex(who, ", "); i >= 0 {
		who = who[:i]
	}
	user := strings.Trim(who, "'")
	if l.Invalid = user == "UNKNOWN"; l.Invalid {
		user = ""
	}
	c.count(c.attempt(), c.logon(event.StatusFailure, user, l))
	return true
}

// cron reads "(root) CMD (command)" and "(root) RELOAD (…)" of cron(8).
func (c *context) cron() bool {
	user, rest, ok := strings.Cut(strings.TrimPrefix(c.msg, "("), ") ")
	command, ok2 := strings.CutPrefix(rest, "CMD (")
	if !ok || !ok2 {
		return false
	}
	e := c.event(event.ClassScheduledJob, event.JobStart, event.StatusSuccess)
	e.User = account(user)
	c.as(&e, user)
	if e.Process != nil {
		e.Process.CommandLine = strings.TrimSpace(strings.TrimSuffix(command, ")"))
	}
	c.emit(e)
	return true
}
