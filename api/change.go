package api

import (
	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/finding"
)

// Names of the changes that the stream of changes tells.
const (
	AlertChanged      = "alert"
	HostChanged       = "host"
	SimulationChanged = "simulation"
	LedgerChanged     = "ledger"
	RuleChanged       = "rule"
	// ChangesLost tells a client that changes were left out: it should read
	// anew what it shows.
	ChangesLost = "lost"
)

// AlertChange says that an alert is new, repeated or was worked on.
type AlertChange struct {
	ID       string           `json:"uid"`
	Severity finding.Severity `json:"severity"`
	Status   finding.Status   `json:"status"`
	New      bool             `json:"new"`
}

// HostChange says that something about a host changed.
type HostChange struct {
	ID event.HostID `json:"uid"`
}

// SimulationChange says that an order made progress.
type SimulationChange struct {
	ID string `json:"uid"`
}

// NoDetail is the body of changes that have none.
type NoDetail struct{}
