package netsense

import (
	"github.com/holdfast-security/holdfast/agent/feature"
	"github.com/holdfast-security/holdfast/event"
)

// Definition describes the feature.
func Definition() feature.Definition {
	return feature.Definition{
		Name:     "netsense",
		Summary:  "Reports network connections and listening sockets with the process behind them.",
		OS:       []string{"linux"},
		Needs:    []feature.Need{feature.NeedProcfs, feature.NeedRoot},
		Default:  true,
		Produces: []event.Class{event.ClassNetworkActivity},
	}
}

// Feature is the network sensor. Make it with [New].
type Feature struct{}

var _ feature.Feature = (*Feature)(nil)

// New returns a sensor for one run.
func New() *Feature { return &Feature{} }
