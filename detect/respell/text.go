package respell

import (
	"slices"
	"strings"
)

// script reads the text of a shell. Variables that the text sets are known to
// what comes after.
type script struct {
	vars   map[string]string
	depth  int
	budget int // bytes that may still be written
}

// item is a word or an operator of the text.
type item struct {
	raw    string   // as written
	fields []string // of a word: what the shell makes of it, one or several
	keep   bool     // of a word: its quotes must stay
	blank  bool     // there was white space before it
	op     bool
}

// text returns how the item is written.
func (it *item) text() string {
	if it.op || it.keep {
		return it.raw
	}
	return strings.Join(it.fields, " ")
}

// word returns the one text that a word stands for, "" where there are several.
func (it *item) word() string {
	if it.op || len(it.fields) != 1 {
		return ""
	}
	return it.fields[0]
}

// respell returns a text in one spelling, or as it is where it is too deep or
// the bounds are used up.
func (s *script) respell(text string) string {
	if s.depth >= maxDepth || len(text) > s.budget {
		return text
	}
	s.depth++
	defer func() { s.depth-- }()
	items := s.lex(text)
	out := s.write(items)
	s.budget -= len(out)
	if s.budget < 0 {
		return text
	}
	return out
}

// lex splits a text into words and operators.
func (s *script) lex(text string) []item {
	var items []item
	blank, atCommand := false, true
	for i := 0; i < len(text); {
		switch c := text[i]; {
		case c == ' ' || c == '\t' || c == '\r':
			blank = true
			i++
		case c == '\\' && i+1 < len(text) && text[i+1] == '\n':
			blank = true
			i += 2
		case operator(text[i:]) > 0:
			n := operator(text[i:])
			op := text[i : i+n]
			if op == "<<" || op == "<<-" { // a document follows: none of our business
				return append(items, item{raw: text[i:], blank: blank, op: true})
			}
			items = append(items, item{raw: op, blank: blank, op: true})
			atCommand = atCommand && redirects(op) || !redirects(op)
			blank = false
			i += n
		default:
			l := lexer{script: s, text: text, at: i}
			it := l.word()
			it.blank = blank
			blank, i = false, l.at
			if name, value, ok := setting(it.word()); ok && atCommand {
				s.set(name, value)
			} else {
				atCommand = atCommand && keyword(it.word())
			}
			items = append(items, it)
		}
	}
	return items
}

// operators, the longest first.
var operators = []string{
	"<<<", "<<-", "&>>", "&&", "||", ";;", "|&", ">>", "<<", "&>", ">&", "<&", ">|", "<>", ";", "|", "&", "(", ")", "<", ">", "\n",
}

// operator returns the length of the operator that a text begins with.
func operator(text string) int {
	if strings.IndexByte(";|&()<>\n", text[0]) < 0 || strings.HasPrefix(text, "<(") || strings.HasPrefix(text, ">(") {
		return 0
	}
	for _, op := range operators {
		if strings.HasPrefix(text, op) {
			return len(op)
		}
	}
	return 0
}

// redirects reports whether an operator goes on with the same command.
func redirects(op string) bool { return strings.ContainsAny(op, "<>") }

// keyword reports whether a command may follow a word.
func keyword(word string) bool {
	return slices.Contains([]string{"if", "then", "else", "elif", "while", "until", "do", "!", "{", "time"}, word)
}

// setting splits NAME=value.
func setting(word string) (name, value string, ok bool) {
	name, value, ok = strings.Cut(word, "=")
	return name, value, ok && isName(name)
}

func isName(s string) bool {
	for i := range len(s) {
		if c := s[i]; c != '_' && !letter(c) && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}

// maxVariables bounds what a text can set.
const maxVariables = 64

func (s *script) set(name, value string) {
	if s.vars == nil {
		s.vars = make(map[string]string)
	}
	if _, known := s.vars[name]; (known || len(s.vars) < maxVariables) && len(value) <= 4096 {
		s.vars[name] = value
	}
}

// lexer reads one word.
type lexer struct {
	*script
	text string
	at   int

	fields  []string
	field   strings.Builder
	begun   bool // the field has something in it, be it an empty quote
	unsafe  bool // something quoted must stay so
	quoted  bool // anything is quoted
	wrapped bool // an opaque substitution
}

// word reads up to white space or an operator.
func (l *lexer) word() item {
	from := l.at
	for l.at < len(l.text) {
		c := l.text[l.at]
		if c == ' ' || c == '\t' || c == '\r' || operator(l.text[l.at:]) > 0 {
			break
		}
		l.part(c)
	}
	l.split()
	raw := l.text[from:l.at]
	if !l.quoted && !l.wrapped {
		if list, ok := braces(raw); ok {
			l.fields = list
		}
	}
	for i, f := range l.fields {
		l.fields[i] = canonical(f)
	}
	return item{raw: raw, fields: l.fields, keep: l.unsafe}
}

// part reads a character, an escape, a quote or an expansion.
func (l *lexer) part(c byte) {
	switch {
	case c == '\\':
		l.escape()
	case c == '\'':
		l.quoted = true
		l.literal(l.until('\''))
	case c == '"':
		l.doubleQuotes()
	case c == '$':
		l.dollar(false)
	case c == '`':
		inner := l.until('`')
		l.substitution("`", inner, "`", false)
	case (c == '<' || c == '>') && l.at+1 < len(l.text) && l.text[l.at+1] == '(':
		l.at++
		inner := l.parentheses()
		l.opaque(string(c)+"(", inner, ")")
	default:
		l.begun = true
		l.field.WriteByte(c)
		l.at++
	}
}

// escape reads a backslash and what it quotes.
func (l *lexer) escape() {
	l.quoted = true
	l.at++
	if l.at >= len(l.text) {
		return
	}
	if c := l.text[l.at]; c != '\n' {
		l.literal(string(c))
	}
	l.at++
}

// literal adds text that was quoted.
func (l *lexer) literal(s string) {
	l.begun = true
	l.field.WriteString(s)
	if strings.ContainsAny(s, " \t\r\n;|&<>()'\"\\`") {
		l.unsafe = true
	}
}

// until reads to the closing quote, which is not part of what it returns.
func (l *lexer) until(quote byte) string {
	rest := l.text[l.at+1:]
	end := strings.IndexByte(rest, quote)
	if end < 0 {
		l.at = len(l.text)
		return rest
	}
	l.at += end + 2
	return rest[:end]
}

// split ends a field.
func (l *lexer) split() {
	if l.begun {
		l.fields = append(l.fields, l.field.String())
	}
	l.field.Reset()
	l.begun = false
}

// doubleQuotes reads a text in which only some characters mean something.
func (l *lexer) doubleQuotes() {
	l.quoted, l.begun = true, true
	l.at++
	for l.at < len(l.text) {
		switch c := l.text[l.at]; {
		case c == '"':
			l.at++
			return
		case c == '\\' && l.at+1 < len(l.text) && strings.IndexByte("\"\\$`\n", l.text[l.at+1]) >= 0:
			if l.text[l.at+1] != '\n' {
				l.literal(l.text[l.at+1 : l.at+2])
			}
			l.at += 2
		case c == '$':
			l.dollar(true)
		case c == '`':
			inner := l.until('`')
			l.substitution("`", inner, "`", true)
		default:
			l.literal(l.text[l.at : l.at+1])
			l.at++
		}
	}
}

// braces splits {a,b,c}, which bash takes as three words.
func braces(raw string) ([]string, bool) {
	if len(raw) < 5 || raw[0] != '{' || raw[len(raw)-1] != '}' || !strings.Contains(raw, ",") || strings.ContainsAny(raw[1:len(raw)-1], "{}$`") {
		return nil, false
	}
	list := strings.Split(raw[1:len(raw)-1], ",")
	return slices.DeleteFunc(list, func(w string) bool { return w == "" }), true
}
