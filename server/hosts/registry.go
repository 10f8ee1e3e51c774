// Package hosts knows the hosts from memory, and gathers what their agents say
// of themselves into few writes.
package hosts

import (
	"context"
	"fmt"
	"maps"
	"sync"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/fleet"
	"github.com/holdfast-security/holdfast/store"
)

// Registry knows the hosts from memory, for questions that come with every
// message: whether a host may speak, and which labels decide its policy. It is
// safe for concurrent use.
type Registry struct {
	mu    sync.RWMutex // guards hosts
	hosts map[event.HostID]fleet.Host
}

// Load reads all hosts.
func (r *Registry) Load(ctx context.Context, st store.Hosts) error {
	hosts := make(map[event.HostID]fleet.Host)
	err := Each(ctx, st, func(h fleet.Host) {
		h.Heartbeat = nil
		hosts[h.ID] = h
	})
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.hosts = hosts
	return nil
}

// Set notes a host that is new or was changed by people.
func (r *Registry) Set(h fleet.Host) {
	h.Heartbeat, h.Labels = nil, maps.Clone(h.Labels)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.hosts == nil {
		r.hosts = make(map[event.HostID]fleet.Host)
	}
	r.hosts[h.ID] = h
}

// Get returns a host without its heartbeat and intake's changes, false where
// there is none.
func (r *Registry) Get(id event.HostID) (fleet.Host, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	h, ok := r.hosts[id]
	return h, ok
}

// All returns the active hosts, in no order.
func (r *Registry) All() []fleet.Host {
	r.mu.RLock()
	defer r.mu.RUnlock()
	var hosts []fleet.Host
	for _, h := range r.hosts {
		if h.State == fleet.Active {
			hosts = append(hosts, h)
		}
	}
	return hosts
}

// Active reports whether the host is enrolled and not revoked.
func (r *Registry) Active(id event.HostID) bool {
	h, ok := r.Get(id)
	return ok && h.State == fleet.Active
}

// Revoked reports whether the public key is that of a revoked host.
func (r *Registry) Revoked(publicKey string) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for _, h := range r.hosts {
		if h.PublicKey == publicKey {
			return h.State == fleet.Revoked
		}
	}
	return false
}

// Each calls fn for every host, by name.
func Each(ctx context.Context, st store.Hosts, fn func(fleet.Host)) error {
	page := store.Page{Limit: 1000}
	for {
		list, err := st.Hosts(ctx, store.HostFilter{}, page)
		if err != nil {
			return fmt.Errorf("list hosts: %w", err)
		}
		for _, h := range list.Items {
			fn(h)
		}
		if page.After = list.Next; page.After == "" {
			return nil
		}
	}
}
