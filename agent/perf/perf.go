// Package perf is the sensor that sees every process: it reads the side-band
// records of the kernel's perf subsystem.
//
// One software event per CPU that counts nothing (PERF_COUNT_SW_DUMMY) makes
// the kernel write a record for each fork, exec, exit and executable mapping
// into a ring buffer shared with us. That costs no system call per record,
// misses no process however short its life, and needs neither audit nor BPF.
// What a record lacks (arguments, users, the audit session) comes from audit
// or /proc and is joined by the process table.
//
// Control groups are not asked for: the records tell which groups are made, not
// which process enters one, and PERF_SAMPLE_CGROUP comes with samples only.
//
// The kernel gives a record's time on the boot clock, which never steps; it is
// turned into the host's clock when the record is read. Records that found the
// ring full are counted by the kernel, and appear in the ledger as dropped.
package perf

import (
	"time"

	"github.com/holdfast-security/holdfast/agent/feature"
	"github.com/holdfast-security/holdfast/event"
)

// Options tunes the sensor. The zero value is right for production.
type Options struct {
	// RingBytes is the size of the ring buffer of each CPU, rounded up to a
	// power of two of pages; zero chooses by the number of CPUs.
	RingBytes int
	// Nap is how long records gather before they are read while there is
	// something to read; zero means 40 ms.
	Nap time.Duration
}

// Feature is the perf side-band sensor.
type Feature struct {
	opts Options
}

var _ feature.Feature = (*Feature)(nil)

// New returns the sensor.
func New(opts Options) *Feature {
	if opts.Nap <= 0 {
		opts.Nap = 40 * time.Millisecond
	}
	return &Feature{opts: opts}
}

// Definition describes the sensor.
func Definition() feature.Definition {
	return feature.Definition{
		Name:    "perf",
		Summary: "Sees every fork, exec, exit and executable mapping through the perf side-band of the kernel.",
		OS:      []string{"linux"},
		Needs:   []feature.Need{feature.NeedPerfmon},
		Default: true,
		Produces: []event.Class{
			event.ClassKernelExtension, event.ClassMemoryActivity, event.ClassProcessActivity,
		},
	}
}
