package spool

import (
	"encoding/hex"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/holdfast-security/holdfast/fleet"
)

// The counters of the ledger, by their place in the file. Places are never
// given to something else: a file may have been written by an older agent.
const (
	slotFormat   = iota
	slotBoot     // the boot of the machine that the counters are from
	slotClean    // 1 when the spool was closed and synced
	slotProduced //
	slotCombined //
	slotDropped  // one for each of reasons
	slots        = 64
)

const ledgerFormat = 0x686f6c6466617301 // tells the file from others, and its version

// reasons are those for which an agent drops events, by their place behind
// slotDropped. New ones are added at the end.
var reasons = []fleet.Reason{
	fleet.KernelLost, fleet.QueueFull, fleet.SpoolFull, fleet.SpoolFailed, fleet.Crashed, fleet.Oversized, fleet.Unreadable,
}

// ledger is the agent's counters since the epoch began, on disk. They are
// exact under kill -9: a counter is there once the call that added to it has
// returned. Its methods may be called from any goroutine.
type ledger struct{ counters *counters }

func openLedger(dir string) (*ledger, error) {
	c, err := openCounters(filepath.Join(dir, "ledger"))
	if err != nil {
		return nil, fmt.Errorf("open the ledger: %w", err)
	}
	return &ledger{c}, nil
}

// sameRun reports whether the machine has not gone down since the ledger was
// written, other than in order.
func (l *ledger) sameRun(boot uint64) bool {
	if l.counters.load(slotFormat) != ledgerFormat {
		return false
	}
	return l.counters.load(slotClean) == 1 || boot != 0 && l.counters.load(slotBoot) == boot
}

// settle accounts for the past of an epoch in which so many events got numbers:
// what was in memory when the agent was killed has crashed with it.
func (l *ledger) settle(sequenced, boot uint64) {
	c := l.counters
	explained := sequenced + c.load(slotCombined) + l.dropped()
	switch produced := c.load(slotProduced); {
	case produced > explained:
		l.AddDropped(fleet.Crashed, produced-explained)
	case produced < explained: // the file is younger than the frames
		c.add(slotProduced, explained-produced)
	}
	c.store(slotClean, 0)
	c.store(slotBoot, boot)
	c.store(slotFormat, ledgerFormat)
}

func (l *ledger) markClean() { l.counters.store(slotClean, 1) }

func (l *ledger) close() error { return l.counters.close() }

func (l *ledger) dropped() uint64 {
	var n uint64
	for i := range reasons {
		n += l.counters.load(slotDropped + i)
	}
	return n
}

// AddDropped counts events for which there is no number. A reason that is not
// an agent's counts as [fleet.Unreadable].
func (l *ledger) AddDropped(why fleet.Reason, n uint64) {
	i := slices.Index(reasons, why)
	if i < 0 {
		i = slices.Index(reasons, fleet.Unreadable)
	}
	l.counters.add(slotDropped+i, n)
}

// AddProduced counts events that sensors emitted or that the kernel lost. It is
// called before they go anywhere else, so that the ledger never explains more
// than there was. It never blocks.
func (s *Spool) AddProduced(n uint64) { s.ledger.counters.add(slotProduced, n) }

// AddCombined counts events that were made one with another.
func (s *Spool) AddCombined(n uint64) { s.ledger.counters.add(slotCombined, n) }

// AddDropped counts events that will never get a number. A reason that is not
// an agent's counts as [fleet.Unreadable].
func (s *Spool) AddDropped(why fleet.Reason, n uint64) { s.ledger.AddDropped(why, n) }

// Ledger returns the ledger of the present epoch. Its equations hold at any
// time, because Queued is what the others leave over: events that were produced
// and have not arrived anywhere yet.
func (s *Spool) Ledger() fleet.Ledger {
	s.mu.Lock()
	v := s.current()
	l := fleet.Ledger{
		Epoch: hex.EncodeToString(v.name.epoch[:]), Sequenced: v.nextEvent - 1, Acknowledged: v.ackedEvents,
		SpoolBytes: uint64(s.bytes), SpoolLimit: uint64(s.opts.Limit), Dropped: make(map[fleet.Reason]uint64),
	}
	s.mu.Unlock()
	l.Spooled = l.Sequenced - l.Acknowledged
	// What explains is read before what is explained.
	c := s.ledger.counters
	l.Combined = c.load(slotCombined)
	explained := l.Sequenced + l.Combined
	for i, why := range reasons {
		if n := c.load(slotDropped + i); n > 0 {
			l.Dropped[why] = n
			explained += n
		}
	}
	l.Produced = max(c.load(slotProduced), explained)
	l.Queued = l.Produced - explained
	return l
}
