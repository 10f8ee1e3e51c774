package store

import (
	"context"
	"time"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/finding"
)

// IncidentFilter chooses incidents; zero values do not filter, lists mean any of.
type IncidentFilter struct {
	Status   []finding.Status
	Severity []finding.Severity
	Host     []event.HostID
	Tactic   []finding.Tactic
	Assignee []string  // "" in the list means nobody
	Text     string    // in title or host name, ignoring case
	Since    time.Time // last time at or after
	Until    time.Time // last time before
	Alert    string    // that holds this alert
}

// IncidentOrder is the order of a list of incidents. Ties end in the order of
// last time, then id.
type IncidentOrder string

// Orders of incidents.
const (
	LatestIncidents   IncidentOrder = "-last_time" // the default
	EarliestIncidents IncidentOrder = "last_time"
	SevereIncidents   IncidentOrder = "-severity"
	TellingIncidents  IncidentOrder = "-score"
)

// IncidentOrders returns all orders, the default first.
func IncidentOrders() []IncidentOrder {
	return []IncidentOrder{LatestIncidents, EarliestIncidents, SevereIncidents, TellingIncidents}
}

// IncidentChange is what people change; nil leaves a part as it is.
type IncidentChange struct {
	Status   *finding.Status
	Assignee *string
	Verdict  *finding.Verdict // is learned from, in the place of the one before
	Comment  string           // "" for none
	By       string
	Time     time.Time
}

// IncidentCounts are numbers over the incidents of a filter.
type IncidentCounts struct {
	Total      int64            `json:"total"`
	BySeverity map[string]int64 `json:"by_severity"`
	ByStatus   map[string]int64 `json:"by_status"`
}

// Incidents keeps incidents with their triage and comments. An incident that
// became part of another is found under its old id, too.
type Incidents interface {
	Incident(ctx context.Context, id string) (finding.IncidentCase, error)
	Incidents(ctx context.Context, f IncidentFilter, o IncidentOrder, p Page) (List[finding.IncidentSummary], error)
	CountIncidents(ctx context.Context, f IncidentFilter) (IncidentCounts, error)
	// IncidentAlerts returns the ids of an incident's alerts that are still
	// there, in the order in which they were first stored.
	IncidentAlerts(ctx context.Context, id string) ([]string, error)
	// ChangeIncident changes one incident. ErrConflict unless version is the
	// present one or AnyVersion.
	ChangeIncident(ctx context.Context, id string, version int64, c IncidentChange) (finding.IncidentCase, error)
	IncidentComments(ctx context.Context, id string) ([]finding.Comment, error) // oldest first
	// DropIncidents removes incidents whose last time is before the given
	// one, at most limit of them, and returns how many.
	DropIncidents(ctx context.Context, before time.Time, limit int) (int, error)
}

// AlertPlace is a place in the order in which detection reported alerts. An
// alert that repeats moves to the end; what people do moves none. The zero
// value is before all.
type AlertPlace struct{ Change, Seq int64 }

// ReportedAlert is an alert as detection reported it last.
type ReportedAlert struct {
	finding.Alert
	Place    AlertPlace
	HostName string
	Status   finding.Status
	Received time.Time // by the server's clock, when it was first stored
}

// IncidentVerdict is what people say of an incident now.
type IncidentVerdict struct {
	Serial   int64 // of the change, ascending
	Incident string
	Verdict  finding.Verdict // none when it was taken back
}

// RuleOutcome is what became of the alerts of a rule.
type RuleOutcome struct {
	Alerts int64     // all but those that an exception hides
	Right  int64     // of them, resolved
	Wrong  int64     // of them, dismissed
	Hosts  int64     // that had any
	First  time.Time // last time of the one that was quiet longest
}

// Correlation says how far the joining of alerts into incidents has come.
type Correlation struct {
	Step     int64      // number of the last step that was saved
	Place    AlertPlace // alerts up to here are part of it
	Snapshot int64      // number of the step that the snapshot was taken after; zero for none
}

// CorrelationStep is one step of joining alerts into incidents, which takes
// effect whole or not at all.
type CorrelationStep struct {
	Number    int64 // one more than that of the last step
	Place     AlertPlace
	Journal   []byte // what the step was made of, for whoever repeats it after the snapshot; the caller's format
	Incidents []finding.Incident
	Verdicts  []int64 // serials of those that were learned
	Time      time.Time
}

// JournalEntry is what a step was made of.
type JournalEntry struct {
	Step int64
	Data []byte
}

// SavedIncident is an incident that a step stored.
type SavedIncident struct {
	ID       string
	Severity finding.Severity
	Status   finding.Status
	New      bool
	// PartOf is the incident that it became part of and is no more, whose
	// severity and status the others are; "" for one that is there.
	PartOf string
}

// Correlations keeps what joining alerts into incidents needs to go on, after
// whatever end, as if there had been none.
type Correlations interface {
	Correlation(ctx context.Context) (Correlation, error)
	// ReportedAlerts returns alerts behind a place, in the order of places.
	// All that come later have places behind those returned.
	ReportedAlerts(ctx context.Context, after AlertPlace, limit int) ([]ReportedAlert, error)
	// NewVerdicts returns the verdicts on incidents where one changed that no
	// step has learned, in the order of the changes.
	NewVerdicts(ctx context.Context, limit int) ([]IncidentVerdict, error)
	// SaveCorrelation stores a step. Incidents keep the triage that they have,
	// but one that was resolved or dismissed opens again when its severity
	// rises, or when something happens in it more than a day after. What an
	// incident names as its aliases, and what lost all its alerts to it,
	// becomes part of it with comments, and is told of behind what was stored.
	// ErrConflict unless the number is the next.
	SaveCorrelation(ctx context.Context, s CorrelationStep) ([]SavedIncident, error)
	// CorrelationJournal returns the journals of the steps after one, in their
	// order, at most limit.
	CorrelationJournal(ctx context.Context, after int64, limit int) ([]JournalEntry, error)
	// SaveSnapshot stores what was taken after a step, and forgets the
	// journals up to it.
	SaveSnapshot(ctx context.Context, step int64, data []byte) error
	Snapshot(ctx context.Context) ([]byte, error) // ErrNotFound when there is none
	// ForgetCorrelation forgets snapshot, journal and place; the incidents
	// stay, and numbers of steps go on.
	ForgetCorrelation(ctx context.Context) error
	// RuleOutcomes returns what became of alerts since a time, by rule.
	RuleOutcomes(ctx context.Context, since time.Time) (map[string]RuleOutcome, error)
}
