// Package finding holds what the product tells people: alerts (detected
// threats), with what proves them and what to do about them.
//
// A finding explains itself: an [Alert] carries the rule that fired, the field
// values that made it fire, the process with its lineage, the events that are
// the evidence, and remediation steps. Its JSON form is API. Strings inside
// come from the monitored host and are hostile; whoever shows them escapes them.
package finding

import (
	"fmt"
	"time"

	"github.com/holdfast-security/holdfast/event"
)

// Severity is how bad a finding is: confidence in the detection and in its
// malicious intent together. The zero value is informational.
type Severity uint8

// Severities in ascending order.
const (
	Informational Severity = iota
	Low
	Medium
	High
)

var severityNames = [...]string{"informational", "low", "medium", "high"}

// String returns the lower-case name.
func (s Severity) String() string {
	if int(s) < len(severityNames) {
		return severityNames[s]
	}
	return fmt.Sprintf("severity-%d", uint8(s))
}

// ParseSeverity returns the severity with the given lower-case name.
func ParseSeverity(name string) (Severity, error) {
	for i, n := range severityNames {
		if n == name {
			return Severity(i), nil
		}
	}
	return 0, fmt.Errorf("severity %q is not one of informational, low, medium, high", name)
}

// MarshalText encodes the severity as its name.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText accepts what [ParseSeverity] accepts.
func (s *Severity) UnmarshalText(text []byte) error {
	v, err := ParseSeverity(string(text))
	if err != nil {
		return err
	}
	*s = v
	return nil
}

// AlertType is the stable id of a kind of alert, for example
// "VM_ReverseShell". Ids never change and are never reused; suppression,
// automation and statistics hang on them.
type AlertType string

// Tactic is an ATT&CK tactic by its short name, for example
// "defense-evasion"; Technique is an ATT&CK technique id, for example
// "T1059.004".
type (
	Tactic    string
	Technique string
)

// Rule names the detection rule behind an alert.
type Rule struct {
	ID     string `json:"uid"` // stable, a UUID
	Title  string `json:"title"`
	Author string `json:"author,omitempty"` // shown because rule licences ask for it
	Path   string `json:"path,omitempty"`   // where the rule was read from
}

// Match is one reason why a rule fired: the value of a field of the evidence
// satisfied one item of the rule.
type Match struct {
	Field     string `json:"field"`     // as the rule names it
	Value     string `json:"value"`     // of the event; bounded
	Condition string `json:"condition"` // the item in words, for example `ends with "/bash"`
	Selection string `json:"selection"` // name of the rule's selection
	Event     int    `json:"event"`     // index into Alert.Evidence
}

// Alert is a detected threat. Alerts are immutable; repeats of one become an
// update with the same ID and a higher Count.
type Alert struct {
	ID       string       `json:"uid"`
	Type     AlertType    `json:"alert_type"`
	Title    string       `json:"title"`
	Severity Severity     `json:"severity"`
	Host     event.HostID `json:"host,omitempty"`

	Time     time.Time   `json:"time"`        // of the event that completed the match, by the host's clock
	Raised   time.Time   `json:"raised_time"` // when the engine raised it
	Count    uint32      `json:"count"`       // matches this alert stands for, at least one
	LastTime time.Time   `json:"last_time"`   // of the latest of them
	Story    string      `json:"description"` // what happened, in words, with the names filled in
	Meaning  string      `json:"meaning"`     // what the detection is about and how it can be wrong
	Steps    []string    `json:"remediation"` // what to do, in order
	Tactics  []Tactic    `json:"tactics"`     // ATT&CK
	Methods  []Technique `json:"techniques"`  // ATT&CK
	Rule     Rule        `json:"rule"`
	Matches  []Match     `json:"matches"` // why it fired

	Process  *event.Process `json:"process,omitempty"` // who did it, with its lineage as parents
	Evidence []event.Event  `json:"evidence"`          // the events that matched, oldest first, bounded
}
