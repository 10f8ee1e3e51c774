package ingest

import (
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/holdfast-security/holdfast/fleet"
)

// Condition is how a pipeline is.
type Condition string

// Conditions of a pipeline.
const (
	Starting Condition = "starting" // reading its positions
	Warming  Condition = "warming"  // reading again what is stored, to know what came before
	Running  Condition = "running"
	Stalled  Condition = "stalled" // something fails and is tried again; the stream keeps what comes
	Stopped  Condition = "stopped"
)

// Status is how a pipeline is now.
type Status struct {
	State    Condition
	Detail   string    // in words, for Stalled
	Since    time.Time // when State began
	Queue    int       // decoded frames that wait
	Detected uint64    // stream sequence up to which detection has come
	Stored   uint64    // … and up to which everything is committed
	Taken    time.Time // when the stream took the last message handled; zero for none
}

// Status returns how the pipeline is. It may be called from any goroutine.
func (p *Pipeline) Status() Status {
	p.statusMu.Lock()
	defer p.statusMu.Unlock()
	return p.status
}

func (p *Pipeline) setStatus(state Condition, detail string) {
	p.statusMu.Lock()
	defer p.statusMu.Unlock()
	if p.status.State != state {
		p.status.Since = time.Now()
	}
	p.status.State, p.status.Detail = state, detail
}

// noteProgress says how far the pipeline has come, which works.
func (p *Pipeline) noteProgress(queue int) {
	state := Running
	if p.handled < p.appended && len(p.trail.steps) > 0 {
		state = Warming
	}
	if p.failing.Load() == 0 {
		p.setStatus(state, "")
	}
	p.statusMu.Lock()
	defer p.statusMu.Unlock()
	p.status.Queue, p.status.Detected, p.status.Stored = queue, p.detected, p.stored
	if n := len(p.trail.steps); n > 0 {
		p.status.Taken = p.trail.steps[n-1].taken
	}
}

// Stats are counts since the pipeline was made.
type Stats struct {
	Frames   uint64                  // handled for the first time by this process
	Events   uint64                  // stored
	Repeated uint64                  // frames ignored because they were stored already
	Refused  uint64                  // frames whose numbers cannot be
	Dropped  map[fleet.Reason]uint64 // events
	Alerts   uint64                  // raised
	Repeats  uint64                  // matches that raised the count of an alert
	Panics   uint64                  // frames on which detection failed: a fault of ours
	Failures uint64                  // attempts at storing that failed
	Saves    Timing                  // of alerts
	Commits  Timing                  // of segments
}

// Timing is how often something was done and how long that took in all.
type Timing struct {
	Count uint64
	Total time.Duration
}

// Stats returns the counts. It may be called from any goroutine.
func (p *Pipeline) Stats() Stats {
	c := &p.stats
	c.mu.Lock()
	dropped := maps.Clone(c.dropped)
	c.mu.Unlock()
	return Stats{
		Frames: c.frames.Load(), Events: c.events.Load(), Repeated: c.repeated.Load(), Refused: c.refused.Load(), Dropped: dropped,
		Alerts: c.alerts.Load(), Repeats: c.repeats.Load(), Panics: c.panics.Load(), Failures: c.failures.Load(),
		Saves: c.saves.timing(), Commits: c.commits.timing(),
	}
}

// counters are what Stats shows.
type counters struct {
	frames, events, repeated, refused, alerts, repeats, panics, failures atomic.Uint64
	saves, commits                                                       timer

	mu      sync.Mutex // guards dropped
	dropped map[fleet.Reason]uint64
}

func (c *counters) drop(reason fleet.Reason, events uint64) {
	if events == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dropped == nil {
		c.dropped = make(map[fleet.Reason]uint64)
	}
	c.dropped[reason] += events
}

// timer adds up how long something took.
type timer struct{ count, nanoseconds atomic.Uint64 }

func (t *timer) note(start time.Time) {
	t.count.Add(1)
	t.nanoseconds.Add(uint64(max(time.Since(start), 0)))
}

func (t *timer) timing() Timing {
	return Timing{t.count.Load(), time.Duration(t.nanoseconds.Load())}
}
