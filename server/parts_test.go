package server

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/holdfast-security/holdfast/api"
)

var quiet = slog.New(slog.DiscardHandler)

// keptThings counts down what is old.
type keptThings struct {
	alerts, entries, incidents int
	before                     []time.Time
	err                        error
}

func (k *keptThings) DropAlerts(_ context.Context, before time.Time, limit int) (int, error) {
	k.before = append(k.before, before)
	n := min(k.alerts, limit)
	k.alerts -= n
	return n, k.err
}

func (k *keptThings) DropIncidents(_ context.Context, before time.Time, limit int) (int, error) {
	k.before = append(k.before, before)
	n := min(k.incidents, limit)
	k.incidents -= n
	return n, nil
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
	k := &keptThings{alerts: 2*dropBatch + 1, entries: 3, incidents: dropBatch + 7}
	m := &maintenance{log: quiet, state: k, events: k, settings: func() api.Retention { return api.Retention{Events: 7, Alerts: 90, Audit: 365} }}
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	m.once(t.Context(), now)
	if k.alerts != 0 || k.entries != 0 || k.incidents != 0 {
		t.Errorf("%d alerts, %d incidents and %d entries are left", k.alerts, k.incidents, k.entries)
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
