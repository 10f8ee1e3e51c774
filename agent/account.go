package agent

import (
	"github.com/holdfast-security/holdfast/fleet"
)

// Account is a ledger that outlives the agent: it is told of every event as it
// comes into being and as it ends before it reaches the handler. Its methods
// are called from many goroutines and must not block.
type Account interface {
	// AddProduced counts events that sensors emitted, and losses before they
	// could, which are counted as dropped, too.
	AddProduced(n uint64)
	// AddCombined counts reports of a happening that another sensor reported.
	AddCombined(n uint64)
	// AddDropped counts events that end here.
	AddDropped(why fleet.Reason, n uint64)
}

// noAccount is for an agent whose events go nowhere that asks.
type noAccount struct{}

func (noAccount) AddProduced(uint64)              {}
func (noAccount) AddCombined(uint64)              {}
func (noAccount) AddDropped(fleet.Reason, uint64) {}

// lossReasons says why what a sensor counts as dropped was lost. What is not
// here was there, and could not be read.
var lossReasons = map[string]fleet.Reason{
	"kernel_lost":        fleet.KernelLost,
	"socket_overflow":    fleet.KernelLost,
	"serial_gaps":        fleet.KernelLost,
	"announcements_lost": fleet.KernelLost,
}

// bookkeeper turns the agent's counters, which begin anew with each agent, into
// additions to the account. It belongs to the pipeline goroutine.
type bookkeeper struct {
	account  Account
	combined uint64
	lost     map[string]uint64 // feature.counter → what the account knows
}

// book tells the account what the runners lost and the pipeline combined since
// it was last called.
func (b *bookkeeper) book(runners []*runner, combined uint64) {
	if combined > b.combined {
		b.account.AddCombined(combined - b.combined)
		b.combined = combined
	}
	for _, r := range runners {
		for _, c := range r.health.Status().Counters {
			if c.Dropped && c.Name != queueFull { // those were emitted, and are booked when they happen
				b.loss(r.entry.Name+"."+c.Name, c.Name, c.Value)
			}
		}
	}
}

func (b *bookkeeper) loss(key, name string, value uint64) {
	known := b.lost[key]
	if value < known { // the feature began anew
		known = 0
	}
	if value > known {
		why, ok := lossReasons[name]
		if !ok {
			why = fleet.Unreadable
		}
		b.account.AddProduced(value - known)
		b.account.AddDropped(why, value-known)
	}
	b.lost[key] = value
}
