package api

import "github.com/holdfast-security/holdfast/finding"

// IncidentChanged is the name of the change that tells of an incident.
const IncidentChanged = "incident"

// IncidentChange says that an incident is new, grew or was worked on.
type IncidentChange struct {
	ID       string           `json:"uid"`
	Severity finding.Severity `json:"severity"`
	Status   finding.Status   `json:"status"`
	New      bool             `json:"new"`
}

// IncidentUpdate is what a person makes of an incident; what is absent stays.
type IncidentUpdate struct {
	Status   *finding.Status  `json:"status,omitempty"`
	Assignee *string          `json:"assignee,omitempty" maxLength:"64" doc:"Name of a user; empty for nobody."`
	Verdict  *finding.Verdict `json:"verdict,omitempty"`
	Comment  string           `json:"comment,omitempty" maxLength:"16384" doc:"Why, in words."`
	Alerts   bool             `json:"alerts,omitempty" doc:"Give status and assignee to the incident's alerts, too."`
}
