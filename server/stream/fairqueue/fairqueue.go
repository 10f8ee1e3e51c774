// Package fairqueue holds the messages of many hosts that wait to be worked on,
// so that none of them delays another by more than its turn, whatever it sends.
package fairqueue

import (
	"sync"

	"github.com/holdfast-security/holdfast/event"
)

// Queue holds messages, each host's in a line of its own. Lines take turns, one message at a time, and a
// line is worked on by one worker at a time, so that a host's messages keep
// their order and no host delays another by more than its turn.
//
// A line is bounded in messages and bytes; all lines together are in bytes. A
// line may take at most half of what is free over all, so that something stays
// free for hosts that come late, however many others flood. A Queue may be used
// from any goroutine; make it with [New].
type Queue[T any] struct {
	limits Limits
	size   func(T) int

	mu      sync.Mutex // guards what follows
	wake    *sync.Cond
	lines   map[event.HostID]*line[T]
	ready   []*line[T] // with messages and without a worker, in turn
	used    int64
	waiting int
	closed  bool
}

// Limits bound a queue.
type Limits struct {
	HostMessages int   // of one host
	HostBytes    int64 // of one host
	AllBytes     int64 // of all hosts
}

// line is what waits of one host.
type line[T any] struct {
	host    event.HostID
	waiting []T
	bytes   int64
	worked  bool // a worker has a message of it
}

// New returns an empty queue. Size returns the bytes of a message; it has to
// return the same each time.
func New[T any](limits Limits, size func(T) int) *Queue[T] {
	q := &Queue[T]{limits: limits, size: size, lines: make(map[event.HostID]*line[T])}
	q.wake = sync.NewCond(&q.mu)
	return q
}

// Push puts a message at the end of its host's line, or returns false when
// there is no room for it. It never blocks.
func (q *Queue[T]) Push(host event.HostID, msg T) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	size := int64(q.size(msg))
	l := q.lines[host]
	if l == nil {
		l = &line[T]{host: host}
	}
	if q.closed || len(l.waiting) >= q.limits.HostMessages || l.bytes+size > min(q.limits.HostBytes, (q.limits.AllBytes-q.used)/2) {
		return false
	}
	q.lines[host] = l
	l.waiting = append(l.waiting, msg)
	l.bytes += size
	q.used += size
	q.waiting++
	if len(l.waiting) == 1 && !l.worked {
		q.ready = append(q.ready, l)
		q.wake.Signal()
	}
	return true
}

// Pop returns the next message, and blocks until there is one. After Close it
// returns what is left and then false. The host is this worker's until Done.
func (q *Queue[T]) Pop() (_ event.HostID, msg T, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.ready) == 0 {
		if q.closed {
			return "", msg, false
		}
		q.wake.Wait()
	}
	l := q.ready[0]
	q.ready[0] = nil
	q.ready = q.ready[1:]
	msg = l.waiting[0]
	l.waiting[0] = *new(T)
	l.waiting = l.waiting[1:]
	l.worked = true
	q.waiting--
	return l.host, msg, true
}

// Done says that the worker has finished with the message it popped, which
// held its bytes until now.
func (q *Queue[T]) Done(host event.HostID, msg T) {
	q.mu.Lock()
	defer q.mu.Unlock()
	l := q.lines[host]
	l.bytes -= int64(q.size(msg))
	q.used -= int64(q.size(msg))
	l.worked = false
	if len(l.waiting) == 0 {
		delete(q.lines, host)
		return
	}
	q.ready = append(q.ready, l)
	q.wake.Signal()
}

// Close refuses new messages and lets Pop return false when none is left.
func (q *Queue[T]) Close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.wake.Broadcast()
}

// Size returns the messages that wait and the bytes held.
func (q *Queue[T]) Size() (messages int, bytes int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.waiting, q.used
}
