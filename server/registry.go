package server

import (
	"context"
	"fmt"
	"maps"
	"sync"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/fleet"
	"github.com/holdfast-security/holdfast/store"
)

// registry knows the hosts from memory, for questions that come with every
// message: whether a host may speak, and which labels decide its policy. It is
// safe for concurrent use.
type registry struct {
	mu    sync.RWMutex // guards hosts
	hosts map[event.HostID]fleet.Host
}

// load reads all hosts.
func (r *registry) load(ctx context.Context, st store.Hosts) error {
	hosts := make(map[event.HostID]fleet.Host)
	err := eachHost(ctx, st, func(h fleet.Host) {
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

// set notes a host that is new or was changed by people.
func (r *registry) set(h fleet.Host) {
	h.Heartbeat, h.Labels = nil, maps.Clone(h.Labels)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.hosts == nil {
		r.hosts = make(map[event.HostID]fleet.Host)
	}
	r.hosts[h.ID] = h
}

func (r *registry) get(id event.HostID) (fleet.Host, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	h, ok := r.hosts[id]
	return h, ok
}

// all returns the active hosts, in no order.
func (r *registry) all() []fleet.Host {
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

// active reports whether the host is enrolled and not revoked.
func (r *registry) active(id event.HostID) bool {
	h, ok := r.get(id)
	return ok && h.State == fleet.Active
}

// revoked reports whether the public key is that of a revoked host.
func (r *registry) revoked(publicKey string) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for _, h := range r.hosts {
		if h.PublicKey == publicKey {
			return h.State == fleet.Revoked
		}
	}
	return false
}

// eachHost calls fn for every host, by name.
func eachHost(ctx context.Context, st store.Hosts, fn func(fleet.Host)) error {
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
