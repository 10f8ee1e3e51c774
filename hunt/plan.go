package hunt

import (
	"fmt"
	"slices"
	"strings"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/hunt/aggregate"
	"github.com/holdfast-security/holdfast/hunt/expr"
	"github.com/holdfast-security/holdfast/hunt/syntax"
	"github.com/holdfast-security/holdfast/hunt/value"
	"github.com/holdfast-security/holdfast/internal/spelling"
)

// planner makes stages of a tree, one after the other.
type planner struct {
	opts     Options
	tree     *syntax.Query
	compiler expr.Compiler
	scope    *scope
	first    *scope // that of the events
	filters  []func(r *expr.Row) bool
	builds   []build
	split    int // of builds, where rows are joined first; -1 as long as nowhere
	classes  []event.Class
	result   Query

	events  bool // rows still are events
	ordered bool // the order of rows is the query's
}

func newPlanner(query string, tree *syntax.Query, o Options) *planner {
	p := &planner{opts: o, tree: tree, split: -1, events: true}
	p.scope = newScope()
	p.scope.fields, p.scope.columns, p.scope.hostName = true, make(map[string]bool), o.HostName
	p.first = p.scope
	p.compiler = expr.Compiler{Query: query, Now: o.Now, Scope: p.scope}
	return p
}

// plan makes the stages and reports whether there was no mistake.
func (p *planner) plan() bool {
	var ok bool
	if p.classes, ok = source(p.tree.Source.Text); !ok {
		p.noSource()
	}
	stages := p.tree.Stages
	leading := 0
	for leading < len(stages) && p.leads(stages[leading]) {
		leading++
	}
	filterColumns := p.scope.columns
	p.scope.columns = make(map[string]bool)
	for i := leading; i < len(stages) && len(p.compiler.Problems) == 0; i++ {
		p.stage(stages[i], stages[i+1:])
	}
	if len(p.compiler.Problems) > 0 {
		return false
	}
	p.end()
	if len(p.classes) > 0 {
		filterColumns["event.class_uid"] = true
		classes := p.classes
		p.filters = slices.Insert(p.filters, 0, func(r *expr.Row) bool { return slices.Contains(classes, r.Event.Class) })
	}
	p.result.filterColumns = list(filterColumns)
	p.result.bounds = p.bounds(stages[:leading])
	return len(p.compiler.Problems) == 0
}

func (p *planner) noSource() {
	var names []string
	for _, s := range Sources() {
		names = append(names, s.Name)
	}
	hint := "sources are " + strings.Join(names, ", ")
	if name := spelling.Nearest(p.tree.Source.Text, names); name != "" {
		hint = "did you mean " + name + "?"
	}
	p.compiler.Refuse(p.tree.Source.Span, hint, "there is no source %q", p.tree.Source.Text)
}

// leads plans a stage at the beginning that only chooses events.
func (p *planner) leads(s syntax.Stage) bool {
	switch s := s.(type) {
	case *syntax.Where:
		if test, ok := p.compiler.Condition(s.Condition); ok {
			p.filters = append(p.filters, test)
		}
		return true
	case *syntax.Search:
		p.filters = append(p.filters, p.search(s))
		return true
	}
	return false
}

// stage plans any other stage, behind which rest comes.
func (p *planner) stage(s syntax.Stage, rest []syntax.Stage) {
	switch s := s.(type) {
	case *syntax.Where:
		if test, ok := p.compiler.Condition(s.Condition); ok {
			p.builds = append(p.builds, where(test))
		}
	case *syntax.Search:
		if !p.scope.fields || p.scope.detached {
			p.compiler.Refuse(s.Span, "put it at the beginning of the query", "search looks into events, and these rows are none any more")
			return
		}
		p.builds = append(p.builds, where(p.search(s)))
	case *syntax.Extend:
		p.extend(s)
	case *syntax.Project:
		p.project(s.Columns)
	case *syntax.Distinct:
		if p.project(s.Columns) {
			p.group(p.scope, nil)
		}
	case *syntax.Summarize:
		p.summarize(s)
	case *syntax.Count:
		p.summarize(&syntax.Summarize{Values: []syntax.Column{{Expr: &syntax.Call{Function: syntax.Name{Text: "count"}}}}})
	case *syntax.Sort:
		p.sort(s, rest)
	case *syntax.Take:
		p.take(s.Count)
	}
}

func (p *planner) setScope(s *scope) { p.scope, p.compiler.Scope = s, s }

// detach ends the part in which rows have their event: what follows finds in
// slots what it names.
func (p *planner) detach() {
	if s := p.scope; s.fields && !s.detached {
		s.detached = true
		p.builds = append(p.builds, loading(s))
	}
	if p.split < 0 {
		p.split = len(p.builds)
	}
}

func (p *planner) extend(s *syntax.Extend) {
	for _, c := range s.Columns {
		x, ok := p.compiler.Compile(c.Expr)
		if !ok {
			continue
		}
		p.builds = append(p.builds, extend(p.scope.add(c.Name.Text, x.Kind), x.Eval))
	}
}

// project replaces the columns and reports whether they could be computed.
func (p *planner) project(columns []syntax.Column) bool {
	next := newScope()
	values, ok := p.computed(next, columns)
	if ok {
		p.builds = append(p.builds, project(values))
		p.setScope(next)
	}
	return ok
}

// computed adds columns to the next scope and returns what computes them.
func (p *planner) computed(next *scope, columns []syntax.Column) ([]func(r *expr.Row) value.Value, bool) {
	var values []func(r *expr.Row) value.Value
	fine := true
	for i, c := range columns {
		x, ok := p.compiler.Compile(c.Expr)
		if !ok {
			fine = false
			continue
		}
		name := columnName(c, i)
		if _, twice := next.named[name]; twice {
			p.compiler.Refuse(c.Expr.Place(), "name one of them: other = …", "two columns are named %s", name)
			fine = false
			continue
		}
		next.add(name, x.Kind)
		values = append(values, x.Eval)
	}
	return values, fine
}

// columnName is the name of a column, made up where none is given: of
// summarize's functions by their name and argument, of others by the argument.
func columnName(c syntax.Column, i int) string {
	if c.Name.Text != "" {
		return c.Name.Text
	}
	switch e := c.Expr.(type) {
	case *syntax.Ref:
		return e.Text
	case *syntax.Call:
		function := strings.ToLower(e.Function.Text)
		if len(e.Arguments) == 0 {
			return function + "_"
		}
		if ref, ok := e.Arguments[0].(*syntax.Ref); ok {
			if function == "bin" {
				return ref.Text
			}
			return function + "_" + ref.Text
		}
		return function + "_"
	}
	return fmt.Sprintf("column_%d", i+1)
}

func (p *planner) summarize(s *syntax.Summarize) {
	before, after := newScope(), newScope()
	values, ok := p.computed(before, s.By)
	for _, name := range before.order {
		after.add(name, before.named[name].kind)
	}
	var states []func() aggregate.State
	for i, c := range s.Values {
		a, fine := p.aggregate(c)
		if !fine {
			ok = false
			continue
		}
		name := columnName(c, i)
		if _, twice := after.named[name]; twice {
			p.compiler.Refuse(c.Expr.Place(), "name one of them: other = …", "two columns are named %s", name)
			ok = false
			continue
		}
		after.add(name, a.kind)
		before.width++
		values, states = append(values, a.argument), append(states, a.state)
	}
	if !ok {
		return
	}
	p.builds = append(p.builds, project(values))
	p.setScope(before)
	p.group(after, states)
}

// group joins rows by the columns of the next scope that come before states.
func (p *planner) group(next *scope, states []func() aggregate.State) {
	p.detach()
	p.builds = append(p.builds, group(next.width-len(states), states))
	p.setScope(next)
	p.events, p.ordered = false, true
}

func (p *planner) sort(s *syntax.Sort, rest []syntax.Stage) {
	p.detach()
	keys := make([]key, len(s.Keys))
	for i, k := range s.Keys {
		x, ok := p.compiler.Compile(k.Expr)
		if !ok {
			return
		}
		if x.Kind == value.List {
			p.compiler.Refuse(k.Expr.Place(), "", "lists have no order")
		}
		keys[i] = key{x.Eval, k.Descending}
	}
	most := needed(rest, p.opts.Limit)
	if s.Take >= 0 {
		most = min(most, s.Take)
	}
	if len(keys) == 1 && keys[0].descending && p.isTime(s.Keys[0].Expr) {
		keys = nil // events come newest first by themselves, and the store may leave out the rest
	}
	p.builds = append(p.builds, order(keys, most))
	p.ordered = true
	if s.Take >= 0 {
		p.builds = append(p.builds, first(s.Take))
	}
}

// isTime reports whether an expression is the time of the events.
func (p *planner) isTime(e syntax.Expr) bool {
	ref, ok := e.(*syntax.Ref)
	_, shadowed := p.scope.named["time"]
	return ok && p.scope.fields && ref.Text == "time" && !shadowed
}

// needed returns how many rows the stages behind an order make use of, beyond
// all bounds where that cannot be said.
func needed(rest []syntax.Stage, limit int) int {
	for _, s := range rest {
		switch s := s.(type) {
		case *syntax.Extend, *syntax.Project:
		case *syntax.Take:
			return min(s.Count, limit+1)
		default:
			return syntax.MaxRows
		}
	}
	return limit + 1
}

func (p *planner) take(n int) {
	p.detach()
	if p.events && !p.ordered && !p.opts.Unordered {
		p.builds = append(p.builds, order(nil, n))
		p.ordered = true
	}
	p.builds = append(p.builds, first(n))
}

// end plans what comes out.
func (p *planner) end() {
	p.detach()
	if p.events && !p.ordered && !p.opts.Unordered {
		p.builds = append(p.builds, order(nil, p.opts.Limit+1))
	}
	names := p.scope.order
	if p.scope.fields {
		names = slices.Concat(shown(p.classes), slices.DeleteFunc(slices.Clone(names), func(n string) bool { return slices.Contains(shown(p.classes), n) }))
	}
	var values []func(r *expr.Row) value.Value
	for _, name := range names {
		x, _ := p.scope.Resolve(name)
		p.result.columns = append(p.result.columns, Column{name, x.Kind})
		values = append(values, x.Eval)
	}
	p.builds = append(p.builds, project(values))
	p.result.events = p.events
}

// shown are the columns of events of which nobody has said what is to be seen.
func shown(classes []event.Class) []string {
	if len(classes) == 1 {
		switch classes[0] {
		case event.ClassProcessActivity:
			return []string{"time", "host.name", "activity", "user.name", "executable", "command_line", "parent.executable"}
		case event.ClassFileActivity:
			return []string{"time", "host.name", "activity", "user.name", "file.path", "file.new_path", "executable"}
		case event.ClassNetworkActivity:
			return []string{"time", "host.name", "activity", "network.protocol", "network.direction", "local.address", "local.port", "remote.address", "remote.port", "executable"}
		case event.ClassAuthentication:
			return []string{"time", "host.name", "activity", "status", "user.name", "logon.service", "logon.method", "remote.address"}
		case event.ClassKernelExtension, event.ClassKernelActivity, event.ClassMemoryActivity, event.ClassDeviceConfigChange:
			return []string{"time", "host.name", "activity", "user.name", "kernel.name", "kernel.type", "executable", "command_line"}
		}
	}
	return []string{"time", "host.name", "class", "activity", "user.name", "executable", "command_line", "file.path", "message"}
}

// query returns what was planned.
func (p *planner) query() *Query {
	q := p.result
	q.opts, q.width = p.opts, p.first.width
	q.prefix, q.shared = p.builds[:p.split], p.builds[p.split:]
	if len(p.filters) > 0 {
		filters := p.filters
		q.filter = func(r *expr.Row) bool {
			for _, f := range filters {
				if !f(r) {
					return false
				}
			}
			return true
		}
	} else {
		q.filterColumns = nil
	}
	p.first.columns["event.time"], p.first.columns["device.uid"] = true, true
	q.takeColumns = list(p.first.columns)
	return &q
}
