package simulation

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-security/holdfast/account"
	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/fleet"
	"github.com/holdfast-security/holdfast/store"
	"github.com/holdfast-security/holdfast/store/sqlstore"
	"github.com/holdfast-security/holdfast/wire"
)

const testHost event.HostID = "haaaaaaaaaaaaaaaa"

func openState(t *testing.T) *sqlstore.Store {
	t.Helper()
	st, err := sqlstore.Open(t.Context(), sqlstore.Config{Path: filepath.Join(t.TempDir(), "state.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	host := fleet.Host{ID: testHost, Name: "web-1", State: fleet.Active, PublicKey: "U1", Enrolled: time.Now(), Labels: map[string]string{"group": "web"}}
	if err := st.AddHost(t.Context(), host); err != nil {
		t.Fatal(err)
	}
	return st
}

var quiet = slog.New(slog.DiscardHandler)

// newTestSimulator returns a simulator and the orders that it sends.
func newTestSimulator(t *testing.T, orders store.Orders) (*Simulator, *[]wire.Order) {
	t.Helper()
	var sent []wire.Order
	s := New(Config{
		Log: quiet, Orders: orders, Told: func(string) {}, Active: func(h event.HostID) bool { return h == testHost },
		Scenarios: map[string]finding.AlertType{"shell": "VM_Shell", "miner": "VM_Miner"},
		Send: func(_ context.Context, _ event.HostID, o wire.Order, _ time.Duration) error {
			sent = append(sent, o)
			return nil
		},
	})
	return s, &sent
}

func (s *Simulator) answer(t *testing.T, host event.HostID, r wire.Result) {
	t.Helper()
	if err := s.Result(host, r); err != nil {
		t.Errorf("%+v: %v", r, err)
	}
}

// TestAnswersComeAgain sends answers as an agent does that does not know what
// arrived.
func TestAnswersComeAgain(t *testing.T) {
	st := openState(t)
	s, _ := newTestSimulator(t, st)
	told := 0
	s.Told = func(string) { told++ }
	o, err := s.Simulate(t.Context(), testHost, []string{"shell"}, "eve")
	if err != nil {
		t.Fatal(err)
	}
	told = 0
	accepted := wire.Result{Order: o.ID, State: "accepted"}
	running := wire.Result{Order: o.ID, State: "running", Subject: "shell"}
	part := wire.Result{Order: o.ID, State: "done", Subject: "shell", Detail: "alert"}
	end := wire.Result{Order: o.ID, State: "done", Detail: "1 passed"}
	for _, r := range []wire.Result{accepted, accepted, running, part, running, part, end, accepted, end, {Order: "unknown"}, {Order: o.ID, Subject: "unknown"}} {
		s.answer(t, testHost, r)
	}
	got, err := st.Order(t.Context(), o.ID)
	if err != nil || got.State != "done" || got.Detail != "1 passed" || got.Parts[0].State != "done" || told != 4 {
		t.Errorf("told %d times of %+v, %v", told, got, err)
	}
	s.expire(t.Context(), time.Now().Add(time.Hour))
	if got, err = st.Order(t.Context(), o.ID); err != nil || got.State != "done" {
		t.Errorf("an order that ended expires: %+v, %v", got, err)
	}
	st.Close()
	if err := s.Result(testHost, end); err == nil {
		t.Error("an answer is taken that cannot be kept")
	}
}

func TestAnAnswerAfterExpiry(t *testing.T) {
	st := openState(t)
	s, _ := newTestSimulator(t, st)
	o, err := s.Simulate(t.Context(), testHost, []string{"shell"}, "eve")
	if err != nil {
		t.Fatal(err)
	}
	s.expire(t.Context(), time.Now().Add(time.Hour))
	for _, c := range []struct{ state, want string }{{"running", orderExpired}, {"done", "done"}} {
		s.answer(t, testHost, wire.Result{Order: o.ID, State: c.state})
		if got, err := st.Order(t.Context(), o.ID); err != nil || got.State != c.want {
			t.Errorf("after %q the order is %q, %v", c.state, got.State, err)
		}
	}
}

func TestSimulation(t *testing.T) {
	st := openState(t)
	s, sent := newTestSimulator(t, st)
	for name, c := range map[string]struct {
		host  event.HostID
		names []string
	}{
		"unknown host":     {"hb", []string{"shell"}},
		"unknown scenario": {testHost, []string{"nonsense"}},
		"none":             {testHost, nil},
		"twice":            {testHost, []string{"shell", "shell"}},
	} {
		if _, err := s.Simulate(t.Context(), c.host, c.names, "eve"); !errors.Is(err, account.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	o, err := s.Simulate(t.Context(), testHost, []string{"shell", "miner"}, "eve")
	if err != nil || len(*sent) != 1 || (*sent)[0].ID != o.ID {
		t.Fatalf("%v, sent %v", err, *sent)
	}
	s.answer(t, testHost, wire.Result{Order: o.ID, State: "running"})
	s.answer(t, testHost, wire.Result{Order: o.ID, State: "done", Subject: "shell", Detail: strings.Repeat("x", 5000)})
	s.answer(t, "hb", wire.Result{Order: o.ID, State: "failed", Detail: "forged"})
	now := time.Now()
	s.join(t.Context(), &finding.Alert{ID: "a0", Type: "VM_Shell", Host: "hb", LastTime: now})
	s.join(t.Context(), &finding.Alert{ID: "a1", Type: "VM_Shell", Host: testHost, LastTime: now.Add(-time.Hour)})
	s.join(t.Context(), &finding.Alert{ID: "a2", Type: "VM_Shell", Host: testHost, LastTime: now})
	s.join(t.Context(), &finding.Alert{ID: "a3", Type: "VM_Shell", Host: testHost, LastTime: now})

	got, err := st.Order(t.Context(), o.ID)
	if err != nil || got.State != "running" {
		t.Fatalf("the order is %+v, %v", got, err)
	}
	if p := got.Parts[0]; p.State != "done" || p.Alert != "a2" || len(p.Detail) != maxDetail {
		t.Errorf("the first part is %+v", p)
	}
	if p := got.Parts[1]; p.State != partWaiting || p.Alert != "" {
		t.Errorf("the second part is %+v", p)
	}
	resumed, _ := newTestSimulator(t, st)
	if err := resumed.Resume(t.Context()); err != nil || len(resumed.open) != 1 {
		t.Errorf("after a restart %d orders are under way, %v", len(resumed.open), err)
	}
	s.expire(t.Context(), now.Add(time.Hour))
	if got, err = st.Order(t.Context(), o.ID); err != nil || got.State != orderExpired {
		t.Errorf("an hour later the order is %q, %v", got.State, err)
	}
}
