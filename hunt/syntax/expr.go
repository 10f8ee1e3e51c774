package syntax

import (
	"fmt"
	"slices"
	"strings"

	"github.com/holdfast-security/holdfast/hunt/value"
)

// comparisons are the operators between two values that are words.
var comparisons = []string{
	"contains", "!contains", "contains_cs", "!contains_cs", "startswith", "!startswith", "startswith_cs", "!startswith_cs",
	"endswith", "!endswith", "endswith_cs", "!endswith_cs", "has", "!has", "has_cs", "!has_cs", "in_cidr", "!in_cidr",
	"in", "!in", "in~", "!in~", "between", "!between", "matches",
}

// Comparisons returns the operators that compare two values with a truth value,
// apart from in, between and their contraries.
func Comparisons() []string {
	return append([]string{"==", "!=", "=~", "!~", "<", "<=", ">", ">=", "matches regex"}, comparisons[:18]...)
}

// keywords cannot be names of columns.
var keywords = []string{"and", "or", "not", "by", "asc", "desc", "true", "false"}

// expr reads: or binds least, then and, not, comparisons, + and -, * / and %.
func (p *parser) expr() Expr {
	defer p.enter()()
	left := p.conjunction()
	for p.is("or") {
		left = p.join(left, p.conjunction)
	}
	return left
}

func (p *parser) conjunction() Expr {
	left := p.negation()
	for p.is("and") {
		left = p.join(left, p.negation)
	}
	return left
}

// join reads an operator and what stands right of it. Chains grow to the left
// and count as depth too: whoever walks the tree does it by recursion.
func (p *parser) join(left Expr, right func() Expr) Expr {
	op := p.advance()
	if depth := 1 + leftDepth(left); depth > MaxList {
		p.refuse(op.Span, fmt.Sprintf("more than %d conditions are joined", MaxList), "use in (…)")
	}
	r := right()
	return &Binary{Span{left.Place().Start, r.Place().End}, Name{strings.ToLower(op.text), op.Span}, left, r}
}

// leftDepth counts the operators that a chain consists of.
func leftDepth(e Expr) int {
	n := 0
	for b, ok := e.(*Binary); ok; b, ok = e.(*Binary) {
		n++
		e = b.Left
	}
	return n
}

func (p *parser) negation() Expr {
	if !p.is("not") {
		return p.comparison()
	}
	defer p.enter()()
	start := p.advance().Start
	operand := p.negation()
	return &Not{Span{start, operand.Place().End}, operand}
}

func (p *parser) comparison() Expr {
	left := p.sum()
	op := strings.ToLower(p.now.text)
	switch {
	case p.now.kind == symbol && slices.Contains([]string{"==", "!=", "=~", "!~", "<", "<=", ">", ">=", "<>"}, op):
		return p.join(left, p.sum)
	case p.now.kind != word:
		return left
	}
	switch strings.TrimPrefix(op, "!") {
	case "in", "in~":
		return p.in(left, op)
	case "between":
		return p.between(left, op)
	case "matches":
		return p.matches(left)
	}
	if !slices.Contains(comparisons, op) {
		return left
	}
	return p.join(left, p.sum)
}

// matches reads matches regex "pattern".
func (p *parser) matches(left Expr) Expr {
	start := p.advance().Start
	p.expect("regex", `write matches regex "pattern"`)
	op := Name{"matches regex", p.from(start)}
	right := p.sum()
	return &Binary{Span{left.Place().Start, right.Place().End}, op, left, right}
}

func (p *parser) in(left Expr, op string) Expr {
	p.advance()
	in := &In{Operand: left, Fold: strings.HasSuffix(op, "~"), Not: strings.HasPrefix(op, "!")}
	p.expect("(", `write in ("one", "two")`)
	for {
		if len(in.List) == MaxList {
			p.refuse(p.now.Span, fmt.Sprintf("there are more than %d values", MaxList), "")
		}
		in.List = append(in.List, p.sum())
		if !p.accept(",") {
			break
		}
	}
	p.expect(")", "part the values by commas, and close the list with )")
	in.Span = p.from(left.Place().Start)
	return in
}

func (p *parser) between(left Expr, op string) Expr {
	const hint = "write between (low .. high)"
	p.advance()
	b := &Between{Operand: left, Not: strings.HasPrefix(op, "!")}
	p.expect("(", hint)
	b.Low = p.sum()
	p.expect("..", hint)
	b.High = p.sum()
	p.expect(")", hint)
	b.Span = p.from(left.Place().Start)
	return b
}

func (p *parser) sum() Expr {
	left := p.product()
	for p.is("+") || p.is("-") {
		left = p.join(left, p.product)
	}
	return left
}

func (p *parser) product() Expr {
	left := p.factor()
	for p.is("*") || p.is("/") || p.is("%") {
		left = p.join(left, p.factor)
	}
	return left
}

func (p *parser) factor() Expr {
	defer p.enter()()
	switch {
	case p.now.kind == literal:
		t := p.advance()
		return &Literal{t.Span, t.value, t.is}
	case p.accept("-"):
		start := p.prev.Start
		operand := p.factor()
		return &Negative{Span{start, operand.Place().End}, operand}
	case p.accept("("):
		e := p.expr()
		p.expect(")", "a bracket is open; close it with )")
		return e
	case p.is("true"), p.is("false"):
		t := p.advance()
		return &Literal{t.Span, value.OfBool(strings.EqualFold(t.text, "true")), value.Bool}
	case p.now.kind == word && !slices.Contains(keywords, strings.ToLower(p.now.text)) && p.now.text[0] != '!':
		t := p.advance()
		if p.is("(") {
			return p.call(Name{t.text, t.Span})
		}
		return &Ref{Name{t.text, t.Span}}
	}
	hint := ""
	if p.is("*") {
		hint = "name the fields; search \"text\" looks into all texts"
	}
	p.refuse(p.now.Span, p.shown()+" stands where a field or a value should", hint)
	return nil
}

func (p *parser) call(f Name) Expr {
	c := &Call{Function: f}
	p.advance()
	for !p.is(")") {
		if len(c.Arguments) == MaxColumns {
			p.refuse(p.now.Span, fmt.Sprintf("there are more than %d arguments", MaxColumns), "")
		}
		c.Arguments = append(c.Arguments, p.expr())
		if !p.accept(",") {
			break
		}
	}
	p.expect(")", "part the arguments by commas, and close them with )")
	c.Span = p.from(f.Start)
	return c
}
