package detect

import "github.com/holdfast-security/holdfast/detect/sigma"

// HoldsPlainly evaluates a rule without the index.
func HoldsPlainly(d *Document, rule *sigma.Rule) bool {
	return rule.Detection != nil && d.source.applies(rule.LogSource) && d.holds(rule.Detection, rule.Detection.Condition)
}

// MatchedRules returns the detections that the latest document matched, those
// that only feed correlations included.
func MatchedRules(m *Matcher) []*sigma.Rule {
	var rules []*sigma.Rule
	for _, number := range m.matched {
		rules = append(rules, m.rules.rules[number])
	}
	return rules
}

// KeptBytes returns how much memory folded texts take until the next document.
func KeptBytes(m *Matcher) (n int) {
	m.begin()
	for _, f := range m.folds {
		n += cap(f.text)
	}
	return n
}
