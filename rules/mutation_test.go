package rules_test

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"flag"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/holdfast-security/holdfast/detect"
	"github.com/holdfast-security/holdfast/detect/sigma"
	"github.com/holdfast-security/holdfast/rules"
)

var update = flag.Bool("update", false, "write docs/evasion.md")

// Least parts of the mutated samples that have to raise their alert: of all of
// them, and of those of any one rule.
const (
	leastCaught     = 0.95
	leastCaughtRule = 0.75
)

// started is a program start in a recorded sample: what a mutation changes.
type started struct {
	argv      []string
	comm, exe string
	parent    bool // other programs of the sample were started by it
}

// text returns the text that a shell was started with, and its place in argv.
func (s started) text() (text string, at int) {
	if !shells[path.Base(s.exe)] {
		return "", -1
	}
	for i := 1; i+1 < len(s.argv); i++ {
		if option := s.argv[i]; !strings.HasPrefix(option, "--") && strings.HasPrefix(option, "-") && strings.Contains(option, "c") {
			return s.argv[i+1], i + 1
		}
	}
	return "", -1
}

var shells = map[string]bool{"sh": true, "dash": true, "bash": true, "zsh": true, "ash": true, "ksh": true}

// mutation rewrites a program start into another spelling of the same. It
// reports false where it does not apply.
type mutation struct {
	name  string
	about string // for the documentation
	apply func(started) (started, bool)
}

// sample is a recorded sample with its program starts taken apart.
type sample struct {
	name   string
	lines  []string
	starts map[string]started // by the id of the audit event
}

var (
	auditID   = regexp.MustCompile(`msg=audit\(([0-9.:]+)\)`)
	argument  = regexp.MustCompile(`\ba([0-9]+)=(?:"([^"]*)"|([0-9A-F]+))`)
	ownPID    = regexp.MustCompile(` pid=([0-9]+) `)
	parentPID = regexp.MustCompile(` ppid=([0-9]+) `)
	commExe   = regexp.MustCompile(`\bcomm=("[^"]*"|[0-9A-F]+) exe=("[^"]*"|[0-9A-F]+)`)
)

func readSample(name string, data []byte) sample {
	s := sample{name: name, lines: strings.Split(strings.TrimSuffix(string(data), "\n"), "\n"), starts: make(map[string]started)}
	images, parents, parentOf := make(map[string][2]string), make(map[string]bool), make(map[string]string)
	for _, line := range s.lines {
		if strings.HasPrefix(line, "type=EXECVE") {
			parents[parentOf[idOf(line)]] = true
		} else if m := parentPID.FindStringSubmatch(line); m != nil {
			parentOf[idOf(line)] = m[1]
		}
	}
	pids := make(map[string]string)
	for _, line := range s.lines {
		id := idOf(line)
		if m := ownPID.FindStringSubmatch(line); m != nil {
			pids[id] = m[1]
		}
		if m := commExe.FindStringSubmatch(line); m != nil && strings.HasPrefix(line, "type=SYSCALL") {
			images[id] = [2]string{unquoted(m[1]), unquoted(m[2])}
		}
		if !strings.HasPrefix(line, "type=EXECVE") || strings.Contains(line, "_len=") || images[id][1] == "" {
			continue
		}
		start := started{comm: images[id][0], exe: images[id][1], parent: parents[pids[id]]}
		_, args, _ := strings.Cut(line, " argc=")
		for _, m := range argument.FindAllStringSubmatch(args, -1) {
			value := m[2]
			if m[3] != "" {
				value = unquoted(m[3])
			}
			start.argv = append(start.argv, value)
		}
		if len(start.argv) > 0 {
			s.starts[id] = start
		}
	}
	return s
}

func idOf(line string) string {
	if m := auditID.FindStringSubmatch(line); m != nil {
		return m[1]
	}
	return ""
}

func unquoted(value string) string {
	if text, ok := strings.CutPrefix(value, `"`); ok {
		return strings.TrimSuffix(text, `"`)
	}
	text, err := hex.DecodeString(value)
	if err != nil {
		return value
	}
	return string(text)
}

// with returns the sample's text with other program starts in place of its
// own. Those that are missing in the map are taken out.
func (s sample) with(starts map[string]started) []byte {
	var b bytes.Buffer
	for _, line := range s.lines {
		id := idOf(line)
		own, ours := s.starts[id]
		start, there := starts[id]
		switch {
		case !ours || there && slices.Equal(own.argv, start.argv) && own.comm == start.comm:
			b.WriteString(line)
		case !there:
			continue
		case strings.HasPrefix(line, "type=PROCTITLE"): // the last record of an event
			head, _, _ := strings.Cut(line, " proctitle=")
			fmt.Fprintf(&b, "%s proctitle=%X", head, strings.Join(start.argv, "\x00"))
		case strings.HasPrefix(line, "type=SYSCALL"):
			b.WriteString(commExe.ReplaceAllLiteralString(line, fmt.Sprintf("comm=%X exe=%X", start.comm, start.exe)))
		case strings.HasPrefix(line, "type=EXECVE"):
			head, _, _ := strings.Cut(line, " argc=")
			fmt.Fprintf(&b, "%s argc=%d", head, len(start.argv))
			for i, arg := range start.argv {
				if arg == "" {
					fmt.Fprintf(&b, ` a%d=""`, i)
				} else {
					fmt.Fprintf(&b, " a%d=%X", i, arg)
				}
			}
		default:
			b.WriteString(line)
		}
		b.WriteByte('\n')
	}
	return b.Bytes()
}

// variants returns the program starts that mutations for arguments and for the
// text of shells apply to. A sample without any text of a shell gets its
// commands as one, where the rules read such texts at all.
func (s sample) variants(raises func([]byte) bool) (arguments, texts map[string]started) {
	shell, other := make(map[string]started), make(map[string]started)
	silent, withoutOther, typed := maps.Clone(s.starts), maps.Clone(s.starts), maps.Clone(s.starts)
	for id, start := range s.starts {
		if _, at := start.text(); at > 0 {
			shell[id] = start
			start.argv = slices.Clone(start.argv)
			start.argv[at] = ":"
			silent[id] = start
		} else if !start.parent { // who starts others is their lineage, not a spelling
			other[id] = start
			delete(withoutOther, id)
			typed[id] = started{argv: []string{"sh", "-c", quoteAll(start.argv)}, comm: "sh", exe: "/usr/bin/dash"}
		}
	}
	if len(other) > 0 && !raises(s.with(withoutOther)) {
		arguments = other
	}
	switch {
	case len(shell) > 0 && !raises(s.with(silent)):
		texts = shell
	case len(shell) == 0 && arguments != nil && raises(s.with(typed)):
		texts = typed
		maps.DeleteFunc(texts, func(id string, _ started) bool { _, ok := other[id]; return !ok })
	}
	return arguments, texts
}

// quoteAll writes an argument vector as the text of a shell.
func quoteAll(argv []string) string {
	var words []string
	for _, arg := range argv {
		if arg == "" || strings.Trim(arg, plainBytes) != "" {
			arg = "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
		}
		words = append(words, arg)
	}
	return strings.Join(words, " ")
}

// score counts mutated samples.
type score struct {
	tried, caught int
	missed        map[string]int // by mutation
}

func (s *score) add(name string, caught bool) {
	s.tried++
	if caught {
		s.caught++
		return
	}
	if s.missed == nil {
		s.missed = make(map[string]int)
	}
	s.missed[name]++
}

func (s *score) part() float64 { return float64(s.caught) / float64(max(1, s.tried)) }

// TestMutations spells the commands of every rule's samples in other ways that
// mean the same, and counts how many still raise the alert. A mutated sample
// counts only where the alert rests on what was mutated.
func TestMutations(t *testing.T) {
	scores, byMutation := make(map[string]*score), make(map[string]*score)
	for _, f := range rules.Files() {
		if !bytes.Contains(f.Data, []byte("process_creation")) {
			continue
		}
		s := mutateRule(t, f, byMutation)
		if s.tried == 0 {
			continue
		}
		scores[f.Name()] = s
		if s.part() < leastCaughtRule {
			t.Errorf("%s: %d of %d mutated samples raise the alert; missed: %v", f.Path, s.caught, s.tried, s.missed)
		}
	}
	var all score
	for _, s := range scores {
		all.tried, all.caught = all.tried+s.tried, all.caught+s.caught
	}
	t.Logf("%d of %d mutated samples raise their alert: %.3f", all.caught, all.tried, all.part())
	if all.part() < leastCaught {
		t.Errorf("%.3f of the mutated samples raise their alert, want %v", all.part(), leastCaught)
	}
	golden(t, filepath.Join("..", "docs", "evasion.md"), report(all, scores, byMutation))
}

// mutateRule tries every mutation on every sample of a rule that raises it.
func mutateRule(t *testing.T, f rules.File, byMutation map[string]*score) *score {
	t.Helper()
	total := &score{}
	parsed, err := sigma.Parse(f.Path, f.Data)
	if err != nil {
		t.Fatal(err)
	}
	set, errs := detect.Compile(parsed)
	if len(errs) > 0 { // it joins rules of another file
		set = ruleset(t)
	}
	raises := func(data []byte) bool {
		found := false
		replayed(set, data, func(m detect.Match) { found = found || m.Rule.Path == f.Path && m.Rule.Holdfast.AlertType != "" })
		return found
	}
	archive, err := txtar.ParseFile(filepath.FromSlash(strings.TrimSuffix(f.Path, ".yml") + ".txtar"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range archive.Files {
		if !strings.HasPrefix(file.Name, "match-") {
			continue
		}
		s := readSample(file.Name, file.Data)
		arguments, texts := s.variants(raises)
		for _, m := range slices.Concat(argumentMutations, textMutations) {
			from := arguments
			if slices.ContainsFunc(textMutations, func(o mutation) bool { return o.name == m.name }) {
				from = texts
			}
			mutated, ok := s.mutate(m, from)
			if !ok {
				continue
			}
			caught := raises(mutated)
			total.add(m.name, caught)
			if byMutation[m.name] == nil {
				byMutation[m.name] = &score{}
			}
			byMutation[m.name].add(f.Name(), caught)
			if !caught && testing.Verbose() {
				t.Logf("%s %s: %s gets by", f.Name(), s.name, m.name)
			}
		}
	}
	return total
}

// mutate applies a mutation to all program starts of the map, and leaves the
// sample's others as they are.
func (s sample) mutate(m mutation, from map[string]started) ([]byte, bool) {
	starts, changed := maps.Clone(s.starts), false
	for id, start := range from {
		start.argv = slices.Clone(start.argv)
		if mutated, ok := m.apply(start); ok {
			start, changed = mutated, true
		}
		starts[id] = start
	}
	return s.with(starts), changed
}

// report writes the page of the documentation.
func report(all score, scores, byMutation map[string]*score) string {
	var b strings.Builder
	b.WriteString("<!-- generated by `go test ./rules -run Mutations -update`: do not edit -->\n# Other spellings of the same command\n\n" +
		"A command can be written in many ways that do the same: quotes inside a word, `//` in a path, `env` in front, options in\n" +
		"another order. The test `TestMutations` rewrites the commands in the samples of every rule that looks at command lines and\n" +
		"counts how many still raise the rule's alert. A rewritten sample counts only where the alert rests on what was rewritten:\n" +
		"the kernel undoes the spelling of a shell for every program that the shell starts, and those are not counted here.\n\n")
	fmt.Fprintf(&b, "**%d of %d are noticed: %.1f %%.**\n\n", all.caught, all.tried, 100*all.part())
	b.WriteString("| Spelling | What it does | Tried | Noticed |\n| --- | --- | --: | --: |\n")
	for _, m := range slices.Concat(argumentMutations, textMutations) {
		if s := byMutation[m.name]; s != nil {
			fmt.Fprintf(&b, "| %s | %s | %d | %.0f %% |\n", m.name, m.about, s.tried, 100*s.part())
		}
	}
	b.WriteString("\n| Rule | Tried | Noticed | Gets by |\n| --- | --: | --: | --- |\n")
	for _, name := range slices.Sorted(maps.Keys(scores)) {
		s := scores[name]
		fmt.Fprintf(&b, "| %s | %d | %.0f %% | %s |\n", name, s.tried, 100*s.part(), strings.Join(slices.SortedFunc(maps.Keys(s.missed), func(x, y string) int {
			return cmp.Or(cmp.Compare(s.missed[y], s.missed[x]), cmp.Compare(x, y))
		}), ", "))
	}
	return b.String()
}

// golden compares a generated page with the one in the repository.
func golden(t *testing.T, path, want string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s is not what the rules do now: run go test ./rules -run %s -update", path, t.Name())
	}
}
