package agent

import (
	"sync"
	"time"

	"github.com/holdfast-security/holdfast/event"
)

// Bounds of the queue between sensors and pipeline. A full queue drops the
// newest events and counts them: what is already queued is older and is
// likelier to be the cause of what follows.
const (
	defaultQueueEvents = 1 << 16
	defaultQueueBytes  = 64 << 20
)

// queued is an event on its way to the pipeline.
type queued struct {
	event   event.Event
	arrived time.Time
	size    int
}

// The consumer is woken at most this often, unless much waits: it comes by
// itself soon after it took something.
const (
	signalEvery = 30 * time.Millisecond // below the nap of a busy sensor, so that one sensor's batches each wake it
	signalFull  = 1024                  // events
)

// queue is the bounded hand-over from all sensors to the one pipeline
// goroutine.
type queue struct {
	maxEvents, maxBytes int
	ready               chan struct{} // capacity 1; holds a token when the consumer should come

	mu    sync.Mutex // guards the rest
	items []queued
	bytes int
	taken time.Time // when the consumer last took something; zero when it will not come by itself
}

func newQueue(maxEvents, maxBytes int) *queue {
	return &queue{maxEvents: maxEvents, maxBytes: maxBytes, ready: make(chan struct{}, 1)}
}

// put appends what fits and returns how many events did not. now has a
// monotonic reading.
func (q *queue) put(events []event.Event, now time.Time) (dropped int) {
	q.mu.Lock()
	for i := range events {
		size := Weight(&events[i])
		if len(q.items) >= q.maxEvents || q.bytes+size > q.maxBytes {
			dropped++
			continue
		}
		q.items = append(q.items, queued{event: events[i], arrived: now, size: size})
		q.bytes += size
	}
	signal := len(q.items) >= signalFull || now.Sub(q.taken) >= signalEvery
	q.mu.Unlock()
	if signal {
		select {
		case q.ready <- struct{}{}:
		default:
		}
	}
	return dropped
}

// len returns how many events wait.
func (q *queue) len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.items)
}

// take copies everything queued to the end of dst and empties the queue. A
// consumer that takes something comes again within a moment, without a signal.
func (q *queue) take(dst []queued, now time.Time) []queued {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.taken = time.Time{}
	if len(q.items) > 0 {
		q.taken = now
	}
	dst = append(dst, q.items...)
	clear(q.items)
	q.items, q.bytes = q.items[:0], 0
	return dst
}

// Weight estimates the bytes that an event keeps in memory. It counts what a
// hostile process can make large and charges a flat price for the rest.
func Weight(e *event.Event) int {
	n := 512 + len(e.Message)
	if p := e.Process; p != nil {
		n += 512 + 2*len(p.CommandLine) + 16*len(p.Arguments) + len(p.Directory)
	}
	if f := e.File; f != nil {
		n += len(f.Path) + len(f.NewPath)
	}
	for _, r := range e.Records {
		n += 64
		for _, f := range r.Fields {
			n += 32 + len(f.Name) + len(f.Value)
		}
	}
	return n
}
