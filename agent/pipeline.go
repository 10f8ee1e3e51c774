package agent

import (
	"context"
	"time"

	"github.com/holdfast-security/holdfast/agent/process"
	"github.com/holdfast-security/holdfast/event"
)

const (
	busyTick = 500 * time.Millisecond // housekeeping while events come or wait in the process table
	idleTick = 10 * time.Second       // and while none do
	batchNap = 10 * time.Millisecond  // the shortest time between two turns, however much comes
	// patience is how much longer than it has to an event waits for the turn
	// that the next batch brings anyway. It is the nap of a busy sensor: while
	// events come, no turn needs a timer.
	patience = 40 * time.Millisecond
)

// pipeline orders, enriches and hands on. All fields belong to its goroutine.
type pipeline struct {
	agent     *Agent
	table     *process.Table
	handler   Handler
	books     bookkeeper
	sequencer sequencer
	folder    folder
	incoming  []queued
	outgoing  []*event.Event
	stats     pipelineStats
	turned    time.Time // when the latest turn began
	kept      time.Time // when the latest housekeeping was done
	done      chan struct{}
}

type pipelineStats struct {
	delivered, folded uint64
	absorbed          uint64 // taken by the process table: merged, waiting, or
	added             uint64 // handed out again
	held              uint64 // in the sequencer
	process           process.Stats
}

// merged returns how many events became one with another sensor's.
func (s pipelineStats) merged() uint64 { return s.absorbed - s.added - uint64(s.process.Waiting) }

func (p *pipeline) start(ctx context.Context) {
	p.done = make(chan struct{})
	p.publishStats()
	go func() {
		defer close(p.done)
		p.run(ctx)
	}()
}

func (p *pipeline) wait() { <-p.done }

func (p *pipeline) run(ctx context.Context) {
	timer := time.NewTimer(busyTick)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			p.collect(time.Now())
			p.release(time.Now(), true)
			p.keepBooks()
			return
		case <-p.agent.queue.ready:
			time.Sleep(batchNap - time.Since(p.turned))
		case <-timer.C:
		}
		timer.Reset(p.turn(time.Now()))
	}
}

// turn takes what is queued and hands on what is due, and returns when the
// next turn has to come if no batch brings it sooner.
func (p *pipeline) turn(now time.Time) time.Duration {
	p.turned = now
	took := p.collect(now)
	if now.Sub(p.kept) >= busyTick {
		p.kept = now
		p.checkSensors()
		p.keepBooks()
	}
	wait := p.release(now, false)
	switch {
	case took || wait > 0:
		return wait + patience
	case p.table.Stats().Waiting > 0:
		return busyTick
	}
	return idleTick
}

// collect moves what the sensors queued into the sequencer and reports whether
// that was anything.
func (p *pipeline) collect(now time.Time) bool {
	p.incoming = p.agent.queue.take(p.incoming[:0], now)
	p.sequencer.add(p.incoming)
	clear(p.incoming)
	return len(p.incoming) > 0
}

// release hands on every event whose turn has come, and returns how long the
// next has to wait; zero when none is held. The housekeeping of the process
// table may complete execs that one sensor missed.
func (p *pipeline) release(now time.Time, all bool) time.Duration {
	wait := p.sequencer.release(now, all, p.process)
	if all {
		now = now.Add(time.Hour) // nothing may wait any longer
	}
	p.table.Expire(now, p.add)
	p.flush()
	return wait
}

// process joins one event with the process table. The event is copied: what
// is handed on must not share memory with the queue.
func (p *pipeline) process(e *event.Event) {
	e.Host = p.agent.cfg.Host
	if p.folder.duplicate(e) {
		p.stats.folded++
		return
	}
	if p.table.Apply(e) {
		out := *e
		p.outgoing = append(p.outgoing, &out)
	} else {
		p.stats.absorbed++
	}
	p.table.Released(p.add)
}

// checkSensors tells the process table which sensors do not work, so that it
// does not wait for what they would report.
func (p *pipeline) checkSensors() {
	for _, r := range p.agent.runners {
		if !r.works() {
			p.table.SetActive(event.Source(r.entry.Name), false)
		}
	}
}

// keepBooks tells the account what was combined and lost since the last time.
func (p *pipeline) keepBooks() {
	p.stats.process = p.table.Stats()
	p.books.book(p.agent.runners, p.stats.folded+p.stats.merged())
}

func (p *pipeline) add(e event.Event) {
	e.Host = p.agent.cfg.Host
	p.stats.added++
	p.outgoing = append(p.outgoing, &e)
}

func (p *pipeline) flush() {
	if len(p.outgoing) > 0 {
		p.stats.delivered += uint64(len(p.outgoing))
		p.handler(p.outgoing)
		clear(p.outgoing)
		p.outgoing = p.outgoing[:0]
	}
	p.publishStats()
}

// publishStats makes the counters visible to Report without a lock.
func (p *pipeline) publishStats() {
	s := p.stats
	s.held = uint64(p.sequencer.len())
	s.process = p.table.Stats()
	p.agent.stats.Store(&s)
}
