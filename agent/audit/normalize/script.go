package normalize

import (
	"path"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/internal/interpreter"
)

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
	return interpreter.Script(p.Base(), args, p.Directory)
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
