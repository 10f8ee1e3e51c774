// Package changes tells what changes in the server to those who follow it, as
// server-sent events.
package changes

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/holdfast-security/holdfast/api"
	"github.com/holdfast-security/holdfast/event"
)

// Bounds of the stream of changes.
const (
	maxClients  = 256  // streams at once
	maxPerUser  = 16   // of one person or token
	clientQueue = 256  // changes that a client may be behind
	remembered  = 1024 // changes that a client that comes back can catch up on
)

// Errors of following.
var (
	ErrTooMany = errors.New("too many streams of changes are open: close some")
	ErrClosed  = errors.New("the server is stopping")
)

// Hub tells changes to all who follow them. Telling never waits: a client
// that does not keep up is cut off, counted, and comes back by itself. A Hub
// is made by [NewHub] and safe for concurrent use.
type Hub struct {
	run     string // names this run of the server in the ids of changes
	dropped atomic.Uint64

	mu      sync.Mutex // guards what follows
	last    uint64     // number of the latest change
	recent  []Change   // the latest changes, oldest first, at most remembered
	clients map[*Follower]struct{}
	closed  bool
}

// Change is one change, ready to be sent.
type Change struct {
	number uint64
	name   string
	data   []byte // JSON
}

// Follower is one stream.
type Follower struct {
	who string
	// Changes is closed by the hub when the stream is cut off.
	Changes chan Change
}

// Figures are figures of a [Hub].
type Figures struct {
	Clients int    // streams now
	Dropped uint64 // streams cut off because they did not keep up
}

// NewHub returns a hub without clients.
func NewHub() *Hub {
	var run [4]byte
	rand.Read(run[:])
	return &Hub{run: hex.EncodeToString(run[:]), clients: make(map[*Follower]struct{})}
}

// Alert tells that an alert is new, repeated or was worked on.
func (h *Hub) Alert(c api.AlertChange) { h.tell(api.AlertChanged, c) }

// Incident tells that an incident is new, grew or was worked on.
func (h *Hub) Incident(c api.IncidentChange) { h.tell(api.IncidentChanged, c) }

// Host tells that something about a host changed.
func (h *Hub) Host(id event.HostID) { h.tell(api.HostChanged, api.HostChange{ID: id}) }

// Exception tells that people made, changed or removed an exception.
func (h *Hub) Exception(id string) { h.tell(api.ExceptionChanged, api.ExceptionChange{ID: id}) }

// Simulation tells that an order made progress.
func (h *Hub) Simulation(id string) { h.tell(api.SimulationChanged, api.SimulationChange{ID: id}) }

// Rule tells that rules changed.
func (h *Hub) Rule(c api.RuleChange) { h.tell(api.RuleChanged, c) }

// Ledger tells that the ledger changed. Callers do so every few seconds at
// most.
func (h *Hub) Ledger() { h.tell(api.LedgerChanged, api.NoDetail{}) }

// Lost tells that more changed than was told: clients read anew.
func (h *Hub) Lost() { h.tell(api.ChangesLost, api.NoDetail{}) }

// Stats returns figures for metrics.
func (h *Hub) Stats() Figures {
	h.mu.Lock()
	defer h.mu.Unlock()
	return Figures{Clients: len(h.clients), Dropped: h.dropped.Load()}
}

// Close ends all streams, and those that come later at once.
func (h *Hub) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for c := range h.clients {
		h.cut(c)
	}
}

// cut ends a stream; the caller holds the mutex.
func (h *Hub) cut(c *Follower) {
	delete(h.clients, c)
	close(c.Changes)
}

func (h *Hub) tell(name string, detail any) {
	data, err := json.Marshal(detail)
	if err != nil {
		return // the types above always encode
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.last++
	c := Change{number: h.last, name: name, data: data}
	if len(h.recent) == remembered {
		h.recent = append(h.recent[:0:0], h.recent[remembered/4:]...)
	}
	h.recent = append(h.recent, c)
	for client := range h.clients {
		select {
		case client.Changes <- c:
		default:
			h.dropped.Add(1)
			h.cut(client)
		}
	}
}

// Join begins a stream for who, continuing after the change with the id
// after: missed are the changes since then. lost says that there were more
// than the hub remembers.
func (h *Hub) Join(who, after string) (c *Follower, missed []Change, lost bool, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil, nil, false, ErrClosed
	}
	mine := 0
	for other := range h.clients {
		if other.who == who {
			mine++
		}
	}
	if len(h.clients) >= maxClients || mine >= maxPerUser {
		return nil, nil, false, ErrTooMany
	}
	c = &Follower{who: who, Changes: make(chan Change, clientQueue)}
	h.clients[c] = struct{}{}
	missed, lost = h.since(after)
	return c, missed, lost, nil
}

// since returns the changes after the one with the given id; the caller holds
// the mutex.
func (h *Hub) since(id string) (missed []Change, lost bool) {
	if id == "" {
		return nil, false
	}
	run, text, _ := strings.Cut(id, "-")
	number, err := strconv.ParseUint(text, 10, 64)
	switch {
	case err != nil || run != h.run || number > h.last:
		return nil, true
	case number == h.last:
		return nil, false
	case len(h.recent) == 0 || h.recent[0].number > number+1:
		return nil, true
	}
	return append(missed, h.recent[number+1-h.recent[0].number:]...), false
}

// Leave ends a stream.
func (h *Hub) Leave(c *Follower) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, ok := h.clients[c]; ok {
		h.cut(c)
	}
}

// id returns how a change is named to clients.
func (h *Hub) id(c Change) string { return h.run + "-" + strconv.FormatUint(c.number, 10) }
