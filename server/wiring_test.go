package server

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-security/holdfast/account"
	apitypes "github.com/holdfast-security/holdfast/api"
	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/fleet"
	"github.com/holdfast-security/holdfast/policy"
	"github.com/holdfast-security/holdfast/store"
	"github.com/holdfast-security/holdfast/wire"
)

// admin returns a browser in which the first administrator is logged on.
func admin(t *testing.T, s *Server) *browser {
	t.Helper()
	b := newBrowser(t, s)
	if status := b.logOn(FirstAdmin, s.FirstPassword()); status >= 300 {
		t.Fatalf("log on: status %d", status)
	}
	return b
}

func TestPoliciesReachConnectedHostsAtOnce(t *testing.T) {
	s, _ := start(t, t.TempDir())
	b := admin(t, s)
	a := enrol(t, b)
	sub, err := a.nc.SubscribeSync(wire.Down(a.host))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := a.nc.Request(wire.Up(a.host, wire.Fetch), nil, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	last := verify(t, s, a, answer.Data, 0)

	set := func(body any) int { return b.do("PUT", "/api/v1/policies", body, nil) }
	assigned := func(p map[string]any) map[string]any {
		return map[string]any{"assignments": []any{map[string]any{"host": a.host, "policy": p}}}
	}
	for name, body := range map[string]map[string]any{
		"no such feature": assigned(map[string]any{"disable": []string{"pref"}}),
		"out of bounds":   assigned(map[string]any{"heartbeat_seconds": 1}),
		"no such setting": assigned(map[string]any{"heartbeat": 30}),
		"no such host":    {"assignments": []any{map[string]any{"host": "hnobody", "policy": map[string]any{}}}},
	} {
		if status := set(body); status != http.StatusUnprocessableEntity {
			t.Errorf("%s: status %d", name, status)
		}
	}
	if status := set(assigned(map[string]any{"disable": []string{"perf"}})); status != http.StatusOK {
		t.Fatalf("status %d", status)
	}
	pushed, err := sub.NextMsg(time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	verify(t, s, a, pushed.Data, last)
	var sent policy.Policy
	if err := json.Unmarshal(statementIn(t, pushed.Data).Body, &sent); err != nil || len(sent.Disable) != 1 || sent.Disable[0] != "perf" {
		t.Errorf("the host was sent %+v, %v", sent, err)
	}
	var shown policy.Assignments
	if status := b.do("GET", "/api/v1/policies", nil, &shown); status != http.StatusOK || shown.Of(a.host, nil).Disable == nil {
		t.Errorf("status %d: %+v", status, shown)
	}
	if all := entries(t, s, "policies.update"); len(all) != 1 || !strings.Contains(all[0].Detail, "perf") {
		t.Errorf("audit log: %+v", all)
	}
}

func entries(t *testing.T, s *Server, action string) []account.Entry {
	t.Helper()
	list, err := s.state.Entries(t.Context(), store.AuditFilter{Action: action}, store.Page{})
	if err != nil {
		t.Fatal(err)
	}
	return list.Items
}

func TestEnrolmentIsNotedOnce(t *testing.T) {
	s, _ := start(t, t.TempDir())
	a := enrol(t, admin(t, s))
	if all := entries(t, s, "enroll_token.create"); len(all) != 1 || all[0].Address == "" || all[0].Actor != FirstAdmin {
		t.Errorf("the token: %+v", all)
	}
	if all := entries(t, s, "host.enroll"); len(all) != 1 || all[0].Object != string(a.host) || all[0].Address == "" {
		t.Errorf("the host: %+v", all)
	}
}

// TestLedgerShowsWhatTheStreamLost takes frames out of the log that were
// accepted and not stored, as a broken disk would.
func TestLedgerShowsWhatTheStreamLost(t *testing.T) {
	dir := t.TempDir()
	s, stop := start(t, dir)
	a := enrol(t, admin(t, s))
	a.send(attack(), attack())
	balance := func() fleet.Balance {
		report, err := s.Ledger(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if report.Server.StreamMessages > 0 && report.Server.StreamBytes == 0 || report.Server.StreamLimit == 0 {
			t.Errorf("the stream: %+v", report.Server)
		}
		return report.Total
	}
	eventually(t, "everything is stored", func() bool { return s.pipeline.Status().Stored == 1 })
	beat, err := json.Marshal(fleet.Heartbeat{Time: time.Now(), Hostname: "web-1", Ledger: fleet.Ledger{
		Epoch: "0700000000000000", Produced: 9, Sequenced: 9, Spooled: 4, Acknowledged: 5,
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.nc.Publish(wire.Up(a.host, wire.Heartbeat), beat); err != nil {
		t.Fatal(err)
	}
	// Three that the agent got rid of never came to the store, nor are they in
	// the log.
	eventually(t, "the loss shows", func() bool {
		b := balance()
		return b.Produced == 9 && b.Stored == 2 && b.Waiting == 4 && b.Unaccounted == 3
	})
	stop()
	s, _ = start(t, dir)
	eventually(t, "the loss shows after a restart", func() bool {
		b := balance()
		return b.Stored == 2 && b.Waiting == 4 && b.Unaccounted == 3
	})
}

func TestConditionsSayWhatIsWrong(t *testing.T) {
	rules := filepath.Join(t.TempDir(), "rules")
	writeFile(t, filepath.Join(rules, "own.yml"), testRule("Own rule"))
	s, _ := startWith(t, t.TempDir(), func(c *Config) { c.Rules = []string{rules} })
	b := admin(t, s)
	conditions := func() []fleet.Warning {
		var overview apitypes.Overview
		if status := b.do("GET", "/api/v1/overview", nil, &overview); status != http.StatusOK {
			t.Fatalf("status %d", status)
		}
		return overview.Conditions
	}
	eventually(t, "nothing is wrong", func() bool { return len(conditions()) == 0 })
	writeFile(t, filepath.Join(rules, "own.yml"), []byte("title: no detection"))
	if err := s.Reload(t.Context()); err == nil {
		t.Error("a rule without detection is taken")
	}
	got := conditions()
	if len(got) != 1 || got[0].Code != "rules_refused" || !strings.Contains(got[0].Text, "own.yml") {
		t.Errorf("conditions: %+v", got)
	}
	if err := s.Ready(t.Context()); err != nil {
		t.Errorf("a server whose rules stay as they were is not ready: %v", err)
	}
	writeFile(t, filepath.Join(rules, "own.yml"), testRule("Own rule"))
	if err := s.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := conditions(); len(got) != 0 {
		t.Errorf("conditions: %+v", got)
	}
}

func TestRefusalsAreHeldUntilOvercome(t *testing.T) {
	var r refusals
	if err := r.note("a", "It is wrong: ", errors.New("broken")); err == nil {
		t.Error("the error is lost")
	}
	if got := r.list(); len(got) != 1 || got[0] != (fleet.Warning{Code: "a", Text: "It is wrong: broken"}) {
		t.Errorf("got %+v", got)
	}
	if err := r.note("a", "It is wrong: ", nil); err != nil || len(r.list()) != 0 {
		t.Errorf("got %+v, %v", r.list(), err)
	}
}

// TestRepeatsTellTheirStatus follows the changes as a browser does.
func TestRepeatsTellTheirStatus(t *testing.T) {
	s, _ := start(t, t.TempDir())
	now := time.Now().UTC()
	one := finding.Alert{ID: "a1", Type: "VM_ReverseShell", Title: "Shell", Severity: finding.High, Host: "h1", Time: now, Raised: now, LastTime: now, Count: 1}
	if _, err := s.state.SaveAlerts(t.Context(), []finding.Alert{one}, now, store.Position{}); err != nil {
		t.Fatal(err)
	}
	done := finding.Dismissed
	if _, err := s.state.ChangeAlert(t.Context(), "a1", store.AnyVersion, store.AlertChange{Status: &done, By: "anna", Time: now}); err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL()+"/api/v1/changes", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := admin(t, s).http.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	lines := bufio.NewScanner(answer.Body)
	if !lines.Scan() || !strings.HasPrefix(lines.Text(), ":") {
		t.Fatalf("the stream begins with %q, %v", lines.Text(), lines.Err())
	}
	two := one
	two.ID = "a2"
	three := one
	three.ID = "a3"
	s.alertsSaved([]finding.Alert{one, two, three}, []string{"a2", "a3"}, map[string]string{"a1": "e1", "a3": "e1"})
	want := []apitypes.AlertChange{
		{ID: "a1", Severity: finding.High, Status: finding.Dismissed},
		{ID: "a2", Severity: finding.High, Status: finding.Open, New: true},
		{ID: "a3", Severity: finding.High, Status: finding.Suppressed, New: true},
	}
	var got []apitypes.AlertChange
	for len(got) < len(want) && lines.Scan() {
		var change apitypes.AlertChange
		if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok && json.Unmarshal([]byte(data), &change) == nil {
			got = append(got, change)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("told %+v, %v", got, lines.Err())
	}
}

func TestAuthorityIsForEverybodyToKnow(t *testing.T) {
	var log bytes.Buffer
	cfg := testConfig(t.TempDir())
	s, err := New(t.Context(), cfg, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Stop(context.Background()); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(cfg.path(authorityName))
	if err != nil {
		t.Fatal(err)
	}
	block, rest := pem.Decode(data)
	if block == nil || block.Type != "CERTIFICATE" || len(rest) > 0 {
		t.Fatalf("%s holds more or less than a certificate", authorityName)
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(certificate.RawSubjectPublicKeyInfo)
	if want := "authority=sha256:" + hex.EncodeToString(sum[:]); !strings.Contains(log.String(), want) {
		t.Errorf("the log lacks %s:\n%s", want, &log)
	}
	var words bytes.Buffer
	if s.welcome(&words); !strings.Contains(words.String(), cfg.path(authorityName)) {
		t.Errorf("a new server says %s", &words)
	}
}
