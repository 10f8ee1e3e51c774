package syslogline

import (
	"encoding/binary"
	"hash/maphash"
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
	hash    uint64
	next    *attempt     // in the tracker's list of that hash
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
//
// It is a table of its own because of the oldest that leaves: on a busy log that
// happens with each process, and a map takes longer to forget one than to find it.
type tracker struct {
	seed   maphash.Seed
	text   []byte     // of the key that is hashed
	lists  []*attempt // by hash; as many as a power of two
	ring   []*attempt // by age, from oldest on
	oldest int
	next   time.Time // no pending attempt expires before
}

func newTracker() tracker { return tracker{seed: maphash.MakeSeed(), lists: make([]*attempt, 16)} }

// hash returns a number that a host cannot choose.
func (t *tracker) hash(key *attemptKey) uint64 {
	t.text = binary.LittleEndian.AppendUint32(t.text[:0], key.pid)
	t.text = append(append(append(t.text, key.service...), 0), key.host...)
	return maphash.Bytes(t.seed, t.text)
}

// list returns the list of those with a hash.
func (t *tracker) list(hash uint64) **attempt { return &t.lists[hash%uint64(len(t.lists))] }

// find returns the state of a process, or nil.
func (t *tracker) find(key attemptKey) *attempt { return t.known(t.hash(&key), &key) }

func (t *tracker) known(hash uint64, key *attemptKey) *attempt {
	for a := *t.list(hash); a != nil; a = a.next {
		if a.hash == hash && a.key == *key {
			return a
		}
	}
	return nil
}

// get returns the state of a process, made when it is new. A pending attempt
// that has to leave for it is appended to dst; what was returned for it before is
// used again.
func (t *tracker) get(dst []event.Event, key attemptKey) (*attempt, []event.Event) {
	hash := t.hash(&key)
	if a := t.known(hash, &key); a != nil {
		return a, dst
	}
	var a *attempt
	if len(t.ring) < maxAttempts {
		a = new(attempt)
		t.ring = append(t.ring, a)
		t.grow()
	} else {
		a = t.ring[t.oldest]
		t.oldest = (t.oldest + 1) % len(t.ring)
		dst = a.settle(dst)
		t.remove(a)
	}
	*a = attempt{key: key, hash: hash}
	t.insert(a)
	return a, dst
}

func (t *tracker) insert(a *attempt) {
	list := t.list(a.hash)
	a.next, *list = *list, a
}

func (t *tracker) remove(a *attempt) {
	at := t.list(a.hash)
	for *at != a {
		at = &(*at).next
	}
	*at = a.next
}

// grow makes twice as many lists as there are attempts. The newest is in none
// yet.
func (t *tracker) grow() {
	if 2*len(t.ring) <= len(t.lists) {
		return
	}
	t.lists = make([]*attempt, 2*len(t.lists))
	for _, a := range t.ring[:len(t.ring)-1] {
		t.insert(a)
	}
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
	for _, half := range [][]*attempt{t.ring[t.oldest:], t.ring[:t.oldest]} {
		for _, a := range half {
			switch {
			case a.pending == nil:
			case before.IsZero() || a.since.Before(before):
				dst = a.settle(dst)
			default:
				t.wake(a.since.Add(Grace))
			}
		}
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
	a, c.out = c.p.attempts.get(c.out, c.key(service))
	return a
}

func (c *context) key(service string) attemptKey {
	return attemptKey{host: c.host, service: service, pid: c.pid}
}

// count appends a failure that replaces whatever was announced.
func (c *context) count(a *attempt, e event.Event) {
	a.drop()
	a.counted += e.Repeats()
	c.emit(e)
}

// settle counts what was announced for a.
func (c *context) settle(a *attempt) { c.out = a.settle(c.out) }
