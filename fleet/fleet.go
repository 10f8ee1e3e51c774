// Package fleet holds what the product knows of its hosts: who they are, how
// their agents are doing, and the ledger that accounts for every event.
//
// The JSON forms are API. Strings that come from a host (its name, details of
// its health) are hostile: bounded when they are received, escaped where they
// are shown.
package fleet

import (
	"time"

	"github.com/holdfast-security/holdfast/event"
)

// HostState says whether a host may speak to the server.
type HostState string

// States of a host.
const (
	Active  HostState = "active"
	Revoked HostState = "revoked" // its credential is refused; its history stays
)

// Host is a protected machine that was enrolled.
type Host struct {
	ID        event.HostID      `json:"uid"`
	Name      string            `json:"name"`       // host name, as the agent said at its last heartbeat
	State     HostState         `json:"state"`      //
	PublicKey string            `json:"public_key"` // nkey of the agent, made on the host; begins with U
	Labels    map[string]string `json:"labels"`     // set by people: group, role, owner …
	Enrolled  time.Time         `json:"enrolled_time"`
	LastSeen  time.Time         `json:"last_seen_time"` // of the latest heartbeat, by the server's clock; zero before the first
	Version   int64             `json:"version"`        // grows with each change by people or enrolment, for ETags; heartbeats leave it

	// Heartbeat is the latest; nil before the first.
	Heartbeat *Heartbeat `json:"heartbeat,omitempty"`
	// Intake is the server's side of the host's ledger.
	Intake Intake `json:"intake"`
}

// Heartbeat is what an agent says of itself every few seconds. Bounds: 64
// features, 64 counters each, 16 bundles, 1 KiB per text, 64 KiB encoded.
type Heartbeat struct {
	Time      time.Time `json:"time"` // by the host's clock
	Hostname  string    `json:"hostname"`
	OS        string    `json:"os"`        // "Debian GNU/Linux 12 (bookworm)"
	Kernel    string    `json:"kernel"`    // "6.18.0-amd64"
	Arch      string    `json:"arch"`      // GOARCH
	Addresses []string  `json:"addresses"` // of the host, without loopback and link-local
	Agent     string    `json:"agent"`     // version of the agent
	Boot      string    `json:"boot_uid"`  // boot id, hex
	Started   time.Time `json:"started_time"`
	Policy    uint64    `json:"policy_version"` // in force; zero for the built-in one
	Resident  uint64    `json:"resident_bytes"` // RSS of the agent
	CPU       float64   `json:"cpu_seconds"`    // used by the agent since its start

	// Bundles are the sets of files from the server that are in force, such as
	// "rules", by name: the SHA-256 of each one's content, in hex.
	Bundles map[string]string `json:"bundles,omitempty"`

	Features []Feature `json:"features"`
	Ledger   Ledger    `json:"ledger"`
}

// Feature is the health of one feature of an agent.
type Feature struct {
	Name     string    `json:"name"`
	State    string    `json:"state"` // "running", "degraded", "failed", "off", "unsupported" …
	Detail   string    `json:"detail,omitempty"`
	Since    time.Time `json:"since"`
	Warnings []Warning `json:"warnings,omitempty"`
	Counters []Counter `json:"counters,omitempty"`
}

// Warning is lasting trouble with what to do about it.
type Warning struct {
	Code string `json:"code"`
	Text string `json:"text"`
}

// Counter counts something since the feature started. Dropped says that it
// counts losses.
type Counter struct {
	Name    string `json:"name"`
	Value   uint64 `json:"value"`
	Dropped bool   `json:"dropped,omitempty"`
}

// Reason says why events were dropped: a stable word such as "queue_full".
type Reason string

// Reasons of the agent and of the server.
const (
	KernelLost     Reason = "kernel_lost"     // the kernel had no room for a record: audit backlog, perf ring
	Unreadable     Reason = "unreadable"      // a record that a sensor could not make sense of
	QueueFull      Reason = "queue_full"      // between sensors and pipeline
	SpoolFull      Reason = "spool_full"      // the spool's bound was reached, before a sequence number was given
	SpoolFailed    Reason = "spool_failed"    // the disk refused
	Crashed        Reason = "crashed"         // in memory when the agent was killed
	SpoolDamaged   Reason = "spool_damaged"   // a record of the spool no longer matched its checksum
	Oversized      Reason = "oversized"       // an event too large for a frame
	MalformedFrame Reason = "malformed"       // the server could not decode it
	WrongHost      Reason = "wrong_host"      // an event that claims to be another host's
	MissingFrame   Reason = "sequence_gap"    // sequence numbers the server never saw
	StoreFailed    Reason = "store_failed"    // could not be stored after every retry
	AgentDiscarded Reason = "agent_discarded" // unenrolled with events still in the spool
)

// Ledger is the agent's side: where every event went that its sensors
// produced since Epoch began. It survives restarts and kill -9 of the agent.
//
//	Produced = Combined + Dropped + Queued + Sequenced
//	Sequenced = Spooled + Acknowledged
type Ledger struct {
	Epoch        string            `json:"epoch"`        // hex; a new one begins when the spool is made anew
	Produced     uint64            `json:"produced"`     // by kernel and sensors, losses in the kernel included
	Combined     uint64            `json:"combined"`     // reports of one happening by several sensors, made one
	Queued       uint64            `json:"queued"`       // in memory
	Sequenced    uint64            `json:"sequenced"`    // given a sequence number and written to the spool
	Spooled      uint64            `json:"spooled"`      // of these, waiting in the spool
	Acknowledged uint64            `json:"acknowledged"` // of these, taken over by the stream
	Dropped      map[Reason]uint64 `json:"dropped"`      // by the agent, before a sequence number was given
	SpoolBytes   uint64            `json:"spool_bytes"`
	SpoolLimit   uint64            `json:"spool_limit_bytes"`
}

// Intake is the server's side, for the host's epoch.
//
//	Acknowledged (agent) = Stored + Dropped + in the stream
type Intake struct {
	Epoch    string            `json:"epoch"`
	Sequence uint64            `json:"sequence"` // of the last frame that is stored
	Events   uint64            `json:"events"`   // running number of the last event that is stored or dropped
	Stored   uint64            `json:"stored"`
	Dropped  map[Reason]uint64 `json:"dropped"`  // by the server
	Earlier  uint64            `json:"earlier"`  // stored under earlier epochs
	Repeated uint64            `json:"repeated"` // frames that came again and were ignored; no loss
}

// Balance is the whole ledger of a host in one line.
//
//	Produced = Combined + Stored + Waiting + Dropped + Unaccounted
type Balance struct {
	Host     event.HostID      `json:"host"`
	Name     string            `json:"name"`
	Produced uint64            `json:"produced"`
	Combined uint64            `json:"combined"`
	Waiting  uint64            `json:"waiting"` // in memory, spool and stream
	Stored   uint64            `json:"stored"`
	Dropped  map[Reason]uint64 `json:"dropped"` // by agent and server
	// Unaccounted is what the equation leaves over: zero unless something is
	// wrong. A negative number would be events that nobody produced.
	Unaccounted int64     `json:"unaccounted"`
	Time        time.Time `json:"time"` // of the heartbeat behind it
}

// EnrolToken lets hosts enrol for a while. The secret is shown once, when it
// is made, and only its hash is kept.
type EnrolToken struct {
	ID      string            `json:"uid"`
	Note    string            `json:"note,omitempty"`
	Labels  map[string]string `json:"labels"` // given to the hosts that use it
	By      string            `json:"created_by"`
	Created time.Time         `json:"created_time"`
	Expires time.Time         `json:"expires_time"`
	Uses    int               `json:"uses"`     // hosts enrolled with it
	MaxUses int               `json:"max_uses"` // zero for no limit
	Revoked bool              `json:"revoked"`
}
