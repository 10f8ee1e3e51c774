package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/holdfast-security/holdfast/event"
)

// Bounds of assignments.
const (
	MaxAssignments = 1000

	maxHostID   = 64 // bytes
	maxLabels   = 32
	maxLabelKey = 63 // bytes, as of the labels of hosts
	maxLabel    = 255
)

// Assignments say which policy each host has: the last that fits it, whole;
// policies are not mixed. A host that none fits has the zero policy.
type Assignments struct {
	Assignments []Assignment `json:"assignments" maxItems:"1000" doc:"In this order. The last one that fits a host counts; hosts that none fits have the built-in policy."`
}

// Assignment gives a policy to hosts. Without host and labels that is all of
// them.
type Assignment struct {
	Host   event.HostID      `json:"host,omitempty" maxLength:"64" doc:"Only the host with this uid."`
	Labels map[string]string `json:"labels,omitempty" maxProperties:"32" doc:"Only hosts that have all of these labels."`
	Policy Policy            `json:"policy"` // its Version is zero: the server numbers policies for each host
}

// Features returns the names of all features that a policy can name, on any
// system, in alphabetical order. A test of the agent holds it to what there is.
func Features() []string { return []string{"audit", "authlog", "netsense", "perf", "procfs"} }

// Of returns the policy of the host with the given id and labels.
func (a Assignments) Of(host event.HostID, labels map[string]string) Policy {
	for _, one := range slices.Backward(a.Assignments) {
		if one.fits(host, labels) {
			return one.Policy
		}
	}
	return Policy{}
}

func (a Assignment) fits(host event.HostID, labels map[string]string) bool {
	if a.Host != "" && a.Host != host {
		return false
	}
	for key, value := range a.Labels {
		if has, ok := labels[key]; !ok || has != value {
			return false
		}
	}
	return true
}

// Validate says what is wrong with the assignments, and with which. Beyond
// [Policy.Validate] it refuses features that do not exist: a slip of the pen
// must not leave running what somebody wants off.
func (a Assignments) Validate() error {
	if n := len(a.Assignments); n > MaxAssignments {
		return fmt.Errorf("assignments: %d are more than %d", n, MaxAssignments)
	}
	for i, one := range a.Assignments {
		if err := one.validate(); err != nil {
			return fmt.Errorf("assignment %d: %w", i+1, err)
		}
	}
	return nil
}

func (a Assignment) validate() error {
	switch {
	case len(a.Host) > maxHostID:
		return fmt.Errorf("host: longer than %d bytes", maxHostID)
	case len(a.Labels) > maxLabels:
		return fmt.Errorf("labels: %d are more than %d", len(a.Labels), maxLabels)
	case a.Policy.Version != 0:
		return fmt.Errorf("policy: version: %d is not to be set; the server numbers policies", a.Policy.Version)
	}
	for key, value := range a.Labels {
		if key == "" || len(key) > maxLabelKey || len(value) > maxLabel {
			return fmt.Errorf("labels: %.*q: keys have 1 to %d bytes, values at most %d", maxLabelKey, key, maxLabelKey, maxLabel)
		}
	}
	if err := a.Policy.Validate(); err != nil {
		return fmt.Errorf("policy: %w", err)
	}
	for _, list := range []struct {
		field string
		names []string
	}{{"only", a.Policy.Only}, {"disable", a.Policy.Disable}} {
		for _, name := range list.names {
			if !slices.Contains(Features(), name) {
				return fmt.Errorf("policy: %s: there is no feature %.40q; there are %s", list.field, name, strings.Join(Features(), ", "))
			}
		}
	}
	return nil
}
