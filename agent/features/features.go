// Package features is the explicit list of what this build of the agent can
// do. A feature is in the agent when, and only when, it stands here.
package features

import "github.com/holdfast-security/holdfast/agent/feature"

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
