package authlog

import (
	"github.com/holdfast-security/holdfast/agent/feature"
	"github.com/holdfast-security/holdfast/event"
)

// Definition describes the feature.
func Definition() feature.Definition {
	return feature.Definition{
		Name:    "authlog",
		Summary: "Reads logons, account changes and scheduled jobs from the syslog file or the systemd journal.",
		OS:      []string{"linux"},
		Needs:   []feature.Need{feature.NeedLogFiles},
		Default: true,
		Produces: []event.Class{
			event.ClassAuthentication, event.ClassAccountChange, event.ClassGroupManagement, event.ClassScheduledJob,
		},
	}
}

// Feature is the log sensor. Make it with [New].
type Feature struct{}

var _ feature.Feature = (*Feature)(nil)

// New returns a sensor for one run.
func New() *Feature { return &Feature{} }
