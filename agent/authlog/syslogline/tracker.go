package syslogline

import (
	"time"

	"github.com/holdfast-security/holdfast/event"
)

const (
	// Grace is how long an announced attempt waits for the line that counts.
	// PAM's delay after a wrong password is about 2 s; slow name servers add
	// to it.
	Grace = 30 * time.Second
	// maxAttempts bounds the processes remembered; sshd lets 10 to 100
	// unauthenticated connections in at a time (MaxStartups).
	maxAttempts = 4096
)

// attemptKey names a process that logs. pid is zero where the log has none:
// then all processes of a program share one state.
type attemptKey struct {
	host, service string
	pid           uint32
}

// attempt is what is known of the logging process's attempts.
type attempt struct {
	key     attemptKey
	pending *event.Event // announced, not counted yet
	modules []string     // PAM modules that reported the pending attempt
	since   time.Time    // of pending

	counted  uint32      // failures counted, for PAM's "N more"
	kbdint   bool        // "error: PAM:" counted the attempt that "Failed keyboard-interactive" repeats
	denied   bool        // the account exists but may not log on: sshd calls it invalid
	reported bool        // a logon was reported whose "session opened" is to come
	logon    event.Logon // of the logon, for the logoff
}

// tracker holds attempts in order of their first line; the oldest leaves
// first. It is emptied of nothing else: a process that is remembered too long
// costs a slot, not a wrong count, because pids return after thousands of
// others.
type tracker struct {
	byKey map[attemptKey]*attempt
	order []*attempt // oldest first, from head on
	head  int
	next  time.Time // no pending attempt expires before
}

func newTracker() tracker { return tracker{byKey: make(map[attemptKey]*attempt)} }

// get returns the state of a process, made when it is new. A pending attempt
// that has to leave for it is appended to dst.
func (t *tracker) get(dst []event.Event, key attemptKey) (*attempt, []event.Event) {
	if a := t.byKey[key]; a != nil {
		return a, dst
	}
	if len(t.byKey) >= maxAttempts {
		oldest := t.order[t.head]
		t.order[t.head] = nil
		t.head++
		dst = oldest.settle(dst)
		delete(t.byKey, oldest.key)
	}
	if t.head > maxAttempts {
		t.order = append([]*attempt(nil), t.order[t.head:]...)
		t.head = 0
	}
	a := &attempt{key: key}
	t.byKey[key] = a
	t.order = append(t.order, a)
	return a, dst
}

// expire settles what was announced longer than [Grace] before now.
func (t *tracker) expire(dst []event.Event, now time.Time) []event.Event {
	if t.next.IsZero() || now.Before(t.next) {
		return dst
	}
	return t.flush(dst, now.Add(-Grace))
}

// flush settles what was announced before the given time; zero means all.
func (t *tracker) flush(dst []event.Event, before time.Time) []event.Event {
	t.next = time.Time{}
	for _, a := range t.order[t.head:] {
		if a.pending == nil {
			continue
		}
		if before.IsZero() || a.since.Before(before) {
			dst = a.settle(dst)
			continue
		}
		t.wake(a.since.Add(Grace))
	}
	return dst
}

// announce makes e the pending attempt of a.
func (t *tracker) announce(a *attempt, e event.Event, modules ...string) {
	a.pending, a.since, a.modules = &e, e.Time, modules
	t.wake(e.Time.Add(Grace))
}

func (t *tracker) wake(at time.Time) {
	if t.next.IsZero() || at.Before(t.next) {
		t.next = at
	}
}

// settle counts the pending attempt, if there is one.
func (a *attempt) settle(dst []event.Event) []event.Event {
	if a.pending == nil {
		return dst
	}
	a.counted += a.pending.Repeats()
	dst = append(dst, *a.pending)
	a.drop()
	return dst
}

// drop forgets the pending attempt: another line counts it.
func (a *attempt) drop() { a.pending, a.modules = nil, nil }

// attempt returns the state of the process that logged the line.
func (c *context) attempt() *attempt {
	return c.attemptOf(c.service)
}

func (c *context) attemptOf(service string) *attempt {
	var a *attempt
	a, c.out = c.p.attempts.get(c.out, attemptKey{host: c.host, service: service, pid: c.pid})
	return a
}

// count appends a failure that replaces whatever was announced.
func (c *context) count(a *attempt, e event.Event) {
	a.drop()
	a.counted += e.Repeats()
	c.emit(e)
}

// settle counts what was announced for a.
func (c *context) settle(a *attempt) { c.out = a.settle(c.out) }
