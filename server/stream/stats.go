package stream

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/holdfast-security/holdfast/fleet"
	"github.com/holdfast-security/holdfast/wire"
)

// Reasons why a message of an agent was refused.
const (
	ReasonCredential = "credential"   // of a connection: forged, revoked, or none at all
	ReasonMalformed  = "malformed"    // could not be understood
	ReasonOversized  = "oversized"    // over the bound of its kind
	ReasonVersion    = "version"      // of another protocol version
	ReasonHost       = "unknown_host" // the host is revoked or not enrolled
	ReasonReply      = "reply"        // wanted the answer to go to somebody else
	ReasonKind       = "kind"         // of a kind that is not assigned
	ReasonRate       = "rate"         // more messages than a host may send
	ReasonSubject    = "subject"      // another host's, or the stream's own: to be heard or to be told
)

// Reasons returns all of them, in alphabetical order.
func Reasons() []string {
	return []string{
		ReasonCredential, ReasonKind, ReasonMalformed, ReasonOversized, ReasonRate, ReasonReply, ReasonSubject, ReasonHost, ReasonVersion,
	}
}

// Stats are counts since the stream was opened, but for the first three,
// which are of now.
type Stats struct {
	Connections   int               `json:"connections"` // of agents; -1 with an outside cluster, which does not tell
	WaitingFrames int               `json:"waiting_frames"`
	WaitingBytes  int64             `json:"waiting_bytes"` // of frames, in memory
	Frames        uint64            `json:"frames"`        // accepted for the first time
	Events        uint64            `json:"events"`        // in them
	Bytes         uint64            `json:"bytes"`         // of them
	Repeated      uint64            `json:"repeated"`      // frames that were accepted before
	Unordered     uint64            `json:"unordered"`     // frames that came before their turn
	Gaps          uint64            `json:"gaps"`          // places where frames are missing for good
	Busy          uint64            `json:"busy"`          // frames that were asked to wait
	Overrun       uint64            `json:"overrun"`       // messages lost before routing; agents send them again
	Cut           uint64            `json:"cut"`           // times that a flooding host was disconnected
	Heartbeats    uint64            `json:"heartbeats"`
	Fetches       uint64            `json:"fetches"`
	Results       uint64            `json:"results"`
	Refused       map[string]uint64 `json:"refused"` // by [Reasons], each present; an outside cluster does not tell credentials and subjects
}

// counters are what Stats is made of.
type counters struct {
	frames, events, bytes, repeated, unordered, gaps, busy atomic.Uint64
	overrun, cut, heartbeats, fetches, results             atomic.Uint64
	refused                                                [9]atomic.Uint64 // as Reasons
	gateway                                                atomic.Pointer[gateway]
}

func (c *counters) refuse(reason string) {
	c.refused[slices.Index(Reasons(), reason)].Add(1)
}

// reasonOf names what [wire.ParseHeader] found.
func reasonOf(err error) string {
	switch {
	case errors.Is(err, wire.ErrOversized):
		return ReasonOversized
	case errors.Is(err, wire.ErrVersion):
		return ReasonVersion
	}
	return ReasonMalformed
}

// Stats returns the counts as they are now.
func (s *Stream) Stats() Stats {
	c := &s.counters
	stats := Stats{
		Connections: s.backend.connections(),
		Frames:      c.frames.Load(), Events: c.events.Load(), Bytes: c.bytes.Load(),
		Repeated: c.repeated.Load(), Unordered: c.unordered.Load(), Gaps: c.gaps.Load(), Busy: c.busy.Load(),
		Overrun: c.overrun.Load(), Cut: c.cut.Load(), Heartbeats: c.heartbeats.Load(), Fetches: c.fetches.Load(), Results: c.results.Load(),
		Refused: make(map[string]uint64),
	}
	if g := c.gateway.Load(); g != nil {
		stats.WaitingFrames, stats.WaitingBytes = g.frames.Size()
	}
	for i, reason := range Reasons() {
		stats.Refused[reason] = c.refused[i].Load()
	}
	return stats
}

// conditions is lasting trouble, by code.
type conditions struct {
	mu   sync.Mutex // guards what follows
	text map[string]string
}

// set says whether a condition holds now.
func (c *conditions) set(code string, holds bool, text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case !holds:
		delete(c.text, code)
	case c.text == nil:
		c.text = map[string]string{code: text}
	default:
		c.text[code] = text
	}
}

// list returns the conditions that hold, by code.
func (c *conditions) list() []fleet.Warning {
	c.mu.Lock()
	defer c.mu.Unlock()
	warnings := []fleet.Warning{}
	for _, code := range slices.SortedFunc(maps.Keys(c.text), strings.Compare) {
		warnings = append(warnings, fleet.Warning{Code: code, Text: c.text[code]})
	}
	return warnings
}
