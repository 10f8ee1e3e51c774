package rules_test

import (
	"path"
	"slices"
	"strings"
)

// busyboxApplets are programs that busybox has, too.
var busyboxApplets = []string{
	"wget", "nc", "sh", "ash", "cat", "cp", "mv", "rm", "chmod", "chown", "ln", "dd", "find", "grep", "sed", "awk", "head", "tail", "sort", "xxd", "od",
	"base64", "touch", "crontab", "insmod", "modprobe", "rmmod", "mount", "umount", "chroot", "nslookup", "ifconfig", "ip", "iptables", "ps", "kill",
	"pkill", "killall", "tar", "gunzip", "gzip", "mkfifo", "telnet", "tftp", "ftpget", "uname", "id", "hostname", "whoami", "shred", "unshare", "nsenter",
	"adduser", "passwd", "chpasswd", "vi", "truncate", "nohup", "setsid", "xargs", "strings", "less", "more", "wipe", "dmesg", "httpd",
}

// argumentMutations respell the arguments that the kernel records.
var argumentMutations = []mutation{
	{"argument: doubled slashes", "`//etc//shadow`", eachPath(func(p string) string { return strings.ReplaceAll(p, "/", "//") })},
	{"argument: path over itself", "`/etc/./shadow`", eachPath(func(p string) string { return path.Dir(p) + "/./" + path.Base(p) })},
	{"argument: path through its parent", "`/etc/../etc/shadow`", eachPath(throughParent)},
	{"argument: name as a path", "the program called by its full path, or by its name alone", func(s started) (started, bool) {
		if name := s.argv[0]; strings.Contains(name, "/") {
			s.argv[0] = path.Base(name)
		} else {
			s.argv[0] = "/usr/bin//" + name
		}
		return s, true
	}},
	{"argument: false name", "`exec -a update curl`: the program is told another name", func(s started) (started, bool) {
		s.argv[0] = "update"
		return s, true
	}},
	{"argument: symbolic link", "the program called through a link with another name", func(s started) (started, bool) {
		ok := !strings.HasSuffix(s.exe, "/busybox") && named(s) // a multi-call program goes by its name
		s.argv[0], s.comm = "/tmp/.u/update", "update"
		return s, ok
	}},
	{"argument: busybox", "`busybox wget`", func(s started) (started, bool) {
		name := path.Base(s.argv[0])
		if !slices.Contains(busyboxApplets, name) || s.comm == "busybox" {
			return s, false
		}
		return started{argv: append([]string{"busybox", name}, s.argv[1:]...), comm: "busybox", exe: "/usr/bin/busybox"}, true
	}},
	{"argument: capitals in address", "`HTTP://HOST/`", eachArgument(upperHost)},
	{"argument: options apart", "`-f -s -L` for `-fsL`", withGrammar(grammar.apart)},
	{"argument: options together", "`-fsL` for `-f -s -L`", withGrammar(grammar.together)},
	{"argument: long options", "`--output` for `-o`", withGrammar(grammar.long)},
	{"argument: joined value", "`-oFILE` for `-o FILE`", withGrammar(grammar.joined)},
	{"argument: operand first", "`curl ADDRESS -s -o FILE`", withGrammar(grammar.operandFirst)},
}

// named reports whether a sample's program has the name that it was called by,
// so that the name is not what the sample is about.
func named(s started) bool {
	return strings.HasPrefix(path.Base(s.exe), strings.TrimRight(s.comm, "0123456789.")) || s.comm == "sh"
}

func eachArgument(f func(string) string) func(started) (started, bool) {
	return func(s started) (started, bool) {
		changed := false
		for i := 1; i < len(s.argv); i++ {
			if mutated := f(s.argv[i]); mutated != s.argv[i] {
				s.argv[i], changed = mutated, true
			}
		}
		return s, changed
	}
}

func eachPath(f func(string) string) func(started) (started, bool) {
	return eachArgument(func(arg string) string {
		if !strings.HasPrefix(arg, "/") || strings.Count(arg, "/") < 2 || strings.HasSuffix(arg, "/") || strings.ContainsAny(arg, " \n") {
			return arg
		}
		return f(arg)
	})
}

// grammar is how a program takes its options.
type grammar struct {
	flags, values string // letters without and with a value
	names         map[byte]string
	permutes      bool // options may follow operands
}

// grammars are those of some programs, as far as it matters here (their manual
// pages). Samples of other programs keep the order of their arguments.
var grammars = map[string]grammar{
	"curl":      {"fsSLkOIgvij", "odHAxuTFXembC", map[byte]string{'o': "output", 's': "silent", 'f': "fail", 'L': "location", 'O': "remote-name", 'd': "data", 'T': "upload-file", 'x': "proxy", 'F': "form", 'H': "header", 'A': "user-agent", 'k': "insecure"}, true},
	"wget":      {"qNcv", "OPoTtUei", map[byte]string{'O': "output-document", 'q': "quiet", 'P': "directory-prefix"}, true},
	"rm":        {"rfvidIR", "", map[byte]string{'r': "recursive", 'f': "force", 'v': "verbose"}, true},
	"cp":        {"afprRvu", "t", map[byte]string{'a': "archive", 'f': "force", 'r': "recursive"}, true},
	"mv":        {"fvun", "t", map[byte]string{'f': "force"}, true},
	"ln":        {"sfnv", "t", map[byte]string{'s': "symbolic", 'f': "force"}, true},
	"cat":       {"nAbesTv", "", map[byte]string{'n': "number"}, true},
	"grep":      {"rnhiHlEFvwoqsR", "emABC", map[byte]string{'r': "recursive", 'n': "line-number", 'h': "no-filename", 'i': "ignore-case"}, true},
	"base64":    {"di", "w", map[byte]string{'d': "decode", 'w': "wrap"}, true},
	"shred":     {"uzvf", "n", map[byte]string{'u': "remove", 'z': "zero", 'n': "iterations", 'v': "verbose", 'f': "force"}, true},
	"touch":     {"acm", "rtd", map[byte]string{'r': "reference", 'd': "date"}, true},
	"useradd":   {"morMN", "ugGspdck", map[byte]string{'o': "non-unique", 'u': "uid", 'm': "create-home", 's': "shell", 'p': "password", 'd': "home-dir", 'r': "system", 'g': "gid", 'G': "groups"}, true},
	"usermod":   {"ao", "ugGpsd", map[byte]string{'o': "non-unique", 'u': "uid", 'p': "password", 'a': "append", 'G': "groups", 's': "shell", 'd': "home", 'g': "gid"}, true},
	"iptables":  {"nvx", "tAIPjsdp", map[byte]string{'F': "flush", 'P': "policy", 'A': "append", 'I': "insert", 't': "table", 'j': "jump", 'X': "delete-chain"}, false},
	"ssh":       {"fNCnqtTvxXaAgk46", "RLDopiFlbceEIJmOQSwW", nil, true},
	"scp":       {"rqpC", "iPloF", nil, true},
	"nc":        {"lnvzuk", "epcwsXxq", nil, true},
	"chmod":     {"", "", map[byte]string{'R': "recursive"}, false},
	"gcc":       {"", "o", nil, true},
	"systemctl": {"q", "", nil, true},
	"docker":    {"", "", nil, false},
	"crontab":   {"lrei", "u", nil, false},
	"chpasswd":  {"em", "c", map[byte]string{'e': "encrypted"}, true},
	"tar":       {"", "", nil, false},
	"kubectl":   {"A", "nf", map[byte]string{'A': "all-namespaces", 'n': "namespace"}, true},
	"openssl":   {},
}

// withGrammar makes a mutation for programs whose grammar is known.
func withGrammar(f func(grammar, []string) ([]string, bool)) func(started) (started, bool) {
	return func(s started) (started, bool) {
		g, ok := grammars[path.Base(s.argv[0])]
		if !ok || slices.Contains(s.argv, "--") {
			return s, false
		}
		args, changed := f(g, s.argv[1:])
		s.argv = append([]string{s.argv[0]}, args...)
		return s, changed
	}
}

// cluster returns the letters of an argument of flags alone.
func (g grammar) cluster(arg string) string {
	if len(arg) < 2 || arg[0] != '-' || strings.Trim(arg[1:], g.flags) != "" {
		return ""
	}
	return arg[1:]
}

func (g grammar) apart(args []string) (out []string, changed bool) {
	for i, arg := range args {
		letters := g.cluster(arg)
		if len(letters) < 2 || i > 0 && g.takesValue(args[i-1]) {
			out = append(out, arg)
			continue
		}
		for _, letter := range letters {
			out = append(out, "-"+string(letter))
		}
		changed = true
	}
	return out, changed
}

func (g grammar) together(args []string) (out []string, changed bool) {
	for i, arg := range args {
		last := len(out) - 1
		if letters := g.cluster(arg); letters != "" && last >= 0 && g.cluster(out[last]) != "" && !(i > 1 && g.takesValue(args[i-2])) {
			out[last] += letters
			changed = true
			continue
		}
		out = append(out, arg)
	}
	return out, changed
}

// takesValue reports whether the argument after arg is its value.
func (g grammar) takesValue(arg string) bool {
	return len(arg) == 2 && arg[0] == '-' && strings.IndexByte(g.values, arg[1]) >= 0
}

func (g grammar) long(args []string) (out []string, changed bool) {
	for i, arg := range args {
		if len(arg) == 2 && arg[0] == '-' && g.names[arg[1]] != "" && !(i > 0 && g.takesValue(args[i-1])) {
			arg, changed = "--"+g.names[arg[1]], true
		}
		out = append(out, arg)
	}
	return out, changed
}

func (g grammar) joined(args []string) (out []string, changed bool) {
	for i := 0; i < len(args); i++ {
		if i+1 < len(args) && g.takesValue(args[i]) && args[i+1] != "" {
			out, changed = append(out, args[i]+args[i+1]), true
			i++
			continue
		}
		out = append(out, args[i])
	}
	return out, changed
}

// operandFirst moves the last operand before all options.
func (g grammar) operandFirst(args []string) ([]string, bool) {
	last := len(args) - 1
	if !g.permutes || last < 1 || strings.HasPrefix(args[last], "-") || !strings.HasPrefix(args[0], "-") || args[0] == "-" {
		return args, false
	}
	if before := args[last-1]; g.takesValue(before) || strings.HasPrefix(before, "--") || !strings.HasPrefix(before, "-") {
		if strings.HasPrefix(before, "-") || last < 2 || !g.takesValue(args[last-2]) {
			return args, false // its own value, or one of several operands
		}
	}
	return append([]string{args[last]}, args[:last]...), true
}
