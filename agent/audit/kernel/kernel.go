// Package kernel talks to the kernel's audit system over netlink
// (NETLINK_AUDIT, linux/audit.h): its status, its rules, and its stream of
// records.
//
// The records go to at most one owner, whose process id the kernel holds, and
// beside it to everybody in the multicast group READLOG, best effort. The
// owner is the one that nothing is lost to silently: what the kernel cannot
// queue for it is counted in [Status.Lost]. [Client.Own] becomes the owner,
// [Listen] joins the group.
//
// The package changes nothing by itself, and knows neither rules, see
// agent/audit/rule, nor the contents of records, see agent/audit/record.
package kernel

import "errors"

// Errors that the methods of [Client] return, wrapped.
var (
	// ErrNoAudit says that this kernel has no audit system, was booted
	// with audit=0, or keeps it from this container.
	ErrNoAudit = errors.New("the kernel offers no audit system here")
	// ErrNotPermitted says that CAP_AUDIT_CONTROL, or for listening
	// CAP_AUDIT_READ, is missing, or the process is in another pid or user
	// namespace than the host.
	ErrNotPermitted = errors.New("not permitted to use the audit system")
	// ErrOwned says that another process owns the stream of records.
	ErrOwned = errors.New("another process owns the audit records")
	// ErrExists says that a rule to be added is there already.
	ErrExists = errors.New("audit rule exists")
	// ErrNoRule says that a rule to be deleted is not there.
	ErrNoRule = errors.New("no such audit rule")
	// ErrNoPath says that the directory that a rule watches is not there.
	ErrNoPath = errors.New("watched path does not exist")
	// ErrImmutable says that the configuration is locked until the next
	// boot (auditctl -e 2).
	ErrImmutable = errors.New("the audit configuration is immutable until the next boot")
)

// Values of [Status.Enabled] (auditctl -e).
const (
	Disabled  = 0
	Enabled   = 1
	Immutable = 2
)

// FailurePrintk is the value of [Status.Failure] that makes the kernel write
// a message when it loses records, AUDIT_FAIL_PRINTK.
const FailurePrintk = 1

// Set says which members of a [Status] are meant, AUDIT_STATUS_ in
// linux/audit.h.
type Set uint32

// The members that can be set.
const (
	SetEnabled         Set = 0x01
	SetFailure         Set = 0x02
	setPID             Set = 0x04
	SetRateLimit       Set = 0x08
	SetBacklogLimit    Set = 0x10
	SetBacklogWaitTime Set = 0x20
)

// Status is struct audit_status of linux/audit.h.
type Status struct {
	Enabled               uint32 // Disabled, Enabled or Immutable
	Failure               uint32 // what the kernel does when it loses records: 0 nothing, 1 printk, 2 panic
	PID                   uint32 // of the owner, in our pid namespace; zero for none
	RateLimit             uint32 // records per second; zero for no limit
	BacklogLimit          uint32 // records that may wait for the owner
	Lost                  uint32 // records lost since boot; wraps around
	Backlog               uint32 // records waiting now
	Features              uint32 // AUDIT_FEATURE_BITMAP_
	BacklogWaitTime       uint32 // how long a process waits for room in the backlog, in clock ticks
	BacklogWaitTimeActual uint32 // how long processes have waited
}
