package incident

import (
	"slices"

	"github.com/holdfast-security/holdfast/finding"
)

// judgement is what the verdicts on an incident counted for one rule.
type judgement struct {
	rule         *rule
	right, wrong float64
}

const judgementSize = 24

// precision is how often people agreed with the rule, against what is expected
// of one that nobody judged: 1 there, at most 2.
func (r *rule) precision() float64 { return 2 * (1 + r.right) / (2 + r.right + r.wrong) }

// Judge learns from what people made of an incident, by its id. Rules of
// attacks gain weight, those of incidents that were none lose it. A verdict
// takes the place of the one before, of which nothing is left;
// [finding.NoVerdict] only takes that back. It reports whether there is such an
// incident.
func (e *Engine) Judge(id string, v finding.Verdict) bool {
	g := e.find(id)
	if g == nil {
		return false
	}
	for _, j := range g.judged {
		j.rule.right, j.rule.wrong = max(0, j.rule.right-j.right), max(0, j.rule.wrong-j.wrong)
	}
	e.unjudge(g)
	if v != finding.NoVerdict {
		for _, n := range g.nodes {
			e.judge(g, n.rule, v)
		}
	}
	e.mark(g)
	return true
}

// judge counts a verdict on g for a rule, once.
func (e *Engine) judge(g *group, r *rule, v finding.Verdict) {
	if slices.ContainsFunc(g.judged, func(j judgement) bool { return j.rule == r }) {
		return
	}
	j := judgement{rule: r}
	if v == finding.Attack {
		j.right = 1
	} else {
		j.wrong = 1
	}
	r.right, r.wrong = r.right+j.right, r.wrong+j.wrong
	e.remember(g, j)
}

// remember keeps what was counted for g, to take it back one day.
func (e *Engine) remember(g *group, j judgement) {
	i := slices.IndexFunc(g.judged, func(k judgement) bool { return k.rule == j.rule })
	if i >= 0 {
		g.judged[i].right += j.right
		g.judged[i].wrong += j.wrong
		return
	}
	g.judged = append(g.judged, j)
	j.rule.uses++
	e.bytes += judgementSize
}

// unjudge forgets what was counted for g. What was learned stays.
func (e *Engine) unjudge(g *group) {
	for _, j := range g.judged {
		j.rule.uses--
	}
	e.bytes -= judgementSize * int64(len(g.judged))
	g.judged = nil
}
