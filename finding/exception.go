package finding

import (
	"time"

	"github.com/holdfast-security/holdfast/event"
)

// Exception says which alerts are known and wanted, so that they are kept out
// of sight: an alert that one covers is stored as [Suppressed] instead of
// open. Nothing is thrown away, and detection knows nothing of it.
type Exception struct {
	ID string `json:"uid"`
	ExceptionTerms
	Author  string    `json:"created_by"`
	Created time.Time `json:"created_time"`
	// Hits are the alerts that it hid, each counted once however often it
	// repeated.
	Hits    int64      `json:"hits"`
	LastHit *time.Time `json:"last_hit_time,omitempty"` // when it last hid an alert or a repeat of one, by the server's clock; nil for never
	Version int64      `json:"version"`                 // grows with each change by people, for ETags; hits leave it
}

// ExceptionTerms are what people say of an exception: what it covers, why, and
// for how long. An alert is covered when scope and all of Match fit.
type ExceptionTerms struct {
	Name      string         `json:"name"`                   // 1 to 128 characters
	Reason    string         `json:"reason"`                 // why these alerts are wanted, 1 to 1,024 characters
	Expires   *time.Time     `json:"expires_time,omitempty"` // from then on it covers nothing; nil for never
	Enabled   bool           `json:"enabled"`
	Scope     ExceptionScope `json:"scope"`
	Match     []Condition    `json:"match"`      // all must hold
	WholeRule bool           `json:"whole_rule"` // covers all alerts of the scope, so that Match may be empty
}

// ExceptionScope says which alerts an exception is about. What is empty means
// any, but Rules and Types are never both empty.
type ExceptionScope struct {
	Hosts  []event.HostID    `json:"hosts"`
	Labels map[string]string `json:"labels"` // of the host; all must be there
	Rules  []string          `json:"rules"`  // uids of detection rules
	Types  []AlertType       `json:"alert_types"`
	Kinds  []string          `json:"kinds"` // of results: "alert"
}

// ExceptionKindAlert is the kind of results that exceptions cover today.
const ExceptionKindAlert = "alert"

// Condition compares what an alert says of a field with values. It holds when
// the alert has the field, and everything that it says there is one of the
// values; with Not, when nothing is. What an alert does not say fits no
// condition.
type Condition struct {
	Field  ConditionField `json:"field"`
	Op     ConditionOp    `json:"op"`
	Values []string       `json:"values"`        // any of them
	Not    bool           `json:"not,omitempty"` // none of them
}

// ConditionField names what of an alert is compared.
type ConditionField string

// Fields of conditions. Those of the process are of the one that did it.
const (
	FieldExecutable     ConditionField = "process.executable"
	FieldCommandLine    ConditionField = "process.command_line"
	FieldName           ConditionField = "process.name" // as the process calls itself
	FieldSHA256         ConditionField = "process.sha256"
	FieldPackage        ConditionField = "process.package"
	FieldParent         ConditionField = "parent.executable"
	FieldParentCommand  ConditionField = "parent.command_line"
	FieldAncestor       ConditionField = "ancestor.executable" // of one ancestor at least
	FieldUser           ConditionField = "user.name"           // of the process, or the accounts concerned where there is none
	FieldEntry          ConditionField = "session.entry"       // how the session came in: "ssh", "cron", "service"
	FieldFile           ConditionField = "file.path"
	FieldFileSHA256     ConditionField = "file.sha256"
	FieldRemoteAddress  ConditionField = "remote.address"
	FieldRemotePort     ConditionField = "remote.port"
	FieldContainerImage ConditionField = "container.image"
	FieldContainerName  ConditionField = "container.name"
	FieldHostName       ConditionField = "host.name"
	FieldMessage        ConditionField = "message" // the source's own text
)

// ConditionFields returns all fields, those of the process first.
func ConditionFields() []ConditionField {
	return []ConditionField{
		FieldExecutable, FieldCommandLine, FieldName, FieldSHA256, FieldPackage, FieldParent, FieldParentCommand, FieldAncestor,
		FieldUser, FieldEntry, FieldFile, FieldFileSHA256, FieldRemoteAddress, FieldRemotePort, FieldContainerImage,
		FieldContainerName, FieldHostName, FieldMessage,
	}
}

// ConditionOp says how a condition compares.
type ConditionOp string

// Ways to compare. All heed case.
const (
	OpEquals     ConditionOp = "equals"
	OpContains   ConditionOp = "contains"
	OpStartsWith ConditionOp = "starts_with"
	OpEndsWith   ConditionOp = "ends_with"
	OpMatches    ConditionOp = "matches" // the whole, with * for any text and ? for any character
	OpCIDR       ConditionOp = "cidr"    // an address in one of the networks
)

// ConditionOps returns all ways to compare.
func ConditionOps() []ConditionOp {
	return []ConditionOp{OpEquals, OpContains, OpStartsWith, OpEndsWith, OpMatches, OpCIDR}
}

// Active reports whether the exception covers alerts at the given time.
func (e *Exception) Active(now time.Time) bool {
	return e.Enabled && (e.Expires == nil || now.Before(*e.Expires))
}
