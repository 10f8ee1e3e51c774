package exception_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/exception"
	"github.com/holdfast-security/holdfast/finding"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// backup is an alert of a backup script that reads accounts and sends them off.
func backup() *finding.Alert {
	cron := &event.Process{PID: 3, Name: "cron", Executable: &event.File{Path: "/usr/sbin/cron"}}
	shell := &event.Process{PID: 6, Name: "sh", Executable: &event.File{Path: "/usr/bin/dash"}, CommandLine: "sh -c /opt/backup/run", Parent: cron}
	program := &event.Process{
		PID: 7, Name: "rsync", Executable: &event.File{Path: "/usr/bin/rsync", Package: "rsync", SHA256: "aa11"},
		CommandLine: "rsync -a /etc backup@10.1.2.3:/srv", Parent: shell, User: event.User{UID: 34, Name: "backup"},
		Entry: event.EntryPoint{Kind: event.EntryCron}, Container: &event.Container{Name: "job", Image: "registry/backup:1"},
	}
	return &finding.Alert{
		ID: "a", Type: "VM_Exfiltration", Title: "Data sent away", Host: "h1", Rule: finding.Rule{ID: "r1", Title: "Data sent away"},
		Process: program,
		Evidence: []event.Event{
			{Process: program, File: &event.File{Path: "/etc/passwd", SHA256: "bb22"}, Message: "read /etc/passwd"},
			{Process: program, Network: &event.Network{Remote: netip.MustParseAddrPort("[::ffff:10.1.2.3]:873")}},
		},
	}
}

var web = exception.Host{Name: "web-1", Labels: map[string]string{"group": "web", "stage": "test"}}

// except returns the terms of an exception of rule r1 under conditions.
func except(match ...finding.Condition) finding.ExceptionTerms {
	return finding.ExceptionTerms{
		Name: "backup", Reason: "the nightly backup", Enabled: true, Scope: finding.ExceptionScope{Rules: []string{"r1"}}, Match: match,
	}
}

func is(field finding.ConditionField, op finding.ConditionOp, values ...string) finding.Condition {
	return finding.Condition{Field: field, Op: op, Values: values}
}

func isNot(field finding.ConditionField, op finding.ConditionOp, values ...string) finding.Condition {
	return finding.Condition{Field: field, Op: op, Values: values, Not: true}
}

func covers(t *testing.T, terms finding.ExceptionTerms, a *finding.Alert) bool {
	t.Helper()
	set, err := exception.Compile([]finding.Exception{{ID: "e", ExceptionTerms: terms}})
	if err != nil {
		t.Fatal(err)
	}
	id, covered := set.Covering(a, web, noon)
	if covered != (id == "e") {
		t.Errorf("covered is %v by %q", covered, id)
	}
	return covered
}

func TestConditions(t *testing.T) {
	const any = finding.OpEquals
	for _, tt := range []struct {
		name string
		m    finding.Condition
		want bool
	}{
		{"executable", is(finding.FieldExecutable, any, "/bin/x", "/usr/bin/rsync"), true},
		{"case counts", is(finding.FieldExecutable, any, "/usr/bin/RSYNC"), false},
		{"part of a value", is(finding.FieldExecutable, any, "/usr/bin"), false},
		{"command line contains", is(finding.FieldCommandLine, finding.OpContains, "backup@"), true},
		{"command line begins", is(finding.FieldCommandLine, finding.OpStartsWith, "-a", "rsync "), true},
		{"command line ends", is(finding.FieldCommandLine, finding.OpEndsWith, ":/srv"), true},
		{"pattern", is(finding.FieldCommandLine, finding.OpMatches, "rsync -? /etc *@*:/srv"), true},
		{"pattern is for the whole", is(finding.FieldCommandLine, finding.OpMatches, "rsync"), false},
		{"name", is(finding.FieldName, any, "rsync"), true},
		{"hash", is(finding.FieldSHA256, any, "aa11"), true},
		{"package", is(finding.FieldPackage, any, "rsync"), true},
		{"parent", is(finding.FieldParent, any, "/usr/bin/dash"), true},
		{"parent's command", is(finding.FieldParentCommand, finding.OpContains, "/opt/backup/"), true},
		{"one of the ancestors", is(finding.FieldAncestor, any, "/usr/sbin/cron"), true},
		{"itself is no ancestor", is(finding.FieldAncestor, any, "/usr/bin/rsync"), false},
		{"none of the ancestors", isNot(finding.FieldAncestor, any, "/usr/sbin/sshd"), true},
		{"not none of the ancestors", isNot(finding.FieldAncestor, any, "/usr/sbin/cron"), false},
		{"user", is(finding.FieldUser, any, "backup"), true},
		{"not the user", isNot(finding.FieldUser, any, "backup"), false},
		{"another user", isNot(finding.FieldUser, any, "root"), true},
		{"entry", is(finding.FieldEntry, any, "cron"), true},
		{"file", is(finding.FieldFile, finding.OpStartsWith, "/etc/"), true},
		{"file's hash", is(finding.FieldFileSHA256, any, "bb22"), true},
		{"address in another form", is(finding.FieldRemoteAddress, any, "::ffff:10.1.2.3"), true},
		{"network", is(finding.FieldRemoteAddress, finding.OpCIDR, "192.168.0.0/16", "10.0.0.0/8"), true},
		{"address as network", is(finding.FieldRemoteAddress, finding.OpCIDR, "10.1.2.3"), true},
		{"another network", is(finding.FieldRemoteAddress, finding.OpCIDR, "10.2.0.0/16"), false},
		{"port", is(finding.FieldRemotePort, any, "873"), true},
		{"image", is(finding.FieldContainerImage, finding.OpStartsWith, "registry/"), true},
		{"container", is(finding.FieldContainerName, any, "job"), true},
		{"host", is(finding.FieldHostName, any, "web-1"), true},
		{"message", is(finding.FieldMessage, finding.OpContains, "passwd"), true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := covers(t, except(is(finding.FieldName, any, "rsync"), tt.m), backup()); got != tt.want {
				t.Errorf("covered: %v", got)
			}
		})
	}
}

// TestDoubtSpeaksAgainst: what an alert does not say, says in part or says
// besides is not excepted.
func TestDoubtSpeaksAgainst(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*finding.Alert)
		match  []finding.Condition
	}{
		{"no process", func(a *finding.Alert) { a.Process = nil }, []finding.Condition{is(finding.FieldFile, finding.OpContains, "passwd"), isNot(finding.FieldExecutable, finding.OpEquals, "/bin/x")}},
		{"a second file", func(a *finding.Alert) { a.Evidence[1].File = &event.File{Path: "/etc/shadow"} }, []finding.Condition{is(finding.FieldFile, finding.OpEquals, "/etc/passwd")}},
		{"renamed to another", func(a *finding.Alert) { a.Evidence[0].File.NewPath = "/etc/shadow" }, []finding.Condition{is(finding.FieldFile, finding.OpEquals, "/etc/passwd")}},
		{"a second address", func(a *finding.Alert) { a.Evidence[0].Logon = &event.Logon{Address: netip.MustParseAddr("192.0.2.1")} }, []finding.Condition{is(finding.FieldRemoteAddress, finding.OpCIDR, "10.0.0.0/8")}},
		{"cut where it may be", func(a *finding.Alert) { a.Process.Truncated = true }, []finding.Condition{is(finding.FieldName, finding.OpEquals, "rsync"), isNot(finding.FieldCommandLine, finding.OpContains, "evil")}},
		{"cut and the same", func(a *finding.Alert) { a.Process.Truncated = true }, []finding.Condition{is(finding.FieldCommandLine, finding.OpEquals, backup().Process.CommandLine)}},
		{"no text", func(a *finding.Alert) { a.Process.CommandLine = "rsync \xff" }, []finding.Condition{is(finding.FieldCommandLine, finding.OpStartsWith, "rsync")}},
		{"was no text", func(a *finding.Alert) { a.Process.User.Name = "\uFFFD" }, []finding.Condition{is(finding.FieldName, finding.OpEquals, "rsync"), isNot(finding.FieldUser, finding.OpEquals, "root")}},
		{"another rule", func(a *finding.Alert) { a.Rule.ID = "r2" }, []finding.Condition{is(finding.FieldName, finding.OpEquals, "rsync")}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := backup()
			tt.change(a)
			if covers(t, except(tt.match...), a) {
				t.Error("it is covered")
			}
		})
	}
	a := backup()
	a.Process.Truncated = true
	if !covers(t, except(is(finding.FieldCommandLine, finding.OpContains, "backup@")), a) {
		t.Error("what is left of a text that was cut is not seen")
	}
}

func TestScope(t *testing.T) {
	rsync := is(finding.FieldName, finding.OpEquals, "rsync")
	for name, tt := range map[string]struct {
		scope finding.ExceptionScope
		want  bool
	}{
		"host":           {finding.ExceptionScope{Rules: []string{"r1"}, Hosts: []event.HostID{"h2", "h1"}}, true},
		"another host":   {finding.ExceptionScope{Rules: []string{"r1"}, Hosts: []event.HostID{"h2"}}, false},
		"type":           {finding.ExceptionScope{Types: []finding.AlertType{"VM_Exfiltration"}}, true},
		"another type":   {finding.ExceptionScope{Types: []finding.AlertType{"VM_X"}, Rules: []string{"r1"}}, false},
		"labels":         {finding.ExceptionScope{Rules: []string{"r1"}, Labels: map[string]string{"group": "web", "stage": "test"}}, true},
		"other labels":   {finding.ExceptionScope{Rules: []string{"r1"}, Labels: map[string]string{"group": "web", "stage": "live"}}, false},
		"missing labels": {finding.ExceptionScope{Rules: []string{"r1"}, Labels: map[string]string{"rack": ""}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			terms := except(rsync)
			terms.Scope = tt.scope
			if got := covers(t, terms, backup()); got != tt.want {
				t.Errorf("covered: %v", got)
			}
			terms.Match, terms.WholeRule = nil, true
			if got := covers(t, terms, backup()); got != tt.want {
				t.Errorf("the whole rule covered: %v", got)
			}
		})
	}
}

func TestTheOldestThatIsInForceCounts(t *testing.T) {
	rsync := is(finding.FieldName, finding.OpEquals, "rsync")
	long := is(finding.FieldCommandLine, finding.OpContains, "rsync")
	made := func(id string, age time.Duration, terms finding.ExceptionTerms) finding.Exception {
		return finding.Exception{ID: id, ExceptionTerms: terms, Created: noon.Add(-age)}
	}
	expiring, disabled, broken := except(rsync), except(rsync), except(rsync)
	end := noon.Add(time.Second)
	expiring.Expires, disabled.Enabled, broken.Match[0].Op = &end, false, "like"
	broken.Match = []finding.Condition{is(finding.FieldName, "like", "x")}
	set, err := exception.Compile([]finding.Exception{
		made("young", 1, except(rsync)), made("second", 2, except(long)), made("expiring", 3, expiring),
		made("disabled", 9, disabled), made("broken", 8, broken),
	})
	if err == nil || !strings.Contains(err.Error(), "broken") || set.Len() != 3 {
		t.Errorf("%d exceptions, %v", set.Len(), err)
	}
	for _, tt := range []struct {
		at   time.Time
		want string
	}{{noon, "expiring"}, {end, "second"}, {end.Add(time.Hour), "second"}} {
		if id, _ := set.Covering(backup(), web, tt.at); id != tt.want {
			t.Errorf("at %s it is %q, want %q", tt.at, id, tt.want)
		}
	}
	if _, covered := (*exception.Set)(nil).Covering(backup(), web, noon); covered {
		t.Error("nothing covers")
	}
}

// TestSuggestionsCoverTheirAlert and no alert that differs in what they name.
func TestSuggestionsCoverTheirAlert(t *testing.T) {
	logon := &finding.Alert{
		ID: "l", Type: "VM_BruteForce", Title: "Logons failed\n\x1b[2J", Host: "h1",
		Evidence: []event.Event{{User: &event.User{Name: "eve"}, Logon: &event.Logon{Address: netip.MustParseAddr("192.0.2.1")}, Message: "Failed password"}},
	}
	shell := backup()
	shell.Process.Executable = &event.File{Path: "/usr/bin/python3.11"}
	for name, a := range map[string]*finding.Alert{"process": backup(), "logon": logon, "interpreter": shell} {
		t.Run(name, func(t *testing.T) {
			terms := exception.Suggest(a, web)
			terms.Reason = "because"
			if err := exception.Validate(terms); err != nil {
				t.Fatal(err)
			}
			if !covers(t, terms, a) {
				t.Errorf("%+v does not cover it", terms)
			}
			other := *a
			other.Host = "h2"
			if covers(t, terms, &other) {
				t.Error("another host is covered")
			}
		})
	}
	other := backup()
	terms := exception.Suggest(shell, web)
	terms.Reason = "because"
	other.Process.Executable = shell.Process.Executable
	other.Process.CommandLine += " --delete"
	if covers(t, terms, other) {
		t.Error("an interpreter is excepted whatever it is told")
	}
}

func TestWhatIsWrongIsSaid(t *testing.T) {
	rsync := is(finding.FieldName, finding.OpEquals, "rsync")
	change := func(f func(*finding.ExceptionTerms)) finding.ExceptionTerms {
		terms := except(rsync)
		f(&terms)
		return terms
	}
	past := change(func(x *finding.ExceptionTerms) { x.Expires = &noon })
	for _, tt := range []struct {
		terms finding.ExceptionTerms
		want  string
	}{
		{except(rsync), ""},
		{past, ""},
		{change(func(x *finding.ExceptionTerms) { x.Name = " " }), "name: it must not be empty"},
		{change(func(x *finding.ExceptionTerms) { x.Name = "a\nb" }), "control characters"},
		{change(func(x *finding.ExceptionTerms) { x.Reason = "" }), "reason: it must not be empty"},
		{change(func(x *finding.ExceptionTerms) { x.Reason = strings.Repeat("ä", 1025) }), "longer than 1024"},
		{change(func(x *finding.ExceptionTerms) { x.Scope = finding.ExceptionScope{} }), "at least one rule or alert type"},
		{change(func(x *finding.ExceptionTerms) { x.Scope.Kinds = []string{"finding"} }), `"finding" is not one of`},
		{change(func(x *finding.ExceptionTerms) { x.Scope.Hosts = []event.HostID{""} }), "hosts: an entry"},
		{change(func(x *finding.ExceptionTerms) { x.Scope.Labels = map[string]string{"": "x"} }), "labels: "},
		{except(), "whole_rule"},
		{except(isNot(finding.FieldName, finding.OpEquals, "x")), "whole_rule"},
		{except(is("procces.name", finding.OpEquals, "x")), `match[0]: field: "procces.name" is unknown; did you mean "process.name"?`},
		{except(is(finding.FieldName, "equal", "x")), `did you mean "equals"?`},
		{except(is(finding.FieldName, finding.OpEquals)), "give 1 to 64"},
		{except(is(finding.FieldName, finding.OpEquals, "")), "must not be empty"},
		{except(is(finding.FieldName, finding.OpEquals, "\xff")), "not UTF-8"},
		{except(is(finding.FieldName, finding.OpMatches, "*?*")), "matches everything"},
		{except(is(finding.FieldName, finding.OpCIDR, "10.0.0.0/8")), "cidr is for remote.address"},
		{except(is(finding.FieldRemoteAddress, finding.OpCIDR, "0.0.0.0/0")), "all addresses"},
		{except(is(finding.FieldRemoteAddress, finding.OpCIDR, "::ffff:10.0.0.0/104")), "write it as IPv4"},
		{except(is(finding.FieldRemoteAddress, finding.OpCIDR, "ten")), "no network"},
		{except(is(finding.FieldRemoteAddress, finding.OpEquals, "10.0.0.0/8")), "use the op cidr"},
		{except(is(finding.FieldRemotePort, finding.OpEquals, "022")), "no port"},
	} {
		err := exception.Validate(tt.terms)
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: %v, want %q", tt.terms, err, tt.want)
		}
	}
}

// many returns n exceptions of one rule as people make them: most name a
// program, some a host, few a part of a command line.
func many(n int) []finding.Exception {
	list := make([]finding.Exception, n)
	for i := range list {
		terms := except(is(finding.FieldExecutable, finding.OpEquals, fmt.Sprint("/opt/", i)), is(finding.FieldUser, finding.OpEquals, "backup"))
		switch {
		case i%100 == 1:
			terms.Match = terms.Match[:1]
			terms.Match[0] = is(finding.FieldCommandLine, finding.OpContains, fmt.Sprint("job", i))
		case i%10 == 1:
			terms.Match[0] = is(finding.FieldCommandLine, finding.OpStartsWith, fmt.Sprint("job", i))
			terms.Match = terms.Match[:1]
			terms.Scope.Hosts = []event.HostID{event.HostID(fmt.Sprint("h", i))}
		}
		list[i] = finding.Exception{ID: fmt.Sprint(i), ExceptionTerms: terms, Created: noon.Add(time.Duration(i))}
	}
	return list
}

func BenchmarkTenThousandExceptions(b *testing.B) {
	set, err := exception.Compile(many(10_000))
	if err != nil {
		b.Fatal(err)
	}
	a := backup()
	for b.Loop() {
		if _, covered := set.Covering(a, web, noon); covered {
			b.Fatal("covered")
		}
	}
}
