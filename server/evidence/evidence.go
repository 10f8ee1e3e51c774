// Package evidence is the telemetry as people read it. A segment that cannot be
// read does not hide all others: what can be read is returned, and the reader
// remembers for a while what cannot.
package evidence

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/fleet"
	"github.com/holdfast-security/holdfast/store"
)

// remembered is how long damage is told of after it was met last. Retention
// removes what nobody mends.
const remembered = 24 * time.Hour

// Telemetry is what is read. Lists and scans may come with an error that wraps
// [store.ErrPartial].
type Telemetry interface {
	store.Events
	store.EventScanner
}

// Reader reads telemetry. Make it with [New]; it may be used from any goroutine.
type Reader struct {
	events Telemetry
	log    *slog.Logger

	mu   sync.Mutex // guards what follows
	text string     // what was damaged last, "" for nothing
	met  time.Time
}

var _ Telemetry = (*Reader)(nil)

// New returns a reader of events.
func New(events Telemetry, log *slog.Logger) *Reader { return &Reader{events: events, log: log} }

// Events implements [store.Events]. It never returns [store.ErrPartial].
func (r *Reader) Events(ctx context.Context, f store.EventFilter) (store.List[event.Event], error) {
	list, err := r.events.Events(ctx, f)
	if !errors.Is(err, store.ErrPartial) {
		return list, err
	}
	r.note(ctx, err)
	return list, nil
}

// ScanEvents implements [store.EventScanner]. An error that wraps
// [store.ErrPartial] is remembered and returned.
func (r *Reader) ScanEvents(ctx context.Context, scan store.EventScan) (store.Scanned, error) {
	done, err := r.events.ScanEvents(ctx, scan)
	if errors.Is(err, store.ErrPartial) {
		r.note(ctx, err)
	}
	return done, err
}

func (r *Reader) note(ctx context.Context, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.text != err.Error() {
		r.log.ErrorContext(ctx, "telemetry is damaged", "error", err)
	}
	r.text, r.met = err.Error(), time.Now()
}

// Conditions returns what is damaged, with what to do about it; empty for
// nothing.
func (r *Reader) Conditions() []fleet.Warning {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.text == "" || time.Since(r.met) > remembered {
		return nil
	}
	return []fleet.Warning{{
		Code: "telemetry_damaged",
		Text: "Lists of events and hunts are not whole: " + r.text + ". Bring the files back from a backup, into the segments folder of the data directory.",
	}}
}
