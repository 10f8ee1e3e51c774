package hosts

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/fleet"
	"github.com/holdfast-security/holdfast/store"
)

const (
	beatEvery = 5 * time.Second // between writes of heartbeats
	// silentAfter is without a heartbeat for how long a host counts as
	// silent, so that the next one is news.
	silentAfter = 3 * time.Minute
)

// Heartbeats gathers what agents say of themselves and writes it in batches:
// thousands of hosts are one transaction every few seconds. Between two
// batches only the latest of a host counts. It is safe for concurrent use.
type Heartbeats struct {
	state  store.Hosts
	log    *slog.Logger
	told   func(event.HostID) // of hosts about which something changed that people see
	ledger func()             // told after each batch
	// Every is the time between writes, 5 seconds; it must not change while
	// Run runs.
	Every time.Duration

	clocks Clocks

	mu     sync.Mutex // guards what follows
	due    map[event.HostID]fleet.Heartbeat
	last   map[event.HostID]fleet.Heartbeat
	heard  map[event.HostID]time.Time
	failed bool
}

// NewHeartbeats returns a gatherer that writes to state. Told is called with
// hosts about which something changed that people see, ledger after each write;
// neither must block.
func NewHeartbeats(state store.Hosts, log *slog.Logger, told func(event.HostID), ledger func()) *Heartbeats {
	return &Heartbeats{
		state: state, log: log, told: told, ledger: ledger, Every: beatEvery, due: make(map[event.HostID]fleet.Heartbeat),
		last: make(map[event.HostID]fleet.Heartbeat), heard: make(map[event.HostID]time.Time),
	}
}

// Add takes the heartbeat of a host.
func (h *Heartbeats) Add(host event.HostID, beat fleet.Heartbeat) {
	h.clocks.Note(host, beat.Time, time.Now())
	h.mu.Lock()
	defer h.mu.Unlock()
	h.due[host] = beat
}

// Ahead returns what [Clocks.Ahead] does of the hosts that were heard.
func (h *Heartbeats) Ahead(host event.HostID) time.Duration { return h.clocks.Ahead(host) }

// Recall takes what the latest heartbeats in the database say of clocks, for the
// time until there are others. When they were heard is known to seconds only.
func (h *Heartbeats) Recall(ctx context.Context) error {
	return Each(ctx, h.state, func(host fleet.Host) {
		if host.Heartbeat != nil && host.Heartbeat.Time.Sub(host.LastSeen).Abs() > 2*beatEvery {
			h.clocks.Note(host.ID, host.Heartbeat.Time, host.LastSeen)
		}
	})
}

// Run writes until ctx ends, and then what is left.
func (h *Heartbeats) Run(ctx context.Context) {
	tick := time.NewTicker(h.Every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			h.flush(ctx)
		case <-ctx.Done():
			h.flush(context.WithoutCancel(ctx))
			return
		}
	}
}

// flush writes what is due. What cannot be written is due again, unless there
// is something newer.
func (h *Heartbeats) flush(ctx context.Context) {
	h.mu.Lock()
	due := h.due
	h.due = make(map[event.HostID]fleet.Heartbeat)
	h.mu.Unlock()
	if len(due) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, beatEvery)
	defer cancel()
	now := time.Now()
	if err := h.state.SaveHeartbeats(ctx, now, due); err != nil {
		h.putBack(due, err)
		return
	}
	for _, host := range h.changed(now, due) {
		h.told(host)
	}
	h.ledger()
}

func (h *Heartbeats) putBack(due map[event.HostID]fleet.Heartbeat, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for host, beat := range due {
		if _, newer := h.due[host]; !newer {
			h.due[host] = beat
		}
	}
	if !h.failed {
		h.log.Error("heartbeats cannot be written; trying again", "error", err)
	}
	h.failed = true
}

// changed returns the hosts whose state, as people see it, is not what it was.
func (h *Heartbeats) changed(now time.Time, beats map[event.HostID]fleet.Heartbeat) []event.HostID {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.failed = false
	var changed []event.HostID
	for host, beat := range beats {
		if now.Sub(h.heard[host]) > silentAfter || !alike(h.last[host], beat) {
			changed = append(changed, host)
		}
		h.heard[host], h.last[host] = now, beat
	}
	return changed
}

// alike reports whether two heartbeats differ in numbers only.
func alike(a, b fleet.Heartbeat) bool {
	return a.Hostname == b.Hostname && a.OS == b.OS && a.Kernel == b.Kernel && a.Agent == b.Agent && a.Boot == b.Boot &&
		a.Policy == b.Policy && maps.Equal(a.Bundles, b.Bundles) && slices.Equal(a.Addresses, b.Addresses) &&
		slices.EqualFunc(a.Features, b.Features, func(x, y fleet.Feature) bool {
			return x.Name == y.Name && x.State == y.State && x.Detail == y.Detail && slices.Equal(x.Warnings, y.Warnings)
		})
}

// Waiting returns how many heartbeats are not written yet.
func (h *Heartbeats) Waiting() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.due)
}
