package stream

import (
	"sync"

	"github.com/nats-io/nats.go"

	"github.com/holdfast-security/holdfast/event"
)

// fairQueue holds the messages of all hosts that wait to be worked on, each
// host's in a line of its own. Lines take turns, one message at a time, and a
// line is worked on by one worker at a time, so that a host's messages keep
// their order and no host delays another by more than its turn.
//
// A line is bounded in messages and bytes; all lines together are in bytes. A
// line may take at most half of what is free over all, so that something stays
// free for hosts that come late, however many others flood.
type fairQueue struct {
	perHost      int   // messages
	perHostBytes int64 //
	allBytes     int64

	mu      sync.Mutex // guards what follows
	wake    *sync.Cond
	lines   map[event.HostID]*line
	ready   []*line // with messages and without a worker, in turn
	used    int64
	waiting int
	closed  bool
}

// line is what waits of one host.
type line struct {
	host    event.HostID
	waiting []*nats.Msg
	bytes   int64
	worked  bool // a worker has a message of it
}

func newFairQueue(perHost int, perHostBytes, allBytes int64) *fairQueue {
	q := &fairQueue{perHost: perHost, perHostBytes: perHostBytes, allBytes: allBytes, lines: make(map[event.HostID]*line)}
	q.wake = sync.NewCond(&q.mu)
	return q
}

// push puts a message at the end of its host's line, or returns false when
// there is no room for it. It never blocks.
func (q *fairQueue) push(host event.HostID, msg *nats.Msg) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	size := int64(len(msg.Data))
	l := q.lines[host]
	if l == nil {
		l = &line{host: host}
	}
	if q.closed || len(l.waiting) >= q.perHost || l.bytes+size > min(q.perHostBytes, (q.allBytes-q.used)/2) {
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

// pop returns the next message, and blocks until there is one. After close it
// returns what is left and then false. The host is this worker's until done.
func (q *fairQueue) pop() (event.HostID, *nats.Msg, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.ready) == 0 {
		if q.closed {
			return "", nil, false
		}
		q.wake.Wait()
	}
	l := q.ready[0]
	q.ready[0] = nil
	q.ready = q.ready[1:]
	msg := l.waiting[0]
	l.waiting[0] = nil
	l.waiting = l.waiting[1:]
	l.worked = true
	q.waiting--
	return l.host, msg, true
}

// done says that the worker has finished with the message it popped, which
// held its bytes until now.
func (q *fairQueue) done(host event.HostID, msg *nats.Msg) {
	q.mu.Lock()
	defer q.mu.Unlock()
	l := q.lines[host]
	l.bytes -= int64(len(msg.Data))
	q.used -= int64(len(msg.Data))
	l.worked = false
	if len(l.waiting) == 0 {
		delete(q.lines, host)
		return
	}
	q.ready = append(q.ready, l)
	q.wake.Signal()
}

// close refuses new messages and lets pop return false when none is left.
func (q *fairQueue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.wake.Broadcast()
}

// size returns the messages that wait and the bytes held.
func (q *fairQueue) size() (messages int, bytes int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.waiting, q.used
}
