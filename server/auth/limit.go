package auth

import (
	"net/netip"
	"sync"
	"time"

	"github.com/holdfast-security/holdfast/account"
)

// allowance is how often one may fail before one has to wait, and how long at
// most: the wait begins at a second and doubles with each failure.
type allowance struct {
	free int
	most time.Duration
}

// Allowances. An account is not closed for longer than a minute, because
// anyone can fail for it; an address answers for itself.
var (
	perAccount = allowance{free: 5, most: time.Minute}
	perAddress = allowance{free: 20, most: 15 * time.Minute}
)

// Bounds of what is remembered.
const (
	maxRemembered = 10_000    // accounts, addresses, and pairs of them
	forgetAfter   = time.Hour // without a failure
)

// limits slow down those who guess. Whoever was let into an account before has
// an allowance of their own with it, so that strangers cannot keep the owner
// out. Everything is in memory: a restart forgets.
type limits struct {
	now func() time.Time

	mu      sync.Mutex // guards what follows
	failed  map[string]failures
	trusted map[string]time.Time // account and address that were let in, and when
}

type failures struct {
	count int
	last  time.Time
}

func newLimits(now func() time.Time) *limits {
	return &limits{now: now, failed: make(map[string]failures), trusted: make(map[string]time.Time)}
}

// attempt counts an attempt as failed before it is made, so that many at once
// are no way around, or says how long to wait. [limits.succeed] takes it back.
func (l *limits) attempt(name string, from netip.Addr) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	keys := l.keys(name, from)
	for _, k := range keys {
		if wait := l.wait(k); wait > 0 {
			return &account.ThrottledError{After: wait}
		}
	}
	for _, k := range keys {
		l.count(k.name)
	}
	return nil
}

// succeed forgets the failures of the account and takes back that of the
// address.
func (l *limits) succeed(name string, from netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	keys := l.keys(name, from)
	delete(l.failed, keys[0].name)
	if len(keys) > 1 {
		f := l.failed[keys[1].name]
		f.count = max(f.count-1, 0)
		l.failed[keys[1].name] = f
	}
	if from.IsValid() {
		makeRoom(l.trusted, func(t time.Time) time.Time { return t })
		l.trusted[pair(name, from)] = l.now()
	}
}

// key is what failures are counted for.
type key struct {
	name string
	allowance
}

// keys returns what an attempt counts for; the caller holds the mutex.
func (l *limits) keys(name string, from netip.Addr) []key {
	forAccount := "account " + name
	if _, ok := l.trusted[pair(name, from)]; ok && from.IsValid() {
		forAccount = "account " + pair(name, from)
	}
	keys := []key{{forAccount, perAccount}}
	if from.IsValid() {
		keys = append(keys, key{"address " + network(from), perAddress})
	}
	return keys
}

// network returns what counts as one address: of IPv6 the /64, which one
// customer has whole.
func network(a netip.Addr) string {
	a = a.Unmap()
	if a.Is4() {
		return a.String()
	}
	return netip.PrefixFrom(a.WithZone(""), 64).Masked().String()
}

func pair(name string, from netip.Addr) string { return name + " " + from.Unmap().String() }

func (l *limits) wait(k key) time.Duration {
	f := l.failed[k.name]
	if f.count < k.free {
		return 0
	}
	delay := k.most
	if doublings := f.count - k.free; doublings < 20 {
		delay = min(time.Second<<doublings, k.most)
	}
	return f.last.Add(delay).Sub(l.now())
}

func (l *limits) count(name string) {
	now := l.now()
	f := l.failed[name]
	if now.Sub(f.last) > forgetAfter {
		f = failures{}
	}
	if f.count == 0 {
		makeRoom(l.failed, func(f failures) time.Time { return f.last })
	}
	l.failed[name] = failures{count: f.count + 1, last: now}
}

// makeRoom removes an old entry, of a few looked at, where the map is full.
// The few are whichever the map yields, which it does in random order.
func makeRoom[V any](m map[string]V, at func(V) time.Time) {
	if len(m) < maxRemembered {
		return
	}
	var oldest string
	var when time.Time
	looked := 0
	for name, v := range m {
		if t := at(v); oldest == "" || t.Before(when) {
			oldest, when = name, t
		}
		if looked++; looked == 16 {
			break
		}
	}
	delete(m, oldest)
}
