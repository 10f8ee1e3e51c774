package detect

import (
	"strings"
	"time"

	"github.com/holdfast-security/holdfast/detect/sigma"
)

// correlation is a compiled correlation rule.
type correlation struct {
	number  int32 // in Ruleset.rules
	rule    *sigma.Rule
	members []member
	needed  int  // least count that satisfies the bounds
	atEnd   bool // the bounds have an upper end: judged when the window is over
	capture []FieldID
}

// member is one rule of a correlation.
type member struct {
	number  int32     // in Ruleset.rules
	groupBy []FieldID // fields of this rule's documents, in the order of group-by
	field   FieldID   // whose values are counted
}

// feed says that a rule is a member of a correlation.
type feed struct{ correlation, member int32 }

// resolvable leaves out correlations of rules that are not there and those
// that depend on themselves.
func resolvable(rules []*sigma.Rule) (kept []*sigma.Rule, errs []error) {
	r := resolver{byName: rulesByName(rules), state: make(map[*sigma.Rule]visit), errs: make(map[*sigma.Rule]error)}
	for _, rule := range rules {
		if err := r.visit(rule); err != nil {
			errs = append(errs, err)
			continue
		}
		kept = append(kept, rule)
	}
	return kept, errs
}

func rulesByName(rules []*sigma.Rule) map[string]*sigma.Rule {
	byName := make(map[string]*sigma.Rule)
	for _, rule := range rules {
		if rule.ID != "" {
			byName[strings.ToLower(rule.ID)] = rule
		}
	}
	for _, rule := range rules {
		if rule.Name != "" {
			byName[strings.ToLower(rule.Name)] = rule
		}
	}
	return byName
}

type visit uint8

const (
	visiting visit = iota + 1
	sound
	unsound
)

type resolver struct {
	byName map[string]*sigma.Rule
	state  map[*sigma.Rule]visit
	errs   map[*sigma.Rule]error // of unsound rules
}

// visit checks a rule and, first, those it joins.
func (r *resolver) visit(rule *sigma.Rule) error {
	if rule.Correlation == nil || r.state[rule] != 0 {
		return r.errs[rule]
	}
	r.state[rule] = visiting
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
	joined := r.byName[strings.ToLower(name)]
	if joined == nil {
		return ruleError(rule, line, "no rule has the id or name %q: load the rule together with this correlation", name)
	}
	r.visit(joined) // its own error is reported when its turn comes
	switch {
	case joined.Correlation == nil || r.state[joined] == sound:
		return nil
	case r.state[joined] == visiting:
		return ruleError(rule, line, "the correlation depends on itself through %q", name)
	}
	return ruleError(rule, line, "rule %q is refused itself", name)
}

// compileCorrelations resolves members and fields.
func (r *Ruleset) compileCorrelations() {
	byName := rulesByName(r.rules)
	r.feeds = make([][]feed, len(r.rules))
	r.reported = make([]bool, len(r.rules))
	quiet := make(map[int32]bool) // joined by correlations
	loud := make(map[int32]bool)  // … that say generate: true
	for number, rule := range r.rules {
		if rule.Correlation == nil {
			continue
		}
		c := r.compileCorrelation(int32(number), rule, byName)
		for i, m := range c.members {
			quiet[m.number] = true
			loud[m.number] = loud[m.number] || rule.Correlation.Generate
			r.feeds[m.number] = append(r.feeds[m.number], feed{int32(len(r.correlations)), int32(i)})
		}
		r.correlations = append(r.correlations, c)
	}
	for number, rule := range r.rules {
		n := int32(number)
		r.reported[n] = !quiet[n] || loud[n] || rule.Holdfast.AlertType != ""
	}
}

func (r *Ruleset) compileCorrelation(number int32, rule *sigma.Rule, byName map[string]*sigma.Rule) *correlation {
	spec := rule.Correlation
	c := &correlation{number: number, rule: rule, needed: 1, atEnd: !spec.Holds(1 << 30)}
	for !spec.Holds(c.needed) {
		c.needed++ // ends: the parser refuses bounds that nothing satisfies
	}
	for _, name := range spec.Rules {
		joined := byName[strings.ToLower(name)]
		m := member{number: r.numbers[joined], field: r.Field(aliased(spec, spec.Field, name, joined))}
		for _, field := range spec.GroupBy {
			m.groupBy = append(m.groupBy, r.Field(aliased(spec, field, name, joined)))
		}
		c.members = append(c.members, m)
	}
	for _, name := range shown(rule) {
		c.capture = append(c.capture, r.Field(name))
	}
	return c
}

// aliased returns the field that a name of the correlation means in documents
// of a joined rule, which aliases may call by what the correlation calls it, by
// its id or by its name.
func aliased(spec *sigma.Correlation, field, as string, joined *sigma.Rule) string {
	byRule := spec.Aliases[field]
	for _, key := range []string{as, joined.ID, joined.Name} {
		if name, ok := byRule[key]; ok && key != "" {
			return name
		}
	}
	return field
}

// stepTolerance is how much earlier than the latest a document may be before
// the host's clock is taken to have been set back.
const stepTolerance = time.Minute

// clock turns times of documents into a time that hardly goes back: when the
// host's clock is set back, it goes on from where it was, and when the clock is
// set right again it does not jump.
type clock struct {
	last   time.Time
	offset time.Duration
	steps  uint64
	late   uint64
}

// read returns the time to use for a document of time t.
func (c *clock) read(t time.Time) time.Time {
	if c.last.IsZero() {
		c.last = t
		return t
	}
	t = t.Add(c.offset)
	switch ahead := t.Sub(c.last); {
	case ahead < -stepTolerance:
		c.offset -= ahead
		c.steps++
		return c.last
	case ahead < 0:
		c.late++
		return t
	case ahead > stepTolerance && c.offset > 0:
		back := min(c.offset, ahead)
		c.offset -= back
		t = t.Add(-back)
	}
	c.last = t
	return t
}

// Counters say what a matcher has done and what it had to leave out.
type Counters struct {
	Documents  uint64        `json:"documents"`
	Evaluated  uint64        `json:"evaluated"`   // rules evaluated, over all documents
	Late       uint64        `json:"late"`        // documents earlier than the one before, by up to a minute
	ClockSteps uint64        `json:"clock_steps"` // times the clock went back further
	Ungrouped  uint64        `json:"ungrouped"`   // matches a correlation left out because a group-by field was absent
	Rules      []RuleCounter `json:"rules"`       // of correlations
}

// RuleCounter says how full the state of a correlation is.
type RuleCounter struct {
	Rule          *sigma.Rule `json:"-"`
	ID            string      `json:"rule"`
	Groups        int         `json:"groups"`         // entities remembered now
	Evicted       uint64      `json:"evicted"`        // entities forgotten for lack of room
	ValuesDropped uint64      `json:"values_dropped"` // values not counted for lack of room
}

// Counters returns the counters since the matcher was made.
func (m *Matcher) Counters() Counters {
	c := Counters{
		Documents: m.documents, Evaluated: m.evaluated, Late: m.state.clock.late, ClockSteps: m.state.clock.steps,
		Ungrouped: m.state.ungrouped,
	}
	for _, s := range m.state.tables {
		rule := s.c.rule
		c.Rules = append(c.Rules, RuleCounter{rule, rule.ID, len(s.groups), s.evicted, s.dropped})
	}
	return c
}
