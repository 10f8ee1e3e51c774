package syntax

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/holdfast-security/holdfast/hunt/value"
)

// kind is the kind of a token.
type kind uint8

const (
	end     kind = iota
	word         // a name, with dots in it, or a keyword
	symbol       // an operator or a bracket
	literal      // a text, number, length of time or moment
)

// token is one word of the language.
type token struct {
	kind kind
	Span
	text  string      // of a word or symbol, as written
	value value.Value // of a literal
	is    value.Kind  // of a literal
}

// lexer cuts a query into tokens.
type lexer struct {
	query string
	at    int
}

// symbols, longer ones before those that they begin with.
var symbols = []string{"==", "!=", "=~", "!~", "<=", ">=", "<>", "..", "|", "(", ")", ",", "<", ">", "=", "+", "-", "*", "/", "%"}

// next returns the next token.
func (l *lexer) next() (token, *Problem) {
	l.skipBlanks()
	start := l.at
	rest := l.query[start:]
	if rest == "" {
		return token{kind: end, Span: Span{start, start}}, nil
	}
	switch c := rest[0]; {
	case isLetter(c):
		return l.word()
	case c == '!' && len(rest) > 1 && isLetter(rest[1]):
		return l.word()
	case isDigit(c):
		return l.number()
	case c == '"' || c == '\'':
		return l.text(start, c, false)
	case c == '@' && len(rest) > 1 && (rest[1] == '"' || rest[1] == '\''):
		l.at++
		return l.text(start, rest[1], true)
	}
	for _, s := range symbols {
		if strings.HasPrefix(rest, s) {
			l.at += len(s)
			return token{kind: symbol, Span: Span{start, l.at}, text: s}, nil
		}
	}
	return token{}, l.stray(start)
}

// skipBlanks skips blanks and comments, which begin with // and end with the
// line.
func (l *lexer) skipBlanks() {
	for l.at < len(l.query) {
		r, size := utf8.DecodeRuneInString(l.query[l.at:])
		switch {
		case unicode.IsSpace(r):
			l.at += size
		case strings.HasPrefix(l.query[l.at:], "//"):
			if i := strings.IndexByte(l.query[l.at:], '\n'); i >= 0 {
				l.at += i
			} else {
				l.at = len(l.query)
			}
		default:
			return
		}
	}
}

// stray says what to write in place of a character that means nothing.
func (l *lexer) stray(start int) *Problem {
	r, size := utf8.DecodeRuneInString(l.query[start:])
	hint := ""
	switch r {
	case '“', '”', '‘', '’', '„', '`':
		hint = `texts stand in straight quotes: "text"`
	case '&':
		hint = `write "and"`
	case '!':
		hint = `write "not" before a condition, or != between values`
	case '[', ']', '{', '}':
		hint = "lists and conditions stand in round brackets"
	case ';':
		hint = "a query is one statement, whose stages are parted by |"
	}
	return At(l.query, Span{start, start + size}, fmt.Sprintf("%q has no meaning here", r), hint)
}

func isLetter(c byte) bool { return c == '_' || 'a' <= c|0x20 && c|0x20 <= 'z' }
func isDigit(c byte) bool  { return '0' <= c && c <= '9' }

// word reads a name, whose parts are joined by dots, or an operator that is
// one, which can begin with ! and end with ~.
func (l *lexer) word() (token, *Problem) {
	start := l.at
	if l.query[l.at] == '!' {
		l.at++
	}
	for l.at < len(l.query) {
		c := l.query[l.at]
		dot := c == '.' && l.at+1 < len(l.query) && isLetter(l.query[l.at+1])
		if !isLetter(c) && !isDigit(c) && !dot {
			break
		}
		l.at++
	}
	text := l.query[start:l.at]
	if lower := strings.ToLower(text); (lower == "in" || lower == "!in") && strings.HasPrefix(l.query[l.at:], "~") {
		l.at++
		text += "~"
	}
	if strings.EqualFold(text, "datetime") && strings.HasPrefix(strings.TrimLeft(l.query[l.at:], " \t"), "(") {
		return l.datetime(start)
	}
	return token{kind: word, Span: Span{start, l.at}, text: text}, nil
}

// layouts are how moments are written; those without a zone are of UTC.
var layouts = []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02 15:04", time.DateOnly}

// datetime reads datetime(2026-11-23T10:00:00Z), with or without quotes.
func (l *lexer) datetime(start int) (token, *Problem) {
	open := l.at + strings.IndexByte(l.query[l.at:], '(')
	length := strings.IndexByte(l.query[open:], ')')
	if length < 0 {
		return token{}, At(l.query, Span{start, len(l.query)}, "datetime( has no end", "close it with )")
	}
	l.at = open + length + 1
	inner := strings.Trim(l.query[open+1:open+length], " \t\"'")
	for _, layout := range layouts {
		if t, err := time.ParseInLocation(layout, inner, time.UTC); err == nil {
			return token{kind: literal, Span: Span{start, l.at}, value: value.OfTime(t), is: value.Time}, nil
		}
	}
	return token{}, At(l.query, Span{start, l.at}, fmt.Sprintf("%q is no moment", cut(inner)),
		"write datetime(2026-11-23) or datetime(2026-11-23T10:00:00Z)")
}

// units of lengths of time.
var units = map[string]time.Duration{
	"ns": time.Nanosecond, "us": time.Microsecond, "ms": time.Millisecond, "s": time.Second, "m": time.Minute,
	"h": time.Hour, "d": 24 * time.Hour, "w": 7 * 24 * time.Hour,
}

// number reads a number, in hex too, or a length of time, such as 90m or 1.5h.
func (l *lexer) number() (token, *Problem) {
	start := l.at
	hex := strings.HasPrefix(l.query[start:], "0x") || strings.HasPrefix(l.query[start:], "0X")
	if hex {
		l.at += 2
	}
	digits := l.run(func(c byte) bool { return isDigit(c) || hex && 'a' <= c|0x20 && c|0x20 <= 'f' })
	if !hex && strings.HasPrefix(digits, ".") && len(digits) > 1 && isDigit(digits[1]) {
		l.at++
		l.run(isDigit)
	}
	number := l.query[start:l.at]
	mark := l.at
	l.run(func(c byte) bool { return isLetter(c) || isDigit(c) })
	unit := l.query[mark:l.at]
	span := Span{start, l.at}
	if unit == "" {
		return l.plain(number, span)
	}
	length, ok := units[unit]
	f, err := strconv.ParseFloat(number, 64)
	if !ok || err != nil {
		return token{}, At(l.query, span, fmt.Sprintf("%q is neither a number nor a length of time", cut(number+unit)),
			"lengths of time are written 500ms, 30s, 10m, 2h, 1d or 1w")
	}
	if f *= float64(length); f > math.MaxInt64/2 {
		return token{}, At(l.query, span, "the length of time is too long", "at most 146 years can be said")
	}
	return token{kind: literal, Span: span, value: value.OfDuration(time.Duration(f)), is: value.Duration}, nil
}

// run skips the bytes that fit and returns what is left.
func (l *lexer) run(fits func(byte) bool) string {
	for l.at < len(l.query) && fits(l.query[l.at]) {
		l.at++
	}
	return l.query[l.at:]
}

// plain returns the token of a number without a unit.
func (l *lexer) plain(number string, span Span) (token, *Problem) {
	if strings.Contains(number, ".") {
		f, err := strconv.ParseFloat(number, 64)
		if err != nil {
			return token{}, At(l.query, span, "the number is too large", "")
		}
		return token{kind: literal, Span: span, value: value.OfReal(f), is: value.Real}, nil
	}
	base, digits := 10, number
	if len(number) > 2 && number[1]|0x20 == 'x' {
		base, digits = 16, number[2:]
	}
	n, err := strconv.ParseInt(digits, base, 64)
	if err != nil {
		return token{}, At(l.query, span, fmt.Sprintf("%q is not a number that fits 64 bits", cut(number)), "")
	}
	return token{kind: literal, Span: span, value: value.OfInt(n), is: value.Int}, nil
}

// text reads a text in quotes. A verbatim one has no escapes; its quote is
// doubled to stand for itself.
func (l *lexer) text(start int, quote byte, verbatim bool) (token, *Problem) {
	l.at++
	var b strings.Builder
	for {
		rest := l.query[l.at:]
		switch {
		case rest == "" || !verbatim && rest[0] == '\n':
			return token{}, At(l.query, Span{start, l.at}, "the text has no end", "close it with "+string(quote))
		case verbatim && len(rest) > 1 && rest[0] == quote && rest[1] == quote:
			b.WriteByte(quote)
			l.at += 2
		case rest[0] == quote:
			l.at++
			return token{kind: literal, Span: Span{start, l.at}, value: value.OfText(b.String()), is: value.Text}, nil
		case !verbatim && rest[0] == '\\':
			if p := l.escape(&b, quote); p != nil {
				return token{}, p
			}
		default:
			b.WriteByte(rest[0])
			l.at++
		}
	}
}

// escape reads one escaped character.
func (l *lexer) escape(b *strings.Builder, quote byte) *Problem {
	r, multibyte, tail, err := strconv.UnquoteChar(l.query[l.at:], quote)
	if err != nil {
		return At(l.query, Span{l.at, min(l.at+2, len(l.query))}, "a backslash begins an escape, and this is none",
			`double it, or write the text as @"C:\path"`)
	}
	if multibyte || r < utf8.RuneSelf {
		b.WriteRune(r)
	} else {
		b.WriteByte(byte(r)) // \xff is a byte of a text that is not UTF-8
	}
	l.at = len(l.query) - len(tail)
	return nil
}
