package syntax

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Problem is a mistake in a query.
type Problem struct {
	Line   int    // from 1
	Column int    // in characters, from 1
	Length int    // in characters; 0 for the end of the query
	Reason string // what is wrong, as a part of a sentence
	Hint   string // what to do instead, or ""
}

// Error returns place, reason and hint.
func (p *Problem) Error() string {
	text := fmt.Sprintf("line %d, column %d: %s", p.Line, p.Column, p.Reason)
	if p.Hint != "" {
		text += "; " + p.Hint
	}
	return text
}

// At returns a problem of a part of the query.
func At(query string, s Span, reason, hint string) *Problem {
	start := min(s.Start, len(query))
	before := query[:start]
	line := strings.LastIndexByte(before, '\n') + 1
	return &Problem{
		Line: 1 + strings.Count(before, "\n"), Column: 1 + utf8.RuneCountInString(before[line:]),
		Length: utf8.RuneCountInString(query[start:max(start, min(s.End, len(query)))]), Reason: reason, Hint: hint,
	}
}

// cut shortens what is repeated of a query.
func cut(s string) string {
	const most = 40
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most]) + "…"
}
