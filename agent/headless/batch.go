package headless

import (
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/holdfast-security/holdfast/agent"
	"github.com/holdfast-security/holdfast/agent/spool"
	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/fleet"
)

// Bounds of a batch, which becomes a frame. It is cut when it holds enough, and
// otherwise so soon that an alert is not late.
const (
	cutEvery   = 100 * time.Millisecond
	cutEvents  = 1000
	cutBytes   = 256 << 10
	heldEvents = 16 << 10 // while the disk is slow; what comes then is dropped
	heldBytes  = 32 << 20
)

// sink is where batches go: the spool.
type sink interface {
	Append(events []*event.Event) (dropped int, err error)
	AddDropped(why fleet.Reason, n uint64)
}

// batcher gathers events for the spool, so that the pipeline never waits for
// the disk. Make it with newBatcher.
type batcher struct {
	sink  sink
	log   *slog.Logger
	wake  chan struct{} // holds a token when a batch was begun or is large enough
	stop  chan struct{} // closed by close
	ended chan struct{} // closed when the cutting goroutine has ended

	mu     sync.Mutex // guards what follows
	events []*event.Event
	bytes  int
}

func newBatcher(to sink, log *slog.Logger) *batcher {
	b := &batcher{sink: to, log: log, wake: make(chan struct{}, 1), stop: make(chan struct{}), ended: make(chan struct{})}
	go b.run()
	return b
}

// handle takes events from the pipeline and never blocks.
func (b *batcher) handle(events []*event.Event) {
	b.mu.Lock()
	began, dropped := len(b.events) == 0, 0
	for _, e := range events {
		size := agent.Weight(e)
		if len(b.events) >= heldEvents || b.bytes+size > heldBytes {
			dropped++
			continue
		}
		b.events = append(b.events, e)
		b.bytes += size
	}
	due := began || b.enough()
	b.mu.Unlock()
	if dropped > 0 {
		b.sink.AddDropped(fleet.QueueFull, uint64(dropped))
	}
	if due {
		select {
		case b.wake <- struct{}{}:
		default:
		}
	}
}

// enough reports whether the batch is to be cut at once. It needs mu.
func (b *batcher) enough() bool { return len(b.events) >= cutEvents || b.bytes >= cutBytes }

func (b *batcher) full() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.enough()
}

// run cuts batches until close. The first event after a pause goes at once.
func (b *batcher) run() {
	defer close(b.ended)
	var last time.Time
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-b.stop:
			b.cut()
			return
		case <-b.wake:
			if wait := cutEvery - time.Since(last); wait > 0 && !b.full() {
				timer.Reset(wait)
				continue
			}
		case <-timer.C:
		}
		if b.cut() {
			last = time.Now()
		}
	}
}

// cut writes the batch to the spool and reports whether there was any.
func (b *batcher) cut() bool {
	b.mu.Lock()
	events := b.events
	b.events, b.bytes = nil, 0
	b.mu.Unlock()
	if len(events) == 0 {
		return false
	}
	if dropped, err := b.sink.Append(events); err != nil && !errors.Is(err, spool.ErrFull) { // the spool says itself when it is full
		b.log.Error("events cannot be kept", "dropped", dropped, "error", err)
	}
	return true
}

// close writes what is held and returns when it is in the spool. Nothing may be
// handed over any more.
func (b *batcher) close() {
	close(b.stop)
	<-b.ended
}
