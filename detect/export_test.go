package detect

import "github.com/holdfast-security/holdfast/detect/sigma"

// HoldsPlainly evaluates a rule without the index.
func HoldsPlainly(d *Document, rule *sigma.Rule) bool {
	return rule.Detection != nil && d.source.applies(rule.LogSource) && d.holds(rule.Detection, rule.Detection.Condition)
}
