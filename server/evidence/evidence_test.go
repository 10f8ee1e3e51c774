package evidence

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/store"
)

// failing is telemetry that returns one event, and an error beside it.
type failing struct{ err error }

func (f failing) Events(context.Context, store.EventFilter) (store.List[event.Event], error) {
	return store.List[event.Event]{Items: []event.Event{{Message: "whole"}}}, f.err
}

func (f failing) ScanEvents(context.Context, store.EventScan) (store.Scanned, error) {
	return store.Scanned{Read: 1, Parts: 2}, f.err
}

// TestHuntsTellOfDamage holds that whoever scans is told, and the condition says
// it to everybody.
func TestHuntsTellOfDamage(t *testing.T) {
	r := New(failing{}, slog.New(slog.DiscardHandler))
	if _, err := r.ScanEvents(t.Context(), store.EventScan{}); err != nil || len(r.Conditions()) != 0 {
		t.Errorf("whole telemetry: %v, %v", err, r.Conditions())
	}
	r.events = failing{fmt.Errorf("%w; segment x", store.ErrPartial)}
	done, err := r.ScanEvents(t.Context(), store.EventScan{})
	if !errors.Is(err, store.ErrPartial) || done.Read != 1 {
		t.Errorf("damaged telemetry: %+v, %v", done, err)
	}
	if got := r.Conditions(); len(got) != 1 || !strings.Contains(got[0].Text, "segment x") {
		t.Errorf("conditions: %+v", got)
	}
	r = New(failing{errors.New("other")}, slog.New(slog.DiscardHandler))
	if _, err := r.ScanEvents(t.Context(), store.EventScan{}); err == nil || len(r.Conditions()) != 0 {
		t.Errorf("another error: %v, %v", err, r.Conditions())
	}
}

func TestDamagedTelemetryHidesNothingElse(t *testing.T) {
	r := New(failing{}, slog.New(slog.DiscardHandler))
	if _, err := r.Events(t.Context(), store.EventFilter{}); err != nil || len(r.Conditions()) != 0 {
		t.Errorf("whole telemetry: %v, %v", err, r.Conditions())
	}
	r.events = failing{fmt.Errorf("%w; segment x", store.ErrPartial)}
	list, err := r.Events(t.Context(), store.EventFilter{})
	if err != nil || len(list.Items) != 1 {
		t.Errorf("damaged telemetry: %+v, %v", list, err)
	}
	got := r.Conditions()
	if len(got) != 1 || got[0].Code != "telemetry_damaged" || !strings.Contains(got[0].Text, "segment x") {
		t.Errorf("conditions: %+v", got)
	}
	r.met = r.met.Add(-remembered - time.Hour)
	if got := r.Conditions(); len(got) != 0 {
		t.Errorf("conditions of long ago: %+v", got)
	}
	other := errors.New("other")
	r.events = failing{other}
	if _, err := r.Events(t.Context(), store.EventFilter{}); !errors.Is(err, other) {
		t.Errorf("another error: %v", err)
	}
}
