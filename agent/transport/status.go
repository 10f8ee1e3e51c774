package transport

import (
	"sync"
	"time"
)

// State is the condition of the connection.
type State string

// States.
const (
	Connecting State = "connecting" // not connected, and trying
	Connected  State = "connected"
	Revoked    State = "revoked" // the server refuses the host's credential; tried again ever more seldom
)

// Counters count since the client was made.
type Counters struct {
	Sent     uint64 `json:"sent_frames"`     // the first time
	Resent   uint64 `json:"resent_frames"`   // again
	Accepted uint64 `json:"accepted_frames"` // by the server
	Refused  uint64 `json:"refused_frames"`  // by the server, for good: a loss
	Busy     uint64 `json:"busy_answers"`    // the server asked to wait

	Connects   uint64 `json:"connects"`
	Heartbeats uint64 `json:"heartbeats"`
	Taken      uint64 `json:"taken_messages"` // signed, verified and handed over
	Answers    uint64 `json:"answers"`        // parts of answers to orders that the server has

	// What came from the server's side and was not obeyed.
	Forged      uint64 `json:"forged_messages"`      // signature missing or wrong
	Expired     uint64 `json:"expired_messages"`     //
	Replayed    uint64 `json:"replayed_messages"`    // not newer than one already obeyed
	Misdirected uint64 `json:"misdirected_messages"` // for another host
	Malformed   uint64 `json:"malformed_messages"`   // or too large
	Unsupported uint64 `json:"unsupported_messages"` // of a kind that this agent does not know
}

// Status is a snapshot of a [Client]. Its JSON form is API.
type Status struct {
	State    State     `json:"state"`
	Since    time.Time `json:"since"`            // of State
	Detail   string    `json:"detail,omitempty"` // why it is not connected, a sentence
	Server   string    `json:"server,omitempty"` // URL of the stream that it is connected to
	LastAck  time.Time `json:"last_ack_time"`    // zero before the first accepted frame
	Counters Counters  `json:"counters"`
}

// condition is a Status that several goroutines use.
type condition struct {
	mu     sync.Mutex // guards status
	status Status
}

func (c *condition) get() Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.status
}

func (c *condition) change(f func(*Status)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f(&c.status)
}

func (c *condition) count(f func(*Counters)) {
	c.change(func(s *Status) { f(&s.Counters) })
}

func (c *condition) set(state State, server, detail string) {
	c.change(func(s *Status) {
		if s.State != state {
			s.State, s.Since = state, time.Now()
		}
		s.Server, s.Detail = server, detail
	})
}
