package incident

import (
	"slices"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/incident/rarity"
)

// kindMethod is the key that signals of one rule share across hosts. It is no
// entity: nobody is shown it as one.
const kindMethod finding.EntityKind = "method"

const (
	maxPosting  = 16 // latest nodes that a new one is compared with, for each thing they share
	maxKeyHosts = rarity.MaxHosts

	// A process that is part of so many signals over so long is a service
	// that much passes through, not one intruder's shell.
	hubNodes = 64
	hubAge   = day
)

// keyID names what signals share.
type keyID struct {
	kind  finding.EntityKind
	value string
	host  event.HostID // of local things
}

// key is what is known of one thing that signals share. A key that was
// forgotten lives on, dead, in the nodes that have it.
type key struct {
	id         keyID
	name       string
	generic    bool
	hub        bool
	dead       bool
	hosts      []event.HostID // that had it in signals, at most maxKeyHosts
	known      int            // hosts that have it by the caller's word
	nodes      int            // signals it was part of, repeats not counted
	links      int            // kept edges that rest on it
	first      int64          // unix nanoseconds
	last       int64
	posting    []*node // latest, oldest first
	place      int     // in the snapshot that is being taken
	prev, next *key    // in the order of last use
}

// spread returns on how many hosts the thing occurs.
func (k *key) spread() int { return max(len(k.hosts), k.known, 1) }

// touch notes that a signal of host has the key.
func (k *key) touch(host event.HostID, at int64) {
	if len(k.hosts) < maxKeyHosts && !slices.Contains(k.hosts, host) {
		k.hosts = append(k.hosts, host)
	}
	k.last = max(k.last, at)
}

// add puts a new node into the posting.
func (k *key) add(n *node) {
	k.nodes++
	k.posting = slices.DeleteFunc(k.posting, func(p *node) bool { return p.group == nil })
	if len(k.posting) >= maxPosting {
		k.posting = slices.Delete(k.posting, 0, 1)
	}
	k.posting = append(k.posting, n)
}

// keyOf returns the key with an id, made where it is new.
func (e *Engine) keyOf(id keyID, name string, generic bool) *key {
	k := e.keys[id]
	if k == nil {
		k = &key{id: id, name: name, generic: generic, first: e.now}
		e.keys[id] = k
		e.bytes += k.size()
	} else {
		unlink(k)
	}
	e.pushKey(k)
	return k
}

func unlink(k *key) { k.prev.next, k.next.prev = k.next, k.prev }

// pushKey makes k the last to be forgotten.
func (e *Engine) pushKey(k *key) {
	k.prev, k.next = e.keyList.prev, &e.keyList
	k.prev.next, k.next.prev = k, k
}

// use counts a signal of host for k, and cuts what k joined when it turns out
// that too many have it.
func (e *Engine) use(k *key, n *node, known int) {
	before := k.spread()
	if k.nodes == 0 {
		before = 0
	}
	k.known = max(k.known, min(known, 1<<30))
	k.touch(n.host.id, e.now)
	k.add(n)
	if k.id.kind != kindMethod {
		e.spreads.Move(before, k.spread())
	}
	if !k.hub && (k.spread() > e.spreads.Limit() || k.crowded()) {
		k.hub = true
		e.counters.Hubs++
		e.cutKey(k)
	}
}

// crowded reports whether k is a process of a service that much passes through.
func (k *key) crowded() bool {
	return k.id.kind == finding.EntityProcess && k.nodes > hubNodes && k.last-k.first > hubAge
}

// binds reports whether k may join signals.
func (k *key) binds() bool { return !k.hub && !k.generic }

func (k *key) size() int64 {
	return 328 + int64(len(k.id.value)+len(k.name)) + 16*maxPosting/2
}

// forget removes k from what new signals are compared with.
func (e *Engine) forget(k *key) {
	unlink(k)
	delete(e.keys, k.id)
	if k.id.kind != kindMethod {
		e.spreads.Move(k.spread(), 0)
	}
	k.dead, k.posting = true, nil
	e.bytes -= k.size()
	e.counters.KeysForgotten++
}
