package stream

import (
	"encoding/hex"
	"fmt"
	"sync"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/fleet"
	"github.com/holdfast-security/holdfast/wire"
)

// progress is how far the frames of a host have been accepted.
type progress struct {
	epoch    wire.Epoch
	sequence uint64 // of the last frame; zero for none
	event    uint64 // running number of the last event
	unsure   bool   // a publish was left in doubt: the log knows better
}

// verdict is what the numbers of a frame mean.
type verdict int

const (
	follows  verdict = iota // the next frame
	skips                   // frames before it are lost for good
	repeats                 // it was accepted before
	early                   // a frame before it must come first
	overlaps                // its events were numbered before: no agent does that
)

// judge compares a frame with what was accepted before. previous is what the
// agent says it still has before this frame, as [wire.PreviousHeader] has it;
// known is false when it says nothing.
func (p progress) judge(h wire.Header, previous uint64, known bool) verdict {
	if h.Epoch != p.epoch {
		p = progress{epoch: h.Epoch} // numbers begin anew
	}
	switch {
	case h.Sequence <= p.sequence:
		return repeats
	case h.Sequence > p.sequence+1 && (!known || previous > p.sequence):
		return early
	case h.First <= p.event:
		return overlaps
	case h.Sequence > p.sequence+1:
		return skips
	}
	return follows
}

// next returns the number of the frame to send.
func (p progress) next(epoch wire.Epoch) uint64 {
	if epoch != p.epoch {
		return 1
	}
	return p.sequence + 1
}

// progresses are the hosts'. An entry is changed only by the worker that the
// host's line belongs to, which therefore reads it without the lock.
type progresses struct {
	mu    sync.Mutex // guards hosts, and what the entries say but for unsure
	hosts map[event.HostID]*progress
}

func (p *progresses) of(host event.HostID) *progress {
	p.mu.Lock()
	defer p.mu.Unlock()
	entry := p.hosts[host]
	if entry == nil {
		entry = &progress{unsure: true}
		p.hosts[host] = entry
	}
	return entry
}

// set brings an entry up to date.
func (p *progresses) set(entry *progress, now progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	*entry = now
}

// Accepted is how far the frames of a host have been accepted.
type Accepted struct {
	Epoch  string // of the agent's numbers, hex
	Frames uint64 // number of the last frame
	Events uint64 // running number of the last event
}

// accepted returns how far the hosts are that were ever heard of.
func (p *progresses) accepted() map[event.HostID]Accepted {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := make(map[event.HostID]Accepted, len(p.hosts))
	for host, entry := range p.hosts {
		if entry.sequence > 0 {
			all[host] = Accepted{Epoch: hex.EncodeToString(entry.epoch[:]), Frames: entry.sequence, Events: entry.event}
		}
	}
	return all
}

// Accepted returns how far the frames of each host have been accepted: in the
// log, or stored already. It is nil while Serve does not run; hosts whose
// frames never came are not in it.
func (s *Stream) Accepted() map[event.HostID]Accepted {
	g := s.counters.gateway.Load()
	if g == nil {
		return nil
	}
	return g.progress.accepted()
}

// learnIntakes starts from what the store has: it outlives the log, which is
// purged.
func (p *progresses) learnIntakes(intakes map[event.HostID]fleet.Intake) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for host, intake := range intakes {
		if intake.Epoch == "" {
			continue
		}
		epoch, err := parseEpoch(intake.Epoch)
		if err != nil {
			return fmt.Errorf("intake of host %s: %w", host, err)
		}
		p.hosts[host] = &progress{epoch: epoch, sequence: intake.Sequence, event: intake.Events}
	}
	return nil
}

// learn takes over what the log has of a host. What is still in the log is
// younger than what the store has of another epoch, and never older than what
// it has of the same.
func (p *progresses) learn(host event.HostID, found progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if entry := p.hosts[host]; entry == nil || entry.epoch != found.epoch || entry.sequence < found.sequence {
		p.hosts[host] = &found
	}
}
