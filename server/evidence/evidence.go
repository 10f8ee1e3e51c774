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

// Reader reads telemetry. Make it with [New]; it may be used from any goroutine.
type Reader struct {
	events store.Events
	log    *slog.Logger

	mu   sync.Mutex // guards what follows
	text string     // what was damaged last, "" for nothing
	met  time.Time
}

var _ store.Events = (*Reader)(nil)

// New returns a reader of events, whose lists may come with an error that wraps
// [store.ErrPartial].
func New(events store.Events, log *slog.Logger) *Reader { return &Reader{events: events, log: log} }

// Events implements [store.Events]. It never returns [store.ErrPartial].
func (r *Reader) Events(ctx context.Context, f store.EventFilter) (store.List[event.Event], error) {
	list, err := r.events.Events(ctx, f)
	if !errors.Is(err, store.ErrPartial) {
		return list, err
	}
	r.note(ctx, err)
	return list, nil
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
		Text: "Lists of events are not whole: " + r.text + ". Bring the files back from a backup, into the segments folder of the data directory.",
	}}
}
