package detect

import (
	"regexp/syntax"
	"strings"
	"unicode/utf8"
)

// Bounds of the literals taken from a regular expression.
const (
	maxRequired    = 64
	minRequiredLen = 2
)

// requiredLiterals returns folded texts of which every match of the expression
// holds at least one, or nil where the expression gives none.
func requiredLiterals(expr string) []string {
	re, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return nil
	}
	return required(re.Simplify())
}

func required(re *syntax.Regexp) []string {
	switch re.Op {
	case syntax.OpLiteral:
		// The replacement character also matches bytes that are not UTF-8.
		if text := fold(string(re.Rune)); len(text) >= minRequiredLen && !strings.ContainsRune(text, utf8.RuneError) {
			return []string{text}
		}
	case syntax.OpCapture, syntax.OpPlus:
		return required(re.Sub[0])
	case syntax.OpRepeat:
		if re.Min > 0 {
			return required(re.Sub[0])
		}
	case syntax.OpConcat:
		var best []string
		for _, sub := range re.Sub {
			if texts := required(sub); texts != nil && (best == nil || rank(texts) < rank(best)) {
				best = texts
			}
		}
		return best
	case syntax.OpAlternate:
		var all []string
		for _, sub := range re.Sub {
			texts := required(sub)
			if texts == nil || len(all)+len(texts) > maxRequired {
				return nil
			}
			all = append(all, texts...)
		}
		return all
	}
	return nil
}

// rank estimates how often one of the texts turns up.
func rank(texts []string) float64 {
	sum := 0.0
	for _, text := range texts {
		sum += weight(0, text)
	}
	return sum
}
