package respell

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// dollar reads what a dollar sign begins: a quote, a variable, a substitution.
func (l *lexer) dollar(inQuotes bool) {
	rest := l.text[l.at+1:]
	switch {
	case rest == "":
		l.plain("$")
		l.at++
	case rest[0] == '\'' && !inQuotes:
		l.quoted = true
		text, n := ansi(rest[1:])
		l.at += 2 + n
		l.literal(text)
	case rest[0] == '"' && !inQuotes:
		l.at++
		l.doubleQuotes()
	case strings.HasPrefix(rest, "(("):
		l.at++
		l.opaqueText("$(", l.parentheses(), ")")
	case rest[0] == '(':
		l.at++
		l.substitution("$(", l.parentheses(), ")", inQuotes)
	case rest[0] == '{':
		end := strings.IndexByte(rest, '}')
		if end < 0 {
			end = len(rest) - 1
		}
		l.at += end + 2
		l.variable(strings.TrimSuffix(rest[1:end+1], "}"), "$"+rest[:end+1], inQuotes)
	default:
		n := nameLength(rest)
		l.at += 1 + n
		l.variable(rest[:n], "$"+rest[:n], inQuotes)
	}
}

// nameLength returns how much of a text after a dollar sign names a variable.
func nameLength(s string) int {
	n := 0
	for n < len(s) && (s[n] == '_' || letter(s[n]) || n > 0 && s[n] >= '0' && s[n] <= '9') {
		n++
	}
	if n == 0 && strings.IndexByte("0123456789@*#?!-$", s[0]) >= 0 {
		return 1
	}
	return n
}

// plain adds text that is written as it stands.
func (l *lexer) plain(s string) {
	l.begun = true
	l.field.WriteString(s)
}

// variable adds the value of a variable, or its name where the value is not
// known from the text.
func (l *lexer) variable(name, raw string, inQuotes bool) {
	bare := name[:nameLengthOf(name)]
	switch value, known := l.vars[bare]; {
	case bare == "IFS" && !inQuotes && !known:
		l.split()
	case len(name) == 1 && strings.IndexByte("123456789@*", name[0]) >= 0:
		// a text has no arguments
	case (bare == "PATH" || bare == "HOME" || bare == "PWD" || bare == "SHELL") && strings.HasSuffix(name, ":0:1"):
		l.plain("/") // each begins with one
	case known && bare == name && len(value)+l.field.Len() <= l.budget:
		l.value(value, inQuotes)
	default:
		l.plain(raw)
	}
}

func nameLengthOf(s string) int {
	if s == "" {
		return 0
	}
	return nameLength(s)
}

// value adds what an expansion gives, split into fields outside quotes.
func (l *lexer) value(text string, inQuotes bool) {
	l.budget -= len(text)
	if inQuotes {
		l.literal(text)
		return
	}
	for i, word := range strings.Fields(text) {
		if i > 0 {
			l.split()
		}
		l.literal(word)
	}
}

// parentheses reads a balanced text, the opening one under way.
func (l *lexer) parentheses() string {
	from, depth := l.at+1, 0
	var quote byte
	for ; l.at < len(l.text); l.at++ {
		switch c := l.text[l.at]; {
		case quote != 0:
			if c == '\\' && quote == '"' {
				l.at++
			} else if c == quote {
				quote = 0
			}
		case c == '\'' || c == '"':
			quote = c
		case c == '\\':
			l.at++
		case c == '(':
			depth++
		case c == ')':
			if depth--; depth == 0 {
				l.at++
				return l.text[from : l.at-1]
			}
		}
	}
	l.at = len(l.text)
	return l.text[min(from, len(l.text)):]
}

// substitution adds what a command puts out, where that is a fixed text, and
// the command in one spelling where it is not.
func (l *lexer) substitution(begin, inner, end string, inQuotes bool) {
	if output, ok := l.output(inner); ok && len(output) <= l.budget {
		l.value(strings.TrimRight(output, "\n"), inQuotes)
		l.begun = true
		return
	}
	l.opaque(begin, inner, end)
}

func (l *lexer) opaque(begin, inner, end string) {
	l.opaqueText(begin, l.respell(inner), end)
}

func (l *lexer) opaqueText(begin, inner, end string) {
	l.wrapped = true
	l.plain(begin + inner + end)
}

// ansi reads the text of $'…' up to its closing quote, and returns how long it
// was (bash(1), QUOTING).
func ansi(s string) (text string, n int) {
	var b strings.Builder
	for n < len(s) {
		c := s[n]
		n++
		if c == '\'' {
			break
		}
		if c != '\\' || n >= len(s) {
			b.WriteByte(c)
			continue
		}
		skip := escaped(&b, s[n:])
		n += skip
	}
	return b.String(), n
}

// escaped writes what an escape means and returns its length after the
// backslash.
func escaped(b *strings.Builder, s string) int {
	const plain, meaning = "abeEfnrtv\\'\"?", "\a\b\x1b\x1b\f\n\r\t\v\\'\"?"
	c := s[0]
	if i := strings.IndexByte(plain, c); i >= 0 {
		b.WriteByte(meaning[i])
		return 1
	}
	from, most, radix := 1, 2, 16
	switch {
	case c == 'u':
		most = 4
	case c == 'U':
		most = 8
	case c >= '0' && c <= '7':
		from, most, radix = 0, 3, 8
	case c != 'x':
		b.WriteByte('\\')
		b.WriteByte(c)
		return 1
	}
	end := from
	for end < len(s) && end < from+most && digit(s[end], radix) {
		end++
	}
	number, err := strconv.ParseUint(s[from:end], radix, 32)
	if err != nil {
		b.WriteByte('\\')
		return 0
	}
	if most > 3 {
		b.Write(utf8.AppendRune(nil, rune(number)))
	} else {
		b.WriteByte(byte(number))
	}
	return end
}

func digit(c byte, radix int) bool {
	if radix == 8 {
		return c >= '0' && c <= '7'
	}
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f'
}
