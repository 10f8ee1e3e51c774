package syslogline

import (
	"strconv"
	"strings"

	"github.com/holdfast-security/holdfast/event"
)

// account reads what the shadow tools log: useradd(8), userdel(8), usermod(8),
// groupadd(8), groupdel(8), groupmod(8), gpasswd(1), passwd(1), chage(1),
// chsh(1), chfn(1). Lines about the shadow copy of a file repeat the line about
// the file and are understood without an event.
func (c *context) account() bool {
	switch c.program {
	case "useradd", "userdel", "usermod", "newusers", "groupadd", "groupdel", "groupmod":
		return c.shadowTool()
	case "gpasswd":
		return c.gpasswd()
	case "passwd", "chpasswd", "chage", "chsh", "chfn":
		return c.selfService()
	}
	return false
}

func (c *context) shadowTool() bool {
	msg := c.msg
	switch {
	case strings.HasPrefix(msg, "new user: name="):
		c.accountEvent(event.AccountCreate, listed(msg, "name"), listed(msg, "UID"))
	case strings.HasPrefix(msg, "failed adding user '"):
		c.accountEvent(event.AccountCreate, quoted(msg), "")
		c.out[len(c.out)-1].Status = event.StatusFailure
	case strings.HasPrefix(msg, "delete user '"):
		c.accountEvent(event.AccountDelete, quoted(msg), "")
	case strings.HasPrefix(msg, "change user '"):
		c.changeUser(msg)
	case strings.HasPrefix(msg, "lock user '"):
		c.accountEvent(event.AccountDisable, quoted(msg), "")
	case strings.HasPrefix(msg, "unlock user '"):
		c.accountEvent(event.AccountEnable, quoted(msg), "")
	case strings.HasPrefix(msg, "new group: name="):
		c.groupEvent(event.GroupCreate, listed(msg, "name"), listed(msg, "GID"), "")
	case strings.HasPrefix(msg, "add '"), strings.HasPrefix(msg, "delete '"):
		return c.membership(msg)
	default:
		return c.groupTool(msg)
	}
	return true
}

// changeUser reads "change user 'bob' shell from '/bin/sh' to '/bin/bash'".
func (c *context) changeUser(msg string) {
	activity := event.AccountModify
	if strings.HasSuffix(msg, " password") {
		activity = event.AccountPasswordChange
	}
	c.accountEvent(activity, quoted(msg), "")
}

// membership reads "add 'bob' to group 'sudo'" and "delete 'bob' from group
// 'sudo'"; the same about "shadow group" is its echo.
func (c *context) membership(msg string) bool {
	activity, sep := event.GroupAddUser, "' to group '"
	if strings.HasPrefix(msg, "delete ") {
		activity, sep = event.GroupRemoveUser, "' from group '"
	}
	_, rest, _ := strings.Cut(msg, "'")
	user, group, ok := strings.Cut(rest, sep)
	if !ok {
		return strings.Contains(msg, " shadow group '")
	}
	c.groupEvent(activity, strings.TrimSuffix(group, "'"), "", user)
	return true
}

// groupTool reads "removed group 'g' owned by 'u'", "group 'g' removed" and
// "group changed in /etc/group (group g/1001, new gid: 1002)".
func (c *context) groupTool(msg string) bool {
	switch {
	case strings.HasPrefix(msg, "removed group '"):
		c.groupEvent(event.GroupDelete, quoted(msg), "", "")
	case strings.HasPrefix(msg, "group '") && strings.HasSuffix(msg, "' removed"):
		c.groupEvent(event.GroupDelete, quoted(msg), "", "")
	case strings.HasPrefix(msg, "group changed in /etc/group "):
		_, rest, _ := strings.Cut(msg, "(group ")
		name, _, _ := strings.Cut(rest, "/")
		c.groupEvent(event.GroupModify, name, "", "")
	default:
		return strings.HasPrefix(msg, "group added to /etc/") || strings.HasPrefix(msg, "group changed in /etc/") ||
			strings.HasPrefix(msg, "removed shadow group '") || strings.Contains(msg, "' removed from /etc/")
	}
	return true
}

// gpasswd reads "user bob added by root to group sudo", "user bob removed by
// root from group sudo", "members of group g set by root to a,b" and "password
// of group g changed by root".
func (c *context) gpasswd() bool {
	words := strings.Fields(c.msg)
	switch {
	case len(words) == 8 && words[0] == "user" && words[2] == "added":
		c.groupEvent(event.GroupAddUser, words[7], "", words[1])
	case len(words) == 8 && words[0] == "user" && words[2] == "removed":
		c.groupEvent(event.GroupRemoveUser, words[7], "", words[1])
	case len(words) > 4 && words[1] == "of" && words[2] == "group":
		c.groupEvent(event.GroupModify, words[3], "", "")
	default:
		return false
	}
	return true
}

// selfService reads "password for 'bob' changed by 'root'", "password changed
// for bob", "changed password expiry for bob" and "changed user 'bob' shell to
// '/bin/sh'".
func (c *context) selfService() bool {
	msg := c.msg
	switch {
	case strings.HasPrefix(msg, "password for '"):
		c.accountEvent(event.AccountPasswordChange, quoted(msg), "")
	case strings.HasPrefix(msg, "password changed for "):
		return c.passwordChanged(msg[len("password changed for "):])
	case strings.HasPrefix(msg, "changed user '"):
		c.accountEvent(event.AccountModify, quoted(msg), "")
	case strings.HasPrefix(msg, "changed password expiry for "):
		c.accountEvent(event.AccountModify, msg[len("changed password expiry for "):], "")
	default:
		return false
	}
	return true
}

func (c *context) accountEvent(activity event.Activity, name, uid string) {
	e := c.event(event.ClassAccountChange, activity, event.StatusSuccess)
	e.User = account(name)
	if n, err := strconv.ParseUint(uid, 10, 32); err == nil {
		e.User.UID = uint32(n)
	}
	c.emit(e)
}

func (c *context) groupEvent(activity event.Activity, name, gid, user string) {
	e := c.event(event.ClassGroupManagement, activity, event.StatusSuccess)
	e.Group = &event.Group{GID: event.UnsetUID, Name: name}
	if n, err := strconv.ParseUint(gid, 10, 32); err == nil {
		e.Group.GID = uint32(n)
	}
	if user != "" {
		e.User = account(user)
	}
	c.emit(e)
}

// quoted returns the text between the first pair of single quotes.
func quoted(s string) string {
	_, s, _ = strings.Cut(s, "'")
	s, _, _ = strings.Cut(s, "'")
	return s
}

// listed returns a value of "…: name=bob, UID=1001, GID=1001, …".
func listed(s, name string) string {
	_, s, ok := strings.Cut(s, ": ")
	for ok {
		var part string
		part, s, ok = strings.Cut(s, ", ")
		if v, found := strings.CutPrefix(part, name+"="); found {
			return v
		}
	}
	return ""
}
