package exceptions

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holdfast-security/holdfast/account"
	"github.com/holdfast-security/holdfast/api"
	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/fleet"
	"github.com/holdfast-security/holdfast/store"
	"github.com/holdfast-security/holdfast/store/sqlstore"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// rig is a keeper on a database, with a clock of its own.
type rig struct {
	*Keeper
	state *sqlstore.Store
	now   time.Time
	told  []string
}

func newRig(t *testing.T) *rig {
	t.Helper()
	state, err := sqlstore.Open(t.Context(), sqlstore.Config{Path: filepath.Join(t.TempDir(), "state.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := state.Close(); err != nil {
			t.Error(err)
		}
	})
	r := &rig{state: state, now: noon}
	r.Keeper = New(Config{
		State: state, Now: func() time.Time { return r.now }, Changed: func(id string) { r.told = append(r.told, id) },
		Host: func(id event.HostID) (fleet.Host, bool) {
			return fleet.Host{Name: "web-1", Labels: map[string]string{"group": "web"}}, id == "h1"
		},
	})
	return r
}

// ssh is an alert about a user's connection.
func ssh(id, user string) finding.Alert {
	return finding.Alert{
		ID: id, Type: "VM_X", Title: "Connection", Severity: finding.Medium, Host: "h1", Time: noon, LastTime: noon, Count: 1,
		Rule: finding.Rule{ID: "r1"}, Process: &event.Process{Executable: &event.File{Path: "/usr/bin/ssh"}, User: event.User{Name: user}},
	}
}

// of returns the terms of an exception of a user's connections.
func of(user string) finding.ExceptionTerms {
	return finding.ExceptionTerms{
		Name: "ssh", Reason: "known", Enabled: true, Scope: finding.ExceptionScope{Rules: []string{"r1"}, Labels: map[string]string{"group": "web"}},
		Match: []finding.Condition{{Field: finding.FieldUser, Op: finding.OpEquals, Values: []string{user}}},
	}
}

func (r *rig) covered(t *testing.T, want string) {
	t.Helper()
	other := ssh("a2", "anna")
	other.Host = "h2"
	got := r.Covered([]finding.Alert{ssh("a1", "anna"), other})
	if got["a1"] != want || got["a2"] != "" {
		t.Errorf("covered is %v, want a1 by %q", got, want)
	}
}

func TestWhatPeopleChangeIsInForceAtOnce(t *testing.T) {
	r := newRig(t)
	ctx := t.Context()
	r.covered(t, "")
	terms := of("anna")
	end := noon.Add(time.Hour)
	terms.Expires = &end
	e, err := r.Add(ctx, "e1", terms, false, "bert")
	if err != nil || e.Author != "bert" || !e.Created.Equal(noon) || e.Version != 1 {
		t.Fatalf("made %+v, %v", e, err)
	}
	r.covered(t, "e1")
	r.now = end
	r.covered(t, "")
	r.now = noon

	terms.Enabled = false
	if e, err = r.Change(ctx, "e1", 1, terms, false); err != nil || e.Version != 2 {
		t.Fatalf("changed %+v, %v", e, err)
	}
	r.covered(t, "")
	terms.Enabled = true
	if _, err = r.Change(ctx, "e1", 1, terms, false); !errors.Is(err, store.ErrConflict) {
		t.Errorf("an old version: %v", err)
	}
	if _, err = r.Change(ctx, "e1", store.AnyVersion, terms, false); err != nil {
		t.Fatal(err)
	}
	r.covered(t, "e1")

	other := New(r.cfg) // as after a restart
	if err := other.Load(ctx); err != nil || other.Covered([]finding.Alert{ssh("a1", "anna")})["a1"] != "e1" {
		t.Errorf("after a restart it is not in force: %v", err)
	}
	if err := r.Drop(ctx, "e1"); err != nil {
		t.Fatal(err)
	}
	r.covered(t, "")
	if err := r.Drop(ctx, "e1"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("removed again: %v", err)
	}
	if len(r.told) != 4 {
		t.Errorf("told of %q", r.told)
	}
}

func TestRefusals(t *testing.T) {
	r := newRig(t)
	ctx := t.Context()
	whole, past, wrong := of("anna"), of("anna"), of("anna")
	whole.Match, whole.WholeRule = nil, true
	past.Expires = &noon
	wrong.Reason = ""
	for _, tt := range []struct {
		terms     finding.ExceptionTerms
		confirmed bool
		want      string
	}{
		{whole, false, "confirm that you mean it"},
		{whole, true, ""},
		{past, false, "is past"},
		{wrong, true, "reason"},
	} {
		_, err := r.Add(ctx, fmt.Sprint("e", tt.want), tt.terms, tt.confirmed, "bert")
		if (err == nil) != (tt.want == "") || err != nil && (!errors.Is(err, account.ErrInvalid) || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%+v: %v, want %q", tt.terms, err, tt.want)
		}
	}
	// What is switched off or has expired may be changed without asking again.
	whole.Enabled = false
	if _, err := r.Change(ctx, "e", store.AnyVersion, whole, false); err != nil {
		t.Error(err)
	}
	r.now = noon.Add(-time.Hour)
	if _, err := r.Add(ctx, "expiring", past, false, "bert"); err != nil {
		t.Fatal(err)
	}
	r.now = noon.Add(time.Hour)
	past.Name = "renamed"
	if _, err := r.Change(ctx, "expiring", store.AnyVersion, past, false); err != nil {
		t.Error(err)
	}
	if _, err := r.Change(ctx, "none", store.AnyVersion, past, false); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a change of none: %v", err)
	}
}

func TestPreview(t *testing.T) {
	r := newRig(t)
	ctx := t.Context()
	var alerts []finding.Alert
	for i := range 300 {
		a := ssh(fmt.Sprintf("a%03d", i), []string{"anna", "eve"}[i%2])
		a.LastTime = noon.Add(-time.Duration(i) * time.Hour)
		alerts = append(alerts, a)
	}
	alerts[1].Rule.ID = "r2"
	if _, err := r.state.SaveAlerts(ctx, alerts, noon, store.Position{}); err != nil {
		t.Fatal(err)
	}
	trial := api.ExceptionTrial{ExceptionBody: api.ExceptionBody{ExceptionTerms: of("anna")}, Since: noon.Add(-250 * time.Hour)}
	trial.Name, trial.Reason, trial.Enabled, trial.Expires = "", "", false, &noon // not filled in yet
	p, err := r.Preview(ctx, trial)
	if err != nil || p.Total != 250 || p.Hidden != 126 || !p.Complete || len(p.Alerts) != 100 || p.Alerts[0].ID != "a000" || p.BySeverity["medium"] != 126 {
		t.Errorf("preview is %+v, %v", p, err)
	}
	if len(p.ByHost) != 1 || p.ByHost[0] != (store.Count{Key: "h1", Label: "h1", Count: 126}) {
		t.Errorf("by host: %+v", p.ByHost)
	}
	trial.Until = noon.Add(-99 * time.Hour)
	if p, err = r.Preview(ctx, trial); err != nil || p.Total != 151 || p.Hidden != 76 {
		t.Errorf("preview until then is %+v, %v", p, err)
	}
	trial.Until = trial.Since
	if _, err = r.Preview(ctx, trial); !errors.Is(err, account.ErrInvalid) {
		t.Errorf("no time at all: %v", err)
	}
	if _, err = r.Preview(ctx, api.ExceptionTrial{}); !errors.Is(err, account.ErrInvalid) || !strings.Contains(err.Error(), "at least one rule") {
		t.Errorf("no rule at all: %v", err)
	}
	terms, err := r.Suggest(ctx, "a003")
	if err != nil {
		t.Fatal(err)
	}
	terms.Reason = "known"
	if _, err := r.Add(ctx, "e1", terms, false, "bert"); err != nil || r.Covered(alerts[3:4])["a003"] != "e1" {
		t.Errorf("suggested %+v, %v", terms, err)
	}
	if _, err := r.Suggest(ctx, "none"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("suggested for none: %v", err)
	}
}

// TestPreviewShowsTheAttacksItWouldHide previews exceptions of one of our own
// rules, for hosts that no sample is of.
func TestPreviewShowsTheAttacksItWouldHide(t *testing.T) {
	r := newRig(t)
	const kind = "VM_DigitalCurrencyMining"
	trial := func(m ...finding.Condition) api.ExceptionPreview {
		t.Helper()
		p, err := r.Preview(t.Context(), api.ExceptionTrial{ExceptionBody: api.ExceptionBody{ExceptionTerms: finding.ExceptionTerms{
			Scope: finding.ExceptionScope{Types: []finding.AlertType{kind}, Hosts: []event.HostID{"h1"}, Labels: map[string]string{"group": "web"}},
			Match: m, WholeRule: len(m) == 0,
		}}})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	all := trial()
	if all.SamplesTotal < 2 || all.SamplesHidden != all.SamplesTotal || len(all.Samples) != int(all.SamplesTotal) {
		t.Fatalf("everything hides %+v", all)
	}
	for _, s := range all.Samples {
		if s.Type != kind || s.Rule == "" || s.Title == "" || s.Story == "" || !strings.HasPrefix(s.Name, "match-") {
			t.Errorf("not whole: %+v", s)
		}
	}
	none := trial(finding.Condition{Field: finding.FieldCommandLine, Op: finding.OpEquals, Values: []string{"xmrig --known"}})
	if none.SamplesTotal != all.SamplesTotal || none.SamplesHidden != 0 || none.Samples == nil || len(none.Samples) > 0 {
		t.Errorf("one command hides %+v", none)
	}
	some := trial(finding.Condition{Field: finding.FieldExecutable, Op: finding.OpContains, Values: []string{"xmrig"}})
	if some.SamplesHidden == 0 || some.SamplesHidden > all.SamplesTotal {
		t.Errorf("one program hides %+v", some)
	}
}

// slowState is a database that fails, or never comes to an end.
type slowState struct {
	State

	mu   sync.Mutex // guards what follows
	err  error
	list []finding.Exception
}

func (s *slowState) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

func (s *slowState) Exceptions(context.Context, store.ExceptionFilter, store.Page) (store.List[finding.Exception], error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return store.List[finding.Exception]{Items: slices.Clone(s.list)}, s.err
}

func (s *slowState) AddException(_ context.Context, e finding.Exception) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = append(s.list, e)
	return nil
}

func (s *slowState) EachAlert(ctx context.Context, _ store.AlertFilter, fn func(finding.Case) error) error {
	for ctx.Err() == nil {
		time.Sleep(time.Second)
		if err := fn(finding.Case{Alert: ssh("a", "anna")}); err != nil {
			return errors.New("interrupted") // as a database says it
		}
	}
	return ctx.Err()
}

func TestPreviewsSayWhenTimeRanOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := New(Config{State: &slowState{}, Host: func(event.HostID) (fleet.Host, bool) { return fleet.Host{}, false }})
		p, err := k.Preview(t.Context(), api.ExceptionTrial{ExceptionBody: api.ExceptionBody{ExceptionTerms: of("anna")}})
		if err != nil || p.Complete || p.Total < 10 {
			t.Errorf("preview is %+v, %v", p, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		if _, err := k.Preview(ctx, api.ExceptionTrial{ExceptionBody: api.ExceptionBody{ExceptionTerms: of("anna")}}); err == nil {
			t.Error("whoever left was told something")
		}
	})
}

func TestChangesComeIntoForceWhenTheDatabaseAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		state := &slowState{}
		k := New(Config{State: state, Host: func(event.HostID) (fleet.Host, bool) {
			return fleet.Host{Labels: map[string]string{"group": "web"}}, true
		}})
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			k.Run(ctx)
		}()
		state.fail(errors.New("no connection"))
		if _, err := k.Add(ctx, "e1", of("anna"), false, "bert"); err != nil {
			t.Fatalf("what is stored is not done: %v", err)
		}
		time.Sleep(3 * retryAfter)
		synctest.Wait()
		if k.Covered([]finding.Alert{ssh("a1", "anna")}) != nil {
			t.Error("it is in force already")
		}
		state.fail(nil)
		time.Sleep(2 * retryAfter)
		synctest.Wait()
		if k.Covered([]finding.Alert{ssh("a1", "anna")})["a1"] != "e1" {
			t.Error("it is not in force")
		}
		stop()
		<-done
	})
}
