package rules_test

import (
	"encoding/base64"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

// plainBytes are the bytes that a shell takes as they are.
const plainBytes = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:=@%+,-"

// textMutations respell the text of a shell.
var textMutations = []mutation{
	text("single quotes", "`c'u'rl`", commands(2, func(w string) string { return w[:1] + "'" + w[1:2] + "'" + w[2:] })),
	text("double quotes", "`\"curl\"`", commands(1, func(w string) string { return `"` + w + `"` })),
	text("empty quotes", "`c\"\"url`", commands(2, func(w string) string { return w[:1] + `""` + w[1:] })),
	text("backslash", "`c\\url`", commands(2, func(w string) string { return w[:1] + `\` + w[1:] })),
	bashText("ANSI-C quotes", "`$'\\x63'url`", commands(2, func(w string) string { return fmt.Sprintf(`$'\x%x'`, w[0]) + w[1:] })),
	text("quoted arguments", "`\"/etc/shadow\"`", arguments(func(w string) string { return `"` + w + `"` })),
	text("quotes in arguments", "`/etc/sh'a'dow`", arguments(func(w string) string { return w[:len(w)-2] + "'" + w[len(w)-2:len(w)-1] + "'" + w[len(w)-1:] })),
	text("backslash in arguments", "`/etc/shado\\w`", arguments(func(w string) string { return w[:len(w)-1] + `\` + w[len(w)-1:] })),
	text("field separator", "`cat${IFS}/etc/shadow`", blanks("${IFS}")),
	text("field separator and $9", "`cat$IFS$9/etc/shadow`", blanks("$IFS$9")),
	text("white space", "`cat  \t /etc/shadow`", blanks("  \t ")),
	text("continued lines", "a backslash at the end of a line", blanks(" \\\n ")),
	text("lines for semicolons", "a line for each command", operators(";", "\n")),
	text("line after pipe", "`curl … |` and `sh` on the next line", operators("|", "|\n ")),
	text("doubled slashes", "`//etc//shadow`", paths(func(p string) string { return strings.ReplaceAll(p, "/", "//") })),
	text("path over itself", "`/etc/./shadow`", paths(func(p string) string { return path.Dir(p) + "/./" + path.Base(p) })),
	text("path through its parent", "`/etc/../etc/shadow`", paths(throughParent)),
	text("full path", "`/usr/bin/curl`", programs(func(w string) string { return "/usr/bin/" + w })),
	text("env", "`env X=1 curl`", programs(func(w string) string { return "env X=1 " + w })),
	text("variable before", "`X=1 curl`", programs(func(w string) string { return "X=1 " + w })),
	text("command", "`command curl`", programs(func(w string) string { return "command " + w })),
	text("busybox", "`busybox wget`", applets(func(w string) string { return "busybox " + w })),
	text("variables joined", "`a=cu;b=rl;$a$b`", joinedVariables),
	text("substituted word", "`$(echo cu)rl`", commands(2, func(w string) string { return "$(echo " + w[:2] + ")" + w[2:] })),
	text("base64", "`echo … | base64 -d | sh`", func(s string) string {
		return "echo " + base64.StdEncoding.EncodeToString([]byte(s)) + " | base64 -d | sh"
	}),
	text("eval", "`eval '…'`", func(s string) string { return "eval " + singleQuoted(s) }),
	text("shell in a shell", "`sh -c '…'`", func(s string) string { return "sh -c " + singleQuoted(s) }),
	text("subshell", "`(…)`", func(s string) string { return "(" + s + ")" }),
	text("group", "`{ …; }`", func(s string) string { return "{ " + strings.TrimRight(s, " &;") + "; }" }),
	text("wildcard", "`/etc/shado?`", paths(func(p string) string { return p[:len(p)-1] + "?" })),
	text("capitals in address", "`HTTP://HOST/`", arguments(func(w string) string { return upperHost(w) })),
}

// text makes a mutation of a function that rewrites the text of a shell.
func text(name, about string, rewrite func(string) string) mutation {
	return mutation{name: name, about: about + ", in the text of a shell", apply: func(s started) (started, bool) {
		old, at := s.text()
		if at < 0 {
			return s, false
		}
		s.argv[at] = rewrite(old)
		return s, s.argv[at] != old
	}}
}

// bashText is text for what only bash and its like understand.
func bashText(name, about string, rewrite func(string) string) mutation {
	m := text(name, about, rewrite)
	apply := m.apply
	m.apply = func(s started) (started, bool) {
		if path.Base(s.exe) == "dash" {
			return s, false
		}
		return apply(s)
	}
	return m
}

func singleQuoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// span is a word outside quotes in the text of a shell.
type span struct {
	from, to int
	command  bool // the first of a simple command
	simple   bool // of a simple command that begins with the name of a program
}

// plain returns which bytes of a text stand outside quotes and substitutions.
func plain(s string) []bool {
	mask := make([]bool, len(s))
	var quote byte
	depth := 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quote != 0:
			if c == '\\' && quote == '"' {
				i++
			} else if c == quote {
				quote = 0
			}
		case c == '\'' || c == '"' || c == '`':
			quote = c
		case c == '\\':
			i++
		case c == '(' && (depth > 0 || i > 0 && strings.IndexByte("$<>", s[i-1]) >= 0):
			depth++
		case c == ')' && depth > 0:
			depth--
		default:
			mask[i] = depth == 0
		}
	}
	return mask
}

var assignment = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*=`)

// keywords and builtins are first words that are no program.
var keywords = []string{"if", "then", "else", "elif", "fi", "for", "while", "until", "do", "done", "case", "esac", "{", "}", "!", "function", "in", "time"}

var builtins = []string{
	"history", "unset", "export", "set", "cd", "eval", "exec", "source", ".", "alias", "echo", "printf", "read", "ulimit", "umask", "trap", "wait",
	"shopt", "type", "declare", "local", "return", "exit", "test", "[", "command", "builtin", "readonly", "fc", "kill", ":",
}

// spans returns the plain words of a text in their order.
func spans(s string) []span {
	mask := plain(s)
	var found []span
	atCommand, simple := true, false
	for i := 0; i < len(s); {
		if !mask[i] {
			for i < len(s) && !mask[i] {
				i++
			}
			atCommand, simple = false, simple && !atCommand
			continue
		}
		switch c := s[i]; {
		case c == ' ' || c == '\t':
			i++
			continue
		case strings.IndexByte(plainBytes, c) < 0:
			if strings.IndexByte(";|\n(", c) >= 0 || c == '&' && (i == 0 || s[i-1] != '>') && (i+1 == len(s) || s[i+1] != '>') {
				atCommand = true
			}
			i++
			continue
		}
		from := i
		for i < len(s) && mask[i] && strings.IndexByte(plainBytes, s[i]) >= 0 {
			i++
		}
		whole := (from == 0 || mask[from-1] && strings.IndexByte(" \t;|&\n(<>", s[from-1]) >= 0) &&
			(i == len(s) || mask[i] && strings.IndexByte(" \t;|&\n)<>", s[i]) >= 0)
		word := s[from:i]
		command := atCommand && whole && !slices.Contains(keywords, word) && !assignment.MatchString(word)
		if atCommand {
			simple = command
		}
		if whole {
			found = append(found, span{from, i, command, simple})
		}
		atCommand = atCommand && !command && whole // after a keyword or an assignment
	}
	return found
}

// rewrite replaces words of a text.
func rewrite(s string, f func(span, string) string) string {
	var b strings.Builder
	end := 0
	for _, w := range spans(s) {
		b.WriteString(s[end:w.from])
		b.WriteString(f(w, s[w.from:w.to]))
		end = w.to
	}
	return b.String() + s[end:]
}

// commands rewrites the first words of commands that are long enough.
func commands(least int, f func(string) string) func(string) string {
	return func(s string) string {
		return rewrite(s, func(w span, word string) string {
			if !w.command || len(word) < max(2, least) {
				return word
			}
			return f(word)
		})
	}
}

// programs rewrites the first words of commands that are names of programs.
func programs(f func(string) string) func(string) string {
	return commands(2, func(w string) string {
		if strings.Contains(w, "/") || slices.Contains(builtins, w) {
			return w
		}
		return f(w)
	})
}

func applets(f func(string) string) func(string) string {
	return programs(func(w string) string {
		if !slices.Contains(busyboxApplets, w) {
			return w
		}
		return f(w)
	})
}

// arguments rewrites words with a path or an address that are not the first.
func arguments(f func(string) string) func(string) string {
	return func(s string) string {
		return rewrite(s, func(w span, word string) string {
			if w.command || !w.simple || !strings.Contains(word, "/") || len(word) < 4 {
				return word
			}
			return f(word)
		})
	}
}

// paths rewrites absolute paths of two elements and more.
func paths(f func(string) string) func(string) string {
	return func(s string) string {
		return rewrite(s, func(_ span, word string) string {
			if !strings.HasPrefix(word, "/") || strings.Count(word, "/") < 2 || strings.HasSuffix(word, "/") || strings.HasPrefix(word, "/dev/") {
				return word // bash itself knows names in /dev, and only as they are
			}
			return f(word)
		})
	}
}

func throughParent(p string) string {
	dir := path.Dir(path.Clean(p))
	return dir + "/../" + path.Base(dir) + "/" + path.Base(p)
}

// blanks replaces the white space between the words of simple commands.
func blanks(by string) func(string) string {
	return func(s string) string {
		words := spans(s)
		var b strings.Builder
		end := 0
		for i := 1; i < len(words); i++ {
			last, w := words[i-1], words[i]
			gap := s[last.to:w.from]
			if !last.simple || !w.simple || w.command || strings.Trim(gap, " \t") != "" || assignment.MatchString(s[last.from:last.to]) && last.command {
				continue
			}
			b.WriteString(s[end:last.to])
			b.WriteString(by)
			end = w.from
		}
		return b.String() + s[end:]
	}
}

// operators replaces an operator between commands.
func operators(old, by string) func(string) string {
	return func(s string) string {
		mask := plain(s)
		var b strings.Builder
		for i := range len(s) {
			alone := (i == 0 || s[i-1] != s[i] && s[i-1] != '>') && (i+1 >= len(s) || s[i+1] != s[i] && s[i+1] != '&')
			if mask[i] && s[i:i+1] == old && alone && i+1 < len(s) {
				b.WriteString(by)
			} else {
				b.WriteByte(s[i])
			}
		}
		return b.String()
	}
}

// joinedVariables puts the first command together from two variables.
func joinedVariables(s string) string {
	for _, w := range spans(s) {
		if word := s[w.from:w.to]; w.command && len(word) > 2 && !assignment.MatchString(s) {
			return fmt.Sprintf("a=%s;b=%s;", word[:2], word[2:]) + s[:w.from] + "$a$b" + s[w.to:]
		}
	}
	return s
}

// upperHost writes the scheme and host of an address in capitals.
func upperHost(w string) string {
	scheme, rest, ok := strings.Cut(w, "://")
	if !ok || strings.Contains(scheme, "/") || !strings.HasPrefix(scheme, "http") {
		return w
	}
	host, file, _ := strings.Cut(rest, "/")
	if upper := strings.ToUpper(scheme + "://" + host); file != "" {
		return upper + "/" + file
	}
	return strings.ToUpper(scheme+"://"+host) + rest[len(host):]
}
