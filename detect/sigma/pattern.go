package sigma

import (
	"strings"
)

// Pattern is text with wildcards. The zero value is the empty text.
type Pattern struct {
	Tokens []Token
	Cased  bool // upper and lower case differ
}

// Token is a piece of a pattern: literal text, or a wildcard when Wild is set.
type Token struct {
	Wild Wildcard
	Text string // of a literal; never empty
}

// Wildcard is a kind of placeholder for text.
type Wildcard uint8

// Wildcards.
const (
	Literal Wildcard = iota
	AnyText          // *: any number of characters, none included
	AnyOne           // ?: exactly one character
)

// ParsePattern reads text with the wildcards * and ?. A backslash before a
// wildcard or a backslash makes it literal; any other backslash is itself.
func ParsePattern(text string) Pattern {
	var p Pattern
	var lit strings.Builder
	flush := func() {
		if lit.Len() > 0 {
			p.Tokens = append(p.Tokens, Token{Text: lit.String()})
			lit.Reset()
		}
	}
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '\\' && i+1 < len(text) && strings.IndexByte(`\*?`, text[i+1]) >= 0:
			i++
			lit.WriteByte(text[i])
		case c == '*':
			flush()
			p.Tokens = appendWild(p.Tokens, AnyText)
		case c == '?':
			flush()
			p.Tokens = appendWild(p.Tokens, AnyOne)
		default:
			lit.WriteByte(c)
		}
	}
	flush()
	return p
}

// LiteralPattern returns the pattern of exactly this text.
func LiteralPattern(text string) Pattern {
	if text == "" {
		return Pattern{}
	}
	return Pattern{Tokens: []Token{{Text: text}}}
}

// appendWild keeps runs of wildcards in a normal form: ones before a single
// any-text.
func appendWild(tokens []Token, w Wildcard) []Token {
	n := len(tokens)
	if n == 0 || tokens[n-1].Wild != AnyText {
		return append(tokens, Token{Wild: w})
	}
	if w == AnyText {
		return tokens
	}
	tokens[n-1].Wild = AnyOne
	return append(tokens, Token{Wild: AnyText})
}

// Literal returns the text of a pattern without wildcards.
func (p Pattern) Literal() (string, bool) {
	switch {
	case len(p.Tokens) == 0:
		return "", true
	case len(p.Tokens) == 1 && p.Tokens[0].Wild == Literal:
		return p.Tokens[0].Text, true
	}
	return "", false
}

// Shape returns the text and the place of a pattern that is one literal with
// any text before, after or around it.
func (p Pattern) Shape() (text string, place Place, ok bool) {
	t := p.Tokens
	start := len(t) > 0 && t[0].Wild == AnyText
	if start {
		t = t[1:]
	}
	end := len(t) > 0 && t[len(t)-1].Wild == AnyText
	if end {
		t = t[:len(t)-1]
	}
	text, ok = Pattern{Tokens: t}.Literal()
	switch {
	case start && end || start && len(p.Tokens) == 1:
		place = PlaceAnywhere
	case start:
		place = PlaceEnd
	case end:
		place = PlaceStart
	}
	return text, place, ok
}

// String returns the pattern as it would be written in a rule.
func (p Pattern) String() string {
	var b strings.Builder
	for _, t := range p.Tokens {
		switch t.Wild {
		case AnyText:
			b.WriteByte('*')
		case AnyOne:
			b.WriteByte('?')
		case Literal:
			for i := range len(t.Text) {
				if strings.IndexByte(`\*?`, t.Text[i]) >= 0 {
					b.WriteByte('\\')
				}
				b.WriteByte(t.Text[i])
			}
		}
	}
	return b.String()
}

// open adds any text before and after the pattern, as the modifiers contains,
// startswith and endswith ask.
func (p Pattern) open(before, after bool) Pattern {
	tokens := make([]Token, 0, len(p.Tokens)+2)
	if before {
		tokens = append(tokens, Token{Wild: AnyText})
	}
	for _, t := range p.Tokens {
		if t.Wild == Literal {
			tokens = append(tokens, t)
		} else {
			tokens = appendWild(tokens, t.Wild)
		}
	}
	if after {
		tokens = appendWild(tokens, AnyText)
	}
	return Pattern{Tokens: tokens, Cased: p.Cased}
}
