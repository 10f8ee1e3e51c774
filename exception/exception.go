// Package exception decides which alerts are covered by exceptions: known,
// wanted, and so kept out of sight.
//
// [Compile] turns exceptions into a [Set] that answers for an alert at once,
// however many there are: they are found by the rule or type that they are
// about, and within it by the value that one of their conditions demands, so
// that only those are compared whole that have a chance.
//
// An exception hides threats when it covers too much, so every doubt speaks
// against it. A condition holds only by what the alert says: a field that the
// alert does not have fits nothing, negated or not, a text that was cut or
// could not be shown to the person who wrote the exception neither. Where an
// alert has several values of a field, as with the files of several events,
// all of them have to fit: one that is known does not hide its neighbour.
//
// Alerts come from hosts and are hostile. There are no regular expressions, and
// comparing never goes back: its time is bounded by the lengths of text and
// pattern.
package exception

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/finding"
)

// Host is what exceptions may ask of the host of an alert. The zero value is a
// host of which nothing is known.
type Host struct {
	Name   string
	Labels map[string]string
}

// Set answers which exception covers an alert. It is made by [Compile], is
// never changed after, and may be used from any goroutine. A nil Set covers
// nothing.
type Set struct {
	byRule map[string]*shelf
	byType map[finding.AlertType]*shelf // of those that name no rule
	size   int
}

// Compile makes a set of the exceptions that are enabled, whether expired or
// not. Of several that cover an alert the oldest counts. An exception that is
// not valid, as one that a later version wrote, is left out, and the error
// names the first of them; the set is good all the same.
func Compile(list []finding.Exception) (*Set, error) {
	ordered := slices.Clone(list)
	slices.SortStableFunc(ordered, func(a, b finding.Exception) int {
		return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID))
	})
	s := &Set{byRule: make(map[string]*shelf), byType: make(map[finding.AlertType]*shelf)}
	var trouble error
	for i := range ordered {
		e := &ordered[i]
		if !e.Enabled {
			continue
		}
		compiled, err := compile(e)
		if err != nil {
			if trouble == nil {
				trouble = fmt.Errorf("exception %s (%q) is not used: %w", e.ID, e.Name, err)
			}
			continue
		}
		compiled.order = i
		s.add(compiled)
	}
	return s, trouble
}

// Len returns how many exceptions are in the set.
func (s *Set) Len() int {
	if s == nil {
		return 0
	}
	return s.size
}

func (s *Set) add(e *entry) {
	s.size++
	for rule := range e.rules {
		put(s.byRule, rule, e)
	}
	if len(e.rules) > 0 {
		return
	}
	for kind := range e.types {
		put(s.byType, kind, e)
	}
}

// Covering returns the uid of the exception that covers the alert at the given
// time, which is the server's. It neither keeps nor changes the alert.
func (s *Set) Covering(a *finding.Alert, h Host, now time.Time) (id string, covered bool) {
	if s == nil || s.size == 0 {
		return "", false
	}
	x := subject{alert: a, host: h}
	var best *entry
	for _, shelf := range []*shelf{s.byRule[a.Rule.ID], s.byType[a.Type]} {
		if shelf != nil {
			best = shelf.find(&x, now, best)
		}
	}
	if best == nil {
		return "", false
	}
	return best.id, true
}

// entry is a compiled exception.
type entry struct {
	id         string
	order      int // the oldest first
	expires    time.Time
	hosts      map[event.HostID]bool // nil for any
	labels     map[string]string
	rules      map[string]bool // nil for any
	types      map[finding.AlertType]bool
	conditions []condition
}

func compile(e *finding.Exception) (*entry, error) {
	if err := Validate(e.ExceptionTerms); err != nil {
		return nil, err
	}
	c := &entry{
		id: e.ID, labels: maps.Clone(e.Scope.Labels), hosts: setOf(e.Scope.Hosts), rules: setOf(e.Scope.Rules), types: setOf(e.Scope.Types),
	}
	if e.Expires != nil {
		c.expires = *e.Expires
	}
	for _, m := range e.Match {
		compiled, err := compileCondition(m)
		if err != nil {
			return nil, err
		}
		c.conditions = append(c.conditions, compiled)
	}
	return c, nil
}

func setOf[T comparable](list []T) map[T]bool {
	if len(list) == 0 {
		return nil
	}
	set := make(map[T]bool, len(list))
	for _, v := range list {
		set[v] = true
	}
	return set
}

// covers compares an alert with all of the exception.
func (e *entry) covers(x *subject, now time.Time) bool {
	if !e.expires.IsZero() && !now.Before(e.expires) {
		return false
	}
	if e.hosts != nil && !e.hosts[x.alert.Host] || e.rules != nil && !e.rules[x.alert.Rule.ID] || e.types != nil && !e.types[x.alert.Type] {
		return false
	}
	for key, value := range e.labels {
		if has, ok := x.host.Labels[key]; !ok || has != value {
			return false
		}
	}
	for i := range e.conditions {
		if !e.conditions[i].holds(x) {
			return false
		}
	}
	return true
}

// shelf holds the exceptions of a rule or type, each list in the order of age.
type shelf struct {
	byValue [numFields]map[string][]*entry // by what a condition demands of a field
	byHost  map[event.HostID][]*entry      // of those without such a condition, by host
	rest    []*entry
}

func put[K comparable](shelves map[K]*shelf, key K, e *entry) {
	s := shelves[key]
	if s == nil {
		s = &shelf{byHost: make(map[event.HostID][]*entry)}
		shelves[key] = s
	}
	if field, values := e.demand(); len(values) > 0 {
		if s.byValue[field] == nil {
			s.byValue[field] = make(map[string][]*entry)
		}
		for v := range values {
			s.byValue[field][v] = append(s.byValue[field][v], e)
		}
		return
	}
	for host := range e.hosts {
		s.byHost[host] = append(s.byHost[host], e)
	}
	if e.hosts == nil {
		s.rest = append(s.rest, e)
	}
}

// demand returns the field, and the values that it may have, of the condition
// that tells alerts apart best by equality; no values when there is none.
func (e *entry) demand() (field int, values map[string]bool) {
	best := numFields
	for i := range e.conditions {
		c := &e.conditions[i]
		if c.op == finding.OpEquals && !c.not && fields[c.field].rank < best {
			best, field, values = fields[c.field].rank, c.field, c.equal
		}
	}
	return field, values
}

// find returns the oldest of best and the entries that cover the alert.
func (s *shelf) find(x *subject, now time.Time, best *entry) *entry {
	best = oldest(s.byHost[x.alert.Host], x, now, best)
	best = oldest(s.rest, x, now, best)
	for field, entries := range s.byValue {
		if len(entries) == 0 {
			continue
		}
		for _, v := range x.values(field) {
			best = oldest(entries[v.text], x, now, best)
			if !fields[field].one {
				break // each of several values has to fit, so the first has
			}
		}
	}
	return best
}

func oldest(list []*entry, x *subject, now time.Time, best *entry) *entry {
	for _, e := range list {
		if best != nil && e.order >= best.order {
			break
		}
		if e.covers(x, now) {
			return e
		}
	}
	return best
}
