package fields_test

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-security/holdfast/detect"
	"github.com/holdfast-security/holdfast/detect/fields"
	"github.com/holdfast-security/holdfast/detect/sigma"
	"github.com/holdfast-security/holdfast/event"
)

// ruleset compiles one rule for each log source that uses all of the fields.
func ruleset(t testing.TB, names []string, sources ...string) *detect.Ruleset {
	t.Helper()
	var b strings.Builder
	for i, source := range sources {
		fmt.Fprintf(&b, "---\ntitle: r%d\nlogsource: {%s}\ndetection:\n  condition: 1 of s*\n  skw: [no such keyword]\n", i, source)
		for j, name := range names {
			fmt.Fprintf(&b, "  s%d: {%s: xyz}\n", j, name)
		}
	}
	rules, err := sigma.Parse("test.yml", []byte(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	set, errs := detect.Compile(rules)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	return set
}

func tableNames() []string {
	var names []string
	for _, f := range fields.Table() {
		names = append(names, f.Name)
	}
	return names
}

func TestTableIsComplete(t *testing.T) {
	seen := map[string]bool{}
	known := map[string]bool{}
	for _, c := range fields.Categories() {
		known[c] = true
	}
	for _, f := range fields.Table() {
		if seen[f.Name] || f.Text == "" {
			t.Errorf("field %s is there twice or has no text", f.Name)
		}
		seen[f.Name] = true
		for _, c := range f.Categories {
			if !known[c] {
				t.Errorf("field %s has category %s, which no event has", f.Name, c)
			}
		}
	}
	var b bytes.Buffer
	if err := fields.WriteReference(&b); err != nil || !strings.Contains(b.String(), "| `DownloadPath` | process_creation |") {
		t.Errorf("the reference lacks DownloadPath: %v\n%s", err, b.String())
	}
}

// sample is an event with every part filled.
func sample() *event.Event {
	sshd := &event.Process{PID: 700, Name: "sshd", Executable: &event.File{Path: "/usr/sbin/sshd"}}
	shell := &event.Process{
		PID: 800, Name: "bash", Parent: sshd, Executable: &event.File{Path: "/usr/bin/bash"}, Script: "/tmp/s.sh",
		Arguments: []string{"bash", "/tmp/s.sh"}, User: event.User{UID: 33, Name: "www-data"},
	}
	return &event.Event{
		Time: time.Unix(1000, 0), Class: event.ClassProcessActivity, Activity: event.ProcessLaunch, Status: event.StatusSuccess,
		Source: event.SourceAudit, Host: "host1", Key: "holdfast-exec", Count: 3,
		Process: &event.Process{
			PID: 900, PPID: 800, Parent: shell, Name: "curl", Executable: &event.File{Path: "/usr/bin/curl", SHA256: "ab12", Package: "curl", Owned: event.OwnedYes},
			CommandLine: "curl -o x http://h.example/x", Arguments: []string{"curl", "-o", "x", "http://h.example/x"}, Directory: "/tmp",
			User: event.User{UID: 1000, Name: "eve"}, Effective: &event.User{UID: 0, Name: "root"}, Login: &event.User{UID: 1000, Name: "eve"}, Session: 3, Terminal: "pts0",
			Entry:       event.EntryPoint{Kind: event.EntrySSH, Address: "192.0.2.7", User: "eve", Unit: "ssh.service"},
			Container:   &event.Container{ID: "c1", Runtime: "docker", Name: "web", Image: "debian:12"},
			Descriptors: []event.Descriptor{{FD: 0, Kind: event.DescriptorSocket, Target: "192.0.2.9:4444"}, {FD: 1, Kind: event.DescriptorFile, Target: "/tmp/out"}},
			Environment: []string{"LD_PRELOAD=/tmp/x.so", "HISTFILE=/dev/null"},
		},
	}
}

// value maps an event and returns the value of a field in its first document.
func value(t *testing.T, ev *event.Event, name string) string {
	t.Helper()
	set := ruleset(t, []string{name}, "product: linux")
	got := "(no document)"
	first := true
	fields.NewMapper(set).Each(ev, func(d *detect.Document) {
		if !first {
			return
		}
		first = false
		text, ok := d.Text(name)
		if got = text; !ok {
			got = "(absent)"
		}
	})
	return got
}

func TestValues(t *testing.T) {
	change := func(f func(ev *event.Event)) *event.Event {
		ev := sample()
		f(ev)
		return ev
	}
	as := func(class event.Class, activity event.Activity, f func(ev *event.Event)) *event.Event {
		return change(func(ev *event.Event) { ev.Class, ev.Activity = class, activity; f(ev) })
	}
	logon := as(event.ClassAuthentication, event.AuthLogon, func(ev *event.Event) {
		ev.Status, ev.User = event.StatusFailure, &event.User{UID: event.UnsetUID, Name: "admin"}
		ev.Logon = &event.Logon{Service: "sshd", Method: "password", Address: netip.MustParseAddr("::ffff:192.0.2.1"), Port: 5, Invalid: true, Terminal: "ssh", Hostname: "h"}
	})
	conn := as(event.ClassNetworkActivity, event.NetworkOpen, func(ev *event.Event) {
		ev.Network = &event.Network{
			Protocol: "tcp", Direction: "inbound", Local: netip.MustParseAddrPort("10.0.0.1:22"), Remote: netip.MustParseAddrPort("192.0.2.1:9"),
		}
	})
	mount := as(event.ClassDeviceConfigChange, event.ConfigMount, func(ev *event.Event) {
		ev.Kernel = &event.Kernel{Name: "/mnt", Source: "/dev/sda1", Type: "ext4", Adjusted: -90 * time.Second, Capabilities: []string{"sys_admin", "net_raw"}}
	})
	file := as(event.ClassFileActivity, event.FileRename, func(ev *event.Event) {
		ev.File = &event.File{Path: "/etc/x", NewPath: "/etc/y", Package: "base", Truncated: true}
		ev.Group, ev.User = &event.Group{GID: 27}, &event.User{UID: 0, Name: "root"}
	})
	for _, c := range []struct {
		ev          *event.Event
		field, want string
	}{
		{sample(), "Image", "/usr/bin/curl"},
		{sample(), "CommandLine", "curl -o x http://h.example/x"},
		{sample(), "Arguments", "curl -o x http://h.example/x"},
		{sample(), "ParentImage", "/usr/bin/bash"},
		{sample(), "ParentCommandLine", "bash /tmp/s.sh"},
		{sample(), "ParentScript", "/tmp/s.sh"},
		{sample(), "ParentUser", "www-data"},
		{sample(), "GrandParentImage", "/usr/sbin/sshd"},
		{sample(), "AncestorImages", "/usr/bin/bash /usr/sbin/sshd"},
		{sample(), "AncestorScripts", "/tmp/s.sh"},
		{sample(), "User", "eve"},
		{sample(), "UserId", "1000"},
		{sample(), "EffectiveUser", "root"},
		{sample(), "EffectiveUserId", "0"},
		{sample(), "LogonUser", "eve"},
		{sample(), "LogonId", "3"},
		{sample(), "Terminal", "pts0"},
		{sample(), "Script", "(absent)"},
		{sample(), "EntryPoint", "ssh"},
		{sample(), "EntryAddress", "192.0.2.7"},
		{sample(), "ContainerImage", "debian:12"},
		{sample(), "Hashes", "SHA256=ab12"},
		{sample(), "PackageOwned", "yes"},
		{sample(), "ImageKind", "(absent)"},
		{sample(), "StandardInput", "socket"},
		{sample(), "StandardInputPeer", "192.0.2.9:4444"},
		{sample(), "StandardOutput", "file"},
		{sample(), "StandardOutputPeer", "(absent)"},
		{sample(), "StandardError", "(absent)"},
		{sample(), "Environment", "LD_PRELOAD=/tmp/x.so HISTFILE=/dev/null"},
		{sample(), "DownloadPath", "/tmp/x"},
		{sample(), "DownloadHost", "h.example"},
		{sample(), "DownloadToPipe", "no"},
		{sample(), "Class", "process_activity"},
		{sample(), "Activity", "launch"},
		{sample(), "Status", "success"},
		{sample(), "Source", "audit"},
		{sample(), "AuditKey", "holdfast-exec"},
		{sample(), "HostName", "host1"},
		{sample(), "TargetFilename", "(absent)"},
		{change(func(ev *event.Event) { ev.Process = nil }), "User", "(absent)"},
		{change(func(ev *event.Event) { ev.Process = nil }), "UserId", "(absent)"},
		{change(func(ev *event.Event) { ev.Process.Login = nil }), "LogonUser", "(absent)"},
		{logon, "SourceIp", "192.0.2.1"},
		{logon, "SourcePort", "5"},
		{logon, "TargetUser", "admin"},
		{logon, "TargetUserId", "(absent)"},
		{logon, "UnknownUser", "yes"},
		{logon, "Terminal", "ssh"},
		{logon, "Status", "failure"},
		{conn, "SourceIp", "192.0.2.1"},
		{conn, "DestinationIp", "10.0.0.1"},
		{conn, "DestinationPort", "22"},
		{conn, "Initiated", "false"},
		{mount, "TargetFilename", "/mnt"},
		{mount, "Device", "/dev/sda1"},
		{mount, "AdjustedSeconds", "-90"},
		{mount, "Capabilities", "sys_admin net_raw"},
		{file, "TargetFilename", "/etc/x"},
		{file, "NewFilename", "/etc/y"},
		{file, "Truncated", "yes"},
		{file, "TargetGroup", "27"},
		{file, "TargetUserId", "0"},
	} {
		t.Run(c.field+" of "+c.ev.Name(), func(t *testing.T) {
			if got := value(t, c.ev, c.field); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestEveryFieldOfAnEmptyEventIsSafe(t *testing.T) {
	set := ruleset(t, tableNames(), "product: linux")
	m := fields.NewMapper(set)
	for _, class := range event.Classes() {
		for a := range event.ActivityOther {
			m.Each(&event.Event{Class: class, Activity: a}, func(d *detect.Document) {
				for _, name := range tableNames() {
					d.Text(name)
				}
			})
		}
	}
}

func TestDocumentsOfAnEvent(t *testing.T) {
	set := ruleset(t, []string{"exe"}, "product: linux, category: process_creation", "product: linux, service: sshd", "product: linux, service: auth", "product: linux, service: auditd", "product: linux, service: cron")
	m := fields.NewMapper(set)
	sources := func(ev *event.Event) (got []string) {
		m.Each(ev, func(d *detect.Document) {
			if d.Ref() != ev || !d.Time().Equal(ev.Time) {
				t.Errorf("document refers to %v at %v", d.Ref(), d.Time())
			}
			got = append(got, d.Source().Log().String())
		})
		return got
	}
	ev := sample()
	ev.Records = []event.Record{{Type: "SYSCALL", Fields: []event.Pair{{Name: "exe", Value: "/bin/x"}}}, {Type: "EXECVE"}}
	if got := fmt.Sprint(sources(ev)); got != "[linux/process_creation/* linux/*/auditd linux/*/auditd]" {
		t.Errorf("an audit event gives %s", got)
	}
	line := &event.Event{Source: event.SourceSyslog, Message: "Failed password", Process: &event.Process{Name: "sshd"}}
	if got := fmt.Sprint(sources(line)); got != "[linux/*/sshd]" {
		t.Errorf("a log line gives %s", got)
	}
	if !m.NeedsRecords() || fields.NewMapper(ruleset(t, []string{"a"}, "product: linux")).NeedsRecords() {
		t.Error("records are needed exactly for service auditd")
	}
}

func TestAuditRecordsAndLogLinesMatch(t *testing.T) {
	rules, err := sigma.Parse("t.yml", []byte(`title: record
logsource: {product: linux, service: auditd}
detection: {s: {type: EXECVE, a0|endswith: iptables}, k: ["--to-ports 42"], condition: s and k}
---
title: line
logsource: {product: linux, service: sshd}
detection: {k: ["unexpected internal error"], condition: k}
---
title: auth
logsource: {product: linux, service: auth}
detection: {k: ["internal*error"], condition: k}
`))
	if err != nil {
		t.Fatal(err)
	}
	set, _ := detect.Compile(rules)
	mapper, m := fields.NewMapper(set), set.NewMatcher(detect.Limits{})
	matched := func(ev *event.Event) (titles []string) {
		mapper.Each(ev, func(d *detect.Document) { m.Match(d, func(x detect.Match) { titles = append(titles, x.Rule.Title) }) })
		return titles
	}
	record := event.Record{Type: "EXECVE", Fields: []event.Pair{{Name: "a0", Value: "/sbin/iptables"}, {Name: "a1", Value: "--to-ports 4242"}}}
	if got := fmt.Sprint(matched(&event.Event{Records: []event.Record{record}})); got != "[record]" {
		t.Errorf("the record matches %s", got)
	}
	line := &event.Event{Source: event.SourceJournal, Message: "fatal: unexpected internal error", Process: &event.Process{Name: "sshd-session"}}
	if got := fmt.Sprint(matched(line)); got != "[line auth]" {
		t.Errorf("the line matches %s", got)
	}
}

func TestJSONLogSources(t *testing.T) {
	for _, c := range []struct{ json, rule, field, want string }{
		{`{"Event":{"System":{"Provider":{"#attributes":{"Name":"Microsoft-Windows-Sysmon"}},"EventID":1,"Channel":"Microsoft-Windows-Sysmon/Operational"},"EventData":{"Image":"C:\\x.exe"}}}`, "product: windows, category: process_creation", "Image", `C:\x.exe`},
		{`{"Channel":"Security","EventID":4688,"EventData":{"NewProcessName":"C:\\y.exe"}}`, "product: windows, category: process_creation", "Image", `C:\y.exe`},
		{`{"winlog":{"channel":"Microsoft-Windows-PowerShell/Operational","event_id":"4104","event_data":{"ScriptBlockText":"x"}}}`, "product: windows, category: ps_script", "ScriptBlockText", "x"},
		{`{"Event":{"System":{"EventID":13,"Channel":"Microsoft-Windows-Sysmon/Operational","Provider_Name":"Microsoft-Windows-Sysmon"},"EventData":{"TargetObject":"HKLM"}}}`, "product: windows, category: registry_event", "TargetObject", "HKLM"},
		{`{"Event":{"System":{"EventID":12,"Channel":"Microsoft-Windows-Sysmon/Operational","Provider_Name":"Microsoft-Windows-Sysmon"},"EventData":{"EventType":"DeleteKey"}}}`, "product: windows, category: registry_delete", "EventType", "DeleteKey"},
		{`{"Event":{"System":{"EventID":5858,"Channel":"Microsoft-Windows-WMI-Activity/Operational"},"UserData":{"Operation_ClientFailure":{"Operation":"x"}}}}`, "product: windows, service: wmi", "Operation", "x"},
		{`{"Event":{"System":{"Provider":{"#attributes":{"Name":"Linux-Sysmon"}},"EventID":"1","Channel":"Linux-Sysmon/Operational"},"EventData":{"Image":"/bin/x"}}}`, "product: linux, category: process_creation", "Image", "/bin/x"},
		{`{"product":"aws","service":"cloudtrail","a":{"b":[{"c":"x"},{"c":"y"}]}}`, "product: aws, service: cloudtrail", "a.b.c", "x y"},
		{`{"x":1.5,"y":null,"t":true,"n":12345678901234567890,"u":"\u00e4\ud83d\ude00\n"}`, "product: fallback", "x", "1.5"},
		{`{"y":null}`, "product: fallback", "y", "(absent)"},
		{`{"t":true}`, "product: fallback", "t", "true"},
		{`{"n":12345678901234567890}`, "product: fallback", "n", "12345678901234567890"},
		{`{"u":"\u00e4\ud83d\ude00\n\ud800x"}`, "product: fallback", "u", "ä😀\n\ufffdx"},
	} {
		t.Run(c.rule+" "+c.field, func(t *testing.T) {
			set := ruleset(t, []string{c.field}, c.rule)
			d, err := fields.NewJSONMapper(set, sigma.LogSource{Product: "fallback"}).Map([]byte(c.json), nil)
			if err != nil {
				t.Fatal(err)
			}
			if d.Source().Rules() != 1 {
				t.Errorf("the rule does not apply: source is %s", d.Source().Log())
			}
			got, ok := d.Text(c.field)
			if !ok {
				got = "(absent)"
			}
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestJSONTime(t *testing.T) {
	m := fields.NewJSONMapper(ruleset(t, []string{"a"}, "product: x"), sigma.LogSource{})
	for text, want := range map[string]int64{`{"time":"2026-01-02T03:04:05Z"}`: 1767323045, `{"UtcTime":"2026-01-02 03:04:05.000"}`: 1767323045, `{"time":"soon"}`: -62135596800} {
		d, err := m.Map([]byte(text), nil)
		if err != nil || d.Time().Unix() != want {
			t.Errorf("%s: time %v (%d), %v", text, d.Time(), d.Time().Unix(), err)
		}
	}
}

func TestBadJSONIsRefused(t *testing.T) {
	m := fields.NewJSONMapper(ruleset(t, []string{"a"}, "product: x"), sigma.LogSource{})
	for _, text := range []string{``, `[]`, `{`, `{"a"}`, `{"a":}`, `{"a":1,}`, `{"a":1}x`, `{"a":"x`, `{"a":"\x"}`, `{"a":"\u12"}`, `{"a":[1`, `{"a":tru}`, strings.Repeat(`{"a":`, 100) + "1" + strings.Repeat("}", 100), `{"a":[` + strings.Repeat("1,", 5000) + `1]}`} {
		if _, err := m.Map([]byte(text), nil); err == nil {
			t.Errorf("%.40q was accepted", text)
		}
	}
}

func FuzzJSON(f *testing.F) {
	f.Add([]byte(`{"Event":{"System":{"EventID":1},"EventData":{"Image":"C:\\x"}},"l":[1,"a",null,{"b":true}]}`))
	f.Add([]byte(`{"a":"\ud83d\ude00\u0000"}`))
	set := ruleset(f, []string{"a", "Image", "l"}, "product: x")
	m := fields.NewJSONMapper(set, sigma.LogSource{Product: "x"})
	matcher := set.NewMatcher(detect.Limits{})
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := m.Map(data, nil)
		if err == nil {
			matcher.Match(d, func(detect.Match) {})
		}
	})
}

// BenchmarkMapper turns process starts into documents and reads what rules
// usually look at.
func BenchmarkMapper(b *testing.B) {
	set := ruleset(b, tableNames(), "product: linux, category: process_creation")
	m, ev := fields.NewMapper(set), sample()
	matcher := set.NewMatcher(detect.Limits{})
	b.ReportAllocs()
	for b.Loop() {
		m.Each(ev, func(d *detect.Document) { matcher.Match(d, func(detect.Match) {}) })
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

// TestFailedExecIsTheProgramNotItsCaller keeps rules about a program from
// firing again for every helper that the program looks for in vain.
func TestFailedExecIsTheProgramNotItsCaller(t *testing.T) {
	m := fields.NewMapper(ruleset(t, tableNames(), "product: linux, category: process_creation"))
	ev := &event.Event{
		Class: event.ClassProcessActivity, Activity: event.ProcessLaunch, Status: event.StatusFailure,
		File: &event.File{Path: "/usr/sbin/nscd"},
		Process: &event.Process{
			PID: 7, Name: "useradd", CommandLine: "useradd -o -u 0 x", Arguments: []string{"useradd"},
			Executable: &event.File{Path: "/usr/sbin/useradd"}, Parent: &event.Process{Executable: &event.File{Path: "/bin/bash"}},
		},
	}
	m.Each(ev, func(d *detect.Document) {
		for name, want := range map[string]string{
			"Image": "/usr/sbin/nscd", "ProcessName": "nscd", "CommandLine": "", "Arguments": "",
			"ParentImage": "/usr/sbin/useradd", "ParentCommandLine": "useradd -o -u 0 x", "ParentProcessId": "7",
			"AncestorImages": "/usr/sbin/useradd /bin/bash", "Status": "failure",
		} {
			if got, _ := d.Text(name); got != want {
				t.Errorf("%s is %q, want %q", name, got, want)
			}
		}
	})
}
