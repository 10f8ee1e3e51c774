package stream

import (
	"context"
	"errors"
	"sync"
)

// errInterrupted says that the log was found to take nothing more while a frame
// was being written. Whether it is in the log is settled before the next one.
var errInterrupted = errors.New("the stream's log stopped taking frames")

// writes are the frames that are being written. JetStream answers none of them
// once a write has failed; without being interrupted each would wait in vain.
type writes struct {
	mu      sync.Mutex // guards what follows
	next    uint64
	cancels map[uint64]context.CancelCauseFunc
}

// begin returns a context for one write, to be ended with end.
func (w *writes) begin(ctx context.Context) (_ context.Context, end func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cancels == nil {
		w.cancels = make(map[uint64]context.CancelCauseFunc)
	}
	w.next++
	id := w.next
	w.cancels[id] = cancel
	return ctx, func() {
		cancel(nil)
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.cancels, id)
	}
}

// interrupt ends the writes that are under way.
func (w *writes) interrupt() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, cancel := range w.cancels {
		cancel(errInterrupted)
	}
}
