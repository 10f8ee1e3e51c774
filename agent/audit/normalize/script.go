package normalize

import (
	"path"
	"strings"

	"github.com/holdfast-security/holdfast/event"
)

// interpreter says how a program that runs scripts reads its options.
type interpreter struct {
	prefix  string // of the program's base name, a version may follow
	noFile  string // letters of options that give the program text or a module: no script file
	withArg string // letters of options whose argument is the next word
	file    string // letter of the option whose argument is the script
}

// interpreters, by their manual pages.
var interpreters = []interpreter{
	{prefix: "sh", noFile: "cs", withArg: "oO"},
	{prefix: "bash", noFile: "cs", withArg: "oO"},
	{prefix: "dash", noFile: "cs", withArg: "oO"},
	{prefix: "rbash", noFile: "cs", withArg: "oO"},
	{prefix: "ash", noFile: "cs", withArg: "oO"},
	{prefix: "zsh", noFile: "cs", withArg: "oO"},
	{prefix: "ksh", noFile: "cs", withArg: "oO"},
	{prefix: "python", noFile: "cm", withArg: "WXQ"},
	{prefix: "pypy", noFile: "cm", withArg: "WX"},
	{prefix: "perl", noFile: "eE", withArg: "MmI"},
	{prefix: "ruby", noFile: "e", withArg: "rIEC"},
	{prefix: "php", noFile: "rBRES", withArg: "cdzt", file: "fF"},
	{prefix: "node", noFile: "epi", withArg: "rC"},
	{prefix: "lua", noFile: "e", withArg: "l"},
	{prefix: "tclsh"},
	{prefix: "expect", noFile: "c", file: "fb"},
	{prefix: "awk", file: "f"},
}

// longWithArg are long options of shells and others whose argument is the next
// word: bash(1), python(1).
var longWithArg = map[string]bool{
	"--rcfile": true, "--init-file": true, "--check-hash-based-pycs": true, "--require": true, "--import": true,
}

// longNoFile are long options that give the program text.
var longNoFile = map[string]bool{"--eval": true, "--print": true, "--run": true, "--command": true}

// script returns the absolute path of the script that p runs, or "". opened is
// the name of the first file that the exec opened, as given, where it may be a
// script: for a file that begins with "#!" the kernel opens it first, then the
// interpreter, and puts its name among the interpreter's arguments.
func script(p *event.Process, opened string) string {
	args := p.Arguments
	for _, arg := range args[min(1, len(args)):min(3, len(args))] {
		if opened != "" && arg == opened {
			return absolute(p.Directory, arg)
		}
	}
	in := findInterpreter(p.Base())
	if in == nil || len(args) < 2 {
		return ""
	}
	return absolute(p.Directory, in.scriptIn(args[1:]))
}

func findInterpreter(base string) *interpreter {
	base = strings.TrimRight(base, "0123456789.-")
	for i := range interpreters {
		if base == interpreters[i].prefix {
			return &interpreters[i]
		}
	}
	return nil
}

// scriptIn returns the script among the arguments after the program's name.
func (in *interpreter) scriptIn(args []string) string {
	for i := 0; i < len(args); i++ {
		arg := args[i]
		switch {
		case arg == "--":
			if i+1 < len(args) && in.prefix != "awk" {
				return args[i+1]
			}
			return ""
		case arg == "-" || longNoFile[arg]:
			return ""
		case longWithArg[arg]:
			i++
			continue
		case strings.HasPrefix(arg, "--"):
			continue
		case len(arg) < 2 || arg[0] != '-' && (arg[0] != '+' || in.withArg != "oO"):
			if in.prefix == "awk" {
				return "" // the program text itself
			}
			return arg
		}
		for k, c := range arg[1:] {
			switch {
			case strings.ContainsRune(in.noFile, c):
				return ""
			case strings.ContainsRune(in.file, c):
				if rest := arg[2+k:]; rest != "" {
					return rest
				}
				if i+1 < len(args) {
					return args[i+1]
				}
				return ""
			case strings.ContainsRune(in.withArg, c):
				if 2+k == len(arg) {
					i++
				}
			default:
				continue
			}
			break
		}
	}
	return ""
}

// absolute joins a path to a directory and cleans it; "" stays "", and a
// relative path stays relative where the directory is not known.
func absolute(dir, name string) string {
	switch {
	case name == "":
		return ""
	case name[0] == '/':
		return path.Clean(name)
	case dir == "":
		return path.Clean(name)
	}
	return path.Join(dir, name)
}
