package fields

import (
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/holdfast-security/holdfast/event"
)

// download is what a download command fetches and where it puts it.
type download struct {
	paths, urls, hosts []string
	toPipe             bool
}

func (d *download) reset() {
	d.paths, d.urls, d.hosts, d.toPipe = d.paths[:0], d.urls[:0], d.hosts[:0], false
}

// Bounds of what is kept of one command.
const maxDownloads = 16

// parse reads the arguments of a process. Programs that are no download
// command leave everything empty.
func (d *download) parse(p *event.Process) {
	d.reset()
	argv := p.Arguments
	if len(argv) == 0 {
		return
	}
	tool, rest := toolOf(p.Base(), argv)
	if tool == nil {
		return
	}
	c := command{tool: tool, dir: p.Directory}
	c.read(rest)
	tool.result(&c, d)
}

// toolOf finds the program by its file or by what it calls itself, and skips
// the name of a multi-call program.
func toolOf(base string, argv []string) (*tool, []string) {
	if t := tools[base]; t != nil {
		return t, argv[1:]
	}
	if name := path.Base(argv[0]); name != base {
		if t := tools[name]; t != nil {
			return t, argv[1:]
		}
	}
	if (base == "busybox" || base == "toybox") && len(argv) > 1 {
		return tools[path.Base(argv[1])], argv[2:]
	}
	return nil, nil
}

// tool says how a download command takes its options.
type tool struct {
	values    string          // short options that take a value
	pairs     string          // short options whose next letter belongs to them, as n of wget -nc
	dirLetter byte            // short option for the directory to write to
	long      map[string]byte // long options with a value that matters, to the letter for it
	switches  map[string]byte // long options without a value that matter, likewise
	others    []string        // further long options that take a value
	result    func(*command, *download)
}

// curl(1), wget(1), fetch(1), aria2c(1), axel(1), scp(1), tftp of busybox.
var tools = map[string]*tool{
	"curl": {
		values:   "AbcCdDeEFHKmoPQrtTuUwxXyYz",
		long:     map[string]byte{"output": 'o', "output-dir": '/', "url": '@', "upload-file": 'T'},
		switches: map[string]byte{"remote-name": 'O', "remote-name-all": 'O'},
		others: []string{
			"user-agent", "cookie", "cookie-jar", "continue-at", "data", "data-raw", "data-binary", "data-urlencode", "dump-header", "referer",
			"cert", "key", "cacert", "capath", "form", "header", "config", "max-time", "connect-timeout", "quote", "range", "user", "proxy",
			"proxy-user", "write-out", "request", "retry", "retry-delay", "retry-max-time", "resolve", "interface", "limit-rate", "max-redirs",
			"socks5", "socks5-hostname", "unix-socket", "dns-servers", "ciphers", "time-cond", "json", "doh-url", "connect-to", "max-filesize",
		},
		result: curlResult,
	},
	"wget": {
		values: "aABDeiIlOoPQRtTUwX",
		pairs:  "n", dirLetter: 'P',
		long: map[string]byte{"output-document": 'O', "directory-prefix": '/', "input-file": 'i'},
		others: []string{
			"output-file", "append-output", "execute", "input-file", "base", "tries", "timeout", "wait", "quota", "user", "password",
			"header", "user-agent", "referer", "post-data", "post-file", "method", "body-data", "body-file", "load-cookies", "save-cookies",
			"certificate", "private-key", "ca-certificate", "ca-directory", "level", "accept", "reject", "domains", "limit-rate",
			"http-user", "http-password", "bind-address", "cut-dirs", "dns-timeout", "connect-timeout", "read-timeout",
		},
		result: wgetResult,
	},
	"fetch":        {values: "BDioNSTw", long: map[string]byte{"output": 'o'}, result: fetchResult},
	"aria2c":       {values: "dijkmostx", dirLetter: 'd', long: map[string]byte{"out": 'o', "dir": '/'}, result: aria2Result},
	"axel":         {values: "HnosTU", long: map[string]byte{"output": 'o'}, others: []string{"num-connections", "max-speed", "header", "user-agent", "timeout"}, result: fetchResult},
	"lwp-download": {result: lwpResult},
	"scp":          {values: "cDFiJlOoPSX", result: scpResult},
	"tftp":         {values: "blrk", long: map[string]byte{"remote-file": 'r', "local-file": 'l'}, result: tftpResult},
}

// command is an argument vector sorted into what matters.
type command struct {
	tool     *tool
	dir      string // working directory, or ""
	outputs  []string
	names    map[byte]string // values of other short options
	flags    string          // short options without value
	operands []string
}

// read sorts the arguments: --name=value, --name value, -x value, -xvalue, and
// -abx value where x takes one.
func (c *command) read(args []string) {
	c.names = make(map[byte]string)
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		switch {
		case arg == "--":
			c.operands = append(c.operands, args...)
			return
		case strings.HasPrefix(arg, "--"):
			args = c.readLong(arg[2:], args)
		case len(arg) > 1 && arg[0] == '-':
			args = c.readShort(arg[1:], args)
		default:
			c.operands = append(c.operands, arg)
		}
	}
}

func (c *command) readLong(arg string, rest []string) []string {
	name, value, joined := strings.Cut(arg, "=")
	if letter, ok := c.tool.switches[name]; ok {
		c.flags += string(letter)
		return rest
	}
	letter, ours := c.tool.long[name]
	if !joined && (ours || slices.Contains(c.tool.others, name)) && len(rest) > 0 {
		value, rest = rest[0], rest[1:]
	}
	if ours {
		c.set(letter, value)
	}
	return rest
}

func (c *command) readShort(arg string, rest []string) []string {
	for i := 0; i < len(arg); i++ {
		letter := arg[i]
		if strings.IndexByte(c.tool.pairs, letter) >= 0 {
			i++
			continue
		}
		if strings.IndexByte(c.tool.values, letter) < 0 {
			c.flags += arg[i : i+1]
			continue
		}
		value := arg[i+1:]
		if value == "" && len(rest) > 0 {
			value, rest = rest[0], rest[1:]
		}
		c.set(letter, value)
		break
	}
	return rest
}

// set notes the value of an option. Outputs may be given several times.
func (c *command) set(letter byte, value string) {
	switch {
	case letter == '@':
		c.operands = append(c.operands, value)
	case letter == 'o':
		c.outputs = append(c.outputs, value)
	case letter == c.tool.dirLetter:
		c.names['/'] = value
	default:
		c.names[letter] = value
	}
}

func (c *command) has(flag byte) bool { return strings.IndexByte(c.flags, flag) >= 0 }

func curlResult(c *command, d *download) {
	if _, uploads := c.names['T']; uploads {
		return
	}
	for i, operand := range c.operands {
		switch {
		case i < len(c.outputs):
			d.add(c, operand, c.join(c.names['/'], c.outputs[i]))
		case c.has('O'):
			d.add(c, operand, c.join(c.names['/'], remoteName(operand, "")))
		default:
			d.add(c, operand, "-")
		}
	}
}

func wgetResult(c *command, d *download) {
	for _, operand := range c.operands {
		output, ok := c.names['O']
		if !ok {
			output = c.join(c.names['/'], remoteName(operand, "index.html"))
		}
		d.add(c, operand, output)
	}
}

func fetchResult(c *command, d *download) {
	for _, operand := range c.operands {
		output := remoteName(operand, "")
		if len(c.outputs) > 0 {
			output = c.outputs[0]
		}
		d.add(c, operand, output)
	}
}

func aria2Result(c *command, d *download) {
	for _, operand := range c.operands {
		output := remoteName(operand, "index.html")
		if len(c.outputs) > 0 {
			output = c.outputs[0]
		}
		d.add(c, operand, c.join(c.names['/'], output))
	}
}

func lwpResult(c *command, d *download) {
	switch len(c.operands) {
	case 0:
	case 1:
		d.add(c, c.operands[0], remoteName(c.operands[0], "index.html"))
	default:
		d.add(c, c.operands[0], c.operands[1])
	}
}

// scpResult reads copies from another host: [user@]host:path or scp://host/path
// to a local file or directory.
func scpResult(c *command, d *download) {
	if len(c.operands) < 2 {
		return
	}
	last := len(c.operands) - 1
	to := c.operands[last]
	if isRemote(to) {
		return
	}
	for _, from := range c.operands[:last] {
		if !isRemote(from) {
			continue
		}
		_, file, _ := strings.Cut(strings.TrimPrefix(from, "scp://"), ":")
		output := to
		if to == "." || strings.HasSuffix(to, "/") || last > 1 {
			output = c.join(to, path.Base(file))
		}
		d.add(c, from, output)
	}
}

func isRemote(operand string) bool {
	if strings.HasPrefix(operand, "scp://") {
		return true
	}
	colon := strings.IndexByte(operand, ':')
	slash := strings.IndexByte(operand, '/')
	return colon > 0 && (slash < 0 || colon < slash)
}

func tftpResult(c *command, d *download) {
	if !c.has('g') || c.names['r'] == "" || len(c.operands) == 0 {
		return
	}
	output := c.names['l']
	if output == "" {
		output = path.Base(c.names['r'])
	}
	d.add(c, "tftp://"+c.operands[0]+"/"+c.names['r'], output)
}

// join puts a file under a directory, unless it is absolute or standard output.
func (c *command) join(dir, file string) string {
	if dir == "" || file == "" || file == "-" || path.IsAbs(file) {
		return file
	}
	return path.Join(dir, file)
}

// add notes one download to a file, to standard output for "-", or to nowhere
// known for "".
func (d *download) add(c *command, from, to string) {
	if len(d.urls) >= maxDownloads {
		return
	}
	d.urls = append(d.urls, from)
	if host := hostOf(from); host != "" && !slices.Contains(d.hosts, host) {
		d.hosts = append(d.hosts, host)
	}
	switch {
	case to == "":
	case to == "-" || to == "/dev/stdout" || to == "/dev/fd/1" || to == "/proc/self/fd/1":
		d.toPipe = true
	case path.IsAbs(to):
		d.paths = append(d.paths, path.Clean(to))
	case c.dir != "":
		d.paths = append(d.paths, path.Join(c.dir, to))
	}
}

// remoteName returns the last element of an address's path, or the given name
// where it has none.
func remoteName(address, none string) string {
	if _, rest, ok := strings.Cut(address, "://"); ok {
		address = rest
	}
	address, _, _ = strings.Cut(address, "?")
	address, _, _ = strings.Cut(address, "#")
	slash := strings.LastIndexByte(address, '/')
	if slash < 0 || slash == len(address)-1 {
		return none
	}
	name := address[slash+1:]
	if decoded, err := url.PathUnescape(name); err == nil && !strings.Contains(decoded, "/") {
		return decoded
	}
	return name
}

// hostOf returns the host of an address, with or without a scheme.
func hostOf(address string) string {
	if _, rest, ok := strings.Cut(address, "://"); ok {
		address = rest
	}
	host, _, _ := strings.Cut(address, "/")
	host, _, _ = strings.Cut(host, "?")
	if at := strings.LastIndexByte(host, '@'); at >= 0 {
		host = host[at+1:]
	}
	if strings.HasPrefix(host, "[") {
		host, _, _ = strings.Cut(host[1:], "]")
		return host
	}
	host, _, _ = strings.Cut(host, ":")
	return strings.ToLower(host)
}
