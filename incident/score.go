package incident

import (
	"cmp"
	"slices"
	"strings"

	"github.com/holdfast-security/holdfast/finding"
)

// killChain is the order of ATT&CK's enterprise tactics.
var killChain = [...]finding.Tactic{
	"reconnaissance", "resource-development", "initial-access", "execution", "persistence", "privilege-escalation",
	"defense-evasion", "credential-access", "discovery", "lateral-movement", "collection", "command-and-control",
	"exfiltration", "impact",
}

// position returns the place of the earliest of the tactics in the kill chain,
// -1 where there is none.
func position(tactics []finding.Tactic) int {
	for i, t := range killChain {
		if slices.Contains(tactics, t) {
			return i
		}
	}
	return -1
}

// Scores from which an incident is at least so severe: what one signal of that
// severity counts, from a rule that fires on a host once in a hundred days. An
// incident can be less severe than one of its signals: a rule that cries every
// day does not become truer by company.
var severityScore = [...]float64{
	finding.Low: 2 * severityWeight[finding.Low], finding.Medium: 2 * severityWeight[finding.Medium],
	finding.High: 2 * severityWeight[finding.High],
}

// offChain is what a tactic counts that does not fit the order.
const offChain = 0.25

var severityWeight = [...]float64{finding.Informational: 0.1, finding.Low: 0.4, finding.Medium: 1, finding.High: 2}

const confirmedFactor = 1.5

// worth is what a node counts in a score: how bad, how surprising on that
// host, how often people agreed with the rule, and what the host is worth.
func (e *Engine) worth(n *node) float64 {
	if n.hidden {
		return 0
	}
	w := severityWeight[n.severity] * surprise(e.rate(n.rule, n.host)) * n.rule.precision() * n.host.asset
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

// step is a node as the last of a chain.
type step struct {
	node     *node
	position int
	total    float64
	before   int // index of the step before, -1 for none
}

// score finds the chain by dynamic programming over the nodes in the order of
// time: each tactic at most once, each later than the one before. Beside the
// sort it looks at each node and tactic once.
func (e *Engine) score(g *group) score {
	nodes := byTime(g.nodes)
	var steps []step
	var best [len(killChain)]int // by position: the step that ends the best chain there
	for i := range best {
		best[i] = -1
	}
	var most [len(killChain)]float64 // by position: the worthiest node
	for _, n := range nodes {
		worth, known := e.worth(n), len(steps)
		for p, t := range killChain {
			if worth <= 0 || !slices.Contains(n.tactics, t) {
				continue
			}
			most[p] = max(most[p], worth)
			steps = append(steps, extend(steps, best[:p], step{n, p, worth, -1}))
		}
		for i := known; i < len(steps); i++ { // a node is no step after itself
			if p := steps[i].position; best[p] < 0 || steps[best[p]].total < steps[i].total {
				best[p] = i
			}
		}
	}
	return trace(steps, best[:], most[:])
}

// extend returns s behind the best chain that ends before it.
func extend(steps []step, best []int, s step) step {
	worth := s.total
	for _, i := range best {
		if i >= 0 && steps[i].total+worth > s.total {
			s.total, s.before = steps[i].total+worth, i
		}
	}
	return s
}

// trace walks the best chain back and adds what lies off it.
func trace(steps []step, best []int, most []float64) score {
	end := -1
	for _, i := range best {
		if i >= 0 && (end < 0 || steps[i].total > steps[end].total) {
			end = i
		}
	}
	var s score
	if end < 0 {
		return s
	}
	s.total = steps[end].total
	for i := end; i >= 0; i = steps[i].before {
		s.chain = append(s.chain, steps[i].node)
		s.steps = append(s.steps, steps[i].position)
	}
	slices.Reverse(s.chain)
	slices.Reverse(s.steps)
	for p, worth := range most {
		if !slices.Contains(s.steps, p) {
			s.total += offChain * worth
		}
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

// severity judges a group by its score and by the pattern that it shows.
func severity(g *group, s score) finding.Severity {
	judged := finding.Informational
	for level, least := range severityScore {
		if level > 0 && s.total >= least {
			judged = finding.Severity(level)
		}
	}
	if p := patternOf(g); p != nil {
		judged = max(judged, p.severity)
	}
	return judged
}

// pattern is a well-known course of events: a signal of the first techniques,
// then, where there are any, one of the second.
type pattern struct {
	name     string // begins a title
	first    []finding.Technique
	then     []finding.Technique
	other    bool // then: any other technique will do
	severity finding.Severity
}

// patterns, worst first. Technique ids are ATT&CK's.
var patterns = []pattern{
	{"Ransomware-like destruction of files", []finding.Technique{"T1486"}, nil, false, finding.High},
	{"Escape from a container", []finding.Technique{"T1611"}, nil, false, finding.High},
	{"Web shell", []finding.Technique{"T1505.003"}, nil, false, finding.High},
	{"Password guessing that succeeded", []finding.Technique{"T1110"}, []finding.Technique{"T1078", "T1021", "T1136", "T1098"}, false, finding.High},
	{"Cryptocurrency mining", []finding.Technique{"T1496"}, nil, false, finding.Medium},
	{"Data gathered and sent out", []finding.Technique{"T1074", "T1560"}, []finding.Technique{"T1041", "T1048", "T1567"}, false, finding.High},
	{"Movement between hosts by SSH", []finding.Technique{"T1021.004", "T1563.001"}, nil, false, finding.Medium},
	{"Traces or protection removed during an attack", []finding.Technique{"T1562", "T1070", "T1685"}, nil, true, finding.Medium},
}

// patternOf returns the worst pattern that a group shows, nil for none. One
// signal alone is no pattern: it has its own title and severity.
func patternOf(g *group) *pattern {
	if len(g.nodes) < 2 {
		return nil
	}
	nodes := byTime(g.nodes)
	for i := range patterns {
		if patterns[i].shown(nodes) {
			return &patterns[i]
		}
	}
	return nil
}

func (p *pattern) shown(nodes []*node) bool {
	for i, n := range nodes {
		if n.hidden || n.severity < finding.Low || !uses(n, p.first) {
			continue
		}
		if p.other {
			return slices.ContainsFunc(nodes, func(o *node) bool {
				return !o.hidden && !uses(o, p.first) && len(o.methods) > 0 && o.severity >= finding.Medium
			})
		}
		if len(p.then) == 0 {
			return true
		}
		if slices.ContainsFunc(nodes[i:], func(o *node) bool { return !o.hidden && uses(o, p.then) }) {
			return true
		}
	}
	return false
}

// uses reports whether n shows one of the techniques or a part of one.
func uses(n *node, techniques []finding.Technique) bool {
	return slices.ContainsFunc(n.methods, func(m finding.Technique) bool {
		return slices.ContainsFunc(techniques, func(t finding.Technique) bool {
			return m == t || strings.HasPrefix(string(m), string(t)+".")
		})
	})
}
