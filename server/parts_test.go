package server

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nkeys"

	"github.com/holdfast-security/holdfast/account"
	"github.com/holdfast-security/holdfast/api"
	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/fleet"
	"github.com/holdfast-security/holdfast/policy"
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

func TestPolicies(t *testing.T) {
	p, err := parsePolicies([]byte(`{"assignments": [
		{"policy": {"heartbeat_seconds": 30}},
		{"labels": {"group": "web"}, "policy": {"disable": ["perf"]}},
		{"host": "h2", "policy": {"raw_records": true}}
	]}`))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		host fleet.Host
		want policy.Policy
	}{
		"any":   {fleet.Host{ID: "h1"}, policy.Policy{HeartbeatSeconds: 30}},
		"label": {fleet.Host{ID: "h1", Labels: map[string]string{"group": "web"}}, policy.Policy{Disable: []string{"perf"}}},
		"host":  {fleet.Host{ID: "h2", Labels: map[string]string{"group": "web"}}, policy.Policy{RawRecords: true}},
	} {
		got, _ := json.Marshal(p.of(c.host))
		want, _ := json.Marshal(c.want)
		if string(got) != string(want) {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
	for _, text := range []string{"", "[]", `{"assignments": [{"policy": {"heartbeat_seconds": 1}}]}`} {
		if _, err := parsePolicies([]byte(text)); err == nil {
			t.Errorf("%q is taken for policies", text)
		}
	}
}

func TestPoliciesAreSignedAnewOnlyWhenChanged(t *testing.T) {
	st := openState(t)
	pair, err := nkeys.CreateAccount()
	if err != nil {
		t.Fatal(err)
	}
	sent := 0
	s := newSpeaker(quiet, pair, st, func(context.Context, event.HostID, wire.Signed) error {
		sent++
		return nil
	})
	host := fleet.Host{ID: testHost}
	first, err := s.policy(t.Context(), host)
	if err != nil {
		t.Fatal(err)
	}
	second, err := s.policy(t.Context(), host)
	if err != nil || string(first.Message) != string(second.Message) {
		t.Errorf("the same policy was signed twice, %v", err)
	}
	s.refresh(t.Context(), host)
	if sent != 0 {
		t.Error("a policy that did not change was sent")
	}
	s.policies = &policies{[]assignment{{Policy: policy.Policy{RawRecords: true}}}}
	s.refresh(t.Context(), host)
	if sent != 1 {
		t.Errorf("a policy that changed was sent %d times", sent)
	}
}

// newTestSimulator returns a simulator and the orders that it sends.
func newTestSimulator(t *testing.T, st store.Orders) (*simulator, *[]wire.Order) {
	t.Helper()
	var sent []wire.Order
	list := []api.Scenario{{Name: "shell", AlertType: "VM_Shell"}, {Name: "miner", AlertType: "VM_Miner"}}
	s := newSimulator(quiet, st, list, func(h event.HostID) bool { return h == testHost },
		func(_ context.Context, _ event.HostID, o wire.Order, _ time.Duration) error {
			sent = append(sent, o)
			return nil
		}, func(string) {})
	return s, &sent
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
	s.result(testHost, wire.Result{Order: o.ID, State: "running"})
	s.result(testHost, wire.Result{Order: o.ID, State: "done", Subject: "shell", Detail: strings.Repeat("x", 5000)})
	s.result("hb", wire.Result{Order: o.ID, State: "failed", Detail: "forged"})
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
	if err := resumed.resume(t.Context()); err != nil || len(resumed.open) != 1 {
		t.Errorf("after a restart %d orders are under way, %v", len(resumed.open), err)
	}
	s.expire(t.Context(), now.Add(time.Hour))
	if got, err = st.Order(t.Context(), o.ID); err != nil || got.State != orderExpired {
		t.Errorf("an hour later the order is %q, %v", got.State, err)
	}
}

// failingHosts refuses heartbeats for a while.
type failingHosts struct {
	*sqlstore.Store
	fail bool
}

func (f *failingHosts) SaveHeartbeats(ctx context.Context, seen time.Time, beats map[event.HostID]fleet.Heartbeat) error {
	if f.fail {
		return errors.New("disk full")
	}
	return f.Store.SaveHeartbeats(ctx, seen, beats)
}

func TestHeartbeats(t *testing.T) {
	st := &failingHosts{Store: openState(t), fail: true}
	var told []event.HostID
	ledgers := 0
	h := newHeartbeats(st, quiet, func(id event.HostID) { told = append(told, id) }, func() { ledgers++ })
	h.add(testHost, fleet.Heartbeat{Hostname: "a", Resident: 1})
	h.flush(t.Context())
	if h.waiting() != 1 || len(told) != 0 {
		t.Errorf("a heartbeat that could not be written: %d wait, told %v", h.waiting(), told)
	}
	st.fail = false
	h.flush(t.Context())
	h.add(testHost, fleet.Heartbeat{Hostname: "a", Resident: 2})
	h.flush(t.Context())
	if len(told) != 1 || ledgers != 2 {
		t.Errorf("one change of what people see was told %d times, the ledger %d times", len(told), ledgers)
	}
	h.add(testHost, fleet.Heartbeat{Hostname: "a", Features: []fleet.Feature{{Name: "audit", State: "failed"}}})
	h.flush(t.Context())
	if len(told) != 2 {
		t.Error("a feature that failed was not told")
	}
	got, err := st.Host(t.Context(), testHost)
	if err != nil || got.Heartbeat == nil || len(got.Heartbeat.Features) != 1 {
		t.Errorf("stored is %+v, %v", got.Heartbeat, err)
	}
}

// keptThings counts down what is old.
type keptThings struct {
	alerts, entries int
	before          []time.Time
	err             error
}

func (k *keptThings) DropAlerts(_ context.Context, before time.Time, limit int) (int, error) {
	k.before = append(k.before, before)
	n := min(k.alerts, limit)
	k.alerts -= n
	return n, k.err
}

func (k *keptThings) DropEntries(_ context.Context, _ time.Time, limit int) (int, error) {
	n := min(k.entries, limit)
	k.entries -= n
	return n, nil
}

func (k *keptThings) DropBefore(_ context.Context, before time.Time) (int, error) {
	k.before = append(k.before, before)
	return 1, nil
}

func (k *keptThings) Compact(context.Context) (int, error) { return 0, nil }

func TestMaintenance(t *testing.T) {
	k := &keptThings{alerts: 2*dropBatch + 1, entries: 3}
	m := &maintenance{log: quiet, state: k, events: k, settings: func() api.Retention { return api.Retention{Events: 7, Alerts: 90, Audit: 365} }}
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	m.once(t.Context(), now)
	if k.alerts != 0 || k.entries != 0 {
		t.Errorf("%d alerts and %d entries are left", k.alerts, k.entries)
	}
	if want := []time.Time{now.AddDate(0, 0, -7), now.AddDate(0, 0, -90)}; !slices.Equal(k.before[:2], want) {
		t.Errorf("removed what is before %v, want %v", k.before, want)
	}
	k.err, k.entries = errors.New("disk full"), 1
	m.once(t.Context(), now)
	if k.entries != 0 {
		t.Error("after one part failed the others did not go on")
	}
}

func TestCleanupsRunBackwardsAndAll(t *testing.T) {
	var c cleanups
	var order []string
	for _, name := range []string{"a", "b", "c"} {
		c.add(name, func(context.Context) error {
			order = append(order, name)
			if name == "b" {
				return errors.New("stuck")
			}
			return nil
		})
	}
	err := c.run(t.Context())
	if !slices.Equal(order, []string{"c", "b", "a"}) || err == nil || err.Error() != "stop b: stuck" {
		t.Errorf("ran %v: %v", order, err)
	}
	if err := c.run(t.Context()); err != nil || len(order) != 3 {
		t.Errorf("a second time ran %v: %v", order, err)
	}
}
