package rules_test

import (
	"bytes"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-security/holdfast/detect"
	"github.com/holdfast-security/holdfast/detect/fields"
	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/internal/hosttest"
)

// TestShellCommands measures the rules on collections of command lines: which
// part of the malicious ones is noticed, and how many benign ones raise an
// alert at medium or above. Each line is taken as `sh -c LINE` and as the
// programs that a shell would start for it.
func TestShellCommands(t *testing.T) {
	tests := []struct {
		file     string
		min, max float64 // bounds of the part that raises an alert
		least    finding.Severity
	}{
		// One-liners from tutorials. What is left are lines that an
		// administrator would want to hear about all the same: searches
		// of the whole disk for set-user-id files, downloads piped into
		// a shell, history and logs emptied.
		{"benign_nl2bash.txt", 0, 0.004, finding.Medium},
		// Mostly searches of an enumeration script, many of which look
		// like any other use of find.
		{"malicious_slp.txt", 0.50, 1, finding.Low},
		{"reverse_shells_quasarnix.txt", 0.98, 1, finding.Medium},
		{"reverse_shells_prepended_benign.txt", 0.98, 1, finding.Medium},
	}
	for _, tt := range tests {
		t.Run(tt.file, func(t *testing.T) {
			data, err := os.ReadFile(hosttest.Data(t, "shell-commands", tt.file))
			if err != nil {
				t.Fatal(err)
			}
			lines, hits := 0, 0
			run := newTyped(ruleset(t))
			for line := range bytes.Lines(data) {
				text := strings.ReplaceAll(strings.TrimSpace(string(line)), `\n`, "\n")
				text = strings.TrimPrefix(text, "$ ")
				lines++
				raised := run.raises(text, tt.least)
				if len(raised) > 0 {
					hits++
				}
				if (len(raised) > 0) == (tt.max < 0.5) && testing.Verbose() {
					t.Logf("%v: %.200q", raised, text)
				}
			}
			part := float64(hits) / float64(lines)
			t.Logf("%d of %d lines raise an alert at %s or above: %.4f", hits, lines, tt.least, part)
			if part < tt.min || part > tt.max {
				t.Errorf("want a part between %v and %v", tt.min, tt.max)
			}
		})
	}
}

// TestBenignLogs replays logs of hosts at work. Two of them were attacked all
// the same: somebody guessed passwords.
func TestBenignLogs(t *testing.T) {
	set := ruleset(t)
	for _, tt := range []struct {
		path string
		real []finding.AlertType
	}{
		{"auditd-logs/ait-v2/russelmitchell_intranet_server_audit.log", nil},
		{"auditd-logs/msticpy/auditd_log.txt", []finding.AlertType{"VM_SshBruteForceFailed"}},
		{"linux-syslog/loghub/Linux/Linux_2k.log", []finding.AlertType{"VM_SshBruteForceFailed"}},
	} {
		t.Run(path.Base(tt.path), func(t *testing.T) {
			data, err := os.ReadFile(hosttest.Data(t, strings.Split(tt.path, "/")...))
			if err != nil {
				t.Fatal(err)
			}
			stats := replayed(set, data, func(m detect.Match) {
				if kind := m.Rule.Holdfast.AlertType; kind != "" && m.Rule.Level.Severity() >= finding.Medium && !slices.Contains(tt.real, kind) {
					text, _ := m.Document.Text("CommandLine")
					t.Errorf("%s: %s", kind, text)
				}
			})
			if stats.Events < 100 {
				t.Errorf("only %d events", stats.Events)
			}
		})
	}
}

// typed is where command lines are typed, days apart so that no correlation
// joins them.
type typed struct {
	mapper  *fields.Mapper
	matcher *detect.Matcher
	at      time.Time
}

func newTyped(set *detect.Ruleset) *typed {
	return &typed{fields.NewMapper(set), set.NewMatcher(detect.Limits{}), time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)}
}

// raises returns the alert types of at least the given severity that a shell
// command line raises.
func (r *typed) raises(text string, least finding.Severity) []finding.AlertType {
	var raised []finding.AlertType
	shell := launched(1000, nil, []string{"sh", "-c", text})
	events := []*event.Process{shell}
	for i, args := range simpleCommands(text) {
		events = append(events, launched(uint32(1001+i), shell, args))
	}
	r.at = r.at.AddDate(0, 0, 2)
	for i, p := range events {
		ev := &event.Event{
			Time: r.at.Add(time.Duration(i) * time.Millisecond), Class: event.ClassProcessActivity, Activity: event.ProcessLaunch,
			Status: event.StatusSuccess, Source: event.SourceAudit, Process: p,
		}
		r.mapper.Each(ev, func(d *detect.Document) {
			r.matcher.Match(d, func(m detect.Match) {
				if m.Rule.Level.Severity() >= least && !slices.Contains(raised, m.Rule.Holdfast.AlertType) {
					raised = append(raised, m.Rule.Holdfast.AlertType)
				}
			})
		})
	}
	return raised
}

// launched returns a process as the table would complete it.
func launched(pid uint32, parent *event.Process, args []string) *event.Process {
	image := args[0]
	if !strings.Contains(image, "/") {
		image = "/usr/bin/" + image
	}
	p := &event.Process{
		PID: pid, Parent: parent, PPID: 999, Name: path.Base(image)[:min(15, len(path.Base(image)))],
		Executable: &event.File{Path: image}, Arguments: args, CommandLine: strings.Join(args, " "),
		Directory: "/home/anna", User: event.User{UID: 1000, Name: "anna"},
	}
	if parent != nil {
		p.PPID = parent.PID
	}
	return p
}

// simpleCommands splits a shell's text into the argument vectors of its simple
// commands, well enough for one-liners: quotes, backslashes and redirections
// are honoured; expansions stay as they are.
func simpleCommands(text string) [][]string {
	var commands [][]string
	var args []string
	var word strings.Builder
	inWord, skipNext := false, false
	endWord := func() {
		if inWord && !skipNext {
			args = append(args, word.String())
		}
		if inWord {
			skipNext = false
		}
		word.Reset()
		inWord = false
	}
	endCommand := func() {
		endWord()
		for len(args) > 0 && (args[0] == "then" || args[0] == "do" || args[0] == "else" || strings.Contains(args[0], "=")) {
			args = args[1:]
		}
		if len(args) > 0 && args[0] != "" {
			commands = append(commands, args)
		}
		args, skipNext = nil, false
	}
	var quote byte
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quote != 0:
			switch {
			case c == quote:
				quote = 0
			case c == '\\' && quote == '"' && i+1 < len(text):
				i++
				word.WriteByte(text[i])
			default:
				word.WriteByte(c)
			}
		case c == '\'' || c == '"':
			quote, inWord = c, true
		case c == '\\' && i+1 < len(text):
			i++
			word.WriteByte(text[i])
			inWord = true
		case c == ' ' || c == '\t':
			endWord()
		case c == ')':
			endCommand()
			skipNext, inWord = true, true // the rest of a word like $(brew --prefix)/bin
		case c == ';' || c == '|' || c == '&' || c == '\n' || c == '(':
			endCommand()
		case c == '<' || c == '>':
			endWord()
			skipNext = true
			if i+1 < len(text) && text[i+1] == '&' {
				i++ // >& is no end of a command
			}
		default:
			word.WriteByte(c)
			inWord = true
		}
	}
	endCommand()
	return commands
}
