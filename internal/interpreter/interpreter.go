// Package interpreter knows shells and script languages: which programs they
// are, and which of their arguments is the script.
//
// The answer is a reading of the command line, as a person would read it. A
// hostile program may be called with arguments that it does not act upon.
package interpreter

import (
	"path"
	"slices"
	"strings"
)

// language says how an interpreter finds its script among its arguments.
type language struct {
	inline string   // letters of options after which there is no script file: -c, -e
	values string   // letters of options that take the next argument
	long   []string // long options that take the next argument
	file   byte     // letter of an option whose value is the script
}

var (
	shellLanguage = language{inline: "cs", values: "oO", long: []string{"--rcfile", "--init-file"}}
	languages     = map[string]language{
		"sh": shellLanguage, "bash": shellLanguage, "dash": shellLanguage, "ash": shellLanguage, "zsh": shellLanguage,
		"ksh": shellLanguage, "mksh": shellLanguage, "rbash": shellLanguage, "busybox": shellLanguage,
		"fish": {inline: "c", values: "C"}, "csh": {inline: "cs"}, "tcsh": {inline: "cs"},
		"python": {inline: "cm", values: "WXQ", long: []string{"--check-hash-based-pycs"}}, "pypy": {inline: "cm", values: "WX"},
		"perl": {inline: "eE", values: "MmI"}, "ruby": {inline: "e", values: "rIEC"},
		"node": {inline: "epi", values: "rC", long: []string{"--require", "--eval", "--print", "--import"}},
		"php":  {inline: "rBRES", values: "dczt", file: 'f'},
		"lua":  {inline: "e", values: "l"}, "tclsh": {}, "expect": {inline: "c", file: 'f'},
		"Rscript": {inline: "e"}, "pwsh": {inline: "c", long: []string{"-Command"}}, "awk": {file: 'f', inline: "\x00"},
	}
)

// Script returns the absolute path of the script that an interpreter runs, or
// "" for commands given inline, standard input, and programs that are no
// interpreters. base is the last element of the program's path, args its whole
// argument vector, dir its working directory, "" when unknown.
func Script(base string, args []string, dir string) string {
	lang, ok := languages[Family(base)]
	if !ok || len(args) < 2 {
		return ""
	}
	args = args[1:]
	if base == "busybox" && Is(args[0]) {
		args = args[1:]
	}
	script := lang.script(args)
	switch {
	case script == "":
		return ""
	case path.IsAbs(script):
		return path.Clean(script)
	case dir == "":
		return ""
	}
	return path.Join(dir, script)
}

// Family returns the name of a program without its version: "python" for
// python3.11, "nc" for nc.openbsd, "node" for nodejs.
func Family(base string) string {
	switch base {
	case "nodejs":
		return "node"
	case "gawk", "mawk", "nawk":
		return "awk"
	}
	base, _, _ = strings.Cut(base, ".")
	for _, name := range []string{"python", "pypy", "perl", "ruby", "php", "lua", "tclsh"} {
		if rest, ok := strings.CutPrefix(base, name); ok && strings.Trim(rest, "0123456789-") == "" {
			return name
		}
	}
	return base
}

// Is reports whether a program executes scripts.
func Is(base string) bool {
	_, ok := languages[Family(base)]
	return ok
}

func (l language) script(args []string) string {
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		switch {
		case arg == "--":
			return first(args)
		case arg == "-":
			return ""
		case slices.Contains(l.long, arg):
			if arg == "--eval" || arg == "--print" || arg == "-Command" {
				return ""
			}
			args = args[min(1, len(args)):]
		case strings.HasPrefix(arg, "--"):
		case strings.HasPrefix(arg, "-"), strings.HasPrefix(arg, "+"):
			at := strings.IndexAny(arg[1:], l.inline+l.values+string(rune(l.file))) + 1
			switch rest := arg[at+1:]; {
			case at == 0:
			case strings.IndexByte(l.values, arg[at]) >= 0:
				if rest == "" {
					args = args[min(1, len(args)):]
				}
			case arg[at] != l.file:
				return ""
			case rest != "":
				return rest
			default:
				return first(args)
			}
		case l.inline == "\x00": // awk: the program is the first argument
			return ""
		default:
			return arg
		}
	}
	return ""
}

func first(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return args[0]
}
