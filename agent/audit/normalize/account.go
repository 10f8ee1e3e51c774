package normalize

import (
	"strings"

	"github.com/holdfast-security/holdfast/agent/audit/record"
	"github.com/holdfast-security/holdfast/event"
)

// account appends a change of an account or group. Programs write a record for
// each file that they change; together they are one event.
func (n *Normalizer) account(dst []event.Event, r *record.Record) []event.Event {
	m := n.message(r)
	class, activity, ok := accountChange(&m)
	if !ok || n.changes.repeated(n.in.Milli, change{pid: m.pid, class: class, activity: activity, status: m.status, id: m.id, name: m.acct}) {
		n.merged = true
		return dst
	}
	ev := n.event(class, activity, m.status)
	ev.Process, ev.Message = m.process(&n.shared), m.op
	if class == event.ClassAccountChange {
		ev.User = m.user()
		return append(dst, ev)
	}
	switch activity {
	case event.GroupAddUser, event.GroupRemoveUser:
		ev.User = m.user()
		if user, group, ok := membership(m.op); ok {
			ev.User, m.group = &event.User{UID: event.UnsetUID, Name: user}, group
		}
	default:
		if m.group == "" {
			m.group = m.acct
		}
	}
	if m.group != "" || m.id != event.UnsetUID {
		ev.Group = &event.Group{GID: event.UnsetUID, Name: m.group}
		if activity != event.GroupAddUser && activity != event.GroupRemoveUser {
			ev.Group.GID = m.id
		}
	}
	return append(dst, ev)
}

// accountChange tells what was changed from the type and the words of op, which
// programs of shadow-utils choose: "adding user", "add-user", "adding user to
// group", "changing password". ok is false for mere consequences, like the
// home directory of a new account.
func accountChange(m *message) (class event.Class, activity event.Activity, ok bool) {
	op := strings.ToLower(m.op)
	has := func(words ...string) bool {
		for _, w := range words {
			if !strings.Contains(op, w) {
				return false
			}
		}
		return true
	}
	removes := has("delet") || has("remov")
	switch {
	case has("user", "group") && !strings.HasPrefix(op, "pam:") && (removes || has("add")):
		if removes {
			return event.ClassGroupManagement, event.GroupRemoveUser, true
		}
		return event.ClassGroupManagement, event.GroupAddUser, true
	case has("home") || has("mail"):
		return 0, 0, false
	}
	switch m.typ {
	case record.AddUser:
		return event.ClassAccountChange, event.AccountCreate, true
	case record.DelUser:
		return event.ClassAccountChange, event.AccountDelete, true
	case record.AddGroup:
		return event.ClassGroupManagement, event.GroupCreate, true
	case record.DelGroup:
		return event.ClassGroupManagement, event.GroupDelete, true
	case record.GrpMgmt, record.GrpChauthtok, record.ChangeGroupID:
		return event.ClassGroupManagement, event.GroupModify, true
	case record.AcctLock:
		return event.ClassAccountChange, event.AccountDisable, true
	case record.AcctUnlock:
		return event.ClassAccountChange, event.AccountEnable, true
	}
	switch {
	case has("unlock"):
		return event.ClassAccountChange, event.AccountEnable, true
	case has("lock"):
		return event.ClassAccountChange, event.AccountDisable, true
	case has("password") && !has("age") || has("passwd") || op == "pam:chauthtok":
		return event.ClassAccountChange, event.AccountPasswordChange, true
	}
	return event.ClassAccountChange, event.AccountModify, true
}

// membership reads "user eve added by root to group wheel", which gpasswd(1)
// writes.
func membership(op string) (user, group string, ok bool) {
	word := strings.Fields(op)
	if len(word) != 8 || word[0] != "user" || word[6] != "group" {
		return "", "", false
	}
	return word[1], word[7], true
}

// change is an account change already told.
type change struct {
	pid      uint32
	class    event.Class
	activity event.Activity
	status   event.Status
	id       uint32
	name     string
	milli    int64
}

// changes are the latest of them, in a ring.
type changes struct {
	ring [32]change
	next int
}

// repeated reports whether the same process told the same change within five
// seconds. Some records name the account, some its number: only where both
// name it differently it is another one.
func (t *changes) repeated(milli int64, c change) bool {
	const window = 5000
	c.milli = milli
	for i := range t.ring {
		o := &t.ring[i]
		if o.pid != c.pid || o.class != c.class || o.activity != c.activity || o.status != c.status || c.pid == 0 ||
			milli-o.milli > window || milli < o.milli-window ||
			o.name != "" && c.name != "" && o.name != c.name ||
			o.id != event.UnsetUID && c.id != event.UnsetUID && o.id != c.id {
			continue
		}
		return true
	}
	t.ring[t.next%len(t.ring)] = c
	t.next++
	return false
}
