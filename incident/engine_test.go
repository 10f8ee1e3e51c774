package incident_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/incident"
	"github.com/holdfast-security/holdfast/incident/evidence"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// signal returns one of a rule on a host, minutes after noon, with the tactic
// as its title.
func signal(id, rule string, host event.HostID, minutes float64, tactic finding.Tactic, entities ...incident.Entity) incident.Signal {
	return incident.Signal{
		ID: id, Rule: rule, Title: "Title of " + rule, Text: "Text of " + id, Severity: finding.Medium, Tactics: []finding.Tactic{tactic},
		Time: noon.Add(time.Duration(minutes * float64(time.Minute))), Host: host, HostName: string(host), Entities: entities,
	}
}

func entity(kind finding.EntityKind, value string) incident.Entity {
	return incident.Entity{Kind: kind, Value: value}
}

// lineage returns processes by their names, nearest first.
func lineage(names ...string) []incident.Process {
	var all []incident.Process
	for _, n := range names {
		all = append(all, incident.Process{UID: n, Path: "/opt/" + n, Name: n})
	}
	return all
}

func addAll(e *incident.Engine, signals ...incident.Signal) (results []incident.Result) {
	for _, s := range signals {
		results = append(results, e.Add(s))
	}
	return results
}

// only returns the engine's one incident.
func only(t *testing.T, e *incident.Engine) finding.Incident {
	t.Helper()
	ids := e.Incidents()
	if len(ids) != 1 {
		t.Fatalf("there are %d incidents, want one", len(ids))
	}
	inc, ok := e.Incident(ids[0])
	if !ok {
		t.Fatalf("there is no incident %q", ids[0])
	}
	return inc
}

func TestWhatJoins(t *testing.T) {
	address := entity(finding.EntityAddress, "203.0.113.9")
	wrote := incident.Entity{Kind: finding.EntityFile, Value: "/tmp/x", Role: evidence.RoleWrote}
	ran := incident.Entity{Kind: finding.EntityFile, Value: "/tmp/x", Role: evidence.RoleRan}
	conn := entity(finding.EntityConnection, "tcp 10.0.0.1:40000 10.0.0.2:22")
	session := func(id string) incident.Entity { return entity(finding.EntitySession, id) }
	anna := entity(finding.EntityAccount, "anna")
	tests := []struct {
		name string
		a, b incident.Signal
		want finding.LinkKind // "" for apart
	}{
		{"nothing shared", signal("1", "a", "web", 0, "execution"), signal("2", "b", "db", 0, "execution"), ""},
		{"rare address", signal("1", "a", "web", 0, "execution", address), signal("2", "b", "db", 60, "discovery", address), finding.LinkShared},
		{"rare address, weeks apart", signal("1", "a", "web", 0, "execution", address), signal("2", "b", "db", 20*1440, "discovery", address), ""},
		{"address that the fleet knows", signal("1", "a", "web", 0, "execution", known(address, 400)), signal("2", "b", "db", 1, "execution", known(address, 400)), ""},
		{"written, then run", signal("1", "a", "web", 0, "execution", wrote), signal("2", "b", "web", 9*1440, "execution", ran), finding.LinkFile},
		{"same path on another host", signal("1", "a", "web", 0, "execution", wrote), signal("2", "b", "db", 0, "execution", ran), ""},
		{"both ends of a connection", signal("1", "a", "web", 0, "lateral-movement", conn), signal("2", "b", "db", 0, "execution", conn), finding.LinkConnection},
		{"session", signal("1", "a", "web", 0, "execution", session("7")), signal("2", "b", "web", 600, "execution", session("7")), finding.LinkSession},
		{"generic account", signal("1", "a", "web", 0, "execution", entity(finding.EntityAccount, "root")), signal("2", "b", "db", 0, "execution", entity(finding.EntityAccount, "root")), ""},
		{"account on another host alone", signal("1", "a", "web", 0, "execution", anna), signal("2", "b", "db", 0, "execution", anna), ""},
		{"loopback", signal("1", "a", "web", 0, "execution", entity(finding.EntityAddress, "127.0.0.1")), signal("2", "b", "db", 0, "execution", entity(finding.EntityAddress, "127.0.0.1")), ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := incident.New(incident.Limits{})
			addAll(e, tt.a, tt.b)
			if tt.want == "" {
				if ids := e.Incidents(); len(ids) > 0 {
					inc, _ := e.Incident(ids[0])
					t.Fatalf("joined: %+v", inc.Links)
				}
				return
			}
			inc := only(t, e)
			if len(inc.Links) != 1 || !slices.Contains(inc.Links[0].Kinds, tt.want) || inc.Links[0].Reason == "" {
				t.Errorf("links are %+v, want one for %s", inc.Links, tt.want)
			}
		})
	}
}

func known(e incident.Entity, hosts int) incident.Entity {
	e.Hosts = hosts
	return e
}

type lineageTest struct {
	name string
	a, b []incident.Process
	want bool // joined
}

func TestLineageJoins(t *testing.T) {
	tests := []lineageTest{
		{"same process", lineage("sh"), lineage("sh"), true},
		{"child", lineage("curl", "sh"), lineage("sh"), true},
		{"siblings", lineage("curl", "sh"), lineage("wget", "sh"), true},
		{"distant cousins", lineage("a", "b", "c", "top"), lineage("d", "e", "f", "top"), false},
		{"service manager", lineage("curl", "x"), append(lineage("wget", "y"), incident.Process{UID: "1", Path: "/usr/lib/systemd/systemd"}), false},
	}
	tests[4].a = append(tests[4].a, tests[4].b[2])
	agent := incident.Process{UID: "agent", Path: "/usr/local/bin/holdfast-agent"}
	first := incident.Process{UID: "first", Path: "/nix/store/system/init", Hub: true}
	tests = append(tests, []lineageTest{
		{"Holdfast's agent", append(lineage("curl"), agent), append(lineage("wget"), agent), false},
		{"by the agent itself", []incident.Process{agent}, []incident.Process{agent}, false},
		{"somebody's agent", lineage("curl", "holdfast-agent"), lineage("wget", "holdfast-agent"), true},
		{"the first process, whatever it is", append(lineage("curl"), first), append(lineage("wget"), first), false},
	}...)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			// Two hours apart: the host alone is no reason.
			a, b := signal("1", "a", "web", 0, "execution"), signal("2", "b", "web", 120, "execution")
			a.FalseAlarms, b.FalseAlarms = 5, 5
			a.Lineage, b.Lineage = tt.a, tt.b
			e := incident.New(incident.Limits{})
			addAll(e, a, b)
			if got := len(e.Incidents()) == 1; got != tt.want {
				t.Errorf("joined is %v, want %v", got, tt.want)
			}
		})
	}
}

// TestListenersAreHubs keeps apart what two sessions of one sshd do, though
// listener and session run the same program.
func TestListenersAreHubs(t *testing.T) {
	listener := incident.Process{UID: "listener", Path: "/usr/sbin/sshd"}
	tree := func(session string) []incident.Process {
		return []incident.Process{{UID: session + "-sh", Path: "/bin/bash"}, {UID: session, Path: "/usr/sbin/sshd"}, listener, {UID: "1", Path: "/usr/lib/systemd/systemd"}}
	}
	noisy := func(id, rule string, at float64, l []incident.Process) incident.Signal {
		s := signal(id, rule, "web", at, "execution")
		s.Lineage, s.FalseAlarms = l, 5
		return s
	}
	e := incident.New(incident.Limits{})
	other := tree("one")
	other[0].UID = "one-python"
	addAll(e, noisy("1", "a", 0, tree("one")), noisy("2", "b", 90, other), noisy("3", "c", 91, tree("two")))
	inc := only(t, e)
	if len(inc.Story) != 2 || inc.Story[1].Signals[0] != "2" {
		t.Errorf("the story is %+v, want the two signals of one session", inc.Story)
	}
}

func TestStory(t *testing.T) {
	e := incident.New(incident.Limits{})
	shell := signal("a1", "webshell", "web-1", 0, "initial-access", entity(finding.EntityAddress, "203.0.113.9"))
	shell.Title, shell.Lineage = "File dropped into a web root", lineage("sh", "php")
	shell.Methods, shell.Steps = []finding.Technique{"T1505.003"}, []string{"Remove the file."}
	dump := signal("a2", "dump", "web-1", 10, "credential-access")
	dump.Lineage, dump.Severity = lineage("mimipenguin", "sh", "php"), finding.High
	spread := signal("a3", "logon", "db-2", 20, "lateral-movement", entity(finding.EntityAddress, "203.0.113.9"))
	addAll(e, shell, dump, spread)
	inc := only(t, e)
	if want := "Web shell led to movement to other hosts on db-2 and 1 other host"; inc.Title != want {
		t.Errorf("title is %q, want %q", inc.Title, want)
	}
	if want := []finding.Tactic{"initial-access", "credential-access", "lateral-movement"}; !slices.Equal(inc.Tactics, want) {
		t.Errorf("tactics are %v, want %v", inc.Tactics, want)
	}
	if inc.Severity != finding.High || inc.Count != 3 || !slices.Equal(inc.Hosts, []event.HostID{"web-1", "db-2"}) {
		t.Errorf("severity %s, %d signals, hosts %v", inc.Severity, inc.Count, inc.Hosts)
	}
	var reasons []string
	for _, l := range inc.Links {
		reasons = append(reasons, l.Reason)
	}
	for _, want := range []string{"the process sh did one and is an ancestor", "the address 203.0.113.9, which occurs on 2 of 2 hosts"} {
		if !strings.Contains(strings.ToLower(strings.Join(reasons, "\n")), want) {
			t.Errorf("no reason says %q:\n%s", want, strings.Join(reasons, "\n"))
		}
	}
	for _, want := range []string{"Isolate web-1 from the network until it is clear what was done there.", "Block 203.0.113.9 at the firewall and look for other hosts that talked to it.", "Remove the file."} {
		if !slices.Contains(inc.Steps, want) {
			t.Errorf("steps lack %q: %q", want, inc.Steps)
		}
	}
	if want := []string{"The 2 hosts are tied together by shared evidence; no connection between them was seen."}; !slices.Equal(inc.Missing, want) {
		t.Errorf("missing links are %q, want %q", inc.Missing, want)
	}
}

func TestRepeatsUpdatesAndDuplicates(t *testing.T) {
	e := incident.New(incident.Limits{})
	s := signal("1", "a", "web", 0, "execution")
	again := signal("2", "a", "web", 30, "execution")
	again.Count = 5
	update := again
	update.Count = 7
	exec := signal("3", "b", "web", 30, "execution")
	exec.Action, exec.Lineage = "exec", lineage("sh")
	other := signal("4", "c", "web", 30.05, "execution")
	other.Action, other.Lineage = "exec", lineage("sh")
	results := addAll(e, s, again, update, update, exec, other)
	inc := only(t, e)
	if len(inc.Story) != 2 || inc.Story[0].Count != 8 || inc.Story[1].Count != 2 || inc.Count != 10 {
		t.Errorf("the story is %+v", inc.Story)
	}
	if !slices.Equal(inc.Story[0].Signals, []string{"1", "2"}) || !slices.Equal(inc.Story[1].Signals, []string{"3", "4"}) {
		t.Errorf("signals are %v and %v", inc.Story[0].Signals, inc.Story[1].Signals)
	}
	if !results[1].Repeat || results[1].Signal != "1" || results[4].Repeat {
		t.Errorf("results are %+v", results)
	}
	if c := e.Counters(); c.Repeats != 3 || c.Duplicates != 1 {
		t.Errorf("counters are %+v", c)
	}
}

// TestCoincidenceMakesNothingWorse has low signals in the order of an attack,
// with and without a thing in common.
func TestCoincidenceMakesNothingWorse(t *testing.T) {
	for _, test := range []struct {
		name    string
		shared  []incident.Entity
		worst   finding.Severity
		atLeast finding.Severity
		atMost  finding.Severity
	}{
		{"the same host and time", nil, finding.Low, finding.Informational, finding.Low},
		{"the same file content", []incident.Entity{entity(finding.EntityHash, "aa")}, finding.Low, finding.Medium, finding.High},
		{"one of them is worse", nil, finding.Medium, finding.Medium, finding.High},
	} {
		e := incident.New(incident.Limits{})
		for i, tactic := range []finding.Tactic{"initial-access", "execution", "persistence", "credential-access", "exfiltration", "impact"} {
			s := signal(fmt.Sprint(i), "rule-"+string(tactic), "web", float64(i), tactic, test.shared...)
			s.Severity, s.FalseAlarms = finding.Low, 0.0001
			if i == 2 {
				s.Severity = test.worst
			}
			e.Add(s)
		}
		if inc := only(t, e); inc.Severity < test.atLeast || inc.Severity > test.atMost {
			t.Errorf("%s: %s, score %v", test.name, inc.Severity, inc.Score)
		}
	}
}

// TestAncestorsAreNotAllToBeEnded has a deep lineage that ties the same lines.
func TestAncestorsAreNotAllToBeEnded(t *testing.T) {
	e := incident.New(incident.Limits{})
	for i, tactic := range []finding.Tactic{"execution", "persistence", "credential-access"} {
		s := signal(fmt.Sprint(i), fmt.Sprint("rule-", i), "web", float64(i), tactic)
		s.Lineage = []incident.Process{
			{UID: fmt.Sprint("tool-", i), Name: fmt.Sprint("tool ", i)}, {UID: "shell", Name: "the shell"}, {UID: "su", Name: "su"}, {UID: "login", Name: "login"},
		}
		e.Add(s)
	}
	steps := strings.Join(only(t, e).Steps, "\n")
	if !strings.Contains(steps, "the shell") || strings.Contains(steps, "login") || strings.Contains(steps, `"su"`) {
		t.Errorf("what to do is:\n%s", steps)
	}
}

// TestTheAgentIsNotToBeEnded has scenarios that people ordered: what ties them
// is the agent, which plays them.
func TestTheAgentIsNotToBeEnded(t *testing.T) {
	e := incident.New(incident.Limits{})
	agent := &event.Process{
		UID: event.ProcessUID{PID: 700, Start: 2}, PID: 700, CommandLine: "/usr/local/bin/holdfast-agent run",
		Executable: &event.File{Path: "/usr/local/bin/holdfast-agent", SHA256: "ab", Owned: event.OwnedNo},
		Parent:     &event.Process{UID: event.ProcessUID{PID: 1, Start: 1}, PID: 1, CommandLine: "/sbin/manager", Executable: &event.File{Path: "/opt/manager"}},
	}
	for i, tactic := range []finding.Tactic{"execution", "persistence", "credential-access"} {
		shell := &event.Process{UID: event.ProcessUID{PID: 900, Start: 5}, PID: 900, CommandLine: "the shell", Parent: agent}
		a := finding.Alert{
			ID: fmt.Sprint(i), Host: "web", Severity: finding.Medium, Time: noon, Raised: noon, Title: "Something", Tactics: []finding.Tactic{tactic},
			Rule:    finding.Rule{ID: fmt.Sprint("rule-", i)},
			Process: &event.Process{UID: event.ProcessUID{PID: uint32(1000 + i), Start: 6}, PID: uint32(1000 + i), CommandLine: "tool", Parent: shell},
		}
		e.Add(evidence.FromAlert(&a, "web"))
		a.ID, a.Rule.ID, a.Process = "agent "+a.ID, "own "+a.Rule.ID, agent // what it does itself
		e.Add(evidence.FromAlert(&a, "web"))
	}
	for _, id := range e.Incidents() {
		inc, _ := e.Incident(id)
		steps := strings.Join(inc.Steps, "\n")
		if strings.Contains(steps, "holdfast-agent") || strings.Contains(steps, "manager") {
			t.Errorf("what to do is:\n%s", steps)
		}
		for _, ent := range inc.Entities {
			if text := ent.Name + " " + ent.Value; strings.Contains(text, "holdfast-agent") || strings.Contains(text, "manager") || ent.Value == "ab" {
				t.Errorf("it has to do with %+v", ent)
			}
		}
	}
	if len(e.Incidents()) == 0 {
		t.Error("there are no incidents")
	}
}

func TestRepeatsOfOneAlertMoveItsEnd(t *testing.T) {
	e := incident.New(incident.Limits{})
	s := signal("1", "a", "web", 0, "execution", entity(finding.EntityHash, "aa"))
	other := signal("2", "b", "web", 1, "persistence", entity(finding.EntityHash, "aa"))
	again, ahead := s, s
	again.Count, again.Last, again.Seen = 9, s.Time.Add(40*time.Minute), s.Time.Add(41*time.Minute)
	ahead.Count, ahead.Last, ahead.Seen = 10, s.Time.AddDate(1, 0, 0), s.Time.Add(42*time.Minute)
	addAll(e, s, other, again)
	if inc := only(t, e); len(inc.Story) != 2 || inc.Story[0].Count != 9 || !inc.LastTime.Equal(again.Last) {
		t.Errorf("the incident is %+v", inc)
	}
	addAll(e, ahead)
	if inc := only(t, e); !inc.LastTime.Equal(ahead.Seen) {
		t.Errorf("a host's clock moved the end to %v", inc.LastTime)
	}
}

func TestIDsStayWhenIncidentsMerge(t *testing.T) {
	e := incident.New(incident.Limits{})
	hash, domain := entity(finding.EntityHash, "aa"), entity(finding.EntityHash, "bb")
	first := addAll(e, signal("1", "a", "h1", 0, "execution", hash), signal("2", "b", "h2", 1, "execution", hash))
	second := addAll(e, signal("3", "c", "h3", 2, "execution", domain), signal("4", "d", "h4", 3, "execution", domain))
	told := e.Changed()
	if len(told) != 2 || first[1].Incident == second[1].Incident {
		t.Fatalf("changed are %v, want two", told)
	}
	addAll(e, signal("5", "e", "h1", 4, "discovery", hash, domain))
	inc := only(t, e)
	if inc.ID != told[0] || !slices.Equal(inc.Aliases, told[1:]) || len(inc.Story) != 5 {
		t.Errorf("id %s, aliases %v, %d lines; want id and alias of %v", inc.ID, inc.Aliases, len(inc.Story), told)
	}
	byAlias, ok := e.Incident(told[1])
	if diff := cmp.Diff(inc, byAlias); !ok || diff != "" {
		t.Errorf("the alias answers otherwise:\n%s", diff)
	}
	if changed := e.Changed(); !slices.Contains(changed, told[0]) || !slices.Contains(changed, told[1]) {
		t.Errorf("changed are %v, want both ids", changed)
	}
	if again := e.Changed(); len(again) != 0 {
		t.Errorf("nothing happened, and %v changed", again)
	}
}

func TestSuppressedSignalsGlueAndDoNotScore(t *testing.T) {
	e := incident.New(incident.Limits{})
	a, b, c := signal("1", "a", "h1", 0, "initial-access", entity(finding.EntityHash, "aa")),
		signal("2", "b", "h2", 1, "execution", entity(finding.EntityHash, "aa"), entity(finding.EntityDomain, "evil.example")),
		signal("3", "c", "h3", 2, "exfiltration", entity(finding.EntityDomain, "evil.example"))
	b.Suppressed = true
	addAll(e, a, b, c)
	inc := only(t, e)
	if len(inc.Story) != 3 || !inc.Story[1].Hidden || inc.Story[1].Key {
		t.Errorf("the story is %+v", inc.Story)
	}
	if want := []finding.Tactic{"initial-access", "exfiltration"}; !slices.Equal(inc.Tactics, want) {
		t.Errorf("tactics are %v, want %v", inc.Tactics, want)
	}
}

func TestScoreRewardsTheOrderOfAnAttack(t *testing.T) {
	hash := entity(finding.EntityHash, "aa")
	run := func(order ...finding.Tactic) float64 {
		e := incident.New(incident.Limits{})
		for i, tactic := range order {
			addAll(e, signal(fmt.Sprint(i), string(tactic), event.HostID(fmt.Sprint("h", i%2)), float64(i), tactic, hash))
		}
		return only(t, e).Score
	}
	forward := run("initial-access", "execution", "credential-access", "exfiltration")
	backward := run("exfiltration", "credential-access", "execution", "initial-access")
	same := run("execution", "execution", "execution", "execution")
	if forward <= backward || backward <= same {
		t.Errorf("scores are %.2f in order, %.2f backwards, %.2f for one tactic", forward, backward, same)
	}
}

func TestCutSplits(t *testing.T) {
	e := incident.New(incident.Limits{})
	hash, domain := entity(finding.EntityHash, "aa"), entity(finding.EntityDomain, "mirror.example")
	addAll(e, signal("1", "a", "h1", 0, "initial-access", hash), signal("2", "b", "h2", 1, "execution", hash, domain),
		signal("3", "c", "h3", 2, "discovery", domain))
	inc := only(t, e)
	parts := e.Cut(inc.ID, finding.EntityDomain, "mirror.example")
	if len(parts) != 2 || parts[0] != inc.ID {
		t.Fatalf("parts are %v, want two, the first %s", parts, inc.ID)
	}
	if left := only(t, e); len(left.Story) != 2 || left.ID != inc.ID {
		t.Errorf("left are %d lines under %s", len(left.Story), left.ID)
	}
	addAll(e, signal("4", "d", "h4", 3, "discovery", domain))
	if n := len(only(t, e).Story); n != 2 {
		t.Errorf("what was cut joins again: %d lines", n)
	}
	if e.Cut("none", finding.EntityDomain, "x") != nil {
		t.Error("an incident that is not there was cut")
	}
}

func TestFromAlert(t *testing.T) {
	proc := &event.Process{
		UID: event.ProcessUID{Boot: event.BootID{1}, PID: 9, Start: 5}, PID: 9, CommandLine: "/tmp/x -d", Session: 4,
		Executable: &event.File{Path: "/tmp/x", SHA256: "ab", Owned: event.OwnedNo}, User: event.User{UID: 1000, Name: "anna"},
		Entry:  event.EntryPoint{Kind: event.EntrySSH, Address: "203.0.113.9"},
		Parent: &event.Process{UID: event.ProcessUID{Boot: event.BootID{1}, PID: 8, Start: 4}, PID: 8, Executable: &event.File{Path: "/bin/sh", Owned: event.OwnedYes}},
	}
	a := finding.Alert{ID: "1", Host: "web", Severity: finding.High, Time: noon, Raised: noon, Count: 2, Rule: finding.Rule{ID: "r"}, Process: proc}
	s := evidence.FromAlert(&a, "web.example")
	var got []string
	for _, e := range s.Entities {
		got = append(got, string(e.Kind)+" "+e.Value)
	}
	want := []string{"session 0100000000000000/4", "account anna", "address 203.0.113.9", "hash ab", "file /tmp/x"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("entities (-want +got):\n%s", diff)
	}
	if len(s.Lineage) != 2 || s.Lineage[0].Name != "/tmp/x -d" || s.HostName != "web.example" || s.Count != 2 {
		t.Errorf("signal is %+v", s)
	}
	if empty := evidence.FromAlert(&finding.Alert{Type: "VM_X"}, ""); empty.Rule != "VM_X" || len(empty.Entities) != 0 {
		t.Errorf("signal of an empty alert is %+v", empty)
	}
}
