package finding

import (
	"fmt"
	"time"

	"github.com/holdfast-security/holdfast/event"
)

// Status is how far people are with an alert.
type Status string

// Statuses of an alert.
const (
	Open         Status = "open"
	Acknowledged Status = "acknowledged" // somebody is at work on it
	Resolved     Status = "resolved"     // it was real and is dealt with
	Dismissed    Status = "dismissed"    // it was no threat
	Suppressed   Status = "suppressed"   // an exception covers it; people never set this
)

// Statuses returns all statuses in the order of work.
func Statuses() []Status { return []Status{Open, Acknowledged, Resolved, Dismissed, Suppressed} }

// UnmarshalText accepts the names of the statuses.
func (s *Status) UnmarshalText(text []byte) error {
	switch Status(text) {
	case Open, Acknowledged, Resolved, Dismissed, Suppressed:
		*s = Status(text)
		return nil
	}
	return fmt.Errorf("status %q is not one of open, acknowledged, resolved, dismissed, suppressed", text)
}

// Triage is what people made of an alert.
type Triage struct {
	Status   Status    `json:"status"`
	Assignee string    `json:"assignee"` // user name, "" for nobody
	Changed  time.Time `json:"triage_time"`
	By       string    `json:"triage_by"`
	Version  int64     `json:"version"` // grows with each change by people, for ETags; repeats leave it
}

// Case is an alert with its triage, as the server keeps it.
type Case struct {
	Alert
	Triage
	HostName  string    `json:"host_name"`
	Received  time.Time `json:"received_time"`       // by the server's clock, when the alert was first stored
	Exception string    `json:"exception,omitempty"` // uid of the exception that hides it; only while it is suppressed
}

// Summary is a line of a list of alerts.
type Summary struct {
	ID       string       `json:"uid"`
	Type     AlertType    `json:"alert_type"`
	Title    string       `json:"title"`
	Severity Severity     `json:"severity"`
	Host     event.HostID `json:"host"`
	HostName string       `json:"host_name"`
	Time     time.Time    `json:"time"`
	LastTime time.Time    `json:"last_time"`
	Count    uint32       `json:"count"`
	Story    string       `json:"description"`
	Tactics  []Tactic     `json:"tactics"`
	RuleID   string       `json:"rule_uid"`
	// Exception is the uid of the exception that hides the alert; only while it
	// is suppressed.
	Exception string `json:"exception,omitempty"`
	Triage
}

// Summary returns what a list says of the alert.
func (c *Case) Summary() Summary {
	return Summary{
		ID: c.ID, Type: c.Type, Title: c.Title, Severity: c.Severity, Host: c.Host, HostName: c.HostName, Time: c.Time, LastTime: c.LastTime,
		Count: c.Count, Story: c.Story, Tactics: c.Tactics, RuleID: c.Rule.ID, Exception: c.Exception, Triage: c.Triage,
	}
}

// Comment is what a person said about an alert, or the record of a change.
type Comment struct {
	ID    int64     `json:"uid"`
	Alert string    `json:"alert"`
	Time  time.Time `json:"time"`
	By    string    `json:"by"`
	Text  string    `json:"text"`   // as typed, bounded to 16 KiB; may be empty with a change
	Event string    `json:"change"` // what was changed, in words; "" for a plain comment
}
