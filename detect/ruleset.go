package detect

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/holdfast-security/holdfast/detect/burden"
	"github.com/holdfast-security/holdfast/detect/correlation"
	"github.com/holdfast-security/holdfast/detect/sigma"
	"github.com/holdfast-security/holdfast/detect/wording"
)

// Ruleset is a set of compiled rules. It is immutable and safe for concurrent
// use; documents and matchers made from it are not.
type Ruleset struct {
	rules        []*sigma.Rule
	numbers      map[*sigma.Rule]int32
	names        []string // of fields, by FieldID
	fields       map[string]FieldID
	parts        map[sigma.LogSource]*partition
	ordered      []*partition // by log source
	correlations []*joining
	feeds        [][]feed // by rule: the correlations it takes part in
	reported     []bool   // by rule: whether its matches are handed out
	size         sizes
	filters      int // that narrow rules
}

// sizes is how many of each thing all partitions together number.
type sizes struct{ literals, groups, predicates, rules, scanners, watched, expressions int }

// Compile indexes rules. A rule that cannot be evaluated is left out and gives
// an error of type [*sigma.Error]; the others work. The order of the rules is
// the order in which [Matcher.Match] reports matches of one document. Filters
// become part of the rules that they narrow, of which the set then has copies.
func Compile(rules []*sigma.Rule) (*Ruleset, []error) {
	r := &Ruleset{
		numbers: make(map[*sigma.Rule]int32), parts: make(map[sigma.LogSource]*partition),
		names: []string{"", ""}, fields: make(map[string]FieldID),
	}
	kept, errs := uniqueRules(rules)
	kept, filters, refused := sigma.Narrow(kept)
	kept, heavy := burden.Within(kept)
	kept, unresolved := correlation.Resolve(kept)
	errs = slices.Concat(errs, refused, heavy, unresolved)
	r.filters = len(filters)
	bySource := make(map[sigma.LogSource][]*sigma.Rule)
	for _, rule := range kept {
		r.numbers[rule] = int32(len(r.rules))
		r.rules = append(r.rules, rule)
		r.addFields(rule)
		if rule.Detection != nil {
			bySource[rule.LogSource] = append(bySource[rule.LogSource], rule)
		}
	}
	for _, source := range slices.SortedFunc(maps.Keys(bySource), compareSources) {
		part := compilePartition(r, bySource[source])
		r.parts[source] = part
		r.ordered = append(r.ordered, part)
	}
	r.compileCorrelations()
	return r, errs
}

func compareSources(a, b sigma.LogSource) int {
	return cmp.Or(cmp.Compare(a.Product, b.Product), cmp.Compare(a.Category, b.Category), cmp.Compare(a.Service, b.Service))
}

// uniqueRules leaves out rules whose id or name an earlier one has.
func uniqueRules(rules []*sigma.Rule) (kept []*sigma.Rule, errs []error) {
	ids := make(map[string]*sigma.Rule)
	for _, rule := range rules {
		if first := cmp.Or(ids[strings.ToLower(rule.ID)], ids["name "+strings.ToLower(rule.Name)]); first != nil {
			errs = append(errs, rule.Errorf(rule.Line, "the id or name of this rule is that of %s:%d, too: give it its own", first.Path, first.Line))
			continue
		}
		if rule.ID != "" {
			ids[strings.ToLower(rule.ID)] = rule
		}
		if rule.Name != "" {
			ids["name "+strings.ToLower(rule.Name)] = rule
		}
		kept = append(kept, rule)
	}
	return kept, errs
}

// addFields gives ids to the fields that a rule uses.
func (r *Ruleset) addFields(rule *sigma.Rule) {
	for _, name := range FieldsOf(rule) {
		r.addField(name)
	}
}

// FieldsOf returns the names of the fields that a rule looks at, or shows in
// its story and remediation steps, in the order of their first use. What a
// correlation's aliases stand for is among them, but the aliases are not:
// documents have no such fields.
func FieldsOf(rule *sigma.Rule) []string {
	var names []string
	add := func(name string) {
		if name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if rule.Detection != nil {
		for _, s := range rule.Detection.Selections {
			for _, item := range slices.Concat(s.Groups...) {
				add(item.Field)
				if item.Op == sigma.OpFieldRef {
					for _, v := range item.Values {
						add(v.Text)
					}
				}
			}
		}
	}
	if c := rule.Correlation; c != nil {
		for _, name := range slices.Concat(c.GroupBy, c.Fields) {
			meant := c.Aliases[name]
			for _, rule := range slices.Sorted(maps.Keys(meant)) {
				add(meant[rule])
			}
			if len(meant) < len(c.Rules) {
				add(name) // in documents of the other rules
			}
		}
	}
	for _, name := range shown(rule) {
		add(name)
	}
	return names
}

// shown returns the fields in the templates of a rule.
func shown(rule *sigma.Rule) []string {
	return wording.Fields(append([]string{rule.Holdfast.Story}, rule.Holdfast.Remediation...)...)
}

func (r *Ruleset) addField(name string) {
	if name == "" || r.fields[name] != NoField {
		return
	}
	r.fields[name] = FieldID(len(r.names))
	r.names = append(r.names, name)
}

// Rules returns the compiled rules in the order given to [Compile]. The slice
// is the caller's.
func (r *Ruleset) Rules() []*sigma.Rule { return slices.Clone(r.rules) }

// Field returns the id of the named field, or [NoField] if no rule uses it.
func (r *Ruleset) Field(name string) FieldID { return r.fields[name] }

// Fields returns the names of all fields that rules use, sorted.
func (r *Ruleset) Fields() []string { return slices.Sorted(maps.Keys(r.fields)) }

// FieldCount returns the number of field ids: each is below it.
func (r *Ruleset) FieldCount() int { return len(r.names) }

// FieldName returns the name of a field, "" for [NoField] and [Keywords].
func (r *Ruleset) FieldName(id FieldID) string { return r.names[id] }

// Source is where a document comes from, resolved to the rules that apply. The
// zero value has none.
type Source struct {
	logs  []sigma.LogSource
	parts []*partition
	rules int
}

// Source resolves the log sources of a kind of document, of which it needs at
// least one: a rule applies to it when, for one of them, each part of the
// rule's log source is empty or the same. Callers keep the result, for it takes
// a while.
func (r *Ruleset) Source(logs ...sigma.LogSource) Source {
	s := Source{logs: logs}
	for _, part := range r.ordered {
		if s.applies(part.source) {
			s.parts = append(s.parts, part)
			s.rules += len(part.rules)
		}
	}
	return s
}

// Log returns the first of the log sources, or none.
func (s Source) Log() sigma.LogSource {
	if len(s.logs) == 0 {
		return sigma.LogSource{}
	}
	return s.logs[0]
}

func (s Source) applies(rule sigma.LogSource) bool {
	return slices.ContainsFunc(s.logs, func(log sigma.LogSource) bool { return applies(rule, log) })
}

// Rules returns how many rules apply to documents of the source.
func (s Source) Rules() int { return s.rules }

func applies(rule, log sigma.LogSource) bool {
	return (rule.Product == "" || rule.Product == log.Product) &&
		(rule.Category == "" || rule.Category == log.Category) &&
		(rule.Service == "" || rule.Service == log.Service)
}

// NewDocument returns an empty document for the set.
func (r *Ruleset) NewDocument() *Document {
	return &Document{
		rules: r, values: make([]value, len(r.names)), lists: make([][]string, len(r.names)), said: make(map[*sigma.Item]string), epoch: 1,
	}
}

// Stats describes a compiled set.
type Stats struct {
	Rules        int `json:"rules"`         // detections and correlations
	Correlations int `json:"correlations"`  // of them
	Filters      int `json:"filters"`       // that narrow them
	Always       int `json:"always"`        // rules without a witness, evaluated for every event of their log source
	Literals     int `json:"literals"`      // found by the passes over fields
	Predicates   int `json:"predicates"`    // different tests
	IndexBytes   int `json:"index_bytes"`   // of the automata
	LogSources   int `json:"log_sources"`   // different ones among the rules
	FieldsInUse  int `json:"fields_in_use"` // different ones among the rules
}

// Stats returns what the set consists of.
func (r *Ruleset) Stats() Stats {
	s := Stats{
		Rules: len(r.rules), Correlations: len(r.correlations), Filters: r.filters, Literals: r.size.literals,
		Predicates: r.size.predicates, LogSources: len(r.parts), FieldsInUse: len(r.fields),
	}
	for _, part := range r.parts {
		s.Always += len(part.always)
		for _, scanner := range part.scanners {
			s.IndexBytes += scanner.automaton.Bytes() + scanner.wide.Bytes()
		}
	}
	return s
}

// AlwaysEvaluated returns the rules that have no witness literal, in order.
func (r *Ruleset) AlwaysEvaluated() []*sigma.Rule {
	var rules []*sigma.Rule
	for _, part := range r.ordered {
		for _, local := range part.always {
			rules = append(rules, r.rules[part.rules[local].number])
		}
	}
	return rules
}
