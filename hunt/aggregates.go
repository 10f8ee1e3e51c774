package hunt

import (
	"slices"
	"strings"

	"github.com/holdfast-security/holdfast/hunt/aggregate"
	"github.com/holdfast-security/holdfast/hunt/expr"
	"github.com/holdfast-security/holdfast/hunt/syntax"
	"github.com/holdfast-security/holdfast/hunt/value"
	"github.com/holdfast-security/holdfast/internal/spelling"
)

// function is one of summarize.
type function struct {
	expr.Function
	arguments int // besides the bound of make_set
	kinds     []value.Kind
	kind      value.Kind // of the result; Absent for that of the argument
	state     func() aggregate.State
}

// Kinds of arguments.
var (
	anyKind  = []value.Kind{value.Bool, value.Int, value.Real, value.Duration, value.Time, value.Address, value.Text, value.List}
	ordered  = anyKind[1:7]
	addible  = []value.Kind{value.Int, value.Real, value.Duration}
	onlyBool = anyKind[:1]
)

func aggregates() []function {
	return []function{
		{expr.Function{Name: "count", Usage: "count()", Doc: "How many rows there are."}, 0, nil, value.Int, aggregate.Count},
		{expr.Function{Name: "countif", Usage: "countif(status == \"failure\")", Doc: "How many rows meet a condition."}, 1, onlyBool, value.Int, aggregate.CountIf},
		{expr.Function{Name: "dcount", Usage: "dcount(host)", Doc: "How many different values there are: exact up to 4,096, beyond within about 2 %."}, 1, anyKind, value.Int, aggregate.Distinct},
		{expr.Function{Name: "min", Usage: "min(time)", Doc: "The least value."}, 1, ordered, value.Absent, aggregate.Min},
		{expr.Function{Name: "max", Usage: "max(time)", Doc: "The greatest value."}, 1, ordered, value.Absent, aggregate.Max},
		{expr.Function{Name: "sum", Usage: "sum(network.bytes_out)", Doc: "The sum of numbers or lengths of time."}, 1, addible, value.Absent, aggregate.Sum},
		{expr.Function{Name: "avg", Usage: "avg(network.bytes_out)", Doc: "The mean of numbers or lengths of time."}, 1, addible, value.Real, aggregate.Mean},
		{expr.Function{Name: "make_set", Usage: "make_set(user.name, 20)", Doc: "The different values as texts, in alphabetical order: the first 128 of them, or as many as the second argument says, up to 1,000."}, 1, anyKind, value.List, nil},
	}
}

// Aggregates describes the functions of summarize, for the reference.
func Aggregates() []expr.Function {
	var list []expr.Function
	for _, f := range aggregates() {
		list = append(list, f.Function)
	}
	return list
}

// aggregated is a function of summarize with its argument.
type aggregated struct {
	kind     value.Kind
	argument func(r *expr.Row) value.Value
	state    func() aggregate.State
}

// aggregate compiles what stands between summarize and by.
func (p *planner) aggregate(c syntax.Column) (aggregated, bool) {
	call, ok := c.Expr.(*syntax.Call)
	if !ok {
		p.compiler.Refuse(c.Expr.Place(), "write summarize count() by name", "summarize wants functions such as count() here")
		return aggregated{}, false
	}
	all := aggregates()
	i := slices.IndexFunc(all, func(f function) bool { return strings.EqualFold(f.Name, call.Function.Text) })
	if i < 0 {
		names := expr.Aggregates
		hint := "there are " + strings.Join(names, ", ")
		if name := spelling.Nearest(call.Function.Text, names); name != "" {
			hint = "did you mean " + name + "?"
		}
		p.compiler.Refuse(call.Function.Span, hint, "summarize has no function of that name")
		return aggregated{}, false
	}
	f := all[i]
	if f.Name == "make_set" {
		if f.state, ok = p.set(call); !ok {
			return aggregated{}, false
		}
	} else if len(call.Arguments) != f.arguments {
		p.compiler.Refuse(call.Span, "write "+f.Usage, "%s takes other arguments", f.Name)
		return aggregated{}, false
	}
	a := aggregated{kind: f.kind, state: f.state, argument: func(*expr.Row) value.Value { return value.Value{} }}
	if f.arguments == 0 {
		return a, true
	}
	x, ok := p.compiler.Compile(call.Arguments[0])
	if !ok {
		return a, false
	}
	if !slices.Contains(f.kinds, x.Kind) {
		p.compiler.Refuse(call.Arguments[0].Place(), "write "+f.Usage, "%s is not for values of the type %s", f.Name, x.Kind)
		return a, false
	}
	if a.argument = x.Eval; f.kind == value.Absent || f.kind == value.Real && x.Kind == value.Duration {
		a.kind = x.Kind
	}
	return a, true
}

// set returns the state of make_set, whose second argument is its bound.
func (p *planner) set(call *syntax.Call) (func() aggregate.State, bool) {
	most := int64(aggregate.UsualSet)
	if n := len(call.Arguments); n == 2 {
		bound, ok := call.Arguments[1].(*syntax.Literal)
		if !ok || bound.Kind != value.Int || bound.Value.Int() < 1 || bound.Value.Int() > aggregate.LargeSet {
			p.compiler.Refuse(call.Arguments[1].Place(), "write make_set(user.name, 20)", "a set can be bounded to 1 to %d values", aggregate.LargeSet)
			return nil, false
		}
		most = bound.Value.Int()
	} else if n != 1 {
		p.compiler.Refuse(call.Span, "write make_set(user.name, 20)", "make_set takes other arguments")
		return nil, false
	}
	return func() aggregate.State { return aggregate.Set(int(most)) }, true
}
