package hunt

import (
	"maps"
	"slices"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/hunt/expr"
	"github.com/holdfast-security/holdfast/hunt/field"
	"github.com/holdfast-security/holdfast/hunt/value"
)

// scope knows the columns of the rows at a place in the query. Where these are
// events it knows their fields too: as long as rows are computed alone from the
// event itself, behind that from slots, which are then filled for whatever
// fields later stages turn out to name.
type scope struct {
	named    map[string]slot
	order    []string // of named, as they were added
	width    int
	fields   bool // names of fields mean something
	detached bool // rows do not have their event any more
	loads    []load
	columns  map[string]bool // of the telemetry, that are needed
	hostName func(event.HostID) string
}

// slot is a column: where in the row, and its type.
type slot struct {
	at   int
	kind value.Kind
}

// load fills a slot from an event.
type load struct {
	at   int
	name string
	get  func(e *event.Event) value.Value
}

func newScope() *scope { return &scope{named: make(map[string]slot)} }

// add adds a column, or replaces it, and returns where it is.
func (s *scope) add(name string, kind value.Kind) int {
	if _, known := s.named[name]; !known {
		s.order = append(s.order, name)
	}
	s.named[name] = slot{s.width, kind}
	s.width++
	return s.width - 1
}

func (s slot) expr() expr.Expr {
	at := s.at
	return expr.Expr{Kind: s.kind, Eval: func(r *expr.Row) value.Value { return r.Slots[at] }}
}

// Resolve implements [expr.Scope].
func (s *scope) Resolve(name string) (expr.Expr, bool) {
	if c, ok := s.named[name]; ok {
		return c.expr(), true
	}
	if !s.fields {
		return expr.Expr{}, false
	}
	f, ok := field.Find(name)
	if !ok {
		return expr.Expr{}, false
	}
	for _, c := range f.Columns {
		s.columns[c] = true
	}
	get := s.getter(f)
	if !s.detached {
		return expr.Expr{Kind: f.Kind, Eval: func(r *expr.Row) value.Value { return get(r.Event) }}, true
	}
	i := slices.IndexFunc(s.loads, func(l load) bool { return l.name == f.Name })
	if i < 0 {
		i = len(s.loads)
		s.loads = append(s.loads, load{s.width, f.Name, get})
		s.width++
	}
	return slot{s.loads[i].at, f.Kind}.expr(), true
}

func (s *scope) getter(f *field.Field) func(e *event.Event) value.Value {
	if f.Name != field.HostName {
		return f.Get
	}
	names := s.hostName
	if names == nil {
		names = func(event.HostID) string { return "" }
	}
	return func(e *event.Event) value.Value { return value.OfText(names(e.Host)) }
}

// Names implements [expr.Scope].
func (s *scope) Names() []string {
	if s.fields {
		return append(slices.Clone(s.order), field.Names()...)
	}
	return s.order
}

// list returns the names of a set in order, nil for an empty one.
func list(set map[string]bool) []string { return slices.Sorted(maps.Keys(set)) }
