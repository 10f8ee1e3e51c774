package hosts

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/fleet"
	"github.com/holdfast-security/holdfast/store/sqlstore"
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
	h := NewHeartbeats(st, quiet, func(id event.HostID) { told = append(told, id) }, func() { ledgers++ })
	h.Add(testHost, fleet.Heartbeat{Hostname: "a", Resident: 1})
	h.flush(t.Context())
	if h.Waiting() != 1 || len(told) != 0 {
		t.Errorf("a heartbeat that could not be written: %d wait, told %v", h.Waiting(), told)
	}
	st.fail = false
	h.flush(t.Context())
	h.Add(testHost, fleet.Heartbeat{Hostname: "a", Resident: 2})
	h.flush(t.Context())
	if len(told) != 1 || ledgers != 2 {
		t.Errorf("one change of what people see was told %d times, the ledger %d times", len(told), ledgers)
	}
	h.Add(testHost, fleet.Heartbeat{Hostname: "a", Features: []fleet.Feature{{Name: "audit", State: "failed"}}})
	h.flush(t.Context())
	if len(told) != 2 {
		t.Error("a feature that failed was not told")
	}
	got, err := st.Host(t.Context(), testHost)
	if err != nil || got.Heartbeat == nil || len(got.Heartbeat.Features) != 1 {
		t.Errorf("stored is %+v, %v", got.Heartbeat, err)
	}
}
