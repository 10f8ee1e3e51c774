package correlate

import (
	"context"
	"io"
	"time"

	"github.com/holdfast-security/holdfast/incident"
	"github.com/holdfast-security/holdfast/incident/saved"
)

// writing is a snapshot on its way into the database.
type writing struct {
	step    int64
	journal int64 // bytes that are superfluous with it
	began   time.Time
	held    time.Duration // for how long alerts waited
	size    int64         // of what was written
	done    chan error    // holds one when it has ended
}

// beginSnapshot stores the engine's state while alerts are joined on: they
// wait only while it is copied. There is one at a time.
func (c *Correlator) beginSnapshot(ctx context.Context) {
	w := &writing{step: c.at.Step, journal: c.journal, began: time.Now(), done: make(chan error, 1)}
	state := c.engine.Freeze()
	w.held = time.Since(w.began)
	c.writing = w
	go func() { w.done <- c.write(ctx, w, state) }()
}

func (c *Correlator) write(ctx context.Context, w *writing, state *saved.State) error {
	data, err := squeeze(func(out io.Writer) error {
		return incident.WriteFrozen(state, writerFunc(func(p []byte) (int, error) {
			if err := ctx.Err(); err != nil {
				return 0, err
			}
			return out.Write(p)
		}))
	})
	if err != nil {
		return err
	}
	w.size = int64(len(data))
	return c.cfg.State.SaveSnapshot(ctx, w.step, data)
}

// writerFunc is a function that is an [io.Writer].
type writerFunc func([]byte) (int, error)

// Write implements [io.Writer].
func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// endSnapshot notes that the snapshot that was begun is stored, if it is, or
// waits until then. An error is that of storing it.
func (c *Correlator) endSnapshot(wait bool) error {
	w := c.writing
	if w == nil || !wait && len(w.done) == 0 {
		return nil
	}
	err := <-w.done
	c.writing = nil
	if err != nil {
		return err
	}
	c.at.Snapshot, c.snapshot, c.journal = w.step, w.size, c.journal-w.journal
	c.stats.snapshotTaken(w)
	return nil
}

// takeSnapshot stores the engine's state as it is now, and waits for it.
func (c *Correlator) takeSnapshot(ctx context.Context) error {
	if err := c.endSnapshot(true); err != nil {
		return err
	}
	c.beginSnapshot(ctx)
	return c.endSnapshot(true)
}
