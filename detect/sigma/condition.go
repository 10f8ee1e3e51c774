package sigma

import (
	"fmt"
	"strconv"
	"strings"
)

// Bounds of a condition.
const (
	maxConditionBytes = 64 << 10
	maxConditionDepth = 64
	maxConditionTerms = 10_000 // after quantifiers are written out
)

// parseCondition reads a condition over the selections with the given names. It
// also returns of how many terms it is.
func parseCondition(text string, names []string) (Expr, int, error) {
	if len(text) > maxConditionBytes {
		return nil, 0, fmt.Errorf("the condition is longer than %d bytes: split the rule", maxConditionBytes)
	}
	tokens, err := tokenize(text)
	if err != nil {
		return nil, 0, err
	}
	p := conditionParser{tokens: tokens, names: names}
	expr, err := p.or(0)
	if err != nil {
		return nil, 0, err
	}
	if tok := p.peek(); tok != "" {
		return nil, 0, fmt.Errorf("%q in the condition is not expected here: join terms with and, or", tok)
	}
	return expr, p.terms, nil
}

// tokenize splits a condition into words and parentheses.
func tokenize(text string) ([]string, error) {
	var tokens []string
	for i := 0; i < len(text); {
		c := text[i]
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			i++
		case c == '(' || c == ')':
			tokens = append(tokens, text[i:i+1])
			i++
		case c == '|':
			return nil, fmt.Errorf("aggregations in a condition (%q) are Sigma 1: write a document with a correlation instead", strings.TrimSpace(text[i:]))
		case isNameByte(c):
			j := i
			for j < len(text) && isNameByte(text[j]) {
				j++
			}
			tokens = append(tokens, text[i:j])
			i = j
		default:
			return nil, fmt.Errorf("%q cannot be in a condition: only names of selections, and, or, not, 1 of, all of, them and parentheses can", rune(c))
		}
	}
	return tokens, nil
}

func isNameByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' ||
		c == '_' || c == '-' || c == '.' || c == '*' || c >= 0x80
}

// conditionParser reads or = and {"or" and}, and = not {"and" not},
// not = "not" not | "(" or ")" | quantifier "of" pattern | name.
type conditionParser struct {
	tokens []string
	pos    int
	names  []string
	terms  int
}

// peek returns the next token, "" at the end.
func (p *conditionParser) peek() string {
	if p.pos < len(p.tokens) {
		return p.tokens[p.pos]
	}
	return ""
}

// accept takes the next token if it is the given keyword in any case.
func (p *conditionParser) accept(word string) bool {
	if strings.EqualFold(p.peek(), word) {
		p.pos++
		return true
	}
	return false
}

func (p *conditionParser) or(depth int) (Expr, error) {
	return p.list(depth, "or", p.and, func(x []Expr) Expr { return Or(x) })
}

func (p *conditionParser) and(depth int) (Expr, error) {
	return p.list(depth, "and", p.not, func(x []Expr) Expr { return And(x) })
}

func (p *conditionParser) list(depth int, word string, part func(int) (Expr, error), join func([]Expr) Expr) (Expr, error) {
	var parts []Expr
	for {
		x, err := part(depth)
		if err != nil {
			return nil, err
		}
		parts = append(parts, x)
		if !p.accept(word) {
			break
		}
	}
	if len(parts) == 1 {
		return parts[0], nil
	}
	return join(parts), nil
}

func (p *conditionParser) not(depth int) (Expr, error) {
	if depth > maxConditionDepth {
		return nil, fmt.Errorf("the condition is nested deeper than %d: simplify it", maxConditionDepth)
	}
	switch {
	case p.accept("not"):
		x, err := p.not(depth + 1)
		return Not{x}, err
	case p.accept("("):
		x, err := p.or(depth + 1)
		if err == nil && !p.accept(")") {
			err = fmt.Errorf("the condition lacks a closing parenthesis")
		}
		return x, err
	}
	return p.term()
}

// term reads a name or a quantifier.
func (p *conditionParser) term() (Expr, error) {
	tok := p.peek()
	switch strings.ToLower(tok) {
	case "":
		return nil, fmt.Errorf("the condition ends where a selection is expected")
	case "and", "or", "of", ")":
		return nil, fmt.Errorf("%q in the condition stands where a selection is expected", tok)
	}
	p.pos++
	if p.accept("of") {
		return p.quantified(tok)
	}
	if strings.EqualFold(tok, "them") {
		return nil, fmt.Errorf(`"them" in the condition needs "1 of" or "all of" before it`)
	}
	if strings.Contains(tok, "*") {
		return nil, fmt.Errorf("%q in the condition needs \"1 of\" or \"all of\" before it", tok)
	}
	for i, name := range p.names {
		if name == tok {
			return Ref(i), p.count(1)
		}
	}
	return nil, fmt.Errorf("the condition names selection %q, which the detection does not have: it has %s", tok, strings.Join(p.names, ", "))
}

// quantified reads what follows "N of".
func (p *conditionParser) quantified(quantifier string) (Expr, error) {
	glob := p.peek()
	if glob == "" || glob == "(" || glob == ")" {
		return nil, fmt.Errorf("%q of in the condition needs a selection pattern or them after it", quantifier)
	}
	p.pos++
	var refs []Expr
	for i, name := range p.names {
		if matchName(glob, name) {
			refs = append(refs, Ref(i))
		}
	}
	if len(refs) == 0 {
		return nil, fmt.Errorf("no selection is named like %q of the condition: the detection has %s", glob, strings.Join(p.names, ", "))
	}
	switch strings.ToLower(quantifier) {
	case "all":
		return And(refs), p.count(len(refs))
	case "any":
		return Or(refs), p.count(len(refs))
	}
	n, err := strconv.Atoi(quantifier)
	if err != nil || n < 1 {
		return nil, fmt.Errorf("%q of in the condition is no quantity: write 1 of, all of or a number", quantifier)
	}
	if n > len(refs) {
		return nil, fmt.Errorf("%d of %s can never hold: only %d selections are named so", n, glob, len(refs))
	}
	return p.atLeast(n, refs)
}

// atLeast writes "n of refs" as an alternative of conjunctions.
func (p *conditionParser) atLeast(n int, refs []Expr) (Expr, error) {
	if n == 1 {
		return Or(refs), p.count(len(refs))
	}
	var alternatives Or
	pick := make([]Expr, 0, n)
	var choose func(from int) error
	choose = func(from int) error {
		if len(pick) == n {
			alternatives = append(alternatives, And(append([]Expr(nil), pick...)))
			return p.count(n)
		}
		for i := from; i <= len(refs)-(n-len(pick)); i++ {
			pick = append(pick, refs[i])
			if err := choose(i + 1); err != nil {
				return err
			}
			pick = pick[:len(pick)-1]
		}
		return nil
	}
	err := choose(0)
	return alternatives, err
}

// count adds terms of the written-out condition and refuses too many.
func (p *conditionParser) count(n int) error {
	if p.terms += n; p.terms > maxConditionTerms {
		return fmt.Errorf("the condition means more than %d terms: split the rule", maxConditionTerms)
	}
	return nil
}

// matchName matches the pattern of a quantifier. The pattern them leaves out
// selections whose name begins with an underscore.
func matchName(glob, name string) bool {
	if strings.EqualFold(glob, "them") {
		return !strings.HasPrefix(name, "_")
	}
	parts := strings.Split(glob, "*")
	if len(parts) == 1 {
		return glob == name
	}
	if !strings.HasPrefix(name, parts[0]) {
		return false
	}
	name = name[len(parts[0]):]
	last := len(parts) - 1
	for _, part := range parts[1:last] {
		i := strings.Index(name, part)
		if i < 0 {
			return false
		}
		name = name[i+len(part):]
	}
	return len(name) >= len(parts[last]) && strings.HasSuffix(name, parts[last])
}
