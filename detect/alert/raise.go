// Package alert turns what the rule engine matches into alerts that explain
// themselves: what happened in words, who did it with the whole lineage, which
// fields made the rule fire, and what to do.
//
// A [Raiser] makes a [finding.Alert] of a match, or recognises it as a repeat
// of an alert that is already out; repeats raise its count instead of a new
// alert. A [Detector] is the whole way from an event to an alert: documents,
// rules, raiser. Both are for one goroutine, do no I/O and keep bounded state;
// the same code runs live, on recorded logs and in tests.
package alert

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"time"

	"github.com/holdfast-security/holdfast/detect"
	"github.com/holdfast-security/holdfast/detect/sigma"
	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/finding"
)

const (
	maxEvidence = 16
	maxMatches  = 32
)

// Raiser turns matches into alerts. Make it with [NewRaiser].
type Raiser struct {
	now     func() time.Time
	rollup  *rollup
	evicted uint64 // over all roll-ups
}

// NewRaiser returns a Raiser that stamps alerts with the time that now
// returns; nil means [time.Now].
func NewRaiser(now func() time.Time) *Raiser {
	if now == nil {
		now = time.Now
	}
	return &Raiser{now: now, rollup: &rollup{}}
}

// Raise returns the alert of a match. Where it repeats an alert that is out,
// the result is that alert with a higher count and a later last time, and
// repeat is true. The references of the match's documents must be *event.Event
// or nil.
func (r *Raiser) Raise(m detect.Match) (a finding.Alert, repeat bool) {
	a = r.build(m)
	first, evicted := r.rollup.find(&a, m.Group)
	r.evicted += evicted
	if first != nil {
		first.Count += a.Count
		if a.LastTime.After(first.LastTime) {
			first.LastTime = a.LastTime
		}
		return *first, true
	}
	return a, false
}

// Evicted returns how many alerts were forgotten to keep memory bounded: a
// match that would have been a repeat of one of them is raised anew.
func (r *Raiser) Evicted() uint64 { return r.evicted }

func (r *Raiser) build(m detect.Match) finding.Alert {
	rule := m.Rule
	a := finding.Alert{
		Type: TypeOf(rule), Title: rule.Title, Severity: rule.Level.Severity(),
		Time: m.Time, LastTime: m.Time, Raised: r.now(), Count: 1,
		Meaning: rule.Description, Steps: []string{},
		Tactics: present(rule.Tactics()), Methods: present(rule.Techniques()),
		Matches: []finding.Match{}, Evidence: []event.Event{},
		Rule: finding.Rule{ID: rule.ID, Title: rule.Title, Author: rule.Author, Path: rule.Path},
	}
	a.Story = detect.Expand(rule.Holdfast.Story, m.Document)
	if a.Story == "" {
		a.Story = rule.Title
	}
	for _, step := range rule.Holdfast.Remediation {
		a.Steps = append(a.Steps, detect.Expand(step, m.Document))
	}
	addEvidence(&a, m.Evidence())
	a.ID = identify(&a, m.Group)
	return a
}

// present returns list, or an empty list for nil, which JSON would show as
// null.
func present[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// TypeOf returns the alert type of a rule; a foreign rule, which has none, is
// its own type.
func TypeOf(rule *sigma.Rule) finding.AlertType {
	switch {
	case rule.Holdfast.AlertType != "":
		return rule.Holdfast.AlertType
	case rule.ID != "":
		return finding.AlertType("sigma:" + rule.ID)
	}
	return finding.AlertType("sigma:" + rule.Title)
}

// addEvidence fills in who did it and why the rule fired. The evidence is in
// the order of time, and its last piece completed the match: its event is what
// the alert is about.
func addEvidence(a *finding.Alert, evidence []detect.Evidence) {
	if n := len(evidence); n > maxEvidence {
		evidence = evidence[n-maxEvidence:]
	}
	for _, piece := range evidence {
		ev, ok := piece.Ref.(*event.Event)
		if !ok || ev == nil {
			continue
		}
		for _, reason := range piece.Reasons {
			if len(a.Matches) < maxMatches {
				a.Matches = append(a.Matches, finding.Match{
					Field: reason.Field, Value: reason.Value, Condition: reason.Condition,
					Selection: reason.Selection, Event: len(a.Evidence),
				})
			}
		}
		a.Evidence = append(a.Evidence, *ev)
		a.Host = ev.Host
		if ev.Process != nil {
			a.Process = ev.Process
		}
	}
}

// identify derives the id of an alert from what it is about: the rule, the
// host, the event that completed the match, and what it is told apart by. The
// same events read again, after a crash for one, give the same id, so that
// whoever keeps alerts by their id keeps each once.
func identify(a *finding.Alert, group []detect.Value) string {
	key := append([]byte("holdfast alert\x00"), a.Rule.ID...)
	key = append(append(key, 0), a.Rule.Title...)
	key = append(append(key, 0), a.Host...)
	key = binary.BigEndian.AppendUint64(append(key, 0), uint64(a.Time.UnixNano()))
	if n := len(a.Evidence); n > 0 {
		last := &a.Evidence[n-1]
		key = binary.BigEndian.AppendUint64(key, last.Serial)
		if last.Process != nil {
			key = append(key, last.Process.UID.String()...)
		}
	}
	h := sha256.New()
	h.Write(key)
	if len(group) > 0 {
		hashGroup(h, group)
	} else {
		hashCircumstances(h, a)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}
