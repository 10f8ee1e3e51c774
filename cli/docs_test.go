package cli

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/netip"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-security/holdfast/agent"
	"github.com/holdfast-security/holdfast/agent/feature"
	"github.com/holdfast-security/holdfast/cli/output"
	"github.com/holdfast-security/holdfast/cli/replay"
	"github.com/holdfast-security/holdfast/cli/ruletest"
	"github.com/holdfast-security/holdfast/detect"
	"github.com/holdfast-security/holdfast/detect/sigma"
	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/internal/version"
	"github.com/holdfast-security/holdfast/rules/rulefiles"
	"github.com/holdfast-security/holdfast/simulate"
)

var update = flag.Bool("update", false, "rewrite the examples in the documentation")

// documented is where the JSON shapes are described.
const documented = "../docs/cli-json.md"

// examples are the values that the documentation shows.
func examples() map[string]any {
	noon := time.Date(2026, 3, 1, 12, 0, 0, 250e6, time.UTC)
	skips := []replay.Skip{{Reason: "malformed audit record", Lines: 1, File: "audit.log", Line: 85, Sample: "type=SYSCALL msg=audit(", First: []int{85}}}
	shell := &event.Process{
		UID: event.ProcessUID{Boot: event.BootID{0x1f, 0x0c, 0x2a, 0x4b, 0x9d, 0x3e, 0x4f, 0x60}, PID: 4801, Start: 93450000000},
		PID: 4801, PPID: 4720, Name: "bash", Executable: &event.File{Path: "/usr/bin/bash", Package: "bash", Owned: event.OwnedYes},
		CommandLine: "bash -i", Arguments: []string{"bash", "-i"}, Directory: "/tmp", Started: noon, Executed: noon,
		User: event.User{UID: 0, Name: "root"}, Login: &event.User{UID: 1000, Name: "alice"}, Session: 12, Terminal: "pts0",
		Entry:  event.EntryPoint{Kind: event.EntrySSH, Address: "192.0.2.7", User: "alice"},
		Parent: &event.Process{PID: 4720, Name: "bash", Started: noon.Add(-time.Minute), User: event.User{UID: 1000, Name: "alice"}},
	}
	alert := finding.Alert{
		ID: "a09b969c9529f581c631ff43bb73a393", Type: "VM_ReverseShell", Title: "Potential reverse shell detected", Severity: finding.Medium,
		Host: "5f3c9a1e8b7d4c60a2f1e0d9c8b7a695", Time: noon, Raised: noon.Add(12 * time.Millisecond), Count: 1, LastTime: noon,
		Story: "root started /usr/bin/bash with its input and output connected to 203.0.113.9:4444.", Meaning: "A shell whose input and output are a connection.",
		Steps: []string{"Find the other end of the connection."}, Tactics: []finding.Tactic{"execution"}, Methods: []finding.Technique{"T1059.004"},
		Rule: finding.Rule{
			ID: "6427f723-2a27-41ce-914c-ad952970c7fd", Title: "Potential reverse shell detected", Author: "The Holdfast authors",
			Path: "rules/linux/command-and-control/reverse_shell.yml",
		},
		Matches: []finding.Match{{Field: "StandardInput", Value: "socket", Condition: `is "socket"`, Selection: "socket_shell"}},
		Process: shell, Evidence: []event.Event{},
	}
	rule := ruleJSON{
		ID: alert.Rule.ID, Title: alert.Title, AlertType: alert.Type, Severity: alert.Severity,
		LogSource: sigma.LogSource{Product: "linux", Category: "process_creation"}, Tactics: alert.Tactics, Techniques: alert.Methods,
		Author: alert.Rule.Author, Path: alert.Rule.Path,
	}
	value := "socket"
	return map[string]any{
		"alert": alert,
		"event": event.Event{
			Time: noon, Class: event.ClassAuthentication, Activity: event.AuthLogon, Status: event.StatusFailure, Source: event.SourceAudit,
			Host: alert.Host, Serial: 4711, User: &event.User{UID: event.UnsetUID, Name: "bob"},
			Logon: &event.Logon{Service: "sshd", Method: "password", Address: netip.MustParseAddr("192.0.2.99"), Port: 50022, Terminal: "ssh"},
		},
		"simulate": []simulate.Result{
			{Scenario: "reverse-shell", AlertType: "VM_ReverseShell", Outcome: simulate.Pass, SecondsToAlert: 0.061},
			{Scenario: "privileged-container", AlertType: "VM_PrivilegedContainerArtifacts", Outcome: simulate.Skip, Reason: "needs the program docker"},
		},
		"scenarios": []simulate.Scenario{{
			Name: "reverse-shell", Title: "Reverse shell", AlertType: "VM_ReverseShell",
			Summary: "Connects a shell to a socket of this machine.", Needs: []simulate.Need{simulate.NeedRoot},
		}},
		"replay": replaySummary{
			Files: 2, Lines: 6387, Events: 2776, Skipped: 1, Seconds: 0.118,
			Alerts:  map[finding.AlertType]int{"VM_ReverseShell": 1, "VM_SshBruteForceFailed": 3},
			Matches: map[finding.AlertType]uint64{"VM_ReverseShell": 1, "VM_SshBruteForceFailed": 7},
			Skips:   skips, Suppressed: 2,
			PerFile: []replay.Stats{
				{File: "audit.log.1", Lines: 4100, Events: 1810, Skips: []replay.Skip{}},
				{File: "audit.log", Lines: 2287, Events: 966, Skipped: 1, Skips: skips},
			},
			Unreadable: []unreadable{{File: "audit.log.4.gz", Reason: "read audit.log.4.gz: unexpected EOF"}},
		},
		"rules": []ruleJSON{rule},
		"check": checkJSON{
			Files: 2, Rules: 2, Compiled: 1,
			Refused: []rulefiles.Refusal{{Path: "mine/x.yml", Line: 8, Reason: `modifier "endwith" is not known; did you mean endswith?`}},
		},
		"test": testJSON{
			Rules: 1, Samples: 2, Failed: 1, Refused: []rulefiles.Refusal{},
			Results: []ruletest.Result{
				{Rule: "mine/x.yml", Sample: "mine/x.txtar:match-shell.log", Want: true, Events: 3, Hits: 1, Passed: true},
				{Rule: "mine/x.yml", Sample: "mine/x.txtar:nomatch-backup.log", Events: 1, Hits: 1, Reason: "a rule of the file matches"},
			},
		},
		"explain": []explanationJSON{{
			ruleJSON: rule, Description: alert.Meaning, FalsePositives: []string{}, Fields: []string{"Image", "StandardInput"},
			Condition: "socket_shell", Remediation: alert.Steps,
			Events: []explainedEvent{{
				Event: "process_activity/launch", Time: noon, Matches: true,
				Explanation: detect.Explanation{Text: "selection socket_shell", Holds: true, Line: 12, Parts: []detect.Explanation{
					{Text: `StandardInput is "socket"`, Holds: true, Field: "StandardInput", Value: &value, Line: 13},
				}},
			}},
		}},
		"fields": []fieldJSON{{Name: "Image", Categories: []string{}, Text: "path of the executable of the process that acts"}},
		"features": []feature.Definition{{
			Name: "procfs", Summary: "Sees processes by looking at /proc.", OS: []string{"linux"}, Needs: []feature.Need{feature.NeedProcfs},
			Default: true, Produces: []event.Class{event.ClassProcessActivity}, Changes: []string{}, FallbackFor: []string{"audit", "perf"},
		}},
		"health": healthJSON{Agent: "running", Report: agent.Report{
			Host: alert.Host, PID: 812, System: "linux/amd64", Started: noon,
			Features: []feature.Status{{
				Name: "audit", State: feature.Degraded, Detail: "owns the audit records, 40 rules", Since: noon,
				Warnings: []feature.Warning{{Code: "audit-lost", Text: "The kernel lost 12 records.", Since: noon}},
				Counters: []feature.Counter{{Name: "kernel_lost", Value: 12, Dropped: true}},
			}},
			Ledger: agent.Ledger{Emitted: 1200, Delivered: 1100, Merged: 90, Folded: 10, Dropped: map[string]uint64{"audit.kernel_lost": 12}},
		}},
		"version": version.Info{Version: "1.2.3", Commit: "4f1c2a9e03d1", Date: "2026-03-01T12:00:00Z", Go: "go1.26.8", Platform: "linux/amd64"},
	}
}

var example = regexp.MustCompile("(?s)<!-- example: ([a-z]+) -->\n```json\n(.*?)```\n")

func TestDocumentedShapesAreTrue(t *testing.T) {
	data, err := os.ReadFile(documented)
	if err != nil {
		t.Fatal(err)
	}
	values := examples()
	shown := make(map[string]bool)
	got := example.ReplaceAllStringFunc(string(data), func(block string) string {
		part := example.FindStringSubmatch(block)
		name := part[1]
		value, ok := values[name]
		if !ok {
			t.Errorf("the documentation has an example %q that the test does not know", name)
			return block
		}
		shown[name] = true
		return strings.Replace(block, "```json\n"+part[2], "```json\n"+indented(t, value), 1)
	})
	for name := range values {
		if !shown[name] {
			t.Errorf("the documentation lacks the example %q", name)
		}
	}
	if *update {
		if err := os.WriteFile(documented, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(data), got); diff != "" {
		t.Errorf("%s is not what the types say (-documented +true), run with -update:\n%s", documented, diff)
	}
}

func indented(t *testing.T, v any) string {
	t.Helper()
	var b bytes.Buffer
	if err := output.JSON.Document(&b, v); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestEveryListIsAnArray holds that programs never meet null where a list or
// map is documented.
func TestEveryListIsAnArray(t *testing.T) {
	for name, v := range map[string]any{
		"rule":    describeRule(&sigma.Rule{}),
		"explain": (&app{}).explainRule(compileNothing(t), &sigma.Rule{Detection: &sigma.Detection{}}, replay.Collected{}),
	} {
		data, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(data, []byte("null")) {
			t.Errorf("%s: %s", name, data)
		}
	}
}

func compileNothing(t *testing.T) *detect.Ruleset {
	t.Helper()
	set, errs := detect.Compile(nil)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	return set
}
