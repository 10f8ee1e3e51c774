// Package attack knows the order of an attack's steps, by ATT&CK's tactics, and
// a few courses of events that have a name.
package attack

import (
	"slices"
	"strings"

	"github.com/holdfast-security/holdfast/finding"
)

// Step is what a signal says of an attack.
type Step struct {
	Tactics  []finding.Tactic
	Methods  []finding.Technique
	Severity finding.Severity
	Worth    float64 // what it counts in a chain
	Hidden   bool    // it ties others together and does not count
}

// KillChain is the order of ATT&CK's enterprise tactics.
var KillChain = [...]finding.Tactic{
	"reconnaissance", "resource-development", "initial-access", "execution", "persistence", "privilege-escalation",
	"defense-evasion", "credential-access", "discovery", "lateral-movement", "collection", "command-and-control",
	"exfiltration", "impact",
}

// Position returns the place of the earliest of the tactics in the kill chain,
// -1 where there is none.
func Position(tactics []finding.Tactic) int {
	for i, t := range KillChain {
		if slices.Contains(tactics, t) {
			return i
		}
	}
	return -1
}

// Pattern is a well-known course of events: a signal of the first techniques,
// then, where there are any, one of the second.
type Pattern struct {
	Name     string // begins a title
	first    []finding.Technique
	then     []finding.Technique
	other    bool // then: any other technique will do
	Severity finding.Severity
}

// patterns, worst first. Technique ids are ATT&CK's.
var patterns = []Pattern{
	{"Ransomware-like destruction of files", []finding.Technique{"T1486"}, nil, false, finding.High},
	{"Escape from a container", []finding.Technique{"T1611"}, nil, false, finding.High},
	{"Web shell", []finding.Technique{"T1505.003"}, nil, false, finding.High},
	{"Password guessing that succeeded", []finding.Technique{"T1110"}, []finding.Technique{"T1078", "T1021", "T1136", "T1098"}, false, finding.High},
	{"Cryptocurrency mining", []finding.Technique{"T1496"}, nil, false, finding.Medium},
	{"Data gathered and sent out", []finding.Technique{"T1074", "T1560"}, []finding.Technique{"T1041", "T1048", "T1567"}, false, finding.High},
	{"Movement between hosts by SSH", []finding.Technique{"T1021.004", "T1563.001"}, nil, false, finding.Medium},
	{"Traces or protection removed during an attack", []finding.Technique{"T1562", "T1070", "T1685"}, nil, true, finding.Medium},
}

// PatternOf returns the worst pattern that steps in the order of time show, nil
// for none. One step alone is no pattern: it has its own title and severity.
func PatternOf(steps []Step) *Pattern {
	for i := range patterns {
		if len(steps) > 1 && patterns[i].shown(steps) {
			return &patterns[i]
		}
	}
	return nil
}

func (p *Pattern) shown(steps []Step) bool {
	for i, n := range steps {
		if n.Hidden || n.Severity < finding.Low || !uses(n, p.first) {
			continue
		}
		if p.other {
			return slices.ContainsFunc(steps, func(o Step) bool {
				return !o.Hidden && !uses(o, p.first) && len(o.Methods) > 0 && o.Severity >= finding.Medium
			})
		}
		if len(p.then) == 0 {
			return true
		}
		if slices.ContainsFunc(steps[i:], func(o Step) bool { return !o.Hidden && uses(o, p.then) }) {
			return true
		}
	}
	return false
}

// uses reports whether n shows one of the techniques or a part of one.
func uses(n Step, techniques []finding.Technique) bool {
	return slices.ContainsFunc(n.Methods, func(m finding.Technique) bool {
		return slices.ContainsFunc(techniques, func(t finding.Technique) bool {
			return m == t || strings.HasPrefix(string(m), string(t)+".")
		})
	})
}

// offChain is what a tactic counts that does not fit the order.
const offChain = 0.25

// Chain is the best chain of steps. Its total counts a little of what lies off
// the chain, too.
type Chain struct {
	Total     float64
	Steps     []int // indexes, in the order of time and of the kill chain
	Positions []int // in the kill chain, by Steps
}

// link is a step as the last of a chain.
type link struct {
	step     int
	position int
	total    float64
	before   int // index of the link before, -1 for none
}

// Best finds the chain that counts most in steps that are in the order of
// time: each tactic at most once, each later in the kill chain than the one
// before. It looks at each step and tactic once.
func Best(steps []Step) Chain {
	var links []link
	var best [len(KillChain)]int // by position: the link that ends the best chain there
	for i := range best {
		best[i] = -1
	}
	var most [len(KillChain)]float64 // by position: what the worthiest step counts
	for i, s := range steps {
		known := len(links)
		for p, t := range KillChain {
			if s.Worth > 0 && slices.Contains(s.Tactics, t) {
				most[p] = max(most[p], s.Worth)
				links = append(links, extend(links, best[:p], link{i, p, s.Worth, -1}))
			}
		}
		for i := known; i < len(links); i++ { // a step is none after itself
			if p := links[i].position; best[p] < 0 || links[best[p]].total < links[i].total {
				best[p] = i
			}
		}
	}
	return trace(links, best[:], most[:])
}

// extend returns l behind the best chain that ends before it.
func extend(links []link, best []int, l link) link {
	worth := l.total
	for _, i := range best {
		if i >= 0 && links[i].total+worth > l.total {
			l.total, l.before = links[i].total+worth, i
		}
	}
	return l
}

// trace walks the best chain back and adds what lies off it.
func trace(links []link, best []int, most []float64) Chain {
	end := -1
	for _, i := range best {
		if i >= 0 && (end < 0 || links[i].total > links[end].total) {
			end = i
		}
	}
	var c Chain
	if end < 0 {
		return c
	}
	c.Total = links[end].total
	for i := end; i >= 0; i = links[i].before {
		c.Steps = append(c.Steps, links[i].step)
		c.Positions = append(c.Positions, links[i].position)
	}
	slices.Reverse(c.Steps)
	slices.Reverse(c.Positions)
	for p, worth := range most {
		if !slices.Contains(c.Positions, p) {
			c.Total += offChain * worth
		}
	}
	return c
}

// Causal reports whether evidence of a kind says that one signal brought about
// the other. An attacker cannot make that up; shared evidence can be planted.
func Causal(k finding.LinkKind) bool {
	switch k {
	case finding.LinkProcess, finding.LinkFile, finding.LinkSession, finding.LinkConnection:
		return true
	}
	return false
}
