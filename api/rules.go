package api

import (
	"time"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/store"
)

// Sources of rules.
const (
	BuiltInRule = "built-in" // comes with Holdfast
	FileRule    = "files"    // of the directories of the configuration
	ConsoleRule = "console"  // of a rule document
)

// Rule is a detection rule that is evaluated.
type Rule struct {
	ID             string            `json:"uid" example:"8a1b6a52-54a9-4b2f-9d0c-0f1d3c1a7f55" doc:"Empty for a rule of a file that gives it no id."`
	Title          string            `json:"title"`
	AlertType      finding.AlertType `json:"alert_type"`
	Severity       finding.Severity  `json:"severity"`
	Path           string            `json:"path" example:"linux/execution/reverse-shell.yml" doc:"Where the rule was read from."`
	Techniques     []string          `json:"techniques" example:"T1059.004" doc:"ATT&CK techniques."`
	Tactics        []finding.Tactic  `json:"tactics" doc:"ATT&CK tactics."`
	Source         string            `json:"source" enum:"built-in,files,console" doc:"Comes with Holdfast, is a file of the configuration, or is part of a rule document."`
	State          store.RuleState   `json:"state" doc:"Rules in test raise no alert."`
	Doc            string            `json:"doc" doc:"Name of the rule document; empty for none."`
	Level          string            `json:"level" example:"high" doc:"As the rule says it; empty where it does not."`
	LogSource      string            `json:"logsource" example:"linux/process_creation/*"`
	Kind           string            `json:"kind" enum:"detection,correlation,filter" doc:"What the rule is."`
	Author         string            `json:"author"`
	Description    string            `json:"description"`
	FalsePositives []string          `json:"false_positives"`
	References     []string          `json:"references"`
	Alerts         int64             `json:"alerts_30d" minimum:"0" doc:"Alerts of the last 30 days."`
}

// RuleDetail is a rule with the file that holds it.
type RuleDetail struct {
	Rule
	Text string `json:"text" doc:"The file as written; it may hold other rules, too."`
	Line int    `json:"line" minimum:"1" doc:"Where in the file the rule begins."`

	Samples int `json:"samples" minimum:"0" doc:"Recorded attacks that it is tested with, see the preview of exceptions; 0 for rules that are not Holdfast's own and for those that only feed others."`
}

// Rules are the detection rules that are evaluated.
type Rules struct {
	Items []Rule `json:"items" doc:"By path, then title."`
}

// RuleDocUpdate is a version of a rule document.
type RuleDocUpdate struct {
	Text  string          `json:"text" minLength:"1" maxLength:"1048576" doc:"Sigma rules in YAML."`
	State store.RuleState `json:"state" doc:"What the document is used for from now on."`
	Note  string          `json:"note,omitempty" maxLength:"1024" doc:"Why it is changed."`
}

// RuleHistory are the versions of a rule document.
type RuleHistory struct {
	Items []store.RuleDoc `json:"items" doc:"Newest first; a document that is not there any more begins with its removal."`
}

// RuleFile is a file of rules.
type RuleFile struct {
	Name string `json:"name" minLength:"1" maxLength:"200" example:"web/shells.yml"`
	Text string `json:"text" maxLength:"1048576" doc:"Sigma rules in YAML."`
}

// RulePush are files to become rule documents, all of them or none.
type RulePush struct {
	Docs   []RuleFile      `json:"docs" maxItems:"20000"`
	State  store.RuleState `json:"state,omitempty" doc:"Of each document; left out, those that are there keep theirs, and others are drafts."`
	Note   string          `json:"note,omitempty" maxLength:"1024" doc:"Why they are changed."`
	Prune  bool            `json:"prune,omitempty" doc:"Remove the documents that are not among them."`
	DryRun bool            `json:"dry_run,omitempty" doc:"Say what would happen, and change nothing."`
}

// RulePushed is what came of a push. Where something is refused nothing was
// changed, and the rest is empty.
type RulePushed struct {
	Added     []string      `json:"added" doc:"Names of documents."`
	Changed   []string      `json:"changed"`
	Removed   []string      `json:"removed"`
	Unchanged int           `json:"unchanged" minimum:"0"`
	Refused   []RuleProblem `json:"refused" doc:"What is wrong; nothing was changed then. Bounded."`
}

// RuleProblem is what is wrong with a rule.
type RuleProblem struct {
	Name   string `json:"name,omitempty" doc:"The document; empty for the text that was asked about."`
	Line   int    `json:"line" minimum:"0" doc:"From 1; zero when the whole is meant."`
	Reason string `json:"reason" doc:"What is wrong, and what to write instead."`
}

// RuleText is a text to be looked at.
type RuleText struct {
	Text string `json:"text" maxLength:"1048576" doc:"Sigma rules in YAML."`
	Name string `json:"name,omitempty" maxLength:"200" doc:"The document that it is meant to be, whose present rules it replaces."`
}

// CheckedRule is a rule of a text.
type CheckedRule struct {
	ID         string           `json:"uid"`
	Title      string           `json:"title"`
	Level      finding.Severity `json:"level"`
	Line       int              `json:"line" minimum:"1"`
	Tactics    []finding.Tactic `json:"tactics"`
	Techniques []string         `json:"techniques"`
}

// RuleCheck is what was found in a text.
type RuleCheck struct {
	Rules    []CheckedRule `json:"rules" doc:"Those that can be used. Bounded."`
	Problems []RuleProblem `json:"problems" doc:"What keeps the text from coming into force; empty when nothing does. Bounded."`
}

// RuleDryRun asks what rules would have matched.
type RuleDryRun struct {
	Text  string       `json:"text" minLength:"1" maxLength:"1048576" doc:"Sigma rules in YAML."`
	Name  string       `json:"name,omitempty" maxLength:"200" doc:"The document that it is meant to be, whose present rules it replaces."`
	Since *time.Time   `json:"since,omitempty" doc:"At or after; the last 24 hours without it."`
	Until *time.Time   `json:"until,omitempty" doc:"Before; now without it."`
	Host  event.HostID `json:"host,omitempty" maxLength:"128" doc:"Only events of this host."`
}

// RuleDryRunResult is what rules would have matched.
type RuleDryRunResult struct {
	Scanned  int64          `json:"scanned" minimum:"0" doc:"Events looked at."`
	Matched  int64          `json:"matched" minimum:"0" doc:"Matches; repeats are not joined as those of alerts are."`
	Complete bool           `json:"complete" doc:"All events between since and until were looked at; false when the time was over earlier, or part of the telemetry cannot be read."`
	Stopped  string         `json:"stopped,omitempty" doc:"Why it is not complete."`
	Since    time.Time      `json:"since" doc:"From here on events were looked at."`
	Until    time.Time      `json:"until" doc:"Up to here they were; earlier than asked for where the time was over."`
	TookMS   int64          `json:"took_ms" minimum:"0"`
	Over     []DryRunBucket `json:"over_time" doc:"Oldest first, without gaps."`
	Hosts    []store.Count  `json:"hosts" doc:"Most matches first, at most 100."`
	Rules    []store.Count  `json:"rules" doc:"Most matches first, at most 100."`
	Events   []DryRunMatch  `json:"events" doc:"The first 100 matches."`
	Problems []RuleProblem  `json:"problems" doc:"Rules that cannot be used and were left out. Bounded."`
}

// DryRunBucket are the matches of one stretch of time.
type DryRunBucket struct {
	Start time.Time `json:"start"`
	Count int64     `json:"count" minimum:"0"`
}

// DryRunMatch is an event that a rule would have matched, the last of those
// that a correlation joins.
type DryRunMatch struct {
	Rule    string          `json:"rule" doc:"Uid of the rule."`
	Title   string          `json:"title" doc:"Of the rule."`
	Event   event.Event     `json:"event"`
	Matches []finding.Match `json:"matches" doc:"Why it matched."`
}

// RuleCoverage is which techniques of ATT&CK rules detect.
type RuleCoverage struct {
	Version string           `json:"version" doc:"Of ATT&CK that the names follow."`
	Tactics []TacticCoverage `json:"tactics" doc:"In the order of an attack."`
}

// TacticCoverage are the techniques of a tactic.
type TacticCoverage struct {
	Tactic     finding.Tactic      `json:"tactic"`
	Techniques []TechniqueCoverage `json:"techniques" doc:"By id; those of Linux and containers without a rule are there, too."`
}

// TechniqueCoverage are the rules of a technique.
type TechniqueCoverage struct {
	Technique finding.Technique `json:"technique" example:"T1059.004"`
	Name      string            `json:"name" doc:"Empty for a technique that is not known here."`
	Rules     []string          `json:"rules" doc:"Uids of live rules, then of those in test."`
	Live      int               `json:"live" minimum:"0" doc:"Rules in force."`
	Test      int               `json:"test" minimum:"0" doc:"Rules in test."`
	Alerts    int64             `json:"alerts_30d" minimum:"0" doc:"Alerts of the last 30 days of its rules."`
}

// RuleChange says that rules changed.
type RuleChange struct {
	Docs []string `json:"docs" doc:"Names of the documents that changed, at most 100; none after a reload of files."`
}
