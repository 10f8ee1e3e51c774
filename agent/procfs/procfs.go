// Package procfs is the sensor of last resort for processes: it looks at /proc
// once a second and reports what is new and what has gone.
//
// It needs no privilege, and it is blind to processes that live between two
// looks. It therefore runs only where neither audit nor perf can.
package procfs

import (
	"time"

	"github.com/holdfast-security/holdfast/agent/feature"
	"github.com/holdfast-security/holdfast/event"
)

// Options tunes the sensor. The zero value is right for production.
type Options struct {
	Every time.Duration // between two looks; zero means a second
}

// Feature is the /proc poller.
type Feature struct {
	opts Options
}

var _ feature.Feature = (*Feature)(nil)

// New returns the sensor.
func New(opts Options) *Feature {
	if opts.Every <= 0 {
		opts.Every = time.Second
	}
	return &Feature{opts: opts}
}

// Definition describes the sensor.
func Definition() feature.Definition {
	return feature.Definition{
		Name:        "procfs",
		Summary:     "Sees processes by looking at /proc every second, where neither audit nor perf is available.",
		OS:          []string{"linux"},
		Needs:       []feature.Need{feature.NeedProcfs},
		Default:     true,
		Produces:    []event.Class{event.ClassProcessActivity},
		FallbackFor: []string{"audit", "perf"},
	}
}
