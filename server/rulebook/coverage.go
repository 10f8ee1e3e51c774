package rulebook

import (
	"cmp"
	"slices"
	"strings"

	"github.com/holdfast-security/holdfast/api"
	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/rules/attack"
	"github.com/holdfast-security/holdfast/store"
)

// matrix collects coverage by tactic and technique.
type matrix map[finding.Tactic]map[finding.Technique]*api.TechniqueCoverage

// cover returns which techniques rules detect. A technique that the table does
// not know stands under the tactics that its rules name.
func cover(entries []entry, alerts map[string]int64) api.RuleCoverage {
	m := make(matrix)
	known := make(map[finding.Technique]attack.Technique)
	for _, t := range attack.Techniques() {
		known[t.ID] = t
		if t.Linux {
			m.at(t.Tactics, t.ID, t.Name)
		}
	}
	sorted := slices.Clone(entries)
	slices.SortStableFunc(sorted, func(a, b entry) int { // live before test
		return cmp.Compare(order(a.state), order(b.state))
	})
	for _, n := range sorted {
		for _, id := range slices.Compact(slices.Sorted(slices.Values(n.rule.Techniques()))) {
			t, ok := known[id]
			if !ok {
				t.Tactics = n.rule.Tactics()
			}
			for _, c := range m.at(t.Tactics, id, t.Name) {
				c.add(n, alerts)
			}
		}
	}
	return m.report()
}

func order(s store.RuleState) int { return slices.Index(store.RuleStates(), s) * -1 }

// covered is the coverage of a technique while it is collected.
type covered struct{ *api.TechniqueCoverage }

// add adds a rule.
func (c covered) add(n entry, alerts map[string]int64) {
	id := cmp.Or(n.rule.ID, n.rule.Name)
	if id != "" {
		c.Rules = append(c.Rules, id)
	}
	if n.state == store.RuleLive {
		c.Live++
	} else {
		c.Test++
	}
	c.Alerts += alerts[n.rule.ID]
}

// at returns the places of a technique.
func (m matrix) at(tactics []finding.Tactic, id finding.Technique, name string) []covered {
	var list []covered
	for _, tactic := range tactics {
		tactic = attack.Canonical(tactic)
		if m[tactic] == nil {
			m[tactic] = make(map[finding.Technique]*api.TechniqueCoverage)
		}
		if m[tactic][id] == nil {
			m[tactic][id] = &api.TechniqueCoverage{Technique: id, Name: name, Rules: []string{}}
		}
		list = append(list, covered{m[tactic][id]})
	}
	return list
}

// report returns the matrix in the order of an attack. Tactics that ATT&CK does
// not have are left out.
func (m matrix) report() api.RuleCoverage {
	c := api.RuleCoverage{Version: attack.Version, Tactics: []api.TacticCoverage{}}
	for _, tactic := range attack.Tactics() {
		t := api.TacticCoverage{Tactic: tactic, Techniques: []api.TechniqueCoverage{}}
		for _, one := range m[tactic] {
			t.Techniques = append(t.Techniques, *one)
		}
		slices.SortFunc(t.Techniques, func(a, b api.TechniqueCoverage) int {
			return strings.Compare(string(a.Technique), string(b.Technique))
		})
		c.Tactics = append(c.Tactics, t)
	}
	return c
}
