package respond

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/holdfast-security/holdfast/wire"
)

// States of a result, see [wire.Result].
const (
	stateAccepted    = "accepted"
	stateRunning     = "running"
	stateDone        = "done"
	stateFailed      = "failed"
	stateRefused     = "refused"
	stateUnsupported = "unsupported"
)

// waiting is how many orders may wait for the one under way.
const waiting = 16

// Options are what a Responder is made from.
type Options struct {
	StateDir string            // remembers orders there; it exists
	Answer   func(wire.Result) // takes the parts of answers, from any goroutine; must not block
	Log      *slog.Logger      // nil discards

	Program string        // holdfast; "" means the one beside this executable
	Limit   time.Duration // for one scenario; 0 means 5 minutes
	Service bool          // this process is a service of systemd: see [Responder]
}

// Responder carries out orders one after the other. Make it with [New].
//
// Scenarios act on the host as an attacker would, which the agent's own service
// is hardened against; so where the agent is a service of systemd, they run in a
// service of their own, made by systemd-run(1) for the moment.
type Responder struct {
	opts   Options
	log    *slog.Logger
	memory *memory
	queue  chan wire.Order
	cancel context.CancelFunc
	done   sync.WaitGroup
}

// New reads which orders were carried out and starts to wait for more, until
// Close.
func New(opts Options) (*Responder, error) {
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	if opts.Limit == 0 {
		opts.Limit = scenarioLimit
	}
	memory, err := openMemory(opts.StateDir)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := &Responder{opts: opts, log: opts.Log, memory: memory, queue: make(chan wire.Order, waiting), cancel: cancel}
	r.done.Add(1)
	go r.work(ctx)
	return r, nil
}

// Close stops what is under way, which cleans up after itself, and returns when
// it has ended. Orders that wait are answered as failed when they come again.
func (r *Responder) Close() {
	r.cancel()
	r.done.Wait()
}

// Knows reports whether an order was given before. Safe for concurrent use.
func (r *Responder) Knows(id string) bool {
	_, known := r.memory.answer(id)
	return known
}

// Give takes an order and returns at once. A known one is answered again.
func (r *Responder) Give(order wire.Order) {
	if last, known := r.memory.answer(order.ID); known {
		r.opts.Answer(last)
		return
	}
	if err := r.memory.remember(interrupted(order.ID)); err != nil {
		r.log.Error("order refused", "order", order.ID, "error", err)
		r.opts.Answer(result(order.ID, stateRefused, "", "the agent cannot remember orders: "+err.Error()))
		return
	}
	select {
	case r.queue <- order:
		r.log.Info("order accepted", "order", order.ID, "action", order.Action)
		r.opts.Answer(result(order.ID, stateAccepted, "", "the agent has the order"))
	default:
		r.finish(result(order.ID, stateRefused, "", fmt.Sprintf("%d orders wait already; ask again later", waiting)))
	}
}

// interrupted is the answer to an order that began and has no end: the agent
// was stopped in between.
func interrupted(id string) wire.Result {
	return result(id, stateFailed, "", "the agent was stopped before the order was done")
}

func result(id, state, subject, detail string) wire.Result {
	return wire.Result{Order: id, Time: time.Now().UTC(), State: state, Subject: subject, Detail: detail}
}

// finish gives the last part of an answer and remembers it.
func (r *Responder) finish(last wire.Result) {
	if err := r.memory.remember(last); err != nil {
		r.log.Error("the answer to an order cannot be kept", "order", last.Order, "error", err)
	}
	r.log.Info("order ended", "order", last.Order, "state", last.State, "detail", last.Detail)
	r.opts.Answer(last)
}

func (r *Responder) work(ctx context.Context) {
	defer r.done.Done()
	for {
		select {
		case <-ctx.Done():
			return
		case order := <-r.queue:
			if ctx.Err() == nil {
				r.finish(r.carryOut(ctx, order))
			}
		}
	}
}

// carryOut returns the last part of the answer.
func (r *Responder) carryOut(ctx context.Context, order wire.Order) wire.Result {
	switch order.Action {
	case "simulate":
		return r.simulate(ctx, order)
	}
	return result(order.ID, stateUnsupported, "", fmt.Sprintf("this agent does not know the action %.64q", order.Action))
}
