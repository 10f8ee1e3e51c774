package api

import (
	"context"
	"fmt"
	"io"
	"net/http/httptest"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/holdfast-security/holdfast/account"
	"github.com/holdfast-security/holdfast/api"
	"github.com/holdfast-security/holdfast/api/client"
	"github.com/holdfast-security/holdfast/finding"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestChangesArrive follows the stream over a real connection, with the
// generated client, across a break.
func TestChangesArrive(t *testing.T) {
	f := newFixture(t)
	server := httptest.NewServer(f)
	defer server.Close()
	c, err := client.New(client.Options{Server: server.URL, Token: f.token(t, account.Reader)})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	changes, err := c.StreamChanges(ctx, "")
	if err != nil {
		t.Fatal(err)
	}
	f.Changes.Alert(api.AlertChange{ID: "a1", Severity: finding.High, Status: finding.Open, New: true})
	first, err := changes.Next()
	if err != nil {
		t.Fatal(err)
	}
	if a, err := first.Alert(); err != nil || a.ID != "a1" || !a.New || a.Severity != finding.High {
		t.Fatalf("%+v, %v", a, err)
	}
	if err := changes.Close(); err != nil {
		t.Fatal(err)
	}
	f.Changes.Host("h1")
	if changes, err = c.StreamChanges(ctx, first.ID); err != nil {
		t.Fatal(err)
	}
	defer changes.Close()
	if next, err := changes.Next(); err != nil || next.Name != api.HostChanged {
		t.Fatalf("after the break: %+v, %v", next, err)
	}
	f.Changes.Close()
	if _, err := changes.Next(); err != io.EOF {
		t.Errorf("after the end: %v", err)
	}
}

func TestSlowClientsAreCutOff(t *testing.T) {
	h := NewHub()
	slow, _, _, err := h.join("slow", "")
	if err != nil {
		t.Fatal(err)
	}
	quick, _, _, err := h.join("quick", "")
	if err != nil {
		t.Fatal(err)
	}
	for range clientQueue + 1 {
		h.Ledger()
		<-quick.changes
	}
	n := 0
	for range slow.changes {
		n++
	}
	if got := h.Stats(); n != clientQueue || got.Clients != 1 || got.Dropped != 1 {
		t.Errorf("%d changes before the cut, %+v", n, got)
	}
	h.leave(slow) // a second end does nothing
	h.leave(quick)
	if got := h.Stats(); got.Clients != 0 {
		t.Errorf("%d clients left", got.Clients)
	}
}

func TestStreamsAreBounded(t *testing.T) {
	h := NewHub()
	for i := range maxPerUser {
		if _, _, _, err := h.join("one", ""); err != nil {
			t.Fatal(i, err)
		}
	}
	if _, _, _, err := h.join("one", ""); err != errTooManyClients {
		t.Errorf("one more of one user: %v", err)
	}
	for i := range maxClients - maxPerUser {
		if _, _, _, err := h.join(fmt.Sprint("user", i), ""); err != nil {
			t.Fatal(i, err)
		}
	}
	if _, _, _, err := h.join("late", ""); err != errTooManyClients {
		t.Errorf("one more of all: %v", err)
	}
	h.Close()
	if _, _, _, err := h.join("later", ""); err != errClosing {
		t.Errorf("after the end: %v", err)
	}
}

func TestResuming(t *testing.T) {
	h := NewHub()
	for range remembered + 10 {
		h.Ledger()
	}
	last := h.last
	for _, test := range []struct {
		name, id string
		missed   int
		lost     bool
	}{
		{"from the start", "", 0, false},
		{"up to date", h.id(told{number: last}), 0, false},
		{"three behind", h.id(told{number: last - 3}), 3, false},
		{"too far behind", h.id(told{number: 1}), 0, true},
		{"from the future", h.id(told{number: last + 1}), 0, true},
		{"of another run", "00000000-5", 0, true},
		{"rubbish", "x", 0, true},
	} {
		missed, lost := h.since(test.id)
		if len(missed) != test.missed || lost != test.lost {
			t.Errorf("%s: %d missed, lost %v", test.name, len(missed), lost)
		}
	}
}

// TestClient walks through the generated client over a real connection.
func TestClient(t *testing.T) {
	f := newFixture(t)
	server := httptest.NewServer(f)
	defer server.Close()
	ctx := context.Background()
	c, err := client.New(client.Options{Server: server.URL, Token: f.token(t, account.Responder)})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	list, err := c.ListAlerts(ctx, client.ListAlertsQuery{Severity: []finding.Severity{finding.High}, Since: time.Now().Add(-time.Hour), Limit: 1})
	if err != nil || len(list.Items) != 1 {
		t.Fatalf("%+v, %v", list, err)
	}
	_, etag, err := c.GetAlert(ctx, testAlert)
	if err != nil {
		t.Fatal(err)
	}
	done := finding.Resolved
	if _, _, err = c.UpdateAlert(ctx, testAlert, etag, api.AlertUpdate{Status: &done}); err != nil {
		t.Fatal(err)
	}
	_, _, err = c.UpdateAlert(ctx, testAlert, etag, api.AlertUpdate{Status: &done})
	if client.Status(err) != 412 {
		t.Errorf("an old version: %v", err)
	}
	_, _, err = c.GetAlert(ctx, "nothing/../here")
	if client.Status(err) != 404 || err.Error() != `there is no alert "nothing/../here"` {
		t.Errorf("an alert that is not there: %v", err)
	}
	if _, _, err = c.GetSettings(ctx); client.Status(err) != 403 {
		t.Errorf("settings for a responder: %v", err)
	}
}
