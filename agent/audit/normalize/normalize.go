// Package normalize turns audit events into events of the telemetry model.
//
// [Normalizer.Append] looks at the records of one audit event and appends what
// happened: usually one event, sometimes two (a file change that is also a new
// cron job), sometimes none. What no rule of this package speaks of is counted
// by type, so that nothing disappears unseen.
//
// # Logons
//
// PAM and sshd write several records for one attempt. An attempt becomes one
// event:
//
//   - a failed logon is the first of USER_AUTH, USER_LOGIN, USER_ACCT and
//     USER_ERR with res=failed; a USER_LOGIN that sshd writes for the same try
//     as PAM's USER_AUTH, before or after it, is merged into it;
//   - a successful logon is USER_START with res=success, which PAM writes once
//     per session; USER_LOGIN with res=success counts only where the process
//     wrote no USER_START; sudo's USER_CMD, which has the command, takes the
//     place of its USER_START;
//   - the end of a session is USER_END; USER_LOGOUT counts only where the
//     process wrote no USER_END;
//   - LOGIN, CRED_ACQ, CRED_DISP, CRED_REFR, successful USER_AUTH and
//     USER_ACCT are steps on the way and no event; the sessions of systemd's
//     user managers accompany another session and are none either.
//
// # Security
//
// Paths, arguments and names are what hostile programs chose. Paths are made
// absolute and cleaned by their text, without looking at the file system:
// symbolic links are not followed.
package normalize

import (
	"time"

	"github.com/holdfast-security/holdfast/agent/audit/decode"
	"github.com/holdfast-security/holdfast/agent/audit/record"
	"github.com/holdfast-security/holdfast/event"
)

// Options of a [Normalizer]. The zero value is ready to use.
type Options struct {
	// RawRecords fills event.Event.Records with the decoded records and
	// makes an event of class unknown for audit events that mean nothing
	// else, so that rules on raw records see all of them.
	RawRecords bool
}

// Stats say what became of the audit events. They never decrease.
type Stats struct {
	Events  uint64            // appended
	Merged  uint64            // audit events that belong to an attempt or change already told
	Ignored map[string]uint64 // audit events that mean nothing here, by system call or record type
}

// Normalizer turns audit events into events. It belongs to one goroutine and
// keeps bounded state: the latest logon attempts, and the paths of files that
// were named before and are now used by descriptor.
type Normalizer struct {
	opts     Options
	stats    Stats
	attempts attempts
	changes  changes
	inodes   inodes // named by events
	named    inodes // named by NamePath, which events do not push out
	lastStep step

	in        *record.Event
	cwd       string
	merged    bool
	records   []event.Record
	items     []pathItem
	sysCall   call // of in
	shared    shared
	arguments decode.ArgumentReader
}

// New returns a Normalizer.
func New(opts Options) *Normalizer {
	return &Normalizer{opts: opts, stats: Stats{Ignored: make(map[string]uint64)}}
}

// Stats returns a copy of the counters.
func (n *Normalizer) Stats() Stats {
	s := n.stats
	s.Ignored = make(map[string]uint64, len(n.stats.Ignored))
	for k, v := range n.stats.Ignored {
		s.Ignored[k] = v
	}
	return s
}

// NamePath tells the Normalizer which path an inode has. Audit names files that
// are changed through a descriptor or relative to a directory's descriptor by
// inode only; the owner of watches tells the directories it watches.
//
// The latest 1024 are kept; what events say later goes before.
func (n *Normalizer) NamePath(device, inode uint64, path string) { n.named.put(device, inode, path) }

// pathOf returns the known path of an inode, or "".
func (n *Normalizer) pathOf(device, inode uint64) string {
	if path := n.inodes.get(device, inode); path != "" {
		return path
	}
	return n.named.get(device, inode)
}

// Append appends to dst what e says and returns the extended slice. Nothing in
// the appended events points into e.
func (n *Normalizer) Append(dst []event.Event, e *record.Event) []event.Event {
	if len(e.Records) == 0 {
		return dst
	}
	n.in, n.cwd, n.merged, n.records = e, "", false, nil
	if cwd := e.Find(record.CWD); cwd != nil {
		n.cwd = n.textField(cwd, "cwd")
	}
	first := len(dst)
	c := n.syscall()
	for i := range e.Records {
		dst = n.record(dst, &e.Records[i], c)
	}
	if c != nil {
		dst = n.call(dst, c)
	}
	if len(dst) == first {
		dst = n.nothing(dst, c)
	}
	n.stats.Events += uint64(len(dst) - first)
	n.in = nil
	return dst
}

// nothing accounts for an audit event that gave no event.
func (n *Normalizer) nothing(dst []event.Event, c *call) []event.Event {
	if n.merged {
		n.stats.Merged++
	} else {
		name := n.in.Records[0].Type.String()
		if c != nil {
			name = c.name
		}
		n.stats.Ignored[name]++
	}
	if !n.opts.RawRecords {
		return dst
	}
	ev := n.event(event.ClassUnknown, event.ActivityUnknown, event.StatusUnknown)
	if c != nil {
		ev.Status, ev.Key, ev.Process = c.status, c.key, c.process(&n.shared)
	}
	return append(dst, ev)
}

// event returns an event with what all events of n.in share.
func (n *Normalizer) event(class event.Class, activity event.Activity, status event.Status) event.Event {
	if n.opts.RawRecords && n.records == nil {
		n.records = rawRecords(n.in.Records)
	}
	return event.Event{
		Time: n.time(), Class: class, Activity: activity, Status: status,
		Source: event.SourceAudit, Host: event.HostID(n.in.Node), Serial: n.in.Serial, Records: n.records,
	}
}

func (n *Normalizer) time() time.Time { return n.in.Time() }

// record appends what a record says by itself. c is the system call of the
// event, or nil.
func (n *Normalizer) record(dst []event.Event, r *record.Record, c *call) []event.Event {
	switch r.Type {
	case record.UserAuth, record.UserAcct, record.UserErr, record.UserLogin, record.UserLogout,
		record.UserStart, record.UserEnd, record.UserCmd, record.GrpAuth:
		return n.logon(dst, r)
	case record.Login, record.CredAcq, record.CredDisp, record.CredRefr:
		n.merged = true
		return dst
	case record.AddUser, record.DelUser, record.AddGroup, record.DelGroup, record.UserMgmt, record.GrpMgmt,
		record.UserChauthtok, record.GrpChauthtok, record.AcctLock, record.AcctUnlock,
		record.ChangeUserID, record.ChangeGroupID:
		return n.account(dst, r)
	case record.ConfigChange, record.FeatureChange, record.DaemonStart, record.DaemonEnd, record.DaemonAbort,
		record.DaemonConfig, record.DaemonResume:
		return n.config(dst, r, c)
	case record.ServiceStart, record.ServiceStop:
		return n.service(dst, r)
	case record.AnomAbend, record.Seccomp:
		return n.crash(dst, r)
	case record.AnomPromiscuous:
		return n.promiscuous(dst, r, c)
	case record.AVC:
		return n.denial(dst, r, c)
	case record.BPF:
		return n.bpfLoad(dst, r, c)
	case record.Execve:
		if c == nil && r == n.in.Find(record.Execve) {
			return n.loneExecve(dst)
		}
	}
	return dst
}
