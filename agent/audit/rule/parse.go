package rule

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"slices"
	"strconv"
	"strings"

	"github.com/holdfast-security/holdfast/agent/audit/syscalls"
)

// Parser reads rules for a certain machine. The zero value is for this one.
// It is safe for concurrent use while its fields are not changed.
type Parser struct {
	// Arch is the machine's own architecture, which b64 and rules without
	// arch= mean; zero stands for that of this program.
	Arch syscalls.Arch
	// User and Group return the number of an account or group by name; nil
	// asks this host.
	User, Group func(name string) (uint32, error)
	// IsDir tells whether a path given to -w is a directory; nil asks this
	// host. A path that ends with a slash always is one.
	IsDir func(path string) bool
}

// maxLine bounds a line of a rule file, in bytes.
const maxLine = 64 << 10

// Parse reads one line of a rule file for this machine, see [Parser.Parse].
func Parse(line string) (Rule, error) { return new(Parser).Parse(line) }

// ParseFile reads a rule file for this machine, see [Parser.ParseFile].
func ParseFile(name string, r io.Reader) ([]Rule, error) { return new(Parser).ParseFile(name, r) }

// ParseFile reads a rule file as auditctl -R takes it. It returns the rules
// and control lines that it understood, in order, and an error that joins one
// sentence for each other line, each beginning with name and line number.
func (p *Parser) ParseFile(name string, r io.Reader) ([]Rule, error) {
	var rules []Rule
	var faults []error
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	number := 0
	for lines.Scan() {
		number++
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		parsed, err := p.Parse(line)
		if err != nil {
			faults = append(faults, fmt.Errorf("%s:%d: %w", name, number, err))
			continue
		}
		rules = append(rules, parsed)
	}
	switch err := lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		faults = append(faults, fmt.Errorf("%s:%d: the line is longer than %d bytes; split the rule", name, number+1, maxLine))
	case err != nil:
		faults = append(faults, fmt.Errorf("read audit rules from %s: %w", name, err))
	}
	return rules, errors.Join(faults...)
}

// Parse reads one line as auditctl(8) takes it, a rule or a control line.
// Unlike auditctl it lets -S stand before -F arch=, and reads escapes as Go
// has them inside double quotes.
func (p *Parser) Parse(line string) (Rule, error) {
	words, err := split(line)
	if err != nil {
		return Rule{}, err
	}
	if len(words) == 0 || strings.HasPrefix(words[0], "#") {
		return Rule{}, errors.New("the line holds no rule")
	}
	if verb := Verb(words[0]); isControl(verb) {
		return parseControl(verb, words[1:])
	}
	l := draft{parser: p}
	if err := l.read(words); err != nil {
		return Rule{}, err
	}
	return l.finish()
}

func isControl(v Verb) bool { _, ok := controls[v]; return ok }

// draft is a rule being put together from the words of its line.
type draft struct {
	parser *Parser
	rule   Rule
	form   string // the option that named the list: -a, -A, -d, -w or -W
	watch  string // the path of -w
	calls  []string
	keys   []string
	keyAt  int // where the key field goes; -1 for the end
	perm   bool
}

func (l *draft) read(words []string) error {
	l.keyAt = -1
	for len(words) > 0 {
		option := words[0]
		words = words[1:]
		if len(words) == 0 {
			if strings.HasPrefix(option, "-") {
				return fmt.Errorf("%s lacks its argument", quote(option))
			}
			return fmt.Errorf("%s is no option; begin with -a list,action or -w path", quote(option))
		}
		if err := l.option(option, words[0]); err != nil {
			return err
		}
		words = words[1:]
	}
	return nil
}

func (l *draft) option(option, value string) error {
	switch option {
	case "-a", "-A", "-d":
		return l.listAction(option, value)
	case "-w", "-W":
		return l.path(option, value)
	case "-S":
		l.calls = append(l.calls, strings.Split(value, ",")...)
		return nil
	case "-F":
		return l.field(value)
	case "-C":
		return l.compare(value)
	case "-p":
		return l.permission(value)
	case "-k":
		l.keys = append(l.keys, value)
		return nil
	}
	return fmt.Errorf("%s is no option of a rule; write -a, -A, -d, -w, -W, -S, -F, -C, -p or -k", quote(option))
}

func (l *draft) setForm(option string) error {
	if l.form != "" {
		return fmt.Errorf("%s comes after %s; write two rules", option, l.form)
	}
	l.form = option
	l.rule.Prepend = option == "-A"
	l.rule.Delete = option == "-d" || option == "-W"
	return nil
}

func (l *draft) listAction(option, value string) error {
	if err := l.setForm(option); err != nil {
		return err
	}
	first, second, ok := strings.Cut(value, ",")
	if !ok {
		return fmt.Errorf("%s %s names a list or an action only; write for example %s always,exit", option, quote(value), option)
	}
	if _, isAction := actionNamed(first); isAction {
		first, second = second, first
	}
	list, ok := listNamed(first)
	if !ok {
		if first == "entry" {
			return errors.New("the list entry is gone from the kernel; write exit")
		}
		return fmt.Errorf("%s is no list; write task, exit, user, exclude, filesystem or io_uring", quote(first))
	}
	action, ok := actionNamed(second)
	if !ok {
		return fmt.Errorf("%s is no action; write always or never", quote(second))
	}
	l.rule.List, l.rule.Action = list, action
	return nil
}

func actionNamed(name string) (Action, bool) {
	switch name {
	case "always":
		return Always, true
	case "never":
		return Never, true
	}
	return 0, false
}

// path reads -w: a rule on exit for one file, or for a directory with all
// that is below.
func (l *draft) path(option, value string) error {
	if err := l.setForm(option); err != nil {
		return err
	}
	l.rule.List, l.rule.Action = ListExit, Always
	id := FieldPath
	if l.parser.isDir(value) {
		id = FieldDir
	}
	if len(value) > 1 {
		value = value[:1] + strings.TrimRight(value[1:], "/")
	}
	l.watch = value
	l.add(Field{ID: id, Op: Equal, Text: value})
	return nil
}

func (p *Parser) isDir(path string) bool {
	if strings.HasSuffix(path, "/") {
		return true
	}
	if p.IsDir != nil {
		return p.IsDir(path)
	}
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func (l *draft) permission(value string) error {
	bits, err := parsePerm(value)
	if err != nil {
		return err
	}
	l.add(Field{ID: FieldPerm, Op: Equal, Value: bits})
	return nil
}

func (l *draft) add(f Field) {
	l.perm = l.perm || f.ID == FieldPerm
	l.rule.Fields = append(l.rule.Fields, f)
}

func (l *draft) field(text string) error {
	name, op, value, err := cutOperator(text)
	if err != nil {
		return err
	}
	known := fieldNamed(name)
	if known == nil {
		return fmt.Errorf("%s is no field%s; write one of %s", quote(name), suggest(name, allFieldNames), fieldNames())
	}
	if known.id == FieldKey {
		if op != Equal {
			return fmt.Errorf("field key does not take the operator %s; write key=%s", op, quote(value))
		}
		if l.keyAt < 0 {
			l.keyAt = len(l.rule.Fields)
		}
		l.keys = append(l.keys, value)
		return nil
	}
	f := Field{ID: known.id, Op: op}
	if known.kind.text() {
		f.Text = value
	} else if f.Value, err = l.parser.value(known, value); err != nil {
		return err
	}
	l.add(f)
	return nil
}

var allFieldNames = func() (names []string) {
	for _, f := range fields {
		names = append(names, f.name)
	}
	return names
}()

// cutOperator takes a field condition apart at its first operator.
func cutOperator(text string) (name string, op Op, value string, err error) {
	at := strings.IndexAny(text, "=!<>&")
	if at <= 0 {
		return "", 0, "", fmt.Errorf("%s is no condition; write a field, an operator and a value, for example auid>=1000", quote(text))
	}
	for _, known := range operators {
		if value, ok := strings.CutPrefix(text[at:], known.text); ok {
			return text[:at], known.op, value, nil
		}
	}
	return "", 0, "", fmt.Errorf("%s has no operator; write =, !=, <, >, <=, >=, & or &=", quote(text))
}

func (l *draft) compare(text string) error {
	a, op, b, err := cutOperator(text)
	if err != nil {
		return err
	}
	if op != Equal && op != NotEqual {
		return fmt.Errorf("-C does not take the operator %s; write = or !=", op)
	}
	number, ok := comparison(a, b)
	if !ok {
		return fmt.Errorf("%s and %s cannot be compared; write two of auid, uid, euid, suid, fsuid, obj_uid or two of gid, egid, sgid, fsgid, obj_gid",
			quote(a), quote(b))
	}
	l.add(Field{ID: FieldCompare, Op: op, Value: number})
	return nil
}

// finish resolves what depends on the whole line.
func (l *draft) finish() (Rule, error) {
	r := &l.rule
	if l.form == "" {
		return Rule{}, errors.New("the rule names no list; begin it with -a always,exit or -w path")
	}
	if l.watch != "" && !l.perm {
		l.add(Field{ID: FieldPerm, Op: Equal, Value: 15}) // auditctl(8): without -p all four
	}
	if err := l.setSyscalls(); err != nil {
		return Rule{}, err
	}
	l.setKey()
	if err := r.check(); err != nil {
		return Rule{}, err
	}
	return *r, nil
}

func (l *draft) setKey() {
	if len(l.keys) == 0 {
		return
	}
	key := Field{ID: FieldKey, Op: Equal, Text: strings.Join(l.keys, keyBreak)}
	at := l.keyAt
	if at < 0 {
		at = len(l.rule.Fields)
	}
	l.rule.Fields = slices.Insert(l.rule.Fields, at, key)
}

func (l *draft) setSyscalls() error {
	r := &l.rule
	if len(l.calls) == 0 || slices.Equal(l.calls, []string{"all"}) {
		r.Syscalls = AllSyscalls
		return nil
	}
	arch := r.Arch()
	if arch == 0 {
		arch = l.parser.native()
	}
	for _, name := range l.calls {
		nr, err := l.number(arch, name)
		if err != nil {
			return err
		}
		r.Syscalls.Add(nr)
	}
	return nil
}

func (l *draft) number(arch syscalls.Arch, name string) (int, error) {
	if n, err := strconv.ParseUint(name, 10, 31); err == nil && n <= maxSyscall {
		return int(n), nil
	}
	if l.rule.List == ListIOUring {
		return 0, fmt.Errorf("%s is no number of an io_uring operation", quote(name))
	}
	nr, ok := syscalls.Number(arch, name)
	if !ok {
		return 0, fmt.Errorf("%s is no system call of %s%s", quote(name), arch, suggest(name, syscalls.Names(arch)))
	}
	return nr, nil
}

func (p *Parser) native() syscalls.Arch {
	if p.Arch != 0 {
		return p.Arch
	}
	return syscalls.Native()
}

func (p *Parser) user(name string) (uint32, error) {
	if p.User != nil {
		return p.User(name)
	}
	u, err := user.Lookup(name)
	if err != nil {
		return 0, err
	}
	return parseUint(u.Uid)
}

func (p *Parser) group(name string) (uint32, error) {
	if p.Group != nil {
		return p.Group(name)
	}
	g, err := user.LookupGroup(name)
	if err != nil {
		return 0, err
	}
	return parseUint(g.Gid)
}
