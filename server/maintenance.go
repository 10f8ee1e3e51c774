package server

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/holdfast-security/holdfast/api"
)

const (
	maintainEvery = 10 * time.Minute
	dropBatch     = 500 // rows of the database removed in one step, so that others get their turn
)

// maintained is what retention and compaction work on.
type maintained interface {
	DropAlerts(ctx context.Context, before time.Time, limit int) (int, error)
	DropIncidents(ctx context.Context, before time.Time, limit int) (int, error)
	DropEntries(ctx context.Context, before time.Time, limit int) (int, error)
}

// keptEvents is the telemetry as maintenance sees it.
type keptEvents interface {
	// DropBefore removes the segments all of whose events are older.
	DropBefore(ctx context.Context, before time.Time) (int, error)
	// Compact joins small segments.
	Compact(ctx context.Context) (int, error)
}

// maintenance removes what is older than the settings say and joins small
// segments.
type maintenance struct {
	log      *slog.Logger
	state    maintained
	events   keptEvents
	settings func() api.Retention
	wake     chan struct{} // holds one when settings changed
}

// run works until ctx ends: at once, when the settings change, and every few
// minutes.
func (m *maintenance) run(ctx context.Context) {
	tick := time.NewTicker(maintainEvery)
	defer tick.Stop()
	for {
		m.once(ctx, time.Now())
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-m.wake:
		}
	}
}

// soon lets run work at once.
func (m *maintenance) soon() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// once does everything that is due at now. A part that fails is said, and the
// others go on.
func (m *maintenance) once(ctx context.Context, now time.Time) {
	keep := m.settings()
	ago := func(days int) time.Time { return now.UTC().AddDate(0, 0, -days) }
	for _, part := range []struct {
		what string
		do   func() (int, error)
	}{
		{"remove old events", func() (int, error) { return m.events.DropBefore(ctx, ago(keep.Events)) }},
		{"remove old alerts", func() (int, error) { return drain(ctx, ago(keep.Alerts), m.state.DropAlerts) }},
		{"remove old incidents", func() (int, error) { return drain(ctx, ago(keep.Alerts), m.state.DropIncidents) }},
		{"remove old entries of the audit log", func() (int, error) { return drain(ctx, ago(keep.Audit), m.state.DropEntries) }},
		{"join small segments", func() (int, error) { return m.events.Compact(ctx) }},
	} {
		n, err := part.do()
		if err != nil {
			m.complain(ctx, part.what, err)
		} else if n > 0 {
			m.log.Info("maintenance", "did", part.what, "count", n)
		}
	}
}

func (m *maintenance) complain(ctx context.Context, what string, err error) {
	if ctx.Err() == nil {
		m.log.Error("maintenance failed; it is tried again", "cannot", what, "error", err)
	}
}

// drain removes rows until none is left.
func drain(ctx context.Context, before time.Time, drop func(context.Context, time.Time, int) (int, error)) (int, error) {
	total := 0
	for {
		n, err := drop(ctx, before, dropBatch)
		total += n
		if err != nil {
			return total, fmt.Errorf("after %d: %w", total, err)
		}
		if n < dropBatch {
			return total, nil
		}
	}
}
