package sigma

import (
	"fmt"
	"slices"
	"strings"

	"github.com/holdfast-security/holdfast/detect/sigma/document"
)

// Filter narrows detections: they match only where its condition holds, too.
// An exclusion hence says `condition: not selection`, as the reference
// implementation has it; the specification leaves this open.
type Filter struct {
	Rules     []string // ids or names; empty for all detections of the log source
	Lines     []int    // of the entries of Rules
	Detection *Detection
}

// parseFilter reads a filter document's filter map.
func parseFilter(given *reading, n *document.Node) (*Filter, error) {
	f := &Filter{}
	named := false
	detection := &document.Node{Kind: document.Map, Line: n.Line}
	err := document.EachPair(n, "filter", func(key, value *document.Node) (err error) {
		if key.Text != "rules" {
			detection.Items = append(detection.Items, key, value)
			return nil
		}
		named = true
		f.Rules, f.Lines, err = references(key, value)
		if value.Scalar() && strings.EqualFold(value.Text, "any") {
			f.Rules, f.Lines = nil, nil
		} else if len(f.Rules) == 0 {
			return document.At(value, "the filter names no rules: list their ids or names, or write rules: any")
		}
		return err
	})
	switch {
	case err != nil:
		return nil, err
	case !named:
		return nil, document.At(n, "the filter does not say for which rules: list their ids or names under rules, or write rules: any")
	}
	f.Detection, err = parseDetection(given, detection)
	return f, err
}

// Names finds rules by what correlations and filters call them.
type Names map[string]*Rule

// NamesOf returns the ids and names of rules. A name goes before an id.
func NamesOf(rules []*Rule) Names {
	names := make(Names)
	for _, rule := range rules {
		if rule.ID != "" {
			names[strings.ToLower(rule.ID)] = rule
		}
	}
	for _, rule := range rules {
		if rule.Name != "" {
			names[strings.ToLower(rule.Name)] = rule
		}
	}
	return names
}

// Find returns the rule with an id or name, in any case, or nil.
func (n Names) Find(name string) *Rule { return n[strings.ToLower(name)] }

// Covers reports whether a log source is one of those that l means: each part
// of l is empty or the same.
func (l LogSource) Covers(other LogSource) bool {
	return (l.Product == "" || l.Product == other.Product) && (l.Category == "" || l.Category == other.Category) &&
		(l.Service == "" || l.Service == other.Service)
}

// With returns a copy of a detection that matches only where the filter's
// condition holds, too.
func (r *Rule) With(filter *Rule) *Rule {
	own, more := r.Detection, filter.Filter.Detection
	d := &Detection{
		Selections: slices.Clone(own.Selections), Condition: And{own.Condition, shift(more.Condition, len(own.Selections))},
		Text: fmt.Sprintf("(%s) and filter %q: (%s)", own.Text, filter.Title, more.Text),
	}
	for _, s := range more.Selections {
		s.Name = fmt.Sprintf("%s of filter %q", s.Name, filter.Title)
		d.Selections = append(d.Selections, s)
	}
	narrowed := *r
	narrowed.Detection, narrowed.Filtered = d, append(slices.Clone(r.Filtered), filter)
	return &narrowed
}

// shift returns a condition whose selections stand n places further on.
func shift(x Expr, n int) Expr {
	shifted := func(parts []Expr) []Expr {
		all := make([]Expr, len(parts))
		for i, part := range parts {
			all[i] = shift(part, n)
		}
		return all
	}
	switch x := x.(type) {
	case And:
		return And(shifted(x))
	case Or:
		return Or(shifted(x))
	case Not:
		return Not{shift(x.X, n)}
	case Ref:
		return Ref(int(x) + n)
	}
	return x
}

// Bounds of filters.
const (
	maxFilters     = 64 // of one rule
	maxOpenFilters = 64 // that name no rules
)

// Narrow applies the filters among rules to the others, in whose order it
// returns them, with those of the filters that are in use at the end. A filter
// of a rule that is not there, or that it cannot narrow, is left out, as is one
// too many; for each it gives an error of type [*Error].
func Narrow(rules []*Rule) (kept, filters []*Rule, errs []error) {
	n := narrower{names: NamesOf(rules), of: make(map[*Rule][]*Rule)}
	for _, rule := range rules {
		if rule.Filter == nil {
			continue
		}
		if err := n.add(rule); err != nil {
			errs = append(errs, err)
		} else {
			filters = append(filters, rule)
		}
	}
	for _, rule := range rules {
		if rule.Filter != nil {
			continue
		}
		for _, filter := range n.filters(rule) {
			rule = rule.With(filter)
		}
		kept = append(kept, rule)
	}
	return kept, filters, errs
}

type narrower struct {
	names Names
	of    map[*Rule][]*Rule // filters of rules that they name
	open  []*Rule           // filters of all rules of a log source
}

func (n *narrower) add(filter *Rule) error {
	f := filter.Filter
	if len(f.Rules) == 0 {
		if len(n.open) == maxOpenFilters {
			return filter.Errorf(filter.Line, "there are more than %d filters with rules: any: name the rules, or join some", maxOpenFilters)
		}
		n.open = append(n.open, filter)
		return nil
	}
	named := make([]*Rule, len(f.Rules))
	for i, name := range f.Rules {
		rule := n.names.Find(name)
		switch {
		case rule == nil:
			return filter.Errorf(f.Lines[i], "no rule has the id or name %q: load the rule together with this filter, or leave it out here", name)
		case rule.Detection == nil:
			return filter.Errorf(f.Lines[i], "%q is not a detection: a filter narrows neither correlations nor filters", name)
		case !filter.LogSource.Covers(rule.LogSource):
			return filter.Errorf(f.Lines[i], "rule %q is for log source %s, the filter for %s", name, rule.LogSource, filter.LogSource)
		case len(n.of[rule]) == maxFilters:
			return filter.Errorf(f.Lines[i], "rule %q has more than %d filters: join some", name, maxFilters)
		}
		named[i] = rule
	}
	for _, rule := range named {
		if list := n.of[rule]; !slices.Contains(list, filter) {
			n.of[rule] = append(list, filter)
		}
	}
	return nil
}

// filters returns the filters of a rule.
func (n *narrower) filters(rule *Rule) []*Rule {
	filters := n.of[rule]
	if rule.Detection == nil {
		return nil
	}
	for _, filter := range n.open {
		if filter.LogSource.Covers(rule.LogSource) {
			filters = append(filters, filter)
		}
	}
	return filters
}
