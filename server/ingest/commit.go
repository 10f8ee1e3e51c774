package ingest

import (
	"context"
	"time"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/fleet"
	"github.com/holdfast-security/holdfast/store"
)

// settle saves alerts and begins to commit events where that is due. It returns
// false when ctx ended first.
func (p *Pipeline) settle(ctx context.Context) bool {
	if p.commitDue() {
		return p.begin(ctx)
	}
	if p.batch.due(p.cfg.AlertDelay) {
		return p.saveAlerts(ctx)
	}
	return true
}

func (p *Pipeline) commitDue() bool {
	if p.since.IsZero() || p.open != nil {
		return false
	}
	rows, bytes, _ := p.cfg.Telemetry.Uncommitted()
	return rows >= p.cfg.CommitRows || bytes >= p.cfg.CommitBytes || time.Since(p.since) >= p.cfg.CommitAge
}

// saveAlerts saves the alerts that wait, with how far detection has come.
func (p *Pipeline) saveAlerts(ctx context.Context) bool {
	return p.insist(ctx, "save alerts", p.trySaveAlerts)
}

func (p *Pipeline) trySaveAlerts(ctx context.Context) error {
	start := time.Now()
	covered := p.cfg.Covered(p.batch.alerts)
	added, err := p.cfg.State.SaveCoveredAlerts(ctx, p.batch.alerts, covered, start, store.Position{Partition: p.cfg.Partition, Sequence: p.detected})
	if err != nil {
		return err
	}
	p.stats.saves.note(start)
	if len(p.batch.alerts) > 0 {
		p.cfg.Saved(p.batch.alerts, added, covered)
	}
	p.batch = batch{}
	return nil
}

// commit makes everything durable that came so far: alerts, then events with
// the hosts' intakes. Then the stream need not keep it. It returns false when
// ctx ended first.
func (p *Pipeline) commit(ctx context.Context) bool {
	return p.await(ctx) && p.begin(ctx) && p.await(ctx)
}

// transaction is what a commit puts into the database in one step. Once its
// segments are written it stays the one to be completed: whether an attempt
// that failed had its effect can only be told by trying again.
type transaction struct {
	begun    time.Time
	from     uint64 // the first message in it
	intakes  map[event.HostID]fleet.Intake
	done     store.Position
	written  bool // the segments are
	segments []store.Segment
}

// begin saves the alerts that wait and begins to commit what the telemetry has,
// which goes on beside. From then until [Pipeline.finish] the telemetry belongs
// to the commit, and what comes is held. No other commit may be under way.
func (p *Pipeline) begin(ctx context.Context) bool {
	if !p.batchSaved(ctx) {
		return false
	}
	p.since = time.Time{}
	if p.appended == p.stored {
		return true
	}
	intakes := make(map[event.HostID]fleet.Intake, len(p.changed))
	for host := range p.changed {
		intakes[host] = cloned(p.intakes[host])
	}
	clear(p.changed)
	p.open = &transaction{
		begun: time.Now(), from: p.stored + 1, intakes: intakes, done: store.Position{Partition: p.cfg.Partition, Sequence: p.appended},
	}
	p.launch(ctx)
	return true
}

// batchSaved saves alerts, and how far detection has come where that is behind
// what is about to be committed.
func (p *Pipeline) batchSaved(ctx context.Context) bool {
	if p.appended == p.stored && len(p.batch.alerts) == 0 {
		return true
	}
	return p.saveAlerts(ctx)
}

// launch lets the open transaction be carried out until it is done or ctx ends.
func (p *Pipeline) launch(ctx context.Context) {
	written := make(chan bool, 1)
	p.written = written
	t := p.open
	go func() { written <- p.carryOut(ctx, t) }()
}

// carryOut writes segments and puts them into the catalogue. It runs beside
// detection and touches nothing of the pipeline but the telemetry.
func (p *Pipeline) carryOut(ctx context.Context, t *transaction) bool {
	write := func(ctx context.Context) error { return p.tryWrite(ctx, t) }
	if !t.written && !p.insist(ctx, "write a segment", write) {
		return false
	}
	return p.insist(ctx, "commit segments", func(ctx context.Context) error { return p.tryCatalogue(ctx, t) })
}

func (p *Pipeline) tryWrite(ctx context.Context, t *transaction) error {
	segments, err := p.cfg.Telemetry.Commit(ctx)
	if err != nil {
		return err
	}
	for i := range segments {
		segments[i].Partition, segments[i].FromSeq, segments[i].ToSeq = t.done.Partition, t.from, t.done.Sequence
	}
	t.segments, t.written = segments, true
	return nil
}

// tryCatalogue puts the segments into the database. An error may hide that it
// was done, when the connection broke with the answer on its way: the position
// tells, now or before the next attempt.
func (p *Pipeline) tryCatalogue(ctx context.Context, t *transaction) error {
	if at, err := p.cfg.State.StorePosition(ctx, t.done.Partition); err != nil || at == t.done.Sequence {
		return err
	}
	return p.cfg.State.CommitSegments(ctx, t.segments, t.intakes, t.done)
}

// await waits until nothing is being committed and nothing held. It returns
// false when ctx ended first.
func (p *Pipeline) await(ctx context.Context) bool {
	for p.open != nil {
		if !p.finish(ctx, <-p.written) {
			return false
		}
	}
	return p.release(ctx)
}

// finish notes what came of the commit under way. One that was broken off, by a
// context that has ended, is launched again. It returns false when ctx ended.
func (p *Pipeline) finish(ctx context.Context, done bool) bool {
	if !done {
		if ctx.Err() == nil {
			p.launch(ctx)
			return true
		}
		p.written <- false // for whoever comes with another context
		return false
	}
	p.cfg.Telemetry.Committed()
	p.stats.commits.note(p.open.begun)
	p.stored = p.open.done.Sequence
	p.forget(p.open.begun)
	p.open, p.written = nil, nil
	p.purge(ctx)
	return p.release(ctx)
}

// held are the events of a frame that came during a commit.
type held struct {
	host   event.HostID
	events []event.Event
}

// keep gives the events of a frame to the telemetry, or holds them while that
// is being committed: no more than make a commit themselves. It returns false
// when ctx ended first.
func (p *Pipeline) keep(ctx context.Context, host event.HostID, events []event.Event) bool {
	p.held = append(p.held, held{host, events})
	p.heldRows += int64(len(events))
	switch {
	case p.open == nil:
		return p.release(ctx)
	case p.heldRows >= p.cfg.CommitRows:
		return p.await(ctx)
	}
	return true
}

// release gives to the telemetry what is held.
func (p *Pipeline) release(ctx context.Context) bool {
	for len(p.held) > 0 {
		h := p.held[0]
		if !p.insist(ctx, "write telemetry", func(ctx context.Context) error { return p.cfg.Telemetry.Append(ctx, h.host, h.events) }) {
			return false
		}
		p.held[0] = held{}
		p.held = p.held[1:]
	}
	p.held, p.heldRows = p.held[:0], 0
	return true
}

// purge lets the stream forget what is stored, but for what a new start warms
// detection with. What fails is tried again with the next commit.
func (p *Pipeline) purge(ctx context.Context) {
	through := p.trail.before(p.stored, p.cfg.WarmAge, p.cfg.WarmBytes)
	if through == 0 {
		return
	}
	if err := p.cfg.Source.Purge(ctx, p.cfg.Partition, through); err != nil {
		p.cfg.Log.Warn("the stream could not be purged; it keeps what is stored already", "error", err)
		return
	}
	p.trail.drop(through)
}

// trail remembers the sizes and times of messages in the stream, in steps, to
// know what to keep. The zero value is empty.
type trail struct{ steps []step }

// step is a stretch of messages.
type step struct {
	through uint64    // its last message
	begun   time.Time // when the stream took its first
	taken   time.Time // … its last
	bytes   int64
}

// A step ends when it is so long or so large.
const (
	stepAge   = 15 * time.Second
	stepBytes = 1 << 20
)

func (t *trail) add(sequence uint64, taken time.Time, size int) {
	n := len(t.steps)
	if n == 0 || taken.Sub(t.steps[n-1].begun) > stepAge || t.steps[n-1].bytes >= stepBytes {
		t.steps = append(t.steps, step{begun: taken})
		n++
	}
	s := &t.steps[n-1]
	s.through, s.taken = sequence, taken
	s.bytes += int64(size)
}

// before returns the last message, not behind stored, that is older than the
// newest by more than age, or has more than so many bytes behind it; zero for
// none.
func (t *trail) before(stored uint64, age time.Duration, bytes int64) uint64 {
	if len(t.steps) == 0 {
		return 0
	}
	newest := t.steps[len(t.steps)-1].taken
	var behind int64
	for i := len(t.steps) - 1; i >= 0; i-- {
		s := t.steps[i]
		if s.through <= stored && (newest.Sub(s.taken) > age || behind > bytes) {
			return s.through
		}
		behind += s.bytes
	}
	return 0
}

func (t *trail) drop(through uint64) {
	n := 0
	for n < len(t.steps) && t.steps[n].through <= through {
		n++
	}
	t.steps = t.steps[n:]
}

// Waiting times between attempts.
const (
	firstWait = 100 * time.Millisecond
	longWait  = 10 * time.Second
)

// backoff is the time to wait between attempts. The zero value begins short.
type backoff struct{ next time.Duration }

func (b *backoff) wait(ctx context.Context) {
	b.next = min(max(2*b.next, firstWait), longWait)
	timer := time.NewTimer(b.next)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// insist tries until it works, and says so in the status meanwhile. What comes
// waits in the stream. It returns false when ctx ended first.
func (p *Pipeline) insist(ctx context.Context, what string, try func(context.Context) error) bool {
	again := backoff{}
	for attempt := 1; ; attempt++ {
		err := try(ctx)
		if err == nil {
			if attempt > 1 {
				p.failing.Add(-1)
				p.cfg.Log.Info("it works again", "what", what, "attempts", attempt)
			}
			return true
		}
		if attempt == 1 {
			p.failing.Add(1)
		}
		if ctx.Err() != nil {
			p.failing.Add(-1)
			return false
		}
		p.setStatus(Stalled, "cannot "+what+": "+err.Error())
		p.stats.failures.Add(1)
		p.cfg.Log.Error("ingestion waits; nothing is lost, the stream keeps what comes", "cannot", what, "error", err, "attempt", attempt)
		again.wait(ctx)
	}
}
