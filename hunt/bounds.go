package hunt

import (
	"net/netip"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/hunt/expr"
	"github.com/holdfast-security/holdfast/hunt/field"
	"github.com/holdfast-security/holdfast/hunt/syntax"
	"github.com/holdfast-security/holdfast/hunt/text"
	"github.com/holdfast-security/holdfast/hunt/value"
)

// Bounds are what all events have in common that a query chooses. A store may
// leave out all others; those that it does hand on are still looked at. Zero
// values do not bound.
type Bounds struct {
	Since, Until time.Time // at or after, before
	Host         event.HostID
	HostName     string
	Classes      []event.Class
	Process      event.ProcessUID // in which it acts, or is its parent or target
	User         string           // of the event or the acting process, by name
	Text         string           // in one of the texts that are searched, ignoring case
}

// bounds finds what the conditions at the beginning have in common.
func (p *planner) bounds(leading []syntax.Stage) Bounds {
	b := Bounds{Classes: p.classes}
	for _, s := range leading {
		switch s := s.(type) {
		case *syntax.Search:
			b.text(s.Text)
		case *syntax.Where:
			p.bound(&b, s.Condition)
		}
	}
	return b
}

// bound takes a condition that has to hold into account.
func (p *planner) bound(b *Bounds, e syntax.Expr) {
	switch e := e.(type) {
	case *syntax.Between:
		if !e.Not {
			p.compared(b, e.Operand, ">=", e.Low)
			p.compared(b, e.Operand, "<=", e.High)
		}
	case *syntax.In:
		p.listed(b, e)
	case *syntax.Binary:
		if e.Op.Text == "and" {
			p.bound(b, e.Left)
			p.bound(b, e.Right)
			return
		}
		p.compared(b, e.Left, e.Op.Text, e.Right)
		if turned := map[string]string{"==": "==", "<": ">", "<=": ">=", ">": "<", ">=": "<="}[e.Op.Text]; turned != "" {
			p.compared(b, e.Right, turned, e.Left)
		}
	}
}

// fieldOf returns the field that an expression is, or nil.
func fieldOf(e syntax.Expr) *field.Field {
	if ref, ok := e.(*syntax.Ref); ok {
		f, _ := field.Find(ref.Text)
		return f
	}
	return nil
}

// constant returns the value of an expression that is the same for all events.
func (p *planner) constant(e syntax.Expr) (value.Value, bool) {
	if fieldOf(e) != nil {
		return value.Value{}, false
	}
	c := expr.Compiler{Now: p.opts.Now, Scope: newScope()}
	x, ok := c.Compile(e)
	if !ok || !x.Constant {
		return value.Value{}, false
	}
	v := x.Eval(nil)
	return v, !v.IsAbsent()
}

// compared takes a comparison into account.
func (p *planner) compared(b *Bounds, left syntax.Expr, op string, right syntax.Expr) {
	f := fieldOf(left)
	if f == nil {
		return
	}
	v, ok := p.constant(right)
	if !ok {
		return
	}
	if f.Name == "time" && v.Kind() == value.Time {
		b.time(op, v.Time())
		return
	}
	if v.Kind() != value.Text {
		return
	}
	if op == "==" {
		b.equal(f.Name, v.Text())
	}
	if f.Searched && slices.Contains([]string{"==", "=~", "contains", "contains_cs", "startswith", "startswith_cs", "endswith", "endswith_cs", "has", "has_cs"}, op) {
		if f.Kind == value.Address && op == "==" {
			a, err := netip.ParseAddr(v.Text())
			if err != nil || a.Is4In6() {
				return
			}
			b.text(a.WithZone("").String())
			return
		}
		b.text(v.Text())
	}
}

// time takes a comparison with a moment into account.
func (b *Bounds) time(op string, t time.Time) {
	switch op {
	case ">":
		b.since(t.Add(1))
	case ">=":
		b.since(t)
	case "<":
		b.until(t)
	case "<=":
		b.until(t.Add(1))
	case "==":
		b.since(t)
		b.until(t.Add(1))
	}
}

func (b *Bounds) since(t time.Time) {
	if b.Since.IsZero() || t.After(b.Since) {
		b.Since = t
	}
}

func (b *Bounds) until(t time.Time) {
	if b.Until.IsZero() || t.Before(b.Until) {
		b.Until = t
	}
}

// text keeps the longest text, which is the rarest, as a rule.
func (b *Bounds) text(s string) {
	if utf8.ValidString(s) && len(s) > len(b.Text) {
		b.Text = s
	}
}

func (b *Bounds) equal(name, v string) {
	switch name {
	case "host":
		b.Host = event.HostID(v)
	case field.HostName:
		b.HostName = v
	case "user.name", "process.user.name", "process.effective_user.name", "process.login_user.name":
		b.User = v
	case "class":
		b.classes([]string{v})
	case "process.uid":
		var id event.ProcessUID
		if id.UnmarshalText([]byte(v)) == nil {
			b.Process = id
		}
	}
}

// classes leaves those that are named.
func (b *Bounds) classes(names []string) {
	var left []event.Class
	for _, c := range event.Classes() {
		if slices.Contains(names, c.String()) && (len(b.Classes) == 0 || slices.Contains(b.Classes, c)) {
			left = append(left, c)
		}
	}
	if len(left) > 0 { // otherwise nothing fits, which the conditions find out
		b.Classes = left
	}
}

// listed takes a list of values, one of which it has to be, into account.
func (p *planner) listed(b *Bounds, e *syntax.In) {
	f := fieldOf(e.Operand)
	if f == nil || e.Not || e.Fold || f.Name != "class" {
		return
	}
	var names []string
	for _, member := range e.List {
		v, ok := p.constant(member)
		if !ok {
			return
		}
		names = append(names, v.Text())
	}
	b.classes(names)
}

// search returns the test of a search for a text: whether one of the fields
// that a search looks at contains it.
func (p *planner) search(s *syntax.Search) func(r *expr.Row) bool {
	pattern := text.New(s.Text, true)
	var gets []func(e *event.Event) value.Value
	for _, f := range field.All() {
		if f.Searched {
			gets = append(gets, f.Get)
			for _, c := range f.Columns {
				p.scope.columns[c] = true
			}
		}
	}
	return func(r *expr.Row) bool {
		return slices.ContainsFunc(gets, func(get func(e *event.Event) value.Value) bool {
			v := get(r.Event)
			if v.Kind() == value.Address {
				return pattern.In(v.String())
			}
			return !v.IsAbsent() && pattern.In(v.Text())
		})
	}
}
