package alertset

import (
	"slices"
	"strconv"
	"time"

	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/incident"
)

// Grouping says which incident each alert of a scenario belongs to.
type Grouping struct {
	Of       []int              // by alert: number of its incident
	Severity []finding.Severity // by incident
	// Medium and High are when an incident first was as severe, by its number;
	// zero for never. Nil where the grouping has no notion of it.
	Medium, High map[int]time.Time
}

// Verdict is how well a grouping finds the attack.
type Verdict struct {
	Purity       float64 // attack alerts in the best incident / its alerts
	Completeness float64 // attack alerts in the best incident / all of the attack
	KindPurity   float64 // the same over kinds of alerts (rule and host): repeats count once
	KindComplete float64
	Steps        float64 // part of the attack's steps of which the best incident has an alert
	Incidents    int     // at medium and above with an alert of the attack
	Benign       float64 // a day, at medium and above, mostly of other alerts
	BenignHigh   float64 // a day, of those that were high at a time
	MediumStep   int     // steps begun when the best incident was first medium; 0 for never
	HighStep     int     // the same for high
}

// tallied is what an incident holds.
type tallied struct {
	alerts, attack int
	kinds, bad     map[kind]bool
	steps          map[string]bool
}

type kind struct{ rule, host string }

// Judge compares a grouping with the labels.
func (s Scenario) Judge(g Grouping) Verdict {
	groups := make([]tallied, len(g.Severity))
	all := newTallied()
	for i, a := range s.Alerts {
		t := &groups[g.Of[i]]
		if t.kinds == nil {
			*t = newTallied()
		}
		t.add(a)
		all.add(a)
	}
	best := 0
	for i := range groups {
		if groups[i].attack > groups[best].attack {
			best = i
		}
	}
	b := groups[best]
	v := Verdict{
		Purity: ratio(b.attack, b.alerts), Completeness: ratio(b.attack, all.attack),
		KindPurity: ratio(len(b.bad), len(b.kinds)), KindComplete: ratio(len(b.bad), len(all.bad)),
		Steps: ratio(len(b.steps), len(all.steps)), MediumStep: s.stepsBefore(g.Medium[best]), HighStep: s.stepsBefore(g.High[best]),
	}
	for i, t := range groups {
		if g.Severity[i] < finding.Medium {
			continue
		}
		if t.attack > 0 {
			v.Incidents++
		}
		if 2*t.attack < t.alerts {
			v.Benign += 1 / s.Days()
			if !g.High[i].IsZero() {
				v.BenignHigh += 1 / s.Days()
			}
		}
	}
	return v
}

func newTallied() tallied {
	return tallied{kinds: make(map[kind]bool), bad: make(map[kind]bool), steps: make(map[string]bool)}
}

func (t *tallied) add(a Alert) {
	k := kind{a.Rule, a.Host}
	t.alerts++
	t.kinds[k] = true
	if a.Step != "" {
		t.attack++
		t.bad[k] = true
		t.steps[a.Step] = true
	}
}

func ratio(a, b int) float64 {
	if b == 0 {
		return 0
	}
	return float64(a) / float64(b)
}

// stepsBefore returns how many steps had begun by a time.
func (s Scenario) stepsBefore(at time.Time) int {
	if at.IsZero() {
		return 0
	}
	steps := make(map[string]bool)
	for _, a := range s.Alerts {
		if a.Step != "" && !a.Time.After(at) {
			steps[a.Step] = true
		}
	}
	return len(steps)
}

// Correlate groups the alerts with the engine. FalseAlarms may be nil.
func (s Scenario) Correlate(falseAlarms map[string]float64) Grouping {
	e := incident.New(incident.Limits{})
	member := make([]string, len(s.Alerts)) // by alert: the signal it repeats
	since := [...]onset{finding.Medium: {}, finding.High: {}}
	for i, a := range s.Alerts {
		r := e.Add(a.Signal(i, falseAlarms))
		member[i] = r.Signal
		changed := e.Changed()
		if r.Repeat && i%repeatsTold != 0 {
			continue // it tells nothing but how many there are
		}
		for _, id := range changed {
			if inc, ok := e.Incident(id); ok {
				for level := finding.Medium; level <= inc.Severity; level++ {
					since[level].note(inc, a.Time)
				}
			}
		}
	}
	return s.grouping(e, member, since[finding.Medium], since[finding.High])
}

// repeatsTold is after how many alerts an incident is looked at again where
// there are only repeats: what they change is noticed later by so much at most.
const repeatsTold = 128

// onset is when the incident of a signal first was as severe.
type onset map[string]time.Time

func (o onset) note(inc finding.Incident, at time.Time) {
	for _, line := range inc.Story {
		if _, ok := o[line.Signals[0]]; !ok {
			o[line.Signals[0]] = at
		}
	}
}

// of returns when the earliest of an incident's signals was.
func (o onset) of(inc finding.Incident) (first time.Time) {
	for _, line := range inc.Story {
		if t, ok := o[line.Signals[0]]; ok && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	return first
}

func (s Scenario) grouping(e *incident.Engine, member []string, medium, high onset) Grouping {
	g := Grouping{Of: make([]int, len(member)), Medium: make(map[int]time.Time), High: make(map[int]time.Time)}
	of := make(map[string]int) // by signal
	for _, id := range e.Incidents() {
		inc, _ := e.Incident(id)
		n := len(g.Severity)
		g.Severity = append(g.Severity, inc.Severity)
		g.Medium[n], g.High[n] = medium.of(inc), high.of(inc)
		for _, line := range inc.Story {
			of[line.Signals[0]] = n
		}
	}
	for i, m := range member {
		n, ok := of[m]
		if !ok { // an alert alone is no incident
			n = len(g.Severity)
			g.Severity = append(g.Severity, finding.Informational)
			of[m] = n
		}
		g.Of[i] = n
	}
	return g
}

// ByHost groups what happens on one host without a pause of half an hour.
func (s Scenario) ByHost() Grouping {
	return s.byGap(30*time.Minute, func(a Alert) string { return a.Host })
}

// ByRule groups the repeats of a rule on a host without a pause of an hour.
func (s Scenario) ByRule() Grouping {
	return s.byGap(time.Hour, func(a Alert) string { return a.Host + "\x00" + a.Rule })
}

// byGap groups alerts with the same value that follow each other within a gap.
func (s Scenario) byGap(gap time.Duration, value func(Alert) string) Grouping {
	g := Grouping{Of: make([]int, len(s.Alerts))}
	type open struct {
		number int
		last   time.Time
	}
	groups := make(map[string]open)
	for i, a := range s.Alerts {
		v := value(a)
		o, ok := groups[v]
		if !ok || a.Time.Sub(o.last) > gap {
			o.number = len(g.Severity)
			g.Severity = append(g.Severity, finding.Informational)
		}
		o.last = a.Time
		groups[v] = o
		g.Of[i] = o.number
		g.Severity[o.number] = max(g.Severity[o.number], a.Severity())
	}
	return g
}

// ByAnyEvidence joins whatever shares a host within half an hour, or a rule on
// two hosts within ten minutes, all evidence counting the same.
func (s Scenario) ByAnyEvidence() Grouping {
	above := make([]int, len(s.Alerts))
	last := make(map[string]int)
	join := func(i int, key string, gap time.Duration) {
		if p, ok := last[key]; ok && s.Alerts[i].Time.Sub(s.Alerts[p].Time) <= gap {
			above[root(above, i)] = root(above, p)
		}
		last[key] = i
	}
	for i, a := range s.Alerts {
		above[i] = i
		join(i, "host "+a.Host, 30*time.Minute)
		join(i, "rule "+a.Rule, 10*time.Minute)
	}
	g := Grouping{Of: make([]int, len(s.Alerts))}
	number := make(map[int]int)
	for i, a := range s.Alerts {
		r := root(above, i)
		n, ok := number[r]
		if !ok {
			n = len(g.Severity)
			number[r] = n
			g.Severity = append(g.Severity, finding.Informational)
		}
		g.Of[i] = n
		g.Severity[n] = max(g.Severity[n], a.Severity())
	}
	return g
}

func root(above []int, i int) int {
	for above[i] != i {
		above[i] = above[above[i]]
		i = above[i]
	}
	return i
}

// String returns the verdict on one line.
func (v Verdict) String() string {
	f := func(x float64) string { return strconv.FormatFloat(x, 'f', 3, 64) }
	return "purity " + f(v.Purity) + " completeness " + f(v.Completeness) + " kinds " + f(v.KindPurity) + "/" + f(v.KindComplete) +
		" steps " + f(v.Steps) + " incidents " + strconv.Itoa(v.Incidents) + " benign/day " + f(v.Benign) + ", high " + f(v.BenignHigh) + " medium, high at step " + strconv.Itoa(v.MediumStep) + " " + strconv.Itoa(v.HighStep)
}

// Names of groupings.
const (
	Unlearned = "unlearned" // the engine without knowledge
	Learned   = "learned"   // the engine with rates of false alarms of the other scenarios
)

// Baselines are the names of the groupings beside the engine's.
var Baselines = []string{"host, 30 min", "any evidence", "same rule"}

// Compare judges the engine and the baselines on each scenario and reports
// each verdict as it comes. The result is by grouping, in the scenarios' order.
func Compare(scenarios []Scenario, report func(scenario, how string, v Verdict)) map[string][]Verdict {
	verdicts := make(map[string][]Verdict)
	for i, s := range scenarios {
		others := append(slices.Clone(scenarios[:i]), scenarios[i+1:]...)
		for how, g := range map[string]Grouping{
			Unlearned: s.Correlate(nil), Learned: s.Correlate(FalseAlarms(others)),
			Baselines[0]: s.ByHost(), Baselines[1]: s.ByAnyEvidence(), Baselines[2]: s.ByRule(),
		} {
			v := s.Judge(g)
			report(s.Name, how, v)
			verdicts[how] = append(verdicts[how], v)
		}
	}
	return verdicts
}
