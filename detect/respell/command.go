package respell

import (
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strings"
)

// write puts the items together again, command by command.
func (s *script) write(items []item) string {
	var b strings.Builder
	var line []command // of a pipeline
	for i := 0; i < len(items); {
		end := i
		for end < len(items) && (!items[end].op || redirects(items[end].raw)) {
			end++
		}
		if n := settings(items, i, end); n > 0 {
			i += n
			continue
		}
		c := s.command(items[i:end])
		b.WriteString(c.text)
		line = append(line, c)
		if end == len(items) || items[end].raw[0] != '|' || items[end].raw == "||" {
			if hidden, ok := handed(line); ok {
				b.WriteString(" ; " + s.respell(hidden))
			}
			line = line[:0]
		}
		if end < len(items) {
			writeOperator(&b, &items[end], end+1 == len(items), c.text == "")
			end++
		}
		i = end
	}
	return squeezed(b.String())
}

// squeezed takes away blanks at the ends and those that come twice.
func squeezed(text string) string {
	text = strings.Trim(text, " ")
	if !strings.Contains(text, "  ") {
		return text
	}
	var b strings.Builder
	var quote byte
	for i := range len(text) {
		c := text[i]
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '\'' || c == '"':
			quote = c
		case c == ' ' && text[i-1] == ' ':
			continue
		}
		b.WriteByte(c)
	}
	return b.String()
}

// settings returns how many items a command with its operator has that only
// sets variables to what is known, and before another one: all use of them is
// written out.
func settings(items []item, from, end int) int {
	if from == end || end+1 >= len(items) || items[end].raw != ";" && items[end].raw != "\n" {
		return 0
	}
	for _, it := range items[from:end] {
		if _, _, ok := setting(it.word()); !ok || strings.ContainsAny(it.text(), "$`") {
			return 0
		}
	}
	return end + 1 - from
}

// writeOperator writes an operator between commands; the end of a line is a
// semicolon where it ends a command, and nothing where it does not. Parentheses
// say nothing of what runs.
func writeOperator(b *strings.Builder, op *item, last, empty bool) {
	switch {
	case op.raw == "(" || op.raw == ")":
		b.WriteByte(' ')
	case op.raw == "\n" && (last || empty):
	case op.raw == "\n":
		b.WriteString(" ; ")
	default:
		b.WriteString(" " + op.raw + " ")
	}
}

// command is a simple command.
type command struct {
	words []string // without wrappers and redirections
	fixed bool     // the words hold nothing that is not known
	input string   // a here-string
	text  string
}

// command writes a simple command without its wrappers.
func (s *script) command(items []item) command {
	items = unwrapped(items)
	c := command{fixed: true}
	var b strings.Builder
	for i := range items {
		it := &items[i]
		text := it.text()
		if !it.op && len(c.words) == 0 && (text == "{" || text == "}") {
			continue // a group says nothing of what runs
		}
		if redirected := i > 0 && items[i-1].op; !it.op && !redirected {
			if len(c.words) == 0 && !keyword(text) {
				text = withoutDirectory(text)
			}
			c.add(it, text)
		} else if redirected && items[i-1].raw == "<<<" {
			c.input = it.word()
		}
		if it.blank || i > 0 && b.Len() > 0 && it.op && it.blank {
			b.WriteByte(' ')
		}
		b.WriteString(text)
	}
	c.text = b.String()
	if inner, head, ok := c.carries(); ok {
		c.text = head + s.respell(inner)
		if len(items) > 0 && items[0].blank {
			c.text = " " + c.text
		}
	}
	return c
}

// add notes a word of the command.
func (c *command) add(it *item, text string) {
	if len(c.words) == 0 && keyword(text) {
		return
	}
	if strings.ContainsAny(it.raw, "$`") && strings.ContainsAny(strings.Join(it.fields, ""), "$`") {
		c.fixed = false
	}
	if len(c.words) == 0 {
		c.words = append(c.words, strings.Fields(text)...)
		return
	}
	c.words = append(c.words, it.fields...)
}

// carries returns the text that a command hands to a shell as an argument, and
// what stands before it: sh -c TEXT, eval TEXT.
func (c *command) carries() (inner, head string, ok bool) {
	if len(c.words) < 2 {
		return "", "", false
	}
	if c.words[0] == "eval" {
		return strings.Join(c.words[1:], " "), "eval ", true
	}
	at := scriptAt(c.words[0], c.words[1:])
	if at < 0 {
		return "", "", false
	}
	return c.words[1+at], strings.Join(c.words[:1+at], " ") + " ", true
}

// unwrapped returns the items from the word on that names the program: without
// settings of variables, env, command, builtin, exec and busybox before it.
func unwrapped(items []item) []item {
	start := 0
	for start < len(items) && keyword(items[start].word()) {
		start++
	}
	at := start
	for at < len(items) && !items[at].op {
		n := wrapper(items[at:])
		if n == 0 || at+n >= len(items) || items[at+n].op {
			break
		}
		at += n
	}
	if at == start || at >= len(items) {
		return items
	}
	items[at].blank = items[start].blank
	return append(items[:start:start], items[at:]...)
}

// wrapper returns how many items at the begin say nothing of what runs.
func wrapper(items []item) int {
	word := items[0].word()
	if _, _, ok := setting(word); ok {
		return 1
	}
	next := ""
	if len(items) > 1 {
		next = items[1].word()
	}
	switch base(word) {
	case "command", "builtin", "exec", "busybox", "toybox":
		if next != "" && next[0] != '-' && strings.Trim(next, "0123456789") != "" { // nor a descriptor
			return 1
		}
	case "env":
		n := 1
		for n < len(items) && !items[n].op {
			option := items[n].word()
			if _, _, ok := setting(option); !ok && !strings.HasPrefix(option, "-") {
				break
			}
			if option == "-u" || option == "-C" {
				n++
			}
			n++
		}
		return n
	}
	return 0
}

// withoutDirectory takes the usual directories off the name of a program.
func withoutDirectory(word string) string {
	for _, dir := range []string{"/usr/local/sbin/", "/usr/local/bin/", "/usr/sbin/", "/usr/bin/", "/sbin/", "/bin/"} {
		if name, ok := strings.CutPrefix(word, dir); ok && name != "" && !strings.Contains(name, "/") {
			return name
		}
	}
	return word
}

// handed returns the fixed text that a pipeline hands to a shell.
func handed(line []command) (string, bool) {
	if len(line) == 0 {
		return "", false
	}
	last := line[len(line)-1]
	if len(last.words) == 0 || !isShell(base(last.words[0])) || slices.ContainsFunc(last.words[1:], func(w string) bool { return w[:min(1, len(w))] != "-" }) {
		return "", false
	}
	if len(line) == 1 {
		return last.input, last.input != ""
	}
	return output(line[:len(line)-1])
}

// output returns what a text puts out where that is known.
func (s *script) output(text string) (string, bool) {
	if s.depth >= maxDepth || len(text) > s.budget {
		return "", false
	}
	s.depth++
	defer func() { s.depth-- }()
	var line []command
	items := s.lex(text)
	for from, i := 0, 0; i <= len(items); i++ {
		if i < len(items) && (!items[i].op || redirects(items[i].raw)) {
			continue
		}
		line = append(line, s.command(items[from:i]))
		if i < len(items) && items[i].raw != "|" {
			return "", false
		}
		from = i + 1
	}
	return output(line)
}

// maxPipeline bounds the programs of a pipeline that is followed.
const maxPipeline = 8

// output returns what a pipeline of echo, printf and decoders puts out.
func output(line []command) (string, bool) {
	if len(line) > maxPipeline {
		return "", false
	}
	text, ok := source(line[0])
	for _, c := range line[1:] {
		if !ok || len(c.words) == 0 {
			return "", false
		}
		text, ok = filter(c.words, text)
	}
	return text, ok
}

// source returns what a command without input puts out.
func source(c command) (string, bool) {
	if len(c.words) == 0 || !c.fixed {
		return "", false
	}
	args := c.words[1:]
	switch base(c.words[0]) {
	case "echo":
		return echo(args), true
	case "printf":
		return printf(args)
	case "which":
		if len(args) == 1 {
			return args[0], true
		}
	}
	if c.input != "" {
		return filter(c.words, c.input)
	}
	return "", false
}

// echo returns the words of an echo, with escapes read where it is told so.
func echo(args []string) string {
	escapes := false
	for len(args) > 0 && len(args[0]) > 1 && args[0][0] == '-' && strings.Trim(args[0][1:], "neE") == "" {
		escapes = escapes || strings.Contains(args[0], "e")
		args = args[1:]
	}
	text := strings.Join(args, " ")
	if escapes {
		text = unescaped(text)
	}
	return text
}

// printf returns a format without directives, or the arguments of one that is
// %s or %b alone.
func printf(args []string) (string, bool) {
	switch {
	case len(args) == 0:
		return "", false
	case !strings.Contains(args[0], "%"):
		return unescaped(args[0]), true
	case strings.Trim(args[0], "%sb\\n ") == "" && len(args) > 1:
		return strings.Join(args[1:], ""), true
	}
	return "", false
}

func unescaped(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		i += escaped(&b, s[i+1:])
	}
	return b.String()
}

// filter returns what a decoder makes of its input.
func filter(words []string, text string) (string, bool) {
	options := strings.Join(words[1:], " ")
	var decoded []byte
	var err error
	switch base(words[0]) {
	case "base64":
		if !strings.Contains(options, "-d") && !strings.Contains(options, "-D") {
			return "", false
		}
		decoded, err = base64.RawStdEncoding.DecodeString(strings.TrimRight(compact(text), "="))
	case "xxd":
		if !strings.Contains(options, "r") || !strings.Contains(options, "p") {
			return "", false
		}
		decoded, err = hex.DecodeString(compact(text))
	case "rev":
		decoded = []byte(strings.TrimRight(text, "\n"))
		slices.Reverse(decoded)
	case "cat", "tee":
		decoded = []byte(text)
	default:
		return "", false
	}
	return string(decoded), err == nil
}

func compact(text string) string { return strings.Join(strings.Fields(text), "") }
