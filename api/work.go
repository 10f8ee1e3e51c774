package api

import (
	"time"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/store"
)

// HostUpdate changes a host; what is absent stays.
type HostUpdate struct {
	Name   *string            `json:"name,omitempty" minLength:"1" maxLength:"255" doc:"Until the next heartbeat that names the host otherwise."`
	Labels *map[string]string `json:"labels,omitempty" maxProperties:"32" doc:"All labels, in place of the present ones. Keys of 1 to 63 and values of up to 255 characters."`
}

// HostProcess is a process of a host as the telemetry last told of it.
type HostProcess struct {
	Process event.Process `json:"process"`
	Running bool          `json:"running" doc:"No end of it has been seen."`
	Seen    time.Time     `json:"seen_time" doc:"Of the latest event of the process."`
	Exit    *event.Exit   `json:"exit,omitempty" doc:"How it ended."`
}

// HostProcesses are processes of a host, running ones first, then newest.
type HostProcesses struct {
	Items    []HostProcess `json:"items"`
	Since    time.Time     `json:"since_time" doc:"The telemetry was read back to here; processes without an event since are not listed."`
	Complete bool          `json:"complete" doc:"Everything since then was read; false when a bound was reached earlier."`
}

// AlertUpdate is what a person makes of an alert; what is absent stays.
type AlertUpdate struct {
	Status   *finding.Status `json:"status,omitempty"`
	Assignee *string         `json:"assignee,omitempty" maxLength:"64" doc:"Name of a user; empty for nobody."`
	Comment  string          `json:"comment,omitempty" maxLength:"16384" doc:"Why, in words."`
}

// BulkAlertUpdate is what a person makes of many alerts at once.
type BulkAlertUpdate struct {
	IDs []string `json:"uids" minItems:"1" maxItems:"1000" doc:"The alerts; those that are not there are skipped."`
	AlertUpdate
}

// NewComment is a comment to be added to an alert.
type NewComment struct {
	Text string `json:"text" minLength:"1" maxLength:"16384"`
}

// Comments are the comments of an alert.
type Comments struct {
	Items []finding.Comment `json:"items" doc:"Oldest first."`
}

// NewView is a view of a page of the console to be saved.
type NewView struct {
	Page   string `json:"page" minLength:"1" maxLength:"32" pattern:"^[a-z-]+$" example:"alerts"`
	Name   string `json:"name" minLength:"1" maxLength:"128" example:"High and nobody's"`
	Query  string `json:"query" maxLength:"4096" example:"severity=high&assignee=-" doc:"The query of the page's URL."`
	Shared bool   `json:"shared,omitempty" doc:"Others see it."`
}

// Scenario is an attack that can be simulated.
type Scenario struct {
	Name      string            `json:"name" example:"reverse-shell"`
	Title     string            `json:"title" doc:"What is played, in a few words."`
	AlertType finding.AlertType `json:"alert_type" doc:"The alert that it must raise."`
	Summary   string            `json:"summary" doc:"What really happens on the host, and why it is harmless."`
	OS        []string          `json:"os" example:"linux" doc:"Operating systems that it can be played on."`
	Needs     []string          `json:"needs" example:"root" doc:"What the host must have."`
}

// Scenarios are the attacks that can be simulated.
type Scenarios struct {
	Items []Scenario `json:"items" doc:"By name."`
}

// SimulationRequest asks a host to play scenarios.
type SimulationRequest struct {
	Scenarios []string `json:"scenarios" minItems:"1" maxItems:"64" example:"reverse-shell" doc:"Names; played in this order."`
}

// Views are saved views.
type Views struct {
	Items []store.View `json:"items" doc:"By page, then name."`
}
