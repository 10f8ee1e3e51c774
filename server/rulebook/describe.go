package rulebook

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/holdfast-security/holdfast/api"
	"github.com/holdfast-security/holdfast/detect/alert"
	"github.com/holdfast-security/holdfast/detect/sigma"
	"github.com/holdfast-security/holdfast/rules/samples"
	"github.com/holdfast-security/holdfast/store"
)

// List returns the rules that are evaluated by path and title, without what
// came of them.
func (b *Book) List() []api.Rule {
	e := b.current()
	list := make([]api.Rule, 0, len(e.entries))
	for _, n := range e.entries {
		list = append(list, n.describe())
	}
	slices.SortStableFunc(list, func(a, b api.Rule) int {
		return cmp.Or(strings.Compare(a.Path, b.Path), strings.Compare(a.Title, b.Title))
	})
	return list
}

// Rule returns the rule with an id or, where rules have none, a name. The error
// wraps [store.ErrNotFound].
func (b *Book) Rule(id string) (api.RuleDetail, error) {
	e := b.current()
	for _, known := range []func(*sigma.Rule) string{
		func(r *sigma.Rule) string { return r.ID },
		func(r *sigma.Rule) string { return r.Name },
	} {
		for _, n := range e.entries {
			if id != "" && strings.EqualFold(known(n.rule), id) {
				return api.RuleDetail{Rule: n.describe(), Text: e.text(n), Line: n.rule.Line, Samples: samples.Count(n.rule.ID)}, nil
			}
		}
	}
	return api.RuleDetail{}, fmt.Errorf("rule %.80q: %w", id, store.ErrNotFound)
}

// describe returns a rule as the API has it.
func (n entry) describe() api.Rule {
	r := n.rule
	return api.Rule{
		ID: cmp.Or(r.ID, r.Name), Title: r.Title, AlertType: alert.TypeOf(r), Severity: r.Level.Severity(), Path: r.Path,
		Techniques: techniques(r), Tactics: present(r.Tactics()), Source: n.source, State: n.state, Doc: n.doc, Level: string(r.Level),
		LogSource: r.LogSource.String(), Kind: kind(r), Author: r.Author, Description: r.Description,
		FalsePositives: present(r.FalsePositives), References: present(r.References),
	}
}

func kind(r *sigma.Rule) string {
	switch {
	case r.Correlation != nil:
		return "correlation"
	case r.Filter != nil:
		return "filter"
	}
	return "detection"
}

func techniques(r *sigma.Rule) []string {
	list := []string{}
	for _, t := range r.Techniques() {
		list = append(list, string(t))
	}
	return list
}

// present returns list, or an empty one for nil, which JSON would show as null.
func present[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// Check says what is in a text and what keeps it from coming into force.
func (b *Book) Check(q api.RuleText) api.RuleCheck {
	t := b.current().read(q.Name, q.Text)
	c := api.RuleCheck{Rules: []api.CheckedRule{}, Problems: listed(once(t.taken, t.refused))}
	for _, r := range t.rules[:min(len(t.rules), maxProblems)] {
		c.Rules = append(c.Rules, api.CheckedRule{
			ID: r.ID, Title: r.Title, Level: r.Level.Severity(), Line: r.Line, Tactics: present(r.Tactics()), Techniques: techniques(r),
		})
	}
	return c
}

// Coverage returns which techniques of ATT&CK rules detect, with the alerts of
// each rule.
func (b *Book) Coverage(alerts map[string]int64) api.RuleCoverage {
	return cover(b.current().entries, alerts)
}
