package hosts

import (
	"slices"
	"sync"
	"time"

	"github.com/holdfast-security/holdfast/event"
)

const (
	clockSamples = 3
	// clockWorth is from which difference on clocks count as different:
	// heartbeats take a little to arrive, and order within a host must not
	// change with that.
	clockWorth = 2 * time.Second
	clockLimit = 400 * 24 * time.Hour // beyond it a clock was never set
)

// Clocks know how far the clocks of hosts are from the server's, by what
// their heartbeats say the time is. A heartbeat that was under way for long is
// outvoted by those before and after it. The zero value is ready; it is safe for
// concurrent use.
type Clocks struct {
	mu    sync.Mutex // guards hosts
	hosts map[event.HostID]*clock
}

// clock is that of one host.
type clock struct {
	samples []time.Duration // latest, oldest first: ahead of the server's
	ahead   time.Duration   // in use
}

// Note takes that a host said it was claimed when it was heard, by the server's
// clock.
func (c *Clocks) Note(host event.HostID, claimed, heard time.Time) {
	sample := claimed.Sub(heard)
	if claimed.IsZero() || sample.Abs() > clockLimit {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	k := c.hosts[host]
	if k == nil {
		if c.hosts == nil {
			c.hosts = make(map[event.HostID]*clock)
		}
		k = &clock{}
		c.hosts[host] = k
	}
	if len(k.samples) == clockSamples {
		k.samples = slices.Delete(k.samples, 0, 1)
	}
	k.samples = append(k.samples, sample)
	// The middle one; of two the later, for a delay makes a clock look behind.
	sorted := slices.Sorted(slices.Values(k.samples))
	if middle := sorted[len(sorted)/2]; (middle - k.ahead).Abs() >= clockWorth {
		k.ahead = middle
	}
}

// Ahead returns how far the clock of a host is ahead of the server's, negative
// where it is behind; zero where they agree within seconds, and where that is not
// known.
func (c *Clocks) Ahead(host event.HostID) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if k := c.hosts[host]; k != nil {
		return k.ahead
	}
	return 0
}
