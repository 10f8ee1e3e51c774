package sqlstore

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/holdfast-security/holdfast/account"
	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/store"
)

var testTime = time.Date(2026, time.November, 23, 10, 0, 0, 0, time.UTC)

func testAlert(id string) finding.Alert {
	return finding.Alert{
		ID: id, Type: "VM_Test", Title: "Test " + id, Severity: finding.Medium, Host: "h1",
		Time: testTime, LastTime: testTime, Count: 1, Story: "A story of " + id,
	}
}

// wantSentence checks that err is one line with the given part.
func wantSentence(t *testing.T, err error, part string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), part) || strings.Contains(err.Error(), "\n") {
		t.Errorf("error is %v, want one sentence with %q", err, part)
	}
}

func saveTest(t *testing.T, s *Store, alerts ...finding.Alert) {
	t.Helper()
	if _, err := s.SaveAlerts(t.Context(), alerts, testTime, store.Position{}); err != nil {
		t.Fatal(err)
	}
}

func total(t *testing.T, s *Store, f store.AlertFilter) int64 {
	t.Helper()
	counts, err := s.CountAlerts(t.Context(), f, 0)
	if err != nil {
		t.Fatal(err)
	}
	return counts.Total
}

// followEachOther checks that what one store changes is in the lists of
// another on the same database, also after drops were forgotten.
func followEachOther(t *testing.T, a, b *Store) {
	t.Helper()
	open := store.AlertFilter{Status: []finding.Status{finding.Open}}
	for i := range 10 {
		saveTest(t, a, testAlert(fmt.Sprint("a", i)))
		saveTest(t, b, testAlert(fmt.Sprint("b", i)))
		if n, m := total(t, a, open), total(t, b, open); n != int64(2*i+2) || m != n {
			t.Fatalf("after %d rounds one counts %d, the other %d", i+1, n, m)
		}
	}
	resolved := finding.Resolved
	change := store.AlertChange{Status: &resolved, By: "anna", Time: testTime}
	if _, err := b.ChangeAlerts(t.Context(), []string{"a0", "b0", "a1"}, change); err != nil {
		t.Fatal(err)
	}
	if n := total(t, a, open); n != 17 {
		t.Errorf("after a change elsewhere %d are open", n)
	}
	if _, err := b.DropAlerts(t.Context(), testTime.Add(1), 5); err != nil {
		t.Fatal(err)
	}
	if n := total(t, a, store.AlertFilter{}); n != 15 {
		t.Errorf("after drops elsewhere there are %d", n)
	}
	if _, err := b.DropAlerts(t.Context(), testTime.Add(1), 5); err != nil {
		t.Fatal(err)
	}
	if _, err := b.write.ExecContext(t.Context(), "UPDATE alert_clock SET forgotten = changes"); err != nil {
		t.Fatal(err)
	}
	if _, err := b.write.ExecContext(t.Context(), "DELETE FROM alerts_gone"); err != nil {
		t.Fatal(err)
	}
	saveTest(t, b, testAlert("last"))
	if n := total(t, a, store.AlertFilter{}); n != 11 {
		t.Errorf("after forgotten drops there are %d", n)
	}
}

func auditIsAppendOnly(t *testing.T, s *Store) {
	t.Helper()
	if err := s.Record(t.Context(), account.Entry{Time: testTime, Actor: "anna", Action: "x"}); err != nil {
		t.Fatal(err)
	}
	_, err := s.write.ExecContext(t.Context(), "UPDATE audit_log SET actor = 'bert'")
	wantSentence(t, err, "never changed")
	l, err := s.Entries(t.Context(), store.AuditFilter{}, store.Page{})
	if err != nil || len(l.Items) != 1 || l.Items[0].Actor != "anna" {
		t.Errorf("the log is %+v, %v", l.Items, err)
	}
}

// pretendNewer marks the database as one of a later version.
func pretendNewer(t *testing.T, s *Store) {
	t.Helper()
	if _, err := s.write.ExecContext(t.Context(), "INSERT INTO goose_db_version (version_id, is_applied) VALUES (999, ?)", true); err != nil {
		t.Fatal(err)
	}
}

func TestConfigNeedsOneDatabase(t *testing.T) {
	for _, c := range []Config{{}, {Path: "a", DSN: "b"}} {
		if _, err := Open(t.Context(), c); err == nil {
			t.Errorf("%+v is taken", c)
		}
	}
	_, err := Open(t.Context(), Config{DSN: "postgres://user:secret@[::1"})
	wantSentence(t, err, "DSN")
	if strings.Contains(err.Error(), "secret") {
		t.Errorf("the error tells the password: %v", err)
	}
}

func TestCloseLeavesNothingRunning(t *testing.T) {
	before := goleak.IgnoreCurrent()
	s := openTest(t, filepath.Join(t.TempDir(), "state.db"))
	saveTest(t, s, testAlert("a"))
	if total(t, s, store.AlertFilter{}) != 1 {
		t.Error("the alert is not there")
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := s.Ping(t.Context()); err == nil {
		t.Error("a closed store answers")
	}
	goleak.VerifyNone(t, before)
}
