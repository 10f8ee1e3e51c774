package api

import (
	"time"

	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/store"
)

// ExceptionChanged is the name of changes to exceptions by people.
const ExceptionChanged = "exception"

// ExceptionChange says that people made, changed or removed an exception.
type ExceptionChange struct {
	ID string `json:"uid"`
}

// ExceptionBody is what people say of an exception.
type ExceptionBody struct {
	finding.ExceptionTerms
	Confirm bool `json:"confirm,omitempty" doc:"Means it: an exception without a condition that the alert has to meet, which covers everything of its rules or types, is refused without."`
}

// ExceptionTrial asks what an exception would have hidden.
type ExceptionTrial struct {
	ExceptionBody
	Since time.Time `json:"since,omitzero" doc:"Of the alerts that were last seen at or after; without it 30 days ago."`
	Until time.Time `json:"until,omitzero" doc:"… and before; without it now."`
}

// ExceptionPreview is what an exception would have hidden, whatever its expiry
// and whether it is enabled.
type ExceptionPreview struct {
	Total      int64             `json:"total" doc:"Alerts of its rules and types in that time, on all hosts."`
	Hidden     int64             `json:"hidden" doc:"How many of these it would have hidden."`
	Complete   bool              `json:"complete" doc:"All of them were looked at; false when time ran out first, which leaves out the oldest."`
	BySeverity map[string]int64  `json:"by_severity" doc:"Of what it would have hidden."`
	ByHost     []store.Count     `json:"by_host" doc:"The hosts with most of it, at most 10."`
	Alerts     []finding.Summary `json:"alerts" doc:"The newest of it, at most 100."`

	SamplesTotal  int64             `json:"samples_total" doc:"Recorded attacks with which Holdfast's own rules of its scope are tested."`
	SamplesHidden int64             `json:"samples_hidden" doc:"How many of these it would hide, if they happened on a host that it is about."`
	Samples       []ExceptionSample `json:"samples" doc:"Those, in the order of the rules, at most 100."`
}

// ExceptionSample is a recorded attack that an exception would hide.
type ExceptionSample struct {
	Name     string            `json:"name" doc:"Of the sample, as it lies beside the rule."`
	Rule     string            `json:"rule" doc:"The uid of the rule that detects it."`
	Type     finding.AlertType `json:"alert_type"`
	Title    string            `json:"title" doc:"Of the alert."`
	Severity finding.Severity  `json:"severity"`
	Story    string            `json:"description" doc:"What happens in it."`
}

// ExceptionWish asks for the terms of an exception that would hide an alert.
type ExceptionWish struct {
	Alert string `json:"alert" minLength:"1" maxLength:"128" doc:"Its uid."`
}
