package syslogline

import (
	"strconv"
	"strings"

	"github.com/holdfast-security/holdfast/event"
)

// cutPAM recognises a message of a PAM module: "pam_unix(sshd:auth): text",
// the old tag "sshd(pam_unix)[812]: text", and the library's own "PAM 2 more
// authentication failures; …" and "PAM service(sshd) ignoring max retries; …".
func cutPAM(module, program, msg string) (mod, kind, service, text string, ok bool) {
	if module != "" {
		return module, "", program, msg, strings.HasPrefix(module, "pam_")
	}
	if rest, found := strings.CutPrefix(msg, "PAM "); found {
		return "pam", "", program, rest, true
	}
	if !strings.HasPrefix(msg, "pam_") {
		return "", "", "", "", false
	}
	head, text, found := strings.Cut(msg, "): ")
	mod, where, found2 := strings.Cut(head, "(")
	service, kind, found3 := strings.Cut(where, ":")
	if !found || !found2 || !found3 || len(head) > 128 {
		return "", "", "", "", false
	}
	return mod, kind, serviceOf(service), text, true
}

// pam reads what PAM modules log on behalf of a service (pam_unix_auth.c,
// pam_unix_sess.c, pam_unix_passwd.c of Linux-PAM).
func (c *context) pam(module, kind, service, msg string) bool {
	switch {
	case strings.HasPrefix(msg, "authentication failure; "):
		return c.pamFailure(module, service, msg)
	case strings.HasPrefix(msg, "authentication success; "):
		c.attemptOf(service).drop() // another module refused what this one accepts
		return true
	case strings.Contains(msg[:min(len(msg), 48)], " more authentication failure"):
		return c.pamMore(service, msg)
	case strings.HasPrefix(msg, "session opened for user "):
		return c.pamOpened(service, msg[len("session opened for user "):])
	case strings.HasPrefix(msg, "session closed for user "):
		return c.pamClosed(service, msg[len("session closed for user "):])
	case strings.HasPrefix(msg, "password changed for "):
		return c.passwordChanged(msg[len("password changed for "):])
	}
	return kind == "auth" && strings.HasPrefix(msg, "check pass; user unknown") ||
		strings.HasPrefix(msg, "check pass; user unknown") ||
		module == "pam" && strings.HasPrefix(msg, "service(")
}

// hasOwnFailureLine reports whether the service logs each failure itself, in
// a line that this package reads.
func hasOwnFailureLine(service string) bool {
	switch service {
	case "sshd", "su", "sudo", "login", "doas":
		return true
	}
	return false
}

// pamFailure reads "authentication failure; logname=bob uid=1000 euid=0
// tty=/dev/pts/1 ruser=bob rhost=  user=root".
func (c *context) pamFailure(module, service, msg string) bool {
	e := c.pamEvent(service, msg)
	if !hasOwnFailureLine(service) {
		c.emit(e)
		return true
	}
	a := c.attemptOf(service)
	if a.pending != nil && !a.joins(module) {
		c.settle(a)
	}
	if a.pending != nil { // the same attempt, seen by sshd or another module
		a.modules = append(a.modules, module)
		return true
	}
	c.p.attempts.announce(a, e, module)
	return true
}

// joins reports whether a module's failure belongs to the pending attempt:
// each module reports an attempt once.
func (a *attempt) joins(module string) bool {
	for _, m := range a.modules {
		if m == module {
			return false
		}
	}
	return len(a.modules) < 8
}

// pamEvent builds the failure that a line of name=value pairs describes.
func (c *context) pamEvent(service, msg string) event.Event {
	v := cutPAMValues(msg)
	l := event.Logon{Service: service, Invalid: v.user == ""}
	l.Terminal = strings.TrimPrefix(strings.TrimPrefix(v.tty, "/dev/"), "NODEV") // NODEVssh: RHEL 3 and 4
	if v.rhost != "" {
		setPeer(&l, v.rhost)
	}
	e := c.logon(event.StatusFailure, v.user, l)
	if v.ruser != "" && service != "sshd" {
		c.as(&e, v.ruser)
	}
	return e
}

// pamValues are what pam_unix writes of an attempt.
type pamValues struct {
	tty, ruser, rhost string
	user              string // "" when the account is unknown
}

// cutPAMValues reads "… tty=ftp ruser=eve rhost=192.0.2.1  user=root". Some
// services pass what the client sent as ruser, blanks and all, so that rhost
// is the last of its name: behind it stands only the name of an account that
// exists.
func cutPAMValues(msg string) (v pamValues) {
	at := strings.LastIndex(msg, " rhost=")
	if at < 0 {
		return v
	}
	head, tail := msg[:at], msg[at+len(" rhost="):]
	v.rhost, tail, _ = strings.Cut(tail, " ")
	if _, user, ok := strings.Cut(" "+tail, " user="); ok {
		v.user = strings.TrimRight(user, " ")
	}
	head, v.ruser, _ = strings.Cut(head, " ruser=")
	_, v.tty, _ = strings.Cut(head, " tty=")
	return v
}

// pamMore reads the sum that PAM writes when a process that failed ends: "4
// more authentication failures; logname= … rhost=192.0.2.1  user=root".
func (c *context) pamMore(service, msg string) bool {
	count, _, _ := strings.Cut(msg, " ")
	n, err := strconv.ParseUint(count, 10, 16)
	if err != nil {
		return false
	}
	a := c.attemptOf(service)
	c.settle(a)
	total := uint32(n) + 1
	if !hasOwnFailureLine(service) {
		a.counted = 1 // pamFailure reported the first
	}
	if a.counted >= total {
		return true
	}
	e := c.pamEvent(service, msg)
	if e.Count = total - a.counted; e.Count == 1 {
		e.Count = 0
	}
	a.counted = total
	c.emit(e)
	return true
}

// terminals are what services without one are said to have, as in their other
// lines.
var terminals = map[string]string{"sshd": "ssh", "cron": "cron"}

// pamOpened reads "root(uid=0) by bob(uid=1000)", "root by LOGIN(uid=0)",
// "root by (uid=0)".
func (c *context) pamOpened(service, rest string) bool {
	if service == "systemd-user" {
		return true // follows the real session
	}
	target, by, _ := strings.Cut(rest, " by ")
	a := c.attemptOf(service)
	if a.reported {
		a.reported = false
		return true
	}
	c.settle(a)
	user := cutUID(target)
	e := c.logon(event.StatusSuccess, user.Name, event.Logon{Service: service, Terminal: terminals[service]})
	e.User.UID = user.UID
	if actor := cutUID(by); actor.Name != "" && actor.Name != "LOGIN" {
		c.as(&e, actor.Name)
		e.Process.User.UID = actor.UID
	}
	c.emit(e)
	return true
}

func (c *context) pamClosed(service, rest string) bool {
	if service == "systemd-user" {
		return true
	}
	l := event.Logon{Service: service}
	if a := c.p.attempts.find(c.key(service)); a != nil {
		if a.reported = false; a.logon.Service != "" && service == "sshd" {
			l = a.logon
		}
	}
	user := cutUID(rest)
	e := c.logon(event.StatusSuccess, user.Name, l)
	e.Activity, e.User.UID = event.AuthLogoff, user.UID
	c.emit(e)
	return true
}

// cutUID reads "root(uid=0)" or "root".
func cutUID(s string) event.User {
	u := event.User{UID: event.UnsetUID, Name: strings.TrimSpace(s)}
	if i := strings.LastIndex(s, "(uid="); i >= 0 {
		u.Name = s[:i]
		if n, err := strconv.ParseUint(strings.TrimSuffix(s[i+len("(uid="):], ")"), 10, 32); err == nil {
			u.UID = uint32(n)
		}
	}
	return u
}

func (c *context) passwordChanged(user string) bool {
	e := c.event(event.ClassAccountChange, event.AccountPasswordChange, event.StatusSuccess)
	e.User = account(strings.TrimSpace(user))
	c.emit(e)
	return true
}
