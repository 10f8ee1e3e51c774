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
	StateDir string       // remembers orders and answers there; it exists
	Log      *slog.Logger // nil discards

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
// it has ended. Orders that wait are answered as failed at the next start.
func (r *Responder) Close() {
	r.cancel()
	r.done.Wait()
}

// Knows reports whether an order was given before. Safe for concurrent use.
func (r *Responder) Knows(id string) bool {
	_, known := r.memory.answer(id)
	return known
}

// Answer returns the first part of an answer that is not acknowledged, with its
// number; ok is false when there is none. Safe for concurrent use.
func (r *Responder) Answer() (number uint64, part wire.Result, ok bool) { return r.memory.first() }

// Acknowledged forgets the part of an answer that has the number, if it is
// still there: the server has it. Safe for concurrent use.
func (r *Responder) Acknowledged(number uint64) {
	if err := r.memory.acknowledged(number); err != nil {
		r.log.Error("an answer that arrived cannot be forgotten; it is sent again after a restart", "error", err)
	}
}

// Wake returns a channel that holds a token when there may be new parts of
// answers. It is never closed.
func (r *Responder) Wake() <-chan struct{} { return r.memory.wake }

// Lost returns how many parts of answers found no room since the start. Safe
// for concurrent use.
func (r *Responder) Lost() uint64 { return r.memory.losses() }

// Give takes an order and returns at once. A known one is answered again.
func (r *Responder) Give(order wire.Order) {
	if last, known := r.memory.answer(order.ID); known {
		r.tell(last)
		return
	}
	if err := r.memory.begin(order.ID); err != nil {
		r.log.Error("order refused", "order", order.ID, "error", err)
		r.tell(result(order.ID, stateRefused, "", "the agent cannot remember orders: "+err.Error()))
		return
	}
	r.tell(result(order.ID, stateAccepted, "", "the agent has the order"))
	select {
	case r.queue <- order:
		r.log.Info("order accepted", "order", order.ID, "action", order.Action)
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

// tell gives a part of an answer to be sent.
func (r *Responder) tell(p wire.Result) {
	if err := r.memory.tell(p); err != nil {
		r.log.Error("a part of an answer cannot be kept; a restart would lose it", "order", p.Order, "error", err)
	}
}

// finish gives the last part of an answer and remembers it.
func (r *Responder) finish(last wire.Result) {
	if err := r.memory.end(last); err != nil {
		r.log.Error("the answer to an order cannot be kept", "order", last.Order, "error", err)
	}
	r.log.Info("order ended", "order", last.Order, "state", last.State, "detail", last.Detail)
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
