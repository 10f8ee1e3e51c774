package store

import (
	"context"
	"time"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/finding"
)

// RuleState says what a rule document is used for.
type RuleState string

// States of a rule document, in the order of its life.
const (
	RuleDraft RuleState = "draft" // kept, and not used
	RuleTest  RuleState = "test"  // evaluated; matches are counted and raise no alert
	RuleLive  RuleState = "live"  // in force
)

// RuleStates returns all states in the order of a document's life.
func RuleStates() []RuleState { return []RuleState{RuleDraft, RuleTest, RuleLive} }

// DocRule is a rule in a document.
type DocRule struct {
	ID    string           `json:"uid"`
	Title string           `json:"title"`
	Level finding.Severity `json:"level"`
}

// RuleMatch is an event that a rule in test matched.
type RuleMatch struct {
	Time   time.Time    `json:"time"`
	Host   event.HostID `json:"host"`
	Rule   string       `json:"rule"`        // uid
	Title  string       `json:"title"`       // of the rule
	Text   string       `json:"description"` // the event in a line, bounded
	Serial uint64       `json:"serial"`      // of the event, zero for none
}

// Bounds of rule documents.
const (
	MaxRuleName    = 200      // bytes of a name
	MaxRuleText    = 1 << 20  // bytes of a document
	MaxRuleTexts   = 64 << 20 // bytes of all documents
	MaxRuleDocs    = 20_000   // documents
	MaxRuleHistory = 100      // versions that are kept of a document
	MaxRuleBytes   = 16 << 20 // bytes of the versions that are kept of a document
	MaxRuleMatches = 20       // references to matches that are kept of a document
)

// RuleDoc is a file of rules that people keep in the server. Its name is that
// of a file below a folder, such as "web/shells.yml".
type RuleDoc struct {
	ID      string    `json:"uid"`            // the name
	Text    string    `json:"text,omitempty"` // YAML as written; lists leave it out
	State   RuleState `json:"state"`
	Version int64     `json:"version"` // grows with each change, also beyond a removal
	Author  string    `json:"author"`  // of this version
	Changed time.Time `json:"changed_time"`
	Note    string    `json:"note"`  // why it was changed
	Rules   []DocRule `json:"rules"` // that were understood when the version was stored
	Bytes   int       `json:"bytes"` // of the text
	Removed bool      `json:"removed,omitempty"`

	// What rules in test matched since this version was stored.
	Matches   int64       `json:"matches"`
	LastMatch *time.Time  `json:"last_match_time,omitempty"`
	Samples   []RuleMatch `json:"samples"` // latest first, bounded; lists leave them out
}

// RuleDocFilter chooses rule documents; zero values do not filter.
type RuleDocFilter struct {
	State RuleState
	Text  string // in name or title of a rule, ignoring case
}

// RuleDocChange stores a version of a document, or removes it.
type RuleDocChange struct {
	Name    string
	Remove  bool  // whatever else is said; ErrNotFound without it
	Version int64 // the present one, zero for a document that is not there yet, or AnyVersion
	Text    string
	State   RuleState
	Note    string
	Rules   []DocRule
}

// RuleMatches are matches of rules in test, to be added to those of a document.
type RuleMatches struct {
	Version int64 // of the document; matches of another version are not added
	Count   int64
	Samples []RuleMatch // latest first
}

// RuleDocs keeps rule documents with their history.
type RuleDocs interface {
	// RuleDocs lists documents in the order of their names, without texts and
	// samples.
	RuleDocs(ctx context.Context, f RuleDocFilter, p Page) (List[RuleDoc], error)
	RuleDoc(ctx context.Context, name string) (RuleDoc, error)
	// UsedRuleDocs returns all documents in test and live with their texts, in
	// the order of their names.
	UsedRuleDocs(ctx context.Context) ([]RuleDoc, error)
	// ChangeRuleDocs makes all changes or none. ErrConflict when a document is
	// not of the expected version, ErrFull when there would be more than the
	// bounds allow.
	ChangeRuleDocs(ctx context.Context, changes []RuleDocChange, by string, at time.Time) error
	// RuleHistory returns the versions of a document, newest first, bounded;
	// those of a document that was removed begin with its removal. ErrNotFound
	// when there was never one.
	RuleHistory(ctx context.Context, name string) ([]RuleDoc, error)
	// NoteRuleMatches adds matches by name of the document. Those of documents
	// that are not there are passed over.
	NoteRuleMatches(ctx context.Context, matches map[string]RuleMatches) error
	// AlertsByRule counts the alerts by rule whose last time is since then.
	AlertsByRule(ctx context.Context, since time.Time) (map[string]int64, error)
}
