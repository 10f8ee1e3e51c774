package api

import (
	"context"
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
