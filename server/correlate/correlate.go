// Package correlate joins alerts into incidents while the server runs.
//
// It reads alerts from the database in the order in which detection reported
// them, gives them to an incident engine, and saves what changed, step by step.
// A step stores the incidents, how far it came, and what it was made of, in one
// transaction; the engine's whole state is stored now and then. After whatever
// end the state is read and the steps behind it are repeated: the engine is
// deterministic, so that it then is where the database is. Exceptions hide
// alerts from people, not from here: hidden ones tie others together.
//
// Texts in alerts come from hosts; the engine bounds them, and its own memory.
package correlate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/incident"
	"github.com/holdfast-security/holdfast/store"
)

// Config is what a [Correlator] works with. Fields without a remark must be set.
type Config struct {
	State store.Correlations
	Log   *slog.Logger // nil discards
	// Host returns the present name and labels of a host, false where it is
	// not known. The label "worth" says what the host is worth beside others.
	Host func(event.HostID) (name string, labels map[string]string, ok bool)
	// Clock returns how far a host's clock is ahead of the server's, zero where
	// that is not known; nil where it is of none.
	Clock func(event.HostID) time.Duration
	// Hosts returns how many hosts there are.
	Hosts func() int
	// Saved is called with the incidents that a step stored, in the
	// correlator's goroutine; nil for nobody.
	Saved  func([]store.SavedIncident)
	Limits incident.Limits  // zero fields mean the engine's defaults
	Now    func() time.Time // nil means time.Now
}

const (
	batch       = 200                    // alerts of one step, and verdicts
	look        = 5 * time.Second        // how often the database is asked without being told
	shortPause  = 50 * time.Millisecond  // after a step, for alerts to gather
	longPause   = 500 * time.Millisecond // … after one that took long
	ratesAge    = time.Hour              // for how long rates of rules are believed
	stopTime    = 15 * time.Second       // for the last snapshot
	firstRetry  = 100 * time.Millisecond
	lastRetry   = 10 * time.Second
	journalPart = 64 // steps that are read at once
)

// leastJournal is how many bytes of journal are worth a snapshot; with more state
// it takes more, so that snapshots cost no more than the journal.
const leastJournal = 1 << 20

// Correlator joins alerts into incidents. Make it with [New] and run it once;
// Wake, Stats and Trouble may be called from any goroutine.
type Correlator struct {
	cfg   Config
	wake  chan struct{} // holds one when alerts were saved
	stats stats

	// The rest belongs to Run.
	engine   *incident.Engine // nil before it is loaded
	at       store.Correlation
	journal  int64 // bytes since the snapshot
	snapshot int64 // bytes of the last one
	pending  *store.CorrelationStep
	behind   time.Duration // of the oldest new alert of the pending step
	rates    map[string]float64
	rated    time.Time
	skip     map[string]bool // alerts that the engine cannot take
	writing  *writing        // the snapshot on its way; nil for none

	minJournal int64 // before a snapshot is taken
}

// New returns a correlator. It does nothing before it is run.
func New(c Config) *Correlator {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Saved == nil {
		c.Saved = func([]store.SavedIncident) {}
	}
	return &Correlator{cfg: c, wake: make(chan struct{}, 1), skip: make(map[string]bool), minJournal: leastJournal}
}

// Wake tells that alerts were saved. It never waits.
func (c *Correlator) Wake() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// Run works until ctx ends, and then stores the engine's state. What fails is
// tried again.
func (c *Correlator) Run(ctx context.Context) {
	retry := time.Duration(0)
	for ctx.Err() == nil {
		began := time.Now()
		more, err := c.once(ctx)
		took := time.Since(began)
		switch {
		case ctx.Err() != nil:
		case err != nil:
			retry = min(max(2*retry, firstRetry), lastRetry)
			c.failed(err)
			c.pause(ctx, retry, false)
		default:
			retry = 0
			c.stats.worked()
			if more {
				c.pause(ctx, min(took, longPause), false)
				continue
			}
			c.pause(ctx, min(max(4*took, shortPause), longPause), false)
			c.pause(ctx, look, true)
		}
	}
	c.stop(context.WithoutCancel(ctx))
}

// pause waits, no longer than until ctx ends or, where asked to, somebody wakes
// the correlator.
func (c *Correlator) pause(ctx context.Context, d time.Duration, wakeable bool) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	wake := c.wake
	if !wakeable {
		wake = nil
	}
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-wake:
	}
}

func (c *Correlator) failed(err error) {
	c.stats.failed(err)
	c.cfg.Log.Error("joining alerts into incidents waits; nothing is lost", "error", err)
	if errors.Is(err, store.ErrConflict) { // somebody else was faster, or a step was stored whose answer got lost
		c.engine, c.pending = nil, nil
	}
}

// stop stores the engine's state for the next start, which can do without.
func (c *Correlator) stop(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, stopTime)
	defer cancel()
	err := c.endSnapshot(true)
	if c.engine == nil || c.pending != nil || err == nil && c.journal == 0 {
		return
	}
	if err := c.takeSnapshot(ctx); err != nil {
		c.cfg.Log.Warn("the state of incidents was not stored; the next start works it out", "error", err)
	}
}

// once takes a step, if there is anything to do, and reports whether there may
// be more.
func (c *Correlator) once(ctx context.Context) (more bool, err error) {
	if err := c.endSnapshot(false); err != nil {
		return false, err
	}
	if c.engine == nil {
		if err := c.load(ctx); err != nil {
			return false, err
		}
	}
	if c.pending != nil {
		more = true
	} else {
		if more, err = c.prepare(ctx); err != nil || c.pending == nil {
			return false, err
		}
	}
	saved, err := c.cfg.State.SaveCorrelation(ctx, *c.pending)
	if err != nil {
		return false, err
	}
	c.at.Step, c.at.Place = c.pending.Number, c.pending.Place
	c.journal += int64(len(c.pending.Journal))
	c.pending = nil
	c.stats.stepped(c)
	if len(saved) > 0 {
		c.cfg.Saved(saved)
	}
	if c.writing == nil && c.journal >= max(c.minJournal, c.snapshot) {
		c.beginSnapshot(ctx)
	}
	return more, nil
}

// prepare makes the next step, nil when there is nothing to do.
func (c *Correlator) prepare(ctx context.Context) (more bool, err error) {
	verdicts, err := c.cfg.State.NewVerdicts(ctx, batch)
	if err != nil {
		return false, err
	}
	alerts, err := c.cfg.State.ReportedAlerts(ctx, c.at.Place, batch)
	if err != nil || len(verdicts)+len(alerts) == 0 {
		return false, err
	}
	c.refreshRates(ctx)
	now := c.cfg.Now().UTC()
	s := store.CorrelationStep{Number: c.at.Step + 1, Place: c.at.Place, Time: now}
	var r record
	for _, v := range verdicts {
		s.Verdicts = append(s.Verdicts, v.Serial)
		r.Verdicts = append(r.Verdicts, verdictOf(v))
	}
	c.behind = 0
	for i := range alerts {
		a := &alerts[i]
		s.Place = a.Place
		if !c.skip[a.ID] {
			r.Signals = append(r.Signals, c.signal(a, now))
		}
		if a.Count <= 1 {
			c.behind = max(c.behind, now.Sub(a.Received))
		}
	}
	if s.Journal, err = r.encode(); err != nil {
		return false, err
	}
	ids, err := c.apply(r)
	if err != nil {
		return false, err
	}
	for _, id := range ids {
		if inc, ok := c.engine.Incident(id); ok {
			s.Incidents = addOnce(s.Incidents, inc)
		}
	}
	c.pending = &s
	return len(alerts) == batch || len(verdicts) == batch, nil
}

// addOnce adds an incident that may be named by several ids.
func addOnce(list []finding.Incident, inc finding.Incident) []finding.Incident {
	for i := range list {
		if list[i].ID == inc.ID {
			return list
		}
	}
	return append(list, inc)
}

// apply gives a step to the engine and returns the ids of what changed. A
// signal that the engine cannot take would end the server at every start: it is
// left out from then on, and the engine is loaded anew.
func (c *Correlator) apply(r record) (changed []string, err error) {
	at := ""
	defer func() {
		if trouble := recover(); trouble != nil {
			c.cfg.Log.Error("an alert could not be joined into incidents", "alert", at, "panic", trouble, "stack", string(debug.Stack()))
			c.skip[at], c.engine = true, nil
			changed, err = nil, fmt.Errorf("the alert %q could not be joined into incidents, which is a fault of Holdfast's", at)
		}
	}()
	for _, v := range r.Verdicts {
		c.engine.Judge(v.Incident, v.verdict())
	}
	for i := range r.Signals {
		at = r.Signals[i].ID
		c.engine.Add(r.Signals[i])
	}
	return c.engine.Changed(), nil
}
