// Package features is the explicit list of what this build of the agent can
// do. A feature is in the agent when, and only when, it stands here. What does
// not exist on the system at hand stands here too and answers that it is
// unsupported, so that every system shows the same list.
package features

import (
	"github.com/holdfast-security/holdfast/agent/audit"
	"github.com/holdfast-security/holdfast/agent/authlog"
	"github.com/holdfast-security/holdfast/agent/feature"
	"github.com/holdfast-security/holdfast/agent/netsense"
	"github.com/holdfast-security/holdfast/agent/perf"
	"github.com/holdfast-security/holdfast/agent/procfs"
)

// Options are what the agent decides for all features.
type Options struct {
	// RawRecords asks sensors to attach the source's own records to events,
	// for rules written against them. It costs time and memory per event.
	RawRecords bool
}

// Entry is a feature of this build: what is known of it, and how to make one.
type Entry struct {
	feature.Definition
	New func() feature.Feature // a fresh instance; each runs once
}

// All returns the features of this build, in the order in which they start and
// are shown.
func All(opts Options) []Entry {
	return []Entry{
		{audit.Definition(), func() feature.Feature { return audit.New(audit.Options{RawRecords: opts.RawRecords}) }},
		{perf.Definition(), func() feature.Feature { return perf.New(perf.Options{}) }},
		{procfs.Definition(), func() feature.Feature { return procfs.New(procfs.Options{}) }},
		{authlog.Definition(), func() feature.Feature { return authlog.New() }},
		{netsense.Definition(), func() feature.Feature { return netsense.New() }},
	}
}
