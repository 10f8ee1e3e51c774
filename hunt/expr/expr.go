package expr

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/hunt/syntax"
	"github.com/holdfast-security/holdfast/hunt/value"
	"github.com/holdfast-security/holdfast/internal/spelling"
)

// Row is what expressions are evaluated on.
type Row struct {
	Event *event.Event // nil where rows are no events any more
	Slots []value.Value
}

// Expr is an expression that can be evaluated. It is safe for concurrent use.
type Expr struct {
	Kind     value.Kind // of what Eval returns where it is not absent
	Constant bool       // the same for every row, nil too
	Eval     func(r *Row) value.Value

	test func(r *Row) bool // where it is a condition that is quicker to ask
}

// Test returns the condition that the expression is.
func (e Expr) Test() func(r *Row) bool {
	if e.test != nil {
		return e.test
	}
	eval := e.Eval
	return func(r *Row) bool { return eval(r).Bool() }
}

// Scope knows the names of a place in the query.
type Scope interface {
	// Resolve returns what a name stands for.
	Resolve(name string) (Expr, bool)
	// Names returns all names, for hints.
	Names() []string
}

// Compiler turns expressions of one query into functions.
type Compiler struct {
	Query string
	Now   time.Time // of now() and ago()
	Scope Scope
	// Problems are the mistakes found so far.
	Problems []*syntax.Problem

	patterns int // in the query so far
}

// Refuse notes a mistake.
func (c *Compiler) Refuse(s syntax.Span, hint, format string, args ...any) {
	c.Problems = append(c.Problems, syntax.At(c.Query, s, fmt.Sprintf(format, args...), hint))
}

// Compile returns an expression, or false where there is a mistake in it.
func (c *Compiler) Compile(e syntax.Expr) (Expr, bool) {
	switch e := e.(type) {
	case *syntax.Literal:
		return constant(e.Value, e.Kind), true
	case *syntax.Ref:
		return c.ref(e)
	case *syntax.Call:
		return c.call(e)
	case *syntax.Binary:
		return c.binary(e)
	case *syntax.Not:
		return c.not(e)
	case *syntax.Negative:
		return c.negative(e)
	case *syntax.In:
		return c.in(e)
	case *syntax.Between:
		return c.between(e)
	}
	c.Refuse(e.Place(), "", "this cannot be evaluated")
	return Expr{}, false
}

// Condition returns the test that an expression is.
func (c *Compiler) Condition(e syntax.Expr) (func(r *Row) bool, bool) {
	x, ok := c.Compile(e)
	if !ok {
		return nil, false
	}
	if x.Kind != value.Bool {
		c.Refuse(e.Place(), "compare it with something, or ask exists(…)", "this is %s, not a condition", of(x.Kind))
		return nil, false
	}
	return x.Test(), true
}

func constant(v value.Value, kind value.Kind) Expr {
	return Expr{Kind: kind, Constant: true, Eval: func(*Row) value.Value { return v }}
}

// condition is an expression that is a test.
func condition(constant bool, test func(r *Row) bool) Expr {
	return Expr{Kind: value.Bool, Constant: constant, test: test, Eval: func(r *Row) value.Value { return value.OfBool(test(r)) }}
}

// articles name a value of each kind.
var articles = map[value.Kind]string{
	value.Bool: "a truth value", value.Int: "a number", value.Real: "a number", value.Duration: "a length of time",
	value.Time: "a moment", value.Address: "an address", value.Text: "a text", value.List: "a list of texts",
}

func of(k value.Kind) string { return articles[k] }

func (c *Compiler) ref(e *syntax.Ref) (Expr, bool) {
	if x, ok := c.Scope.Resolve(e.Text); ok {
		return x, true
	}
	hint := "the console and holdfast hunt --fields list what there is"
	names := c.Scope.Names()
	if name := spelling.Nearest(e.Text, names); name != "" {
		hint = "did you mean " + name + "?"
	} else if len(names) <= 12 {
		hint = "there are " + strings.Join(names, ", ")
	}
	c.Refuse(e.Span, hint, "there is no field or column %q here", e.Text)
	return Expr{}, false
}

func (c *Compiler) not(e *syntax.Not) (Expr, bool) {
	test, ok := c.Condition(e.Operand)
	if !ok {
		return Expr{}, false
	}
	return condition(false, func(r *Row) bool { return !test(r) }), true
}

func (c *Compiler) negative(e *syntax.Negative) (Expr, bool) {
	x, ok := c.Compile(e.Operand)
	if !ok {
		return Expr{}, false
	}
	if x.Kind != value.Int && x.Kind != value.Real && x.Kind != value.Duration {
		c.Refuse(e.Span, "", "%s has no negative", of(x.Kind))
		return Expr{}, false
	}
	zero := constant(value.OfInt(0), value.Int)
	if x.Kind == value.Duration {
		zero = constant(value.OfDuration(0), value.Duration)
	}
	return folded(Expr{Kind: x.Kind, Constant: x.Constant, Eval: arithmetic("-", zero, x)}), true
}

// folded evaluates what is constant once.
func folded(x Expr) Expr {
	if !x.Constant {
		return x
	}
	return constant(x.Eval(nil), x.Kind)
}

func (c *Compiler) binary(e *syntax.Binary) (Expr, bool) {
	switch e.Op.Text {
	case "and", "or":
		left, ok := c.Condition(e.Left)
		right, also := c.Condition(e.Right)
		switch {
		case !ok || !also:
			return Expr{}, false
		case e.Op.Text == "and":
			return condition(false, func(r *Row) bool { return left(r) && right(r) }), true
		}
		return condition(false, func(r *Row) bool { return left(r) || right(r) }), true
	}
	left, ok := c.Compile(e.Left)
	right, also := c.Compile(e.Right)
	if !ok || !also {
		return Expr{}, false
	}
	switch e.Op.Text {
	case "+", "-", "*", "/", "%":
		return c.calculate(e, left, right)
	case "<", "<=", ">", ">=":
		return c.order(e, left, right)
	}
	return c.compare(e, left, right)
}

// calculate checks and makes arithmetic.
func (c *Compiler) calculate(e *syntax.Binary, left, right Expr) (Expr, bool) {
	kind := result(e.Op.Text, left.Kind, right.Kind)
	if kind == value.Absent {
		hint := ""
		if left.Kind == value.Text || right.Kind == value.Text {
			hint = "strcat(a, b) joins texts"
		}
		c.Refuse(e.Span, hint, "%s %s %s cannot be computed", of(left.Kind), e.Op.Text, of(right.Kind))
		return Expr{}, false
	}
	return folded(Expr{Kind: kind, Constant: left.Constant && right.Constant, Eval: arithmetic(e.Op.Text, left, right)}), true
}

// result returns the kind of an arithmetic expression, or Absent.
func result(op string, a, b value.Kind) value.Kind {
	number := func(k value.Kind) bool { return k == value.Int || k == value.Real }
	switch {
	case number(a) && number(b):
		if a == value.Real || b == value.Real {
			return value.Real
		}
		return value.Int
	case a == value.Duration && b == value.Duration:
		return map[string]value.Kind{"+": value.Duration, "-": value.Duration, "/": value.Real}[op]
	case a == value.Time && b == value.Time && op == "-":
		return value.Duration
	case a == value.Time && b == value.Duration && (op == "+" || op == "-"):
		return value.Time
	case a == value.Duration && number(b) && (op == "*" || op == "/"), number(a) && b == value.Duration && op == "*":
		return value.Duration
	}
	return value.Absent
}

// arithmetic evaluates an operator whose operands fit. Nothing comes of what is
// absent, nor of a division by zero; integers wrap around.
func arithmetic(op string, left, right Expr) func(r *Row) value.Value {
	kind := result(op, left.Kind, right.Kind)
	return func(r *Row) value.Value {
		a, b := left.Eval(r), right.Eval(r)
		if a.IsAbsent() || b.IsAbsent() {
			return value.Value{}
		}
		if kind == value.Real || a.Kind() == value.Real || b.Kind() == value.Real {
			f := reals(op, a.Real(), b.Real())
			if kind == value.Duration {
				return value.OfDuration(time.Duration(f.Real()))
			}
			return f
		}
		n, ok := integers(op, a.Int(), b.Int())
		switch {
		case !ok:
			return value.Value{}
		case kind == value.Time:
			return value.OfNanoseconds(n)
		case kind == value.Duration:
			return value.OfDuration(time.Duration(n))
		}
		return value.OfInt(n)
	}
}

func integers(op string, a, b int64) (int64, bool) {
	switch op {
	case "+":
		return a + b, true
	case "-":
		return a - b, true
	case "*":
		return a * b, true
	}
	if b == 0 {
		return 0, false
	}
	if op == "/" {
		return a / b, true
	}
	return a % b, true
}

func reals(op string, a, b float64) value.Value {
	switch op {
	case "+":
		return value.OfReal(a + b)
	case "-":
		return value.OfReal(a - b)
	case "*":
		return value.OfReal(a * b)
	case "/":
		return value.OfReal(a / b)
	}
	return value.OfReal(math.Mod(a, b))
}
