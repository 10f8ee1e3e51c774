package hunt

import (
	"context"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/hunt/expr"
	"github.com/holdfast-security/holdfast/hunt/value"
)

// Ref says which event a row is. With its sequence number, which the store
// gave it, no two are alike.
type Ref struct {
	Host     event.HostID
	Time     time.Time
	Sequence int64
}

// Row is a row of the result.
type Row struct {
	Values []value.Value
	Ref    Ref // of the event that it is, if [Query.Events] says that it is one
}

// Result is what came of a run.
type Result struct {
	Rows    []Row
	More    bool   // there are more rows than the limit
	Stopped string // why not all that was handed in is accounted for, or ""
	Scanned int64  // events that were handed in
	Matched int64  // those of them that met the conditions at the beginning
}

// Run is one execution of a query. Choose and Take may be called from several
// goroutines; Finish comes last.
type Run struct {
	query *Query
	emit  func(Row) error // nil to collect rows
	seen  func(times []time.Time)

	scanned, matched atomic.Int64
	latest           atomic.Int64 // events before this moment cannot become rows any more
	workers          sync.Pool

	mu      sync.Mutex // guards what follows
	shared  stage
	result  Result
	left    int64 // bytes that may still be kept
	stopped string
}

// Start begins a run. With emit, rows are handed to it in their order, or as
// they are found where the query is unordered, instead of being collected; its
// error ends the run. Matched is called with the times of events that were
// chosen, from several goroutines; nil for nobody.
func (q *Query) Start(emit func(Row) error, matched func(times []time.Time)) *Run {
	run := &Run{query: q, emit: emit, seen: matched, left: q.opts.Memory}
	run.latest.Store(math.MinInt64)
	run.shared = run.chain(q.shared, &output{run: run})
	if o, ok := run.shared.(*ordering); ok && len(o.by) == 0 {
		o.front = true
	}
	return run
}

// chain links stages in front of the last.
func (run *Run) chain(builds []build, last stage) stage {
	for i := len(builds) - 1; i >= 0; i-- {
		last = builds[i](run, last)
	}
	return last
}

// checkEvery is after how many events a run looks whether it should end: a
// pattern may take long for each.
const checkEvery = 16

// Choose sets keep for the events that meet the conditions at the beginning of
// the query, of which it needs [Query.ChooseColumns]. All three slices have one
// length.
func (run *Run) Choose(ctx context.Context, events []event.Event, keep []bool) error {
	var times []time.Time
	var r expr.Row
	matched := int64(0)
	filter := run.query.filter
	for i := range events {
		if i%checkEvery == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		wanted := run.Wants(events[i].Time)
		r.Event = &events[i]
		keep[i] = (wanted || run.seen != nil) && (filter == nil || filter(&r))
		if !keep[i] {
			continue
		}
		matched++
		if run.seen != nil {
			times = append(times, events[i].Time)
		}
		keep[i] = wanted
	}
	run.scanned.Add(int64(len(events)))
	run.matched.Add(matched)
	if run.seen != nil {
		run.seen(times)
	}
	return nil
}

// Wants reports whether an event of this time can still become a row. What
// cannot need not be looked at, unless all that match are to be counted.
func (run *Run) Wants(t time.Time) bool {
	oldest := run.latest.Load()
	return oldest == math.MinInt64 || value.OfTime(t).Int() >= oldest
}

// worker computes rows. It belongs to one goroutine at a time.
type worker struct {
	stages stage
	gate   *gate
	row    row
	slots  []value.Value
}

// Take computes rows of events that were chosen, of which it needs
// [Query.TakeColumns]. Sequences are the numbers of [Ref].
func (run *Run) Take(ctx context.Context, events []event.Event, sequences []int64) error {
	w, _ := run.workers.Get().(*worker)
	if w == nil {
		w = &worker{gate: &gate{run: run}, slots: make([]value.Value, run.query.width)}
		w.stages = run.chain(run.query.prefix, w.gate)
	}
	defer run.workers.Put(w)
	defer w.gate.leave()
	for i := range events {
		if i%checkEvery == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		e := &events[i]
		clear(w.slots)
		w.row = row{expr.Row{Event: e, Slots: w.slots}, Ref{e.Host, e.Time, sequences[i]}}
		if err := w.stages.push(&w.row); err != nil {
			return err
		}
	}
	return nil
}

// Finish returns what came of the run. Rows that are in no order before the
// last event go out now.
func (run *Run) Finish() (Result, error) {
	run.mu.Lock()
	defer run.mu.Unlock()
	err := run.shared.finish()
	run.result.Scanned, run.result.Matched, run.result.Stopped = run.scanned.Load(), run.matched.Load(), run.stopped
	return run.result, err
}

// keep takes bytes of what may be kept, and reports whether there were so many.
// It is called with the lock held; a negative number gives bytes back.
func (run *Run) keep(bytes int64) bool {
	if bytes > run.left {
		return false
	}
	run.left -= bytes
	return true
}

// incomplete notes why the result does not account for all; the first reason
// stays.
func (run *Run) incomplete(reason string) {
	if run.stopped == "" {
		run.stopped = reason
	}
}

// gate is where rows that were computed alone meet. It is entered with the
// first row of a batch and left at its end.
type gate struct {
	run  *Run
	held bool
}

func (g *gate) push(r *row) error {
	if !g.held {
		g.run.mu.Lock()
		g.held = true
	}
	return g.run.shared.push(r)
}

func (g *gate) finish() error { return nil }

func (g *gate) leave() {
	if g.held {
		g.run.mu.Unlock()
		g.held = false
	}
}
