package expr

import (
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/holdfast-security/holdfast/hunt/syntax"
	"github.com/holdfast-security/holdfast/hunt/text"
	"github.com/holdfast-security/holdfast/hunt/value"
)

// order makes <, <=, > and >=.
func (c *Compiler) order(e *syntax.Binary, left, right Expr) (Expr, bool) {
	left, right, ok := c.alike(e.Left, e.Right, left, right)
	if !ok {
		return Expr{}, false
	}
	if left.Kind == value.List || left.Kind == value.Bool {
		c.Refuse(e.Span, "", "%s is neither more nor less than another", of(left.Kind))
		return Expr{}, false
	}
	wants := map[string][3]bool{"<": {true, false, false}, "<=": {true, true, false}, ">": {false, false, true}, ">=": {false, true, true}}[e.Op.Text]
	return condition(left.Constant && right.Constant, func(r *Row) bool {
		a, b := left.Eval(r), right.Eval(r)
		return !a.IsAbsent() && !b.IsAbsent() && wants[compared(a, b)+1]
	}), true
}

// compared orders two values of comparable kinds, numbers by what they say.
func compared(a, b value.Value) int {
	if a.Equal(b) {
		return 0
	}
	return a.Compare(b)
}

// alike makes two operands comparable: a text that is written where an address
// is asked for becomes one.
func (c *Compiler) alike(l, r syntax.Expr, left, right Expr) (Expr, Expr, bool) {
	if left.Kind == value.Address && right.Kind == value.Text && right.Constant {
		x, ok := c.address(r, right)
		return left, x, ok
	}
	if right.Kind == value.Address && left.Kind == value.Text && left.Constant {
		x, ok := c.address(l, left)
		return x, right, ok
	}
	if left.Kind == right.Kind || isNumber(left.Kind) && isNumber(right.Kind) {
		return left, right, true
	}
	c.Refuse(r.Place(), c.other(left.Kind, r, right), "%s is compared with %s", of(left.Kind), of(right.Kind))
	return left, right, false
}

func isNumber(k value.Kind) bool { return k == value.Int || k == value.Real }

// other says what to write in place of a value of the wrong kind.
func (c *Compiler) other(want value.Kind, e syntax.Expr, x Expr) string {
	written := ""
	if x.Constant {
		written = x.Eval(nil).String()
	}
	switch {
	case want == value.Time && x.Kind == value.Text:
		return "write datetime(2026-11-23) or ago(1d)"
	case want == value.Time && x.Kind == value.Duration:
		return "write ago(" + c.Query[e.Place().Start:e.Place().End] + ")"
	case want == value.Duration && isNumber(x.Kind):
		return "write a unit, as in 30s, 5m or 1d"
	case isNumber(want) && x.Kind == value.Text && written != "":
		return "write the number without quotes"
	case want == value.Text && isNumber(x.Kind):
		return "write it in quotes"
	case want == value.Bool:
		return "write true or false"
	}
	return ""
}

// address reads a text as an address.
func (c *Compiler) address(e syntax.Expr, x Expr) (Expr, bool) {
	written := x.Eval(nil).Text()
	if written == "" {
		return constant(value.Value{}, value.Address), true
	}
	a, err := netip.ParseAddr(written)
	if err != nil {
		hint := `write "192.0.2.7"`
		if _, err := netip.ParsePrefix(written); err == nil {
			hint = "write in_cidr for a network"
		}
		c.Refuse(e.Place(), hint, "%q is no IP address", short(written))
		return Expr{}, false
	}
	return constant(value.OfAddress(a), value.Address), true
}

// short cuts what is repeated of a query.
func short(s string) string { return strings.ToValidUTF8(s[:min(len(s), 40)], "\uFFFD") }

// compare makes ==, !=, the operators on texts, and in_cidr.
func (c *Compiler) compare(e *syntax.Binary, left, right Expr) (Expr, bool) {
	op, negated := e.Op.Text, strings.HasPrefix(e.Op.Text, "!")
	switch op {
	case "!=", "<>":
		op, negated = "==", true
	case "!~":
		op = "=~"
	default:
		op = strings.TrimPrefix(op, "!")
	}
	var test func(value.Value, *Row) bool
	var ok bool
	switch {
	case op == "==" && left.Kind != value.List:
		return c.equal(e, left, right, negated)
	case op == "in_cidr":
		test, ok = c.network(e, left, right)
	case op == "matches regex":
		test, ok = c.pattern(e, left, right)
	default:
		test, ok = c.texts(e, op, left, right)
	}
	if !ok {
		return Expr{}, false
	}
	return condition(left.Constant && right.Constant, func(r *Row) bool { return test(left.Eval(r), r) != negated }), true
}

func (c *Compiler) equal(e *syntax.Binary, left, right Expr, negated bool) (Expr, bool) {
	left, right, ok := c.alike(e.Left, e.Right, left, right)
	if !ok {
		return Expr{}, false
	}
	if right.Constant {
		want := right.Eval(nil)
		return condition(left.Constant, func(r *Row) bool { return left.Eval(r).Equal(want) != negated }), true
	}
	return condition(false, func(r *Row) bool { return left.Eval(r).Equal(right.Eval(r)) != negated }), true
}

// methods are the operators on texts.
func method(op string) (compare func(text.Pattern, string) bool, fold bool) {
	name, exact := strings.CutSuffix(op, "_cs")
	switch name {
	case "==":
		return text.Pattern.Equals, false
	case "=~":
		return text.Pattern.Equals, true
	case "contains":
		return text.Pattern.In, !exact
	case "startswith":
		return text.Pattern.Begins, !exact
	case "endswith":
		return text.Pattern.Ends, !exact
	}
	return text.Pattern.WordIn, !exact // has
}

// texts makes the operators on texts, also for lists, of which one member has
// to fit, and for addresses, as they are written.
func (c *Compiler) texts(e *syntax.Binary, op string, left, right Expr) (func(value.Value, *Row) bool, bool) {
	if !c.textual(e.Left, e.Op, left) {
		return nil, false
	}
	if right.Kind != value.Text {
		c.Refuse(e.Right.Place(), c.other(value.Text, e.Right, right), "%s wants a text, this is %s", e.Op.Text, of(right.Kind))
		return nil, false
	}
	compare, fold := method(op)
	if right.Constant {
		p := text.New(right.Eval(nil).Text(), fold)
		return func(v value.Value, _ *Row) bool {
			return anyText(v, func(s string) bool { return compare(p, s) })
		}, true
	}
	return func(v value.Value, r *Row) bool {
		p := text.New(right.Eval(r).Text(), fold)
		return anyText(v, func(s string) bool { return compare(p, s) })
	}, true
}

// textual reports whether operators on texts work on an expression.
func (c *Compiler) textual(e syntax.Expr, op syntax.Name, x Expr) bool {
	switch x.Kind {
	case value.Text, value.List, value.Address:
		return true
	}
	c.Refuse(e.Place(), "compare it with ==, < or >, or make it a text by tostring(…)", "%s is for texts, this is %s", op.Text, of(x.Kind))
	return false
}

// anyText reports whether the text, or one text of the list, fits.
func anyText(v value.Value, fits func(string) bool) bool {
	switch v.Kind() {
	case value.List:
		return slices.ContainsFunc(v.List(), fits)
	case value.Address:
		return fits(v.String())
	}
	return fits(v.Text())
}

// Bounds of regular expressions: their bytes, and how many a query has.
const (
	MaxPattern  = 1000
	MaxPatterns = 32
)

func (c *Compiler) pattern(e *syntax.Binary, left, right Expr) (func(value.Value, *Row) bool, bool) {
	if !c.textual(e.Left, e.Op, left) {
		return nil, false
	}
	re, ok := c.regexp(e.Right, right)
	if !ok {
		return nil, false
	}
	return func(v value.Value, _ *Row) bool { return anyText(v, re.MatchString) }, true
}

// regexp reads a pattern that is written as a text.
func (c *Compiler) regexp(e syntax.Expr, x Expr) (*regexp.Regexp, bool) {
	if x.Kind != value.Text || !x.Constant {
		c.Refuse(e.Place(), `write it as a text: @"^/tmp/\w+$"`, "a pattern has to be written out")
		return nil, false
	}
	written := x.Eval(nil).Text()
	if len(written) > MaxPattern {
		c.Refuse(e.Place(), "", "the pattern is longer than %d bytes", MaxPattern)
		return nil, false
	}
	if c.patterns++; c.patterns > MaxPatterns {
		c.Refuse(e.Place(), "join them by | within one pattern", "there are more than %d patterns", MaxPatterns)
		return nil, false
	}
	re, err := regexp.Compile(written)
	if err != nil {
		reason := strings.TrimPrefix(err.Error(), "error parsing regexp: ")
		c.Refuse(e.Place(), "patterns are RE2: without look-around and back references", "the pattern cannot be read: %s", reason)
		return nil, false
	}
	return re, true
}

// network makes in_cidr.
func (c *Compiler) network(e *syntax.Binary, left, right Expr) (func(value.Value, *Row) bool, bool) {
	if left.Kind != value.Address && left.Kind != value.Text {
		c.Refuse(e.Left.Place(), "", "in_cidr is for addresses, this is %s", of(left.Kind))
		return nil, false
	}
	prefix, ok := c.prefix(e.Right, right)
	return func(v value.Value, _ *Row) bool { return within(v, prefix) }, ok
}

func (c *Compiler) prefix(e syntax.Expr, x Expr) (netip.Prefix, bool) {
	const hint = `write "10.0.0.0/8"`
	if x.Kind != value.Text || !x.Constant {
		c.Refuse(e.Place(), hint, "a network has to be written as a text")
		return netip.Prefix{}, false
	}
	written := x.Eval(nil).Text()
	if a, err := netip.ParseAddr(written); err == nil {
		return netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen()), true
	}
	p, err := netip.ParsePrefix(written)
	if err != nil {
		c.Refuse(e.Place(), hint, "%q is no network", short(written))
		return netip.Prefix{}, false
	}
	return p.Masked(), true
}

// within reports whether an address, or a text that is one, is of a network.
func within(v value.Value, p netip.Prefix) bool {
	a := v.Address()
	if v.Kind() == value.Text {
		a, _ = netip.ParseAddr(v.Text())
		a = a.Unmap().WithZone("")
	}
	return a.IsValid() && p.Contains(a)
}

// in makes in and in~.
func (c *Compiler) in(e *syntax.In) (Expr, bool) {
	x, ok := c.Compile(e.Operand)
	if !ok {
		return Expr{}, false
	}
	var fixed []value.Value
	var tests []func(r *Row) bool
	for _, member := range e.List {
		y, fine := c.Compile(member)
		if !fine {
			ok = false
			continue
		}
		op := map[bool]string{false: "==", true: "=~"}[e.Fold]
		b := &syntax.Binary{Span: e.Span, Op: syntax.Name{Text: op, Span: e.Span}, Left: e.Operand, Right: member}
		test, fine := c.compare(b, x, y)
		if ok = ok && fine; !ok {
			continue
		}
		if y.Constant && y.Kind == x.Kind && !e.Fold {
			fixed = append(fixed, y.Eval(nil))
		}
		tests = append(tests, test.Test())
	}
	if !ok {
		return Expr{}, false
	}
	if len(fixed) == len(tests) && x.Kind != value.List {
		return oneOf(x, fixed, e.Not), true
	}
	return condition(false, func(r *Row) bool {
		return slices.ContainsFunc(tests, func(test func(r *Row) bool) bool { return test(r) }) != e.Not
	}), true
}

// oneOf asks whether a value is one of those of a list, which are of its kind.
func oneOf(x Expr, list []value.Value, not bool) Expr {
	if x.Kind == value.Text {
		texts := make(map[string]bool, len(list))
		for _, v := range list {
			texts[v.Text()] = true
		}
		return condition(false, func(r *Row) bool { return texts[x.Eval(r).Text()] != not })
	}
	return condition(false, func(r *Row) bool { return slices.ContainsFunc(list, x.Eval(r).Equal) != not })
}

func (c *Compiler) between(e *syntax.Between) (Expr, bool) {
	and := func(op string, bound syntax.Expr) syntax.Expr {
		return &syntax.Binary{Span: e.Span, Op: syntax.Name{Text: op, Span: e.Span}, Left: e.Operand, Right: bound}
	}
	before := len(c.Problems)
	low, ok := c.Condition(and(">=", e.Low))
	if !ok {
		return Expr{}, false
	}
	high, ok := c.Condition(and("<=", e.High))
	if !ok || len(c.Problems) > before {
		return Expr{}, false
	}
	return condition(false, func(r *Row) bool { return (low(r) && high(r)) != e.Not }), true
}
