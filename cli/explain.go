package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast-security/holdfast/cli/input"
	"github.com/holdfast-security/holdfast/cli/render"
	"github.com/holdfast-security/holdfast/cli/replay"
	"github.com/holdfast-security/holdfast/cli/usage"
	"github.com/holdfast-security/holdfast/detect"
	"github.com/holdfast-security/holdfast/detect/fields"
	"github.com/holdfast-security/holdfast/detect/sigma"
	"github.com/holdfast-security/holdfast/internal/spelling"
	"github.com/holdfast-security/holdfast/internal/termtext"
	"github.com/holdfast-security/holdfast/rules/rulefiles"
)

const explainHelp = `Say what a rule detects, which fields it looks at and what to do about its
alert. RULE is an id, the beginning of one, an alert type, a title, or a file.

With --event FILE (any log that holdfast replay reads, or JSON objects) it also
says why the events in it do or do not match: every test of the rule with the
value found.`

// maxObject bounds how many columns of an object of another product are shown.
const maxObject = 240

// maxExplained bounds how many events of a file are explained.
const maxExplained = 10

func (a *app) rulesExplainCommand() *cobra.Command {
	var dirs []string
	var eventFile string
	cmd := &cobra.Command{
		Use: "explain RULE", Short: "Say what a rule detects, and why an event matches", Long: explainHelp,
		ValidArgsFunction: ruleNames,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage.Errorf("%s needs one rule; holdfast rules list names them", cmd.CommandPath())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.explain(cmd.Context(), args[0], dirs, eventFile)
		},
	}
	cmd.Flags().StringVar(&eventFile, "event", "", "explain the match of the events in this file, - for standard input")
	addRulesFlag(cmd, &dirs)
	return cmd
}

// explanationJSON is an element of `rules explain -o json`.
type explanationJSON struct {
	ruleJSON
	Description    string           `json:"description"`
	FalsePositives []string         `json:"falsePositives"`
	Fields         []string         `json:"fields"`
	Condition      string           `json:"condition"`
	Remediation    []string         `json:"remediation"`
	Events         []explainedEvent `json:"events"` // with --event
}

// explainedEvent is why one event does or does not match.
type explainedEvent struct {
	Event       string             `json:"event"` // class/activity, or product/category/service of another product
	Time        time.Time          `json:"time"`
	Matches     bool               `json:"matches"`
	Explanation detect.Explanation `json:"explanation"`
	line        string             // as holdfast events shows it
}

func (a *app) explain(ctx context.Context, name string, dirs []string, eventFile string) error {
	set, err := loadRules(dirs)
	if err != nil {
		return err
	}
	found, err := findRules(set, name)
	if err != nil {
		return err
	}
	var events replay.Collected
	if eventFile != "" {
		if events, err = a.readEvents(ctx, eventFile); err != nil {
			return err
		}
	}
	list := make([]explanationJSON, 0, len(found))
	compiled, errs := detect.Compile(set.Rules)
	for _, r := range found {
		used, err := usedRule(compiled, r, errs)
		if err != nil {
			return err
		}
		list = append(list, a.explainRule(compiled, used, events))
	}
	if a.structured() {
		return a.printDocument(list)
	}
	for _, e := range list {
		if err := a.print(explainText(e, eventFile != "", a.style(a.Out)) + "\n"); err != nil {
			return err
		}
	}
	return nil
}

// findRules looks among the rules, or reads name as a file.
func findRules(set *rulefiles.Set, name string) ([]*sigma.Rule, error) {
	if found := set.Find(name); len(found) > 0 {
		return found, nil
	}
	before := len(set.Rules)
	if strings.ContainsAny(name, "./") && set.Add(name) == nil && len(set.Rules) > before {
		return set.Rules[before:], nil
	}
	names, _ := ruleNames(nil, nil, "")
	if near := spelling.Nearest(name, names); near != "" {
		return nil, usage.Errorf("there is no rule %q; did you mean %s?", name, near)
	}
	return nil, usage.Errorf("there is no rule %q; holdfast rules list names them", name)
}

// usedRule returns a rule as the set has it, with its filters.
func usedRule(set *detect.Ruleset, r *sigma.Rule, errs []error) (*sigma.Rule, error) {
	if r.Filter != nil {
		return nil, usage.Errorf("%s:%d is a filter: explain one of the rules that it narrows", r.Path, r.Line)
	}
	for _, used := range set.Rules() {
		if used.Path == r.Path && used.Line == r.Line {
			return used, nil
		}
	}
	for _, err := range errs {
		if strings.HasPrefix(err.Error(), r.Path+":") {
			return nil, fmt.Errorf("rule %s:%d cannot be used: %w", r.Path, r.Line, err)
		}
	}
	return nil, fmt.Errorf("rule %s:%d cannot be used", r.Path, r.Line)
}

// readEvents reads the events of a file of at most a few.
func (a *app) readEvents(ctx context.Context, name string) (replay.Collected, error) {
	file, err := input.Open(name, a.In)
	if err != nil {
		return replay.Collected{}, fmt.Errorf("read the event: %w", err)
	}
	defer file.Close()
	return replay.Collect(file, ctx.Err)
}

func (a *app) explainRule(set *detect.Ruleset, r *sigma.Rule, events replay.Collected) explanationJSON {
	e := explanationJSON{
		ruleJSON: describeRule(r), Description: r.Description, Fields: ruleFields(r), Events: []explainedEvent{},
		FalsePositives: append([]string{}, r.FalsePositives...), Remediation: append([]string{}, r.Holdfast.Remediation...),
	}
	if r.Detection != nil {
		e.Condition = r.Detection.Text
	}
	if r.Correlation != nil {
		e.Condition = correlationText(r.Correlation)
	}
	mapper := fields.NewMapper(set)
	style := a.style(a.Out)
	for _, ev := range events.Events {
		mapper.Each(ev, func(d *detect.Document) {
			e.add(d.Explain(r), ev.Name(), ev.Time, render.EventLine(ev, style))
		})
	}
	foreign := fields.NewJSONMapper(set, r.LogSource)
	for _, object := range events.Objects {
		d, err := foreign.Map(object, nil)
		if err != nil {
			continue // not one that rules could see
		}
		name := d.Source().Log().String()
		var short bytes.Buffer
		if json.Compact(&short, object) != nil {
			continue
		}
		e.add(d.Explain(r), name, d.Time(), termtext.Bound(name+" "+short.String(), maxObject)+"\n")
	}
	// Matches first; of the rest those that the rule looks at, whose
	// explanation has parts.
	slices.SortStableFunc(e.Events, func(a, b explainedEvent) int { return rank(b) - rank(a) })
	e.Events = e.Events[:min(len(e.Events), maxExplained)]
	return e
}

func (e *explanationJSON) add(x detect.Explanation, name string, at time.Time, line string) {
	e.Events = append(e.Events, explainedEvent{Event: name, Time: at, Matches: x.Holds, Explanation: x, line: line})
}

func rank(e explainedEvent) int {
	switch {
	case e.Matches:
		return 2
	case len(e.Explanation.Parts) > 0:
		return 1
	}
	return 0
}

// correlationText says in words what a correlation joins.
func correlationText(c *sigma.Correlation) string {
	text := string(c.Type) + " of " + strings.Join(c.Rules, ", ") + " within " + render.Duration(c.Timespan)
	if len(c.Fields) > 0 {
		text += ", of " + strings.Join(c.Fields, " and ")
	}
	for _, b := range c.Bounds {
		text += ", " + b.String()
	}
	if len(c.GroupBy) > 0 {
		text += ", with the same " + strings.Join(c.GroupBy, ", ")
	}
	return text
}

// ruleFields returns the fields that a rule looks at, in order of appearance.
func ruleFields(r *sigma.Rule) []string {
	list := []string{}
	add := func(name string) {
		if name != "" && !slices.Contains(list, name) {
			list = append(list, name)
		}
	}
	if r.Detection != nil {
		for _, s := range r.Detection.Selections {
			for _, group := range s.Groups {
				for _, item := range group {
					add(item.Field)
				}
			}
		}
	}
	if c := r.Correlation; c != nil {
		for _, name := range c.GroupBy {
			add(name)
		}
		for _, name := range c.Fields {
			add(name)
		}
	}
	return list
}

// explainText is pure.
func explainText(e explanationJSON, withEvents bool, style render.Style) string {
	var ids []string
	for _, t := range e.Tactics {
		ids = append(ids, string(t))
	}
	for _, t := range e.Techniques {
		ids = append(ids, string(t))
	}
	alert := string(e.AlertType) + ", " + e.Severity.String()
	if e.AlertType == "" {
		alert = "none of its own, " + e.Severity.String()
	}
	text := render.Sheet(e.Title, e.Description, []render.Item{
		{Label: "alert", Lines: []string{alert}},
		{Label: "events", Lines: []string{e.LogSource.String()}},
		{Label: "fields", Lines: []string{strings.Join(e.Fields, ", ")}},
		{Label: "when", Lines: []string{e.Condition}},
		{Label: "wrong if", Lines: e.FalsePositives},
		{Label: "do", Lines: e.Remediation, Numbered: true},
		{Label: "ATT&CK", Lines: []string{strings.Join(ids, " ")}},
		{Label: "rule", Lines: []string{e.ID, e.Path, e.Author}},
	}, style)
	for _, ev := range e.Events {
		text += "\n" + ev.line + render.Explanation(ev.Explanation, style)
	}
	if withEvents && len(e.Events) == 0 {
		text += "\nNo event in the file is of a kind that the rule looks at.\n"
	}
	return text
}
