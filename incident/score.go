package incident

import (
	"cmp"
	"slices"

	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/incident/attack"
	"github.com/holdfast-security/holdfast/incident/rarity"
)

// Scores from which an incident is at least so severe: what one signal of that
// severity counts, from a rule that fires on a host once in a hundred days. An
// incident can be less severe than one of its signals: a rule that cries every
// day does not become truer by company.
var severityScore = [...]float64{
	finding.Low: 2 * severityWeight[finding.Low], finding.Medium: 2 * severityWeight[finding.Medium],
	finding.High: 2 * severityWeight[finding.High],
}

var severityWeight = [...]float64{finding.Informational: 0.1, finding.Low: 0.4, finding.Medium: 1, finding.High: 2}

const confirmedFactor = 1.5

// worth is what a node counts in a score: how bad, how surprising on that
// host, how much louder than before, how often people agreed with the rule, and
// what the host is worth.
func (e *Engine) worth(n *node) float64 {
	if n.hidden {
		return 0
	}
	w := severityWeight[n.severity] * rarity.Surprise(e.rate(n.rule, n.host)) * n.rule.precision() * n.host.asset * loudness(n.burst)
	if n.confirmed {
		w *= confirmedFactor
	}
	return w
}

// score is the best time-ordered chain of tactics of a group.
type score struct {
	total float64
	chain []*node // in the order of time and of the kill chain
	steps []int   // positions in the kill chain, by chain
}

// score returns the best chain of a group.
func (e *Engine) score(g *group) score {
	nodes := byTime(g.nodes)
	steps := make([]attack.Step, len(nodes))
	for i, n := range nodes {
		steps[i] = attack.Step{Tactics: n.tactics, Worth: e.worth(n)}
	}
	c := attack.Best(steps)
	s := score{total: c.Total, steps: c.Positions}
	for _, i := range c.Steps {
		s.chain = append(s.chain, nodes[i])
	}
	return s
}

func byTime(nodes []*node) []*node {
	sorted := slices.Clone(nodes)
	slices.SortFunc(sorted, func(a, b *node) int {
		return cmp.Or(cmp.Compare(a.first, b.first), cmp.Compare(a.serial, b.serial))
	})
	return sorted
}

// severity judges a group by its score and by the pattern that it shows. What
// only coincidence ties together makes nothing worse than low of what is low.
func severity(g *group, s score) finding.Severity {
	judged := finding.Informational
	for level, least := range severityScore {
		if level > 0 && s.total >= least {
			judged = finding.Severity(level)
		}
	}
	if judged > finding.Low && coincidental(g) {
		judged = finding.Low
	}
	if p := patternOf(g); p != nil {
		judged = max(judged, p.Severity)
	}
	return judged
}

// coincidental reports whether no signal of a group is worse than low, and none
// is a cause of another or has a thing in common with it: new software and
// detectors that were just started look like that.
func coincidental(g *group) bool {
	return !slices.ContainsFunc(g.nodes, func(n *node) bool {
		return n.severity > finding.Low && !n.hidden || slices.ContainsFunc(n.edges, (*edge).substantial)
	})
}

// patternOf returns the pattern that a group shows, nil for none.
func patternOf(g *group) *attack.Pattern {
	var steps []attack.Step
	for _, n := range byTime(g.nodes) {
		steps = append(steps, attack.Step{Methods: n.methods, Severity: n.severity, Hidden: n.hidden})
	}
	return attack.PatternOf(steps)
}
