// Package audit is the feature that watches the host through the kernel's
// audit system, whether or not auditd runs.
//
// Where nobody owns the kernel's records it becomes their owner; beside an
// owner such as auditd it listens to the multicast group and leaves the
// owner's status and rules alone. It loads a small set of rules whose keys
// begin with [KeyPrefix] and removes exactly these on stop. What it changes
// is first written where every agent of the host finds it, so that the next
// run can take over from one that was killed, and several running instances
// share one rule set. What is lost on the way, in the kernel or on the socket,
// is counted and shown.
//
// Reading (agent/audit/kernel), putting records together
// (agent/audit/record), meaning (agent/audit/normalize) and rules
// (agent/audit/rule) are packages of their own; this one runs them.
//
// Records hold bytes chosen by hostile programs; this package only copies
// them onwards.
package audit

import (
	"github.com/holdfast-security/holdfast/agent/feature"
	"github.com/holdfast-security/holdfast/event"
)

// KeyPrefix begins the key of every rule that the feature loads.
const KeyPrefix = "holdfast-"

// Options configure the feature. The zero value is the normal case.
type Options struct {
	// RawRecords adds the decoded records to every event.
	RawRecords bool
	// SharedDir is where the agents of one host keep what they changed in the
	// kernel, which they have in common whatever their state directories are;
	// "" means /run/holdfast-audit of the host. It is of use until the next
	// boot only.
	SharedDir string
}

// Feature watches the host through audit. Make one with [New].
type Feature struct {
	opts Options
}

var _ feature.Feature = (*Feature)(nil)

// New returns the feature, not yet running.
func New(opts Options) *Feature { return &Feature{opts: opts} }

// Definition describes the feature.
func Definition() feature.Definition {
	return feature.Definition{
		Name:    "audit",
		Summary: "Watches programs, logons, accounts, kernel modules and identity files through the kernel's audit records.",
		OS:      []string{"linux"},
		Needs:   []feature.Need{feature.NeedRoot, feature.NeedAuditControl, feature.NeedAuditRead},
		Default: true,
		Produces: []event.Class{
			event.ClassProcessActivity, event.ClassFileActivity, event.ClassAuthentication, event.ClassAccountChange,
			event.ClassGroupManagement, event.ClassKernelExtension, event.ClassKernelActivity,
			event.ClassMemoryActivity, event.ClassScheduledJob, event.ClassEventLog, event.ClassDeviceConfigChange,
		},
		Changes: []string{
			"Loads audit rules whose keys begin with " + KeyPrefix + ", and removes them on stop.",
			"Where no auditd runs: switches audit on, sets its backlog to 16384 records without waiting, " +
				"and receives the records; all of it is put back on stop.",
		},
	}
}
