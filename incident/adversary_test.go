package incident_test

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/incident"
)

// largest returns on how many hosts the widest incident is, and how many lines
// the longest has.
func largest(e *incident.Engine) (hosts, lines int) {
	for _, id := range e.Incidents() {
		inc, _ := e.Incident(id)
		hosts, lines = max(hosts, len(inc.Hosts)), max(lines, len(inc.Story))
	}
	return hosts, lines
}

// TestOrchestrationDoesNotMergeTheFleet runs one change on every host: the
// same account, from the same address, with the same program and rule.
func TestOrchestrationDoesNotMergeTheFleet(t *testing.T) {
	e := incident.New(incident.Limits{})
	for i := range 200 {
		e.Add(signal(fmt.Sprint("run", i), "sudo-command", event.HostID(fmt.Sprint("h", i)), float64(i)/20, "execution",
			entity(finding.EntityAccount, "deploy"), entity(finding.EntityAddress, "10.0.0.5"), entity(finding.EntityHash, "ab")))
	}
	if hosts, _ := largest(e); hosts > 1 {
		t.Errorf("an incident spans %d hosts", hosts)
	}
	if c := e.Counters(); c.Hubs < 3 || c.Splits == 0 {
		t.Errorf("counters are %+v; want hubs found and what they joined split", c)
	}
}

// TestGatewayDoesNotMerge has strangers behind one private address.
func TestGatewayDoesNotMerge(t *testing.T) {
	e := incident.New(incident.Limits{})
	for i := range 40 {
		e.Add(signal(fmt.Sprint(i), fmt.Sprint("rule", i%11), event.HostID(fmt.Sprint("h", i)), float64(i)*40, "execution",
			entity(finding.EntityAddress, "192.168.1.1"), entity(finding.EntityAccount, fmt.Sprint("user", i))))
	}
	if hosts, _ := largest(e); hosts > 2 {
		t.Errorf("an incident spans %d hosts", hosts)
	}
}

// TestDecoysOnAHub has an attacker raise alerts about things that everybody
// has, hoping to drown an incident in a giant one.
func TestDecoysOnAHub(t *testing.T) {
	e := incident.New(incident.Limits{Members: 64})
	hash := entity(finding.EntityHash, "real")
	addAll(e, signal("real1", "a", "victim", 0, "initial-access", hash), signal("real2", "b", "victim", 1, "credential-access", hash),
		signal("real3", "c", "target", 2, "exfiltration", hash))
	id := only(t, e).ID
	for i := range 3000 {
		s := signal(fmt.Sprint("decoy", i), fmt.Sprint("noise", i%97), event.HostID(fmt.Sprint("h", i%50)), 3+float64(i)/100, "discovery",
			entity(finding.EntityAddress, "198.51.100.7"), entity(finding.EntityHash, fmt.Sprint(i)))
		s.Severity = finding.Low
		if i%3 == 0 {
			s.Host, s.Entities = "victim", append(s.Entities, hash)
		}
		e.Add(s)
	}
	inc, ok := e.Incident(id)
	if !ok || len(inc.Story) > 64 {
		t.Fatalf("the incident has %d lines, there: %v", len(inc.Story), ok)
	}
	told := make(map[string]bool)
	for _, line := range inc.Story {
		told[line.Signals[0]] = true
	}
	for _, want := range []string{"real1", "real2", "real3"} {
		if !told[want] {
			t.Errorf("%s was pushed out of the story", want)
		}
	}
	if inc.Severity != finding.High || inc.Omitted == 0 || len(inc.Hosts) > 8 {
		t.Errorf("severity %s, %d omitted, %d hosts", inc.Severity, inc.Omitted, len(inc.Hosts))
	}
}

// TestLongChainsOfSharedEvidenceEnd walks from host to host, each step with
// another rare thing.
func TestLongChainsOfSharedEvidenceEnd(t *testing.T) {
	e := incident.New(incident.Limits{})
	for i := range 60 {
		e.Add(signal(fmt.Sprint(i), fmt.Sprint("rule", i), event.HostID(fmt.Sprint("h", i)), float64(i), "execution",
			entity(finding.EntityHash, fmt.Sprint("x", i)), entity(finding.EntityHash, fmt.Sprint("x", i+1))))
	}
	if hosts, _ := largest(e); hosts < 2 || hosts > 8 {
		t.Errorf("an incident spans %d hosts", hosts)
	}
	related := 0
	for _, id := range e.Incidents() {
		inc, _ := e.Incident(id)
		related += len(inc.Related)
	}
	if e.Counters().RefusedWide == 0 || related == 0 {
		t.Errorf("counters %+v, %d relations told", e.Counters(), related)
	}
}

// TestOneStepADay follows an attacker with patience through one foothold.
func TestOneStepADay(t *testing.T) {
	e := incident.New(incident.Limits{})
	steps := []finding.Tactic{"initial-access", "execution", "persistence", "privilege-escalation", "credential-access", "discovery", "collection", "exfiltration"}
	for i, tactic := range steps {
		s := signal(fmt.Sprint(i), "rule-"+string(tactic), "web", float64(i)*1440, tactic)
		s.Lineage = lineage(fmt.Sprint("tool", i), "implant")
		e.Add(s)
		for j := range 20 { // the host's daily noise
			noise := signal(fmt.Sprint("noise", i, j), fmt.Sprint("noisy", j%4), "web", float64(i)*1440+float64(j)*70, "discovery")
			noise.Severity, noise.FalseAlarms = finding.Low, 12
			e.Add(noise)
		}
	}
	inc := only(t, e)
	if len(inc.Story) != len(steps) || len(inc.Tactics) != len(steps) || inc.Severity != finding.High {
		t.Errorf("%d lines, tactics %v, severity %s", len(inc.Story), inc.Tactics, inc.Severity)
	}
}

// TestTheAdministratorIsAtWorkToo has intruder and administrator use one
// account in two sessions.
func TestTheAdministratorIsAtWorkToo(t *testing.T) {
	e := incident.New(incident.Limits{})
	in := func(session string, s incident.Signal) incident.Signal {
		s.Entities = append(s.Entities, entity(finding.EntitySession, session), entity(finding.EntityAccount, "anna"))
		s.FalseAlarms = 2
		return s
	}
	addAll(e,
		in("5", signal("evil1", "a", "web", 0, "execution")), in("6", signal("admin1", "b", "web", 5, "discovery")),
		in("5", signal("evil2", "c", "web", 10, "credential-access")), in("6", signal("admin2", "d", "web", 15, "discovery")))
	if n := len(e.Incidents()); n != 2 {
		t.Fatalf("%d incidents, want one for each session", n)
	}
}

// TestOrderOfArrival gives the same story in the order of time whatever order
// signals come in, one of them days late.
func TestOrderOfArrival(t *testing.T) {
	hash := entity(finding.EntityHash, "aa")
	signals := []incident.Signal{
		signal("1", "scan", "h1", 0, "initial-access", hash), signal("2", "run", "h1", 30, "execution", hash),
		signal("3", "dump", "h2", 60, "credential-access", hash), signal("4", "send", "h2", 90, "exfiltration", hash),
	}
	for _, order := range [][]int{{0, 1, 2, 3}, {3, 2, 1, 0}, {2, 0, 3, 1}} {
		e := incident.New(incident.Limits{})
		for _, i := range order {
			s := signals[i]
			s.Seen = noon.Add(26 * time.Hour)
			e.Add(s)
		}
		inc := only(t, e)
		var ids []string
		for _, line := range inc.Story {
			ids = append(ids, line.Signals[0])
		}
		if diff := cmp.Diff([]string{"1", "2", "3", "4"}, ids); diff != "" || len(inc.Tactics) != 4 {
			t.Errorf("arrival %v: tactics %v, story (-want +got):\n%s", order, inc.Tactics, diff)
		}
	}
}

// TestClocksThatLie holds times of hosts to the server's.
func TestClocksThatLie(t *testing.T) {
	e := incident.New(incident.Limits{})
	hash := entity(finding.EntityHash, "aa")
	for i, at := range []time.Time{noon, noon.AddDate(50, 0, 0), {}, time.Unix(math.MinInt64, 0), time.Unix(math.MaxInt64, 0)} {
		s := signal(fmt.Sprint(i), fmt.Sprint("rule", i), event.HostID(fmt.Sprint("h", i)), 0, "execution", hash)
		s.Time, s.Seen = at, noon
		e.Add(s)
	}
	inc := only(t, e)
	if !inc.Time.Equal(noon) || !inc.LastTime.Equal(noon) || len(inc.Story) != 5 {
		t.Errorf("the story lasts from %s to %s in %d lines", inc.Time, inc.LastTime, len(inc.Story))
	}
}

// TestHostileTexts gives everything that a text can be.
func TestHostileTexts(t *testing.T) {
	e := incident.New(incident.Limits{})
	huge := strings.Repeat("\xff\x00é\"`\n", 20_000)
	for i := range 40 {
		s := incident.Signal{
			ID: huge, Rule: fmt.Sprint(i), Title: huge, Text: huge, Action: fmt.Sprint(i) + huge, Severity: 200, Host: "h", HostName: huge,
			Time: noon, Count: math.MaxUint32, FalseAlarms: math.NaN(), Asset: math.Inf(1),
		}
		for range 100 {
			s.Tactics = append(s.Tactics, finding.Tactic(huge), "execution")
			s.Methods = append(s.Methods, finding.Technique(huge))
			s.Steps = append(s.Steps, huge)
			s.Lineage = append(s.Lineage, incident.Process{UID: huge, Path: huge, Name: huge})
			s.Entities = append(s.Entities, incident.Entity{Kind: finding.EntityKind(huge), Value: huge, Name: huge, Hosts: math.MinInt})
			s.Entities = append(s.Entities, incident.Entity{Kind: "method", Value: fmt.Sprint(i)}, incident.Entity{Kind: finding.EntityDomain, Value: "x led to nothing"})
		}
		e.Add(s)
	}
	if e.Bytes() > 4<<20 {
		t.Errorf("40 signals take %d bytes", e.Bytes())
	}
	inc := only(t, e)
	for _, l := range inc.Links {
		if len(l.Reason) > 4096 || strings.ContainsAny(l.Reason, "\x00\n") {
			t.Errorf("reason is %.200q", l.Reason)
		}
	}
	if math.IsNaN(inc.Score) || math.IsInf(inc.Score, 0) {
		t.Errorf("score is %v", inc.Score)
	}
	again(t, e)
}

// again returns the engine as a snapshot of it is restored.
func again(t *testing.T, e *incident.Engine) *incident.Engine {
	t.Helper()
	data, err := e.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	back, err := incident.Restore(data, incident.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	second, err := back.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(data, second) {
		t.Fatal("a restored engine gives another snapshot")
	}
	if e.Bytes() != back.Bytes() {
		t.Errorf("a restored engine counts %d bytes, want %d", back.Bytes(), e.Bytes())
	}
	return back
}

// traffic returns random signals that share things.
func traffic(seed uint64, n int) []incident.Signal {
	r := rand.New(rand.NewPCG(seed, 1))
	tactics := []finding.Tactic{"initial-access", "execution", "persistence", "credential-access", "exfiltration", ""}
	kinds := []finding.EntityKind{finding.EntityHash, finding.EntityAddress, finding.EntityAccount, finding.EntityFile, finding.EntitySession, finding.EntityConnection}
	var all []incident.Signal
	for i := range n {
		s := signal(fmt.Sprint(i), fmt.Sprint("rule", r.IntN(40)), event.HostID(fmt.Sprint("h", r.IntN(30))), float64(i)*3+r.Float64()*60, tactics[r.IntN(len(tactics))])
		s.Seen, s.Severity = noon.Add(time.Duration(i)*3*time.Minute), finding.Severity(r.IntN(4))
		for range r.IntN(4) {
			s.Entities = append(s.Entities, incident.Entity{Kind: kinds[r.IntN(len(kinds))], Value: fmt.Sprint("v", r.IntN(60)), Role: incident.Role(r.IntN(3))})
		}
		if r.IntN(2) == 0 {
			s.Lineage = lineage(fmt.Sprint("p", r.IntN(200)), fmt.Sprint("q", r.IntN(40)))
		}
		if r.IntN(8) == 0 {
			s.Action = "exec"
		}
		s.Suppressed = r.IntN(20) == 0
		all = append(all, s)
	}
	return all
}

// TestRestartGoesOn compares an engine with one that was stopped in the middle
// and restored, and both with a second run.
func TestRestartGoesOn(t *testing.T) {
	signals := traffic(7, 3000)
	whole, parts := incident.New(incident.Limits{}), incident.New(incident.Limits{})
	for i, s := range signals {
		if i%700 == 350 {
			parts = again(t, parts)
		}
		if a, b := whole.Add(s), parts.Add(s); a != b {
			t.Fatalf("signal %d became %+v, after a restart %+v", i, a, b)
		}
		if i%50 == 0 {
			if diff := cmp.Diff(whole.Changed(), parts.Changed()); diff != "" {
				t.Fatalf("after signal %d other incidents changed (-whole +restarted):\n%s", i, diff)
			}
		}
	}
	if len(whole.Incidents()) < 10 || whole.Counters().Merges == 0 {
		t.Fatalf("%d incidents, counters %+v: the traffic tests too little", len(whole.Incidents()), whole.Counters())
	}
	for _, id := range whole.Incidents() {
		a, _ := whole.Incident(id)
		b, _ := parts.Incident(id)
		if diff := cmp.Diff(a, b); diff != "" {
			t.Fatalf("incident %s (-whole +restarted):\n%s", id, diff)
		}
	}
	if diff := cmp.Diff(whole.Counters(), parts.Counters()); diff != "" {
		t.Errorf("counters (-whole +restarted):\n%s", diff)
	}
}

// TestMemoryIsBounded keeps an engine within its bytes under traffic that
// never repeats.
func TestMemoryIsBounded(t *testing.T) {
	const limit = 1 << 20
	e := incident.New(incident.Limits{Bytes: limit, Hosts: 100, Rules: 100, Tallies: 500})
	for i := range 20_000 {
		e.Add(signal(fmt.Sprint(i), fmt.Sprint("rule", i%150), event.HostID(fmt.Sprint("h", i%130)), float64(i), "execution",
			entity(finding.EntityHash, fmt.Sprint("x", i/2))))
		if e.Bytes() > limit {
			t.Fatalf("%d bytes after %d signals", e.Bytes(), i)
		}
	}
	c := e.Counters()
	if c.GroupsEvicted == 0 || c.RefusedSignals == 0 || c.TalliesRefused == 0 || c.KeysForgotten == 0 {
		t.Errorf("counters are %+v", c)
	}
	again(t, e)
	data, err := e.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	small, err := incident.Restore(data, incident.Limits{Bytes: limit / 2})
	if err != nil || small.Bytes() > limit/2 {
		t.Errorf("restored into half the room: %v, %d bytes", err, small.Bytes())
	}
}

// TestQuietIncidentsExpire forgets after thirty days what nothing joins.
func TestQuietIncidentsExpire(t *testing.T) {
	e := incident.New(incident.Limits{})
	hash := entity(finding.EntityHash, "aa")
	addAll(e, signal("1", "a", "h1", 0, "execution", hash), signal("2", "b", "h2", 1, "discovery", hash))
	told := e.Changed()
	e.Add(signal("3", "c", "h3", 31*1440, "execution"))
	if _, ok := e.Incident(told[0]); ok || len(e.Incidents()) != 0 {
		t.Error("an old incident is still there")
	}
	if changed := e.Changed(); len(changed) != 1 || changed[0] != told[0] {
		t.Errorf("changed are %v, want %v", changed, told)
	}
	again(t, e)
}

func FuzzRestore(f *testing.F) {
	e := incident.New(incident.Limits{})
	for _, s := range traffic(3, 60) {
		e.Add(s)
	}
	data, err := e.Snapshot()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	empty, err := incident.New(incident.Limits{}).Snapshot()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(empty)
	f.Add([]byte(`{"version":1,"groups":[{"id":"a","nodes":[{"rule":-1}]}]}`))
	more := traffic(4, 40)
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := incident.Restore(data, incident.Limits{Bytes: 1 << 20})
		if err != nil {
			return
		}
		for _, s := range more {
			e.Add(s)
		}
		for _, id := range e.Changed() {
			e.Incident(id)
		}
		if e.Bytes() > 1<<20+1<<19 {
			t.Errorf("%d bytes", e.Bytes())
		}
	})
}

func BenchmarkAdd(b *testing.B) {
	signals := traffic(9, 100_000)
	b.ReportAllocs()
	e := incident.New(incident.Limits{})
	for i := 0; b.Loop(); i++ {
		s := signals[i%len(signals)]
		s.Time = s.Time.Add(time.Duration(i/len(signals)) * 200 * 24 * time.Hour)
		s.Seen = s.Time
		e.Add(s)
	}
}
