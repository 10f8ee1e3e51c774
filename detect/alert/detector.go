package alert

import (
	"time"

	"github.com/holdfast-security/holdfast/detect"
	"github.com/holdfast-security/holdfast/detect/fields"
	"github.com/holdfast-security/holdfast/detect/indicator"
	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/finding"
)

// Detector runs events through a rule set and hands out alerts. It is for one
// goroutine.
type Detector struct {
	rules   *detect.Ruleset
	mapper  *fields.Mapper
	again   *fields.Mapper // of earlier events, while mapper is at work
	matcher *detect.Matcher
	raiser  *Raiser
	report  func(a finding.Alert, repeat bool)
	match   func(*detect.Document)
	raise   func(detect.Match)
	stats   Stats
}

// Stats is what a detector has done.
type Stats struct {
	Events  uint64 `json:"events"`  // handled
	Matches uint64 `json:"matches"` // rules that matched
	Alerts  uint64 `json:"alerts"`  // raised, repeats not counted
	Evicted uint64 `json:"evicted"` // alerts forgotten to keep memory bounded: their repeats count as new
}

// NewDetector returns a detector for a rule set. Report is called on the
// goroutine of [Detector.Handle] for each new alert and each repeat of one, see
// [Raiser.Raise]. Now stamps alerts; nil means [time.Now].
func NewDetector(rules *detect.Ruleset, limits detect.Limits, now func() time.Time, report func(a finding.Alert, repeat bool)) *Detector {
	d := &Detector{rules: rules, mapper: fields.NewMapper(rules), again: fields.NewMapper(rules), matcher: rules.NewMatcher(limits), raiser: NewRaiser(now), report: report}
	d.raise = d.raiseMatch
	d.matcher.RecallWith(func(ref any, each func(*detect.Document)) {
		if ev, ok := ref.(*event.Event); ok {
			d.again.Each(ev, each)
		}
	})
	d.match = func(doc *detect.Document) { d.matcher.Match(doc, d.raise) }
	return d
}

// Memory is what detection remembers of one host: correlations under way and
// alerts that may be repeated. It is for one goroutine, and for the detector
// that made it.
type Memory struct {
	correlations *detect.Memory
	rollup       rollup
}

// NewMemory returns an empty memory with room for so many alerts that may be
// repeated; zero or less means 10,000.
func (d *Detector) NewMemory(limits detect.Limits, alerts int) *Memory {
	return &Memory{correlations: d.rules.NewMemory(limits), rollup: rollup{limit: alerts}}
}

// Use makes m the memory for the events that are handled next. A detector that
// serves several hosts keeps a memory for each: their clocks differ, and what
// one does must not hide what another does.
func (d *Detector) Use(m *Memory) {
	d.matcher.Use(m.correlations)
	d.raiser.rollup = &m.rollup
}

// UseIndicators makes lists the source of what is known to be malicious, see
// [fields.Mapper.UseIndicators].
func (d *Detector) UseIndicators(lists *indicator.Live) {
	d.mapper.UseIndicators(lists)
	d.again.UseIndicators(lists)
}

// NeedsRecords reports whether a rule looks at raw audit records, so that
// sensors and readers should attach them to events.
func (d *Detector) NeedsRecords() bool { return d.mapper.NeedsRecords() }

// Handle runs events through the rules, in their order. Correlations and
// alerts keep references to events; they must not change afterwards.
func (d *Detector) Handle(events []*event.Event) {
	for _, ev := range events {
		d.stats.Events++
		d.mapper.Each(ev, d.match)
	}
}

func (d *Detector) raiseMatch(m detect.Match) {
	d.stats.Matches++
	a, repeat := d.raiser.Raise(m)
	if !repeat {
		d.stats.Alerts++
	}
	d.report(a, repeat)
}

// Stats returns what the detector has done so far.
func (d *Detector) Stats() Stats {
	s := d.stats
	s.Evicted = d.raiser.Evicted()
	return s
}
