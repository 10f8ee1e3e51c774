package sigma

import (
	"fmt"
	"strings"

	"github.com/holdfast-security/holdfast/detect/sigma/document"
	"github.com/holdfast-security/holdfast/finding"
)

// Rule is one document of a rule file: a detection when Detection is set, a
// correlation of other rules when Correlation is, a filter of other rules when
// Filter is. Rules are immutable.
type Rule struct {
	Path string // of the file, as given to [Parse]
	Line int    // where the document starts, from 1

	Title          string
	ID             string // a UUID, or ""
	Name           string // by which correlations may refer to the rule, or ""
	Status         string // "stable", "test", "experimental", "deprecated", "unsupported" or ""
	Description    string
	Author         string
	License        string
	Date           string
	Modified       string
	Taxonomy       string // "" for Sigma's own names of fields and log sources
	References     []string
	FalsePositives []string
	Tags           []string // as written, for example "attack.t1059.004"
	Fields         []string
	Level          Level
	LogSource      LogSource
	Detection      *Detection   // nil for correlations and filters
	Correlation    *Correlation // nil for detections and filters
	Filter         *Filter      // nil for detections and correlations
	Filtered       []*Rule      // the filters that are part of Detection; see [Rule.With]
	Holdfast       Holdfast
}

// Holdfast is the product's own part of a rule, the `holdfast` map.
type Holdfast struct {
	AlertType   finding.AlertType // "" for rules that only feed a correlation and for foreign rules
	Story       string            // what happened, with {Field} to fill in; [text {Field}] stands only with the field
	Remediation []string          // what to do, in order
}

// Level is the level of a rule as Sigma names it, or "".
type Level string

// The levels of the specification.
const (
	LevelInformational Level = "informational"
	LevelLow           Level = "low"
	LevelMedium        Level = "medium"
	LevelHigh          Level = "high"
	LevelCritical      Level = "critical"
)

// Severity returns the severity of alerts of a rule with this level: critical
// is high, and a rule without a level is informational.
func (l Level) Severity() finding.Severity {
	switch l {
	case LevelLow:
		return finding.Low
	case LevelMedium:
		return finding.Medium
	case LevelHigh, LevelCritical:
		return finding.High
	}
	return finding.Informational
}

// LogSource says to which events a rule applies, or from where an event comes.
// An empty part of a rule's log source applies to every event.
type LogSource struct {
	Product  string `json:"product,omitempty"`
	Category string `json:"category,omitempty"`
	Service  string `json:"service,omitempty"`
}

// String returns the parts as product/category/service with * for an empty one.
func (l LogSource) String() string {
	part := func(s string) string {
		if s == "" {
			return "*"
		}
		return s
	}
	return part(l.Product) + "/" + part(l.Category) + "/" + part(l.Service)
}

// Tactics returns the ATT&CK tactics among the tags, in order of appearance.
func (r *Rule) Tactics() []finding.Tactic {
	var tactics []finding.Tactic
	for _, tag := range r.Tags {
		name, ok := strings.CutPrefix(strings.ToLower(tag), "attack.")
		if ok && !isATTACKID(name) {
			tactics = append(tactics, finding.Tactic(strings.ReplaceAll(name, "_", "-")))
		}
	}
	return tactics
}

// Techniques returns the ATT&CK techniques among the tags, in order of
// appearance.
func (r *Rule) Techniques() []finding.Technique {
	var techniques []finding.Technique
	for _, tag := range r.Tags {
		name, ok := strings.CutPrefix(strings.ToLower(tag), "attack.")
		if ok && isATTACKID(name) && name[0] == 't' {
			techniques = append(techniques, finding.Technique(strings.ToUpper(name)))
		}
	}
	return techniques
}

// isATTACKID tells ids (technique T1059, group G0032, software S0002, campaign
// C0001, data source DS0009) from the names of tactics.
func isATTACKID(name string) bool {
	digits := strings.TrimLeft(name, "tgscd")
	return len(digits) >= 4 && len(digits) < len(name) && digits[0] >= '0' && digits[0] <= '9'
}

// Detection is what an event must look like.
type Detection struct {
	Selections []Selection // in the order of the file
	Condition  Expr
	Text       string // the condition as written
}

// Selection is a named part of a detection: it holds when one of its groups
// does.
type Selection struct {
	Name   string
	Line   int
	Groups []Group
}

// Group holds when all of its items do.
type Group []Item

// Item is one test of a field.
type Item struct {
	Line   int
	Field  string // "" looks at every value of the event
	Key    string // as written, with its modifiers
	Op     Op
	All    bool // every value must hold, not just one
	Negate bool // the item holds when the rest of it does not
	Values []Value
}

// Op is the kind of test that an item makes.
type Op uint8

// Operations. Which part of [Value] they use is said with each. Where Part is
// set, the number is that part of a point in time.
const (
	OpMatch     Op = iota // Pattern covers the whole text; Null for absence
	OpRegexp              // Regexp is found in the text
	OpCIDR                // the address lies in Prefix
	OpLess                // the number is below Number
	OpLessEq              // … at most
	OpGreater             // … above
	OpGreaterEq           // … at least
	OpExists              // the field is there if Bool, else absent
	OpFieldRef            // the text equals that of the field Text, or has it at the place Where says
	OpEqual               // the number is Number
	OpNotEqual            // … is not; of bounds only
)

// Compare reports whether n stands to bound as the operation asks, which is one
// of numbers.
func (o Op) Compare(n, bound float64) bool {
	switch o {
	case OpLess:
		return n < bound
	case OpLessEq:
		return n <= bound
	case OpGreater:
		return n > bound
	case OpGreaterEq:
		return n >= bound
	case OpNotEqual:
		return n != bound
	}
	return n == bound
}

// Place says where in the text another field's value is looked for.
type Place uint8

// Places.
const (
	PlaceWhole Place = iota
	PlaceStart
	PlaceEnd
	PlaceAnywhere
)

// Expr is a condition over selections: one of And, Or, Not and Ref.
type Expr interface{ isExpr() }

// And holds when all of its parts do, Or when one does, Not when X does not.
// Ref is the selection with that index in [Detection.Selections].
type (
	And []Expr
	Or  []Expr
	Not struct{ X Expr }
	Ref int
)

func (And) isExpr() {}
func (Or) isExpr()  {}
func (Not) isExpr() {}
func (Ref) isExpr() {}

// Errorf returns an [*Error] in the file of r.
func (r *Rule) Errorf(line int, format string, args ...any) error {
	return &Error{Path: r.Path, Line: line, Reason: fmt.Sprintf(format, args...)}
}

// Error is what is wrong with a rule file, and where.
type Error = document.Error
