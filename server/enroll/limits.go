package enroll

import (
	"net/netip"
	"sync"
	"time"
)

// Refused requests that an address may make: at once, and then one in a while.
// Requests that are granted cost nothing, since a whole site may enrol from
// behind one address.
const (
	refusalsAtOnce = 20
	refusalEvery   = 6 * time.Second
	maxAddresses   = 10_000
)

// limits slow down who guesses. The zero value with a clock is ready.
type limits struct {
	now func() time.Time

	mu   sync.Mutex // guards what follows
	full map[netip.Prefix]time.Time
}

// For each network, full holds when its last refusal will be forgiven: a
// refusal moves it by refusalEvery, and a network is shut while it is further
// away than all that are allowed at once take.

// open reports whether addr may ask.
func (l *limits) open(addr string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.until(network(addr)).Sub(l.now()) <= (refusalsAtOnce-1)*refusalEvery
}

// refused notes that a request from addr was refused.
func (l *limits) refused(addr string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now, key := l.now(), network(addr)
	if l.full == nil {
		l.full = make(map[netip.Prefix]time.Time)
	}
	if _, known := l.full[key]; !known && len(l.full) >= maxAddresses {
		l.forget(now)
	}
	l.full[key] = l.until(key).Add(refusalEvery)
}

// until returns when the last refusal is forgiven, now at the earliest. A time
// further away than refusals can move it is of a clock that was stepped back.
func (l *limits) until(key netip.Prefix) time.Time {
	now, until := l.now(), l.full[key]
	if until.Before(now) || until.Sub(now) > (refusalsAtOnce+1)*refusalEvery {
		return now
	}
	return until
}

// forget drops who is forgiven; under an attack from more networks than are
// kept, everybody, which costs the attacker networks and us nothing.
func (l *limits) forget(now time.Time) {
	for key, until := range l.full {
		if until.Before(now) {
			delete(l.full, key)
		}
	}
	if len(l.full) >= maxAddresses {
		clear(l.full)
	}
}

// network returns what one peer commands: an IPv4 address or an IPv6 /64. What
// is no address shares one.
func network(addr string) netip.Prefix {
	ip, err := netip.ParseAddr(addr)
	if err != nil {
		ap, err := netip.ParseAddrPort(addr)
		if err != nil {
			return netip.Prefix{}
		}
		ip = ap.Addr()
	}
	ip = ip.Unmap().WithZone("")
	bits := 32
	if ip.Is6() {
		bits = 64
	}
	prefix, err := ip.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return prefix
}
