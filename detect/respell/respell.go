// Package respell writes command lines in one spelling, so that a rule on what a
// command does need not know every way to write it.
//
// [Line] undoes what a shell and the kernel undo before anything runs: quotes
// and backslashes inside words, $IFS, variables that the text itself sets,
// substitutions of fixed texts, doubled slashes and dots in paths, capitals in
// the name of a host, wrappers such as env and busybox; and it shows what fixed
// text a pipe through base64 or the like hands to a shell. It never runs
// anything and knows nothing of the host: what it cannot tell from the text
// alone stays as it was written. [Names] gives the names that a program goes by.
//
// The text is an attacker's to choose. Work and output are bounded, and what is
// beyond the bounds keeps its spelling. Quotes that keep an operator from being
// one are never taken away.
package respell

import (
	"path"
	"strings"
)

// Bounds of one command line.
const (
	maxInput  = 32 << 10 // bytes; what is longer is not looked at
	maxOutput = 64 << 10 // bytes written in all, at every depth
	maxDepth  = 4        // shells in shells, substitutions in substitutions
)

// Line returns the command line of a program in one spelling, and whether that
// differs from line. The executable is the path of the program's file, "" where
// it is not known; line is the arguments joined by blanks, as rules see them.
func Line(argv []string, executable, line string) (string, bool) {
	if len(argv) == 0 || len(line) > maxInput || !odd(argv, executable, line) {
		return "", false
	}
	words := []string{calledAs(argv[0], executable)}
	rest := argv[1:]
	if applet(words[0], rest) != "" {
		words[0], rest = rest[0], rest[1:]
	}
	at := scriptAt(words[0], rest)
	for i, arg := range rest {
		if i == at {
			s := &script{budget: maxOutput}
			arg = s.respell(arg)
		} else {
			arg = canonical(arg)
		}
		words = append(words, arg)
	}
	respelled := strings.Join(words, " ")
	return respelled, respelled != line
}

// odd reports whether a command line may have another spelling. It is quick
// where there is none, which is nearly always so.
func odd(argv []string, executable, line string) bool {
	if crooked(line) || !sameName(argv[0], executable) || applet(argv[0], argv[1:]) != "" {
		return true
	}
	at := scriptAt(argv[0], argv[1:])
	return at >= 0 && unusual(argv[1+at])
}

// unusual reports whether the text of a shell has anything in it that may be
// spelled otherwise. It looks at each byte once.
func unusual(text string) bool {
	word, atCommand := true, true // whether a word, or a command, may begin here
	for i := range len(text) {
		switch c := text[i]; c {
		case '\'', '"', '\\', '$', '`', '\t', '\n', '(':
			return true
		case ' ':
			if word && i > 0 && text[i-1] == ' ' {
				return true
			}
			word = true
		case ';', '|', '&':
			if c == '|' && decodes(text[:i]) {
				return true
			}
			word, atCommand = true, true
		default:
			if c == '{' && !strings.HasPrefix(text[i:], "{}") || c == '<' && strings.HasPrefix(text[i:], "<<<") || word && atCommand && wrapped(text[i:]) {
				return true
			}
			if word {
				atCommand = false
			}
			word = false
		}
	}
	return false
}

// decodes reports whether what is before a pipe may end in a decoder.
func decodes(text string) bool {
	last := text[strings.LastIndexByte(text, '|')+1:]
	return strings.Contains(last, "base64") || strings.Contains(last, "xxd") || strings.Contains(last, "rev")
}

// wrapped reports whether a command begins with a path, with a setting or with
// a word that runs what comes after it.
func wrapped(text string) bool {
	word, _, _ := strings.Cut(text, " ")
	switch word {
	case "env", "eval", "exec", "command", "builtin", "busybox", "toybox":
		return true
	}
	return word[0] == '/' || strings.IndexByte(word, '=') > 0
}

// calledAs returns the name that a program was called by, or that of its file
// where it was told one that has nothing to do with it.
func calledAs(name, executable string) string {
	if sameName(name, executable) {
		return canonical(name)
	}
	return path.Base(executable)
}

// sameName reports whether a name fits the file of a program: python3 for
// /usr/bin/python3.11, sh for /usr/bin/dash, any for a multi-call program.
func sameName(name, executable string) bool {
	if executable == "" || name == executable {
		return true
	}
	name, file := strings.TrimPrefix(base(name), "-"), base(executable)
	if name == file {
		return true
	}
	return name != "" && (strings.Contains(file, name) || strings.Contains(name, file) || multiCall(file))
}

func base(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }

// multiCall tells programs that do what their name says.
func multiCall(name string) bool {
	switch name {
	case "busybox", "toybox", "coreutils", "kmod":
		return true
	}
	return false
}

// applet returns the name of the applet that a multi-call program is told to be
// by its first argument, or "".
func applet(name string, rest []string) string {
	if name = base(name); (name == "busybox" || name == "toybox") && len(rest) > 0 && rest[0] != "" && rest[0][0] != '-' {
		return base(rest[0])
	}
	return ""
}

// scriptAt returns which of the arguments is the text that a shell is to run,
// or -1.
func scriptAt(name string, args []string) int {
	if !isShell(base(name)) {
		return -1
	}
	for i, arg := range args {
		switch {
		case len(arg) < 2 || arg[0] != '-' && arg[0] != '+':
			return -1
		case arg == "-o" || arg == "+o" || arg == "--rcfile" || arg == "--init-file":
			return -1 // its value comes next; too seldom to be worth knowing
		case !strings.HasPrefix(arg, "--") && strings.IndexByte(arg, 'c') > 0 && i+1 < len(args):
			return i + 1
		}
	}
	return -1
}

func isShell(name string) bool {
	switch strings.TrimPrefix(name, "-") {
	case "sh", "bash", "dash", "ash", "zsh", "ksh", "mksh", "rbash":
		return true
	}
	return false
}

// Names appends the names that a program goes by to list: what it calls itself,
// the name of its file where that is another and no script explains it, and the
// applet of a multi-call program.
func Names(list []string, comm, executable, script string, argv []string) []string {
	const maxComm = 15 // TASK_COMM_LEN without its zero
	if comm != "" {
		list = append(list, comm)
	}
	file := base(executable)
	if file != "" && !strings.HasPrefix(file, comm) || comm == "" && file != "" {
		if called := base(script); called == "" || called[:min(len(called), maxComm)] != comm {
			list = append(list, file)
		}
	}
	if len(argv) > 1 {
		if name := applet(file, argv[1:]); name != "" && base(argv[0]) == file {
			list = append(list, name)
		}
	}
	return list
}
