package finding

import (
	"fmt"
	"time"

	"github.com/holdfast-security/holdfast/event"
)

// Verdict is what people found an incident to be.
type Verdict string

// Verdicts of people. The zero value means that nobody has said.
const (
	NoVerdict Verdict = ""
	Attack    Verdict = "attack"
	Benign    Verdict = "benign" // no attack, whatever else it was
)

// Verdicts returns all verdicts, none first.
func Verdicts() []Verdict { return []Verdict{NoVerdict, Attack, Benign} }

// UnmarshalText accepts the names of the verdicts, "" for none.
func (v *Verdict) UnmarshalText(text []byte) error {
	switch Verdict(text) {
	case NoVerdict, Attack, Benign:
		*v = Verdict(text)
		return nil
	}
	return fmt.Errorf("verdict %q is not one of attack, benign", text)
}

// IncidentCase is an incident with its triage, as the server keeps it.
type IncidentCase struct {
	Incident
	Status   Status    `json:"status"`
	Assignee string    `json:"assignee"` // user name, "" for nobody
	Version  int64     `json:"version"`  // grows with each change by people, for ETags; new signals leave it
	Updated  time.Time `json:"updated_time"`
	// HostNames are those of the hosts in the story, as they were then.
	HostNames map[event.HostID]string `json:"host_names"`
	Verdict   Verdict                 `json:"verdict"`
}

// IncidentSummary is a line of a list of incidents.
type IncidentSummary struct {
	ID        string                  `json:"uid"`
	Title     string                  `json:"title"`
	Severity  Severity                `json:"severity"`
	Score     float64                 `json:"score"`
	Time      time.Time               `json:"time"`
	LastTime  time.Time               `json:"last_time"`
	Count     uint64                  `json:"count"`
	Lines     int                     `json:"lines"` // of the story
	Hosts     []event.HostID          `json:"hosts"`
	HostNames map[event.HostID]string `json:"host_names"`
	Tactics   []Tactic                `json:"tactics"`
	Status    Status                  `json:"status"`
	Assignee  string                  `json:"assignee"`
	Version   int64                   `json:"version"`
	Verdict   Verdict                 `json:"verdict"`
}
