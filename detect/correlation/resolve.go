package correlation

import "github.com/holdfast-security/holdfast/detect/sigma"

// maxDepth bounds how many correlations may join one another in a row.
const maxDepth = 16

// Resolve leaves out correlations of rules that are not there, those that
// depend on themselves and those that join others too deeply. For each it gives an error of type [*sigma.Error].
func Resolve(rules []*sigma.Rule) (kept []*sigma.Rule, errs []error) {
	r := resolver{names: sigma.NamesOf(rules), state: make(map[*sigma.Rule]visit), depth: make(map[*sigma.Rule]int), errs: make(map[*sigma.Rule]error)}
	for _, rule := range rules {
		if err := r.visit(rule); err != nil {
			errs = append(errs, err)
			continue
		}
		kept = append(kept, rule)
	}
	return kept, errs
}

type visit uint8

const (
	visiting visit = iota + 1
	sound
	unsound
)

type resolver struct {
	names sigma.Names
	state map[*sigma.Rule]visit
	depth map[*sigma.Rule]int   // of sound correlations; 0 for detections
	errs  map[*sigma.Rule]error // of unsound rules
}

// visit checks a rule and, first, those it joins.
func (r *resolver) visit(rule *sigma.Rule) error {
	if rule.Correlation == nil || r.state[rule] != 0 {
		return r.errs[rule]
	}
	r.state[rule], r.depth[rule] = visiting, 1
	for i, name := range rule.Correlation.Rules {
		if err := r.visitMember(rule, name, rule.Correlation.Lines[i]); err != nil {
			r.state[rule], r.errs[rule] = unsound, err
			return err
		}
	}
	r.state[rule] = sound
	return nil
}

func (r *resolver) visitMember(rule *sigma.Rule, name string, line int) error {
	joined := r.names.Find(name)
	if joined == nil {
		return rule.Errorf(line, "no rule has the id or name %q: load the rule together with this correlation", name)
	}
	r.visit(joined) // its own error is reported when its turn comes
	r.depth[rule] = max(r.depth[rule], r.depth[joined]+1)
	switch {
	case r.depth[rule] > maxDepth && r.state[joined] == sound:
		return rule.Errorf(line, "more than %d correlations join one another in a row: join the rules themselves", maxDepth)
	case joined.Correlation == nil || r.state[joined] == sound:
		return nil
	case r.state[joined] == visiting:
		return rule.Errorf(line, "the correlation depends on itself through %q", name)
	}
	return rule.Errorf(line, "rule %q is refused itself", name)
}

// FieldOf returns the field that a name of the correlation means in documents
// of a rule that it joins, which aliases may call by what the correlation calls
// it, by its id or by its name.
func FieldOf(spec *sigma.Correlation, field, as string, joined *sigma.Rule) string {
	byRule := spec.Aliases[field]
	for _, key := range []string{as, joined.ID, joined.Name} {
		if name, ok := byRule[key]; ok && key != "" {
			return name
		}
	}
	return field
}
