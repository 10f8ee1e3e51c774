package agent

import (
	"context"
	"time"

	"github.com/holdfast-security/holdfast/agent/process"
	"github.com/holdfast-security/holdfast/event"
)

const (
	busyTick = 500 * time.Millisecond // housekeeping while events come
	idleTick = 10 * time.Second       // and when none came since the last one
	batchNap = 10 * time.Millisecond  // lets a burst collect before the pipeline wakes for it
)

// pipeline orders, enriches and hands on. All fields belong to its goroutine.
type pipeline struct {
	agent     *Agent
	table     *process.Table
	handler   Handler
	sequencer sequencer
	folder    folder
	incoming  []queued
	outgoing  []*event.Event
	stats     pipelineStats
	done      chan struct{}
}

type pipelineStats struct {
	delivered, folded uint64
	absorbed          uint64 // taken by the process table: merged, waiting, or
	added             uint64 // handed out again
	held              uint64 // in the sequencer
	process           process.Stats
}

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
	release := time.NewTimer(time.Hour)
	tick := time.NewTimer(busyTick)
	defer release.Stop()
	defer tick.Stop()
	busy := false
	for {
		select {
		case <-ctx.Done():
			p.collect()
			p.release(time.Now(), true)
			return
		case <-p.agent.queue.ready:
			if !busy {
				busy = true
				tick.Reset(busyTick)
			}
			time.Sleep(batchNap)
			p.collect()
			if wait := p.release(time.Now(), false); wait > 0 {
				release.Reset(wait)
			}
		case <-release.C:
			if wait := p.release(time.Now(), false); wait > 0 {
				release.Reset(wait)
			}
		case <-tick.C:
			p.expire(time.Now())
			tick.Reset(nextTick(busy))
			busy = false
		}
	}
}

func nextTick(busy bool) time.Duration {
	if busy {
		return busyTick
	}
	return idleTick
}

// collect moves what the sensors queued into the sequencer.
func (p *pipeline) collect() {
	p.incoming = p.agent.queue.take(p.incoming[:0])
	p.sequencer.add(p.incoming)
	clear(p.incoming)
}

// release hands on every event whose turn has come.
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
	if !p.table.Apply(e) {
		p.stats.absorbed++
		return
	}
	out := *e
	p.outgoing = append(p.outgoing, &out)
}

// expire does the housekeeping of the process table, which may complete execs
// that one sensor missed.
func (p *pipeline) expire(now time.Time) {
	for _, r := range p.agent.runners {
		if !r.works() {
			p.table.SetActive(event.Source(r.entry.Name), false)
		}
	}
	p.table.Expire(now, p.add)
	p.flush()
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
