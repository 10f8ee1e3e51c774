package correlate

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/store"
	"github.com/holdfast-security/holdfast/store/sqlstore"
)

var noon = time.Date(2026, time.November, 23, 12, 0, 0, 0, time.UTC)

// patience is how long a test waits for what has to come.
const patience = 2 * time.Minute

func openState(t testing.TB, path string) *sqlstore.Store {
	t.Helper()
	s, err := sqlstore.Open(t.Context(), sqlstore.Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func newState(t testing.TB) *sqlstore.Store {
	t.Helper()
	s := openState(t, filepath.Join(t.TempDir(), "state.db"))
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// stages are tactics in the order of an attack.
var stages = []finding.Tactic{"initial-access", "execution", "persistence", "credential-access", "exfiltration"}

// alertOf returns the n-th alert of a shell on a host.
func alertOf(host string, shell, n int, at time.Time) finding.Alert {
	boot := event.BootID{1}
	copy(boot[1:], host)
	parent := &event.Process{UID: event.ProcessUID{Boot: boot, PID: uint32(shell), Start: 10}, PID: uint32(shell), Executable: &event.File{Path: "/usr/bin/bash", Owned: event.OwnedYes}}
	return finding.Alert{
		ID: fmt.Sprintf("%s-%d-%d", host, shell, n), Type: "VM_Test", Title: fmt.Sprint("Stage ", n), Severity: finding.Medium, Host: event.HostID(host),
		Time: at, LastTime: at, Raised: at, Count: 1, Story: "something was done", Rule: finding.Rule{ID: fmt.Sprint("rule-", n%len(stages))},
		Tactics: stages[n%len(stages) : n%len(stages)+1],
		Process: &event.Process{UID: event.ProcessUID{Boot: boot, PID: uint32(100*shell + n), Start: uint64(20 + n)}, CommandLine: fmt.Sprint("tool ", n), Parent: parent},
	}
}

func saveAlerts(t testing.TB, s store.State, at time.Time, alerts ...finding.Alert) {
	t.Helper()
	if _, err := s.SaveAlerts(t.Context(), alerts, at, store.Position{}); err != nil {
		t.Fatal(err)
	}
}

func newCorrelator(s store.Correlations) *Correlator {
	return New(Config{
		State: s, Hosts: func() int { return 3 },
		Host: func(id event.HostID) (string, map[string]string, bool) {
			return "host " + string(id), map[string]string{"worth": "high"}, id != "stranger"
		},
	})
}

// steps takes n steps, or all there are where n is negative.
func steps(t testing.TB, c *Correlator, n int) {
	t.Helper()
	for i := 0; i != n; i++ {
		before := c.at
		if _, err := c.once(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n < 0 && c.at == before {
			return
		}
	}
}

// allIncidents returns what the database has, but for when it was stored.
func allIncidents(t testing.TB, s store.State) []finding.IncidentCase {
	t.Helper()
	list, err := s.Incidents(t.Context(), store.IncidentFilter{}, store.TellingIncidents, store.Page{Limit: 1000})
	if err != nil || list.Next != "" {
		t.Fatal(err, list.Next)
	}
	var all []finding.IncidentCase
	for _, line := range list.Items {
		c, err := s.Incident(t.Context(), line.ID)
		if err != nil {
			t.Fatal(err)
		}
		c.Updated = time.Time{}
		all = append(all, c)
	}
	return all
}

func TestAlertsBecomeIncidents(t *testing.T) {
	leaks := goleak.IgnoreCurrent()
	s := newState(t)
	saved := make(chan store.SavedIncident, 100)
	c := newCorrelator(s)
	c.cfg.Saved = func(list []store.SavedIncident) {
		for _, inc := range list {
			saved <- inc
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.Run(ctx)
	}()
	for n := range 3 {
		at := time.Now().UTC()
		saveAlerts(t, s, at, alertOf("web", 5, n, at))
		c.Wake()
	}
	var inc finding.IncidentCase
	for deadline := time.After(patience); len(inc.Story) < 3; {
		select {
		case told := <-saved:
			var err error
			if inc, err = s.Incident(t.Context(), told.ID); err != nil {
				t.Fatal(err)
			}
		case <-deadline:
			t.Fatalf("after %v: %+v, trouble %v", patience, inc, c.Trouble())
		}
	}
	if inc.HostNames["web"] != "host web" || inc.Status != finding.Open || len(inc.Tactics) != 3 {
		t.Errorf("the incident is %+v", inc)
	}
	cancel()
	<-done
	if at, err := s.Correlation(t.Context()); err != nil || at.Snapshot != at.Step {
		t.Errorf("stopped at %+v, %v", at, err)
	}
	if got := c.Stats(); got.Engine.Signals != 3 || got.Snapshot == 0 || got.Failures != 0 {
		t.Errorf("figures are %+v", got)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	goleak.VerifyNone(t, leaks)
}

func TestRepeatsAndTriage(t *testing.T) {
	s := newState(t)
	first, second := alertOf("web", 5, 0, noon), alertOf("web", 5, 1, noon.Add(time.Minute))
	saveAlerts(t, s, noon.Add(time.Minute), first, second)
	c := newCorrelator(s)
	steps(t, c, -1)
	before := c.at

	// What people do to alerts is nothing new.
	status := finding.Acknowledged
	if _, err := s.ChangeAlert(t.Context(), first.ID, 1, store.AlertChange{Status: &status, By: "anna", Time: noon}); err != nil {
		t.Fatal(err)
	}
	steps(t, c, -1)
	if c.at != before {
		t.Errorf("a step was taken for a change by people")
	}

	// A repeat counts, and tells when.
	first.Count, first.LastTime = 7, noon.Add(30*time.Minute)
	saveAlerts(t, s, noon.Add(31*time.Minute), first)
	steps(t, c, -1)
	inc := allIncidents(t, s)[0]
	if line := inc.Story[0]; line.Count != 7 || !line.LastTime.Equal(first.LastTime) || !inc.LastTime.Equal(first.LastTime) || inc.Count != 8 {
		t.Errorf("the incident is %+v", inc)
	}
}

func TestVerdictsAreLearned(t *testing.T) {
	s := newState(t)
	saveAlerts(t, s, noon, alertOf("web", 5, 0, noon), alertOf("web", 5, 1, noon))
	c := newCorrelator(s)
	steps(t, c, -1)
	before := allIncidents(t, s)[0]
	benign := finding.Benign
	if _, err := s.ChangeIncident(t.Context(), before.ID, 1, store.IncidentChange{Verdict: &benign, By: "anna", Time: noon}); err != nil {
		t.Fatal(err)
	}
	steps(t, c, -1)
	after := allIncidents(t, s)[0]
	if after.Score >= before.Score || after.Verdict != finding.Benign {
		t.Errorf("the score was %v and is %v", before.Score, after.Score)
	}
	if left, err := s.NewVerdicts(t.Context(), 10); err != nil || len(left) > 0 {
		t.Errorf("left to learn: %v, %v", left, err)
	}

	// A change of mind leaves nothing of the first verdict, and after taking it
	// back the score is what it was.
	version, scores := after.Version, map[finding.Verdict]float64{finding.Benign: after.Score}
	for _, v := range []finding.Verdict{finding.Attack, finding.Benign, finding.NoVerdict, finding.Attack, finding.NoVerdict, finding.Benign} {
		if _, err := s.ChangeIncident(t.Context(), before.ID, version, store.IncidentChange{Verdict: &v, By: "anna", Time: noon}); err != nil {
			t.Fatal(err)
		}
		steps(t, c, -1)
		after = allIncidents(t, s)[0]
		version = after.Version
		if want, ok := scores[v]; ok && after.Score != want {
			t.Errorf("judged %q again the score is %v, and was %v", v, after.Score, want)
		}
		scores[v] = after.Score
	}
	if scores[finding.NoVerdict] != before.Score || scores[finding.Attack] <= before.Score {
		t.Errorf("the score was %v, by verdict it is %v", before.Score, scores)
	}

	// Another start knows it, too.
	again := newCorrelator(s)
	if err := again.load(t.Context()); err != nil {
		t.Fatal(err)
	}
	if inc, _ := again.engine.Incident(after.ID); inc.Score != after.Score {
		t.Errorf("after a start the score is %v", inc.Score)
	}
}

func TestUnusableStateIsWorkedOutAnew(t *testing.T) {
	s := newState(t)
	var alerts []finding.Alert
	for n := range 4 {
		alerts = append(alerts, alertOf("web", 5, n, noon), alertOf("db", 6, n, noon))
	}
	saveAlerts(t, s, noon, alerts...)
	c := newCorrelator(s)
	steps(t, c, -1)
	want := allIncidents(t, s)
	if len(want) == 0 {
		t.Fatal("no incidents")
	}
	if err := s.SaveSnapshot(t.Context(), c.at.Step, []byte("no snapshot")); err != nil {
		t.Fatal(err)
	}
	steps(t, newCorrelator(s), -1)
	if diff := cmp.Diff(want, allIncidents(t, s)); diff != "" {
		t.Errorf("-before +after:\n%s", diff)
	}
}

// unsure is a database whose answers get lost now and then.
type unsure struct {
	store.Correlations
	calls int
}

var errLost = errors.New("the connection broke")

func (u *unsure) SaveCorrelation(ctx context.Context, s store.CorrelationStep) ([]store.SavedIncident, error) {
	u.calls++
	switch u.calls % 4 {
	case 1: // before anything happened
		return nil, errLost
	case 3: // with the answer on its way
		if _, err := u.Correlations.SaveCorrelation(ctx, s); err != nil {
			return nil, err
		}
		return nil, errLost
	}
	return u.Correlations.SaveCorrelation(ctx, s)
}

func TestFailuresAreRepeated(t *testing.T) {
	var all []finding.Alert
	for n := range 5 {
		all = append(all, alertOf("web", 5, n, noon.Add(time.Duration(n)*time.Minute)))
	}
	feed := func(wrap func(*sqlstore.Store) store.Correlations) []finding.IncidentCase {
		s := newState(t)
		c := newCorrelator(wrap(s))
		for _, a := range all {
			saveAlerts(t, s, a.Time, a)
			for place := c.at.Place; ; {
				_, err := c.once(t.Context())
				if err == nil && c.pending == nil && c.at.Place != place {
					break
				}
				if err != nil {
					c.failed(err)
				}
			}
		}
		return allIncidents(t, s)
	}
	want := feed(func(s *sqlstore.Store) store.Correlations { return s })
	got := feed(func(s *sqlstore.Store) store.Correlations { return &unsure{Correlations: s} })
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-sure +unsure:\n%s", diff)
	}
}

func TestWorth(t *testing.T) {
	for text, want := range map[string]float64{
		"": 1, "high": 2, " Low ": 0.5, "critical": 4, "normal": 1, "3.5": 3.5, "0": 1, "-2": 1, "11": 1, "NaN": 1, "Inf": 1, "gold": 1,
	} {
		if got := Worth(map[string]string{"worth": text}); got != want {
			t.Errorf("worth %q is %v, want %v", text, got, want)
		}
	}
}

func TestFalseAlarms(t *testing.T) {
	ago := func(days int) time.Time { return noon.AddDate(0, 0, -days) }
	got := falseAlarms(map[string]store.RuleOutcome{
		"noisy":   {Alerts: 100, Right: 1, Wrong: 4, First: ago(10)}, // four of five: 80 on 2 hosts in 20 days
		"unknown": {Alerts: 100, Wrong: 4, First: ago(20)},
		"right":   {Alerts: 100, Right: 50, First: ago(1)},
	}, noon, 2)
	if diff := cmp.Diff(map[string]float64{"noisy": 2}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestSeenIsTheServersTime(t *testing.T) {
	for name, test := range map[string]struct{ last, received, want time.Time }{
		"at once":          {noon, noon.Add(time.Second), noon.Add(time.Second)},
		"repeat":           {noon.Add(time.Minute), noon, noon.Add(time.Minute)},
		"from the future":  {noon.AddDate(1, 0, 0), noon, noon.Add(time.Hour)},
		"from another age": {noon.AddDate(-50, 0, 0), noon, noon},
	} {
		if got := seen(test.received, test.last, noon.Add(time.Hour)); !got.Equal(test.want) {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
}
