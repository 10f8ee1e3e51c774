package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/holdfast-security/holdfast/agent/feature"
	"github.com/holdfast-security/holdfast/agent/features"
	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/fleet"
)

// A feature that fails is started again, at first soon, then ever later.
const (
	firstRestart = time.Second
	lastRestart  = 2 * time.Minute
)

// runner keeps one feature going.
type runner struct {
	entry  features.Entry
	health *feature.Health
	host   feature.Host
	ended  chan struct{} // closed when the feature will not run again

	emitted atomic.Uint64
	dropped atomic.Uint64 // queue full
	queue   *queue
	account Account
	log     *slog.Logger
}

// queueFull is the counter of events that found no room in the queue.
const queueFull = "queue_full"

// Emit implements [feature.Sink].
func (r *runner) Emit(events []event.Event) {
	r.emitted.Add(uint64(len(events)))
	r.account.AddProduced(uint64(len(events)))
	if n := r.queue.put(events, time.Now()); n > 0 {
		r.dropped.Add(uint64(n))
		r.account.AddDropped(fleet.QueueFull, uint64(n))
		r.health.CountDropped(queueFull, r.dropped.Load())
	}
}

// works reports whether the feature is at work now.
func (r *runner) works() bool {
	switch r.health.Status().State {
	case feature.Running, feature.Degraded:
		return true
	}
	return false
}

// run keeps the feature running until ctx ends or the host turns out not to
// carry it.
func (r *runner) run(ctx context.Context) {
	defer close(r.ended)
	for wait := firstRestart; ; wait = min(2*wait, lastRestart) {
		began := time.Now()
		err := r.attempt(ctx)
		switch {
		case ctx.Err() != nil:
			if detail := stopDetail(err); detail != "" {
				r.log.Warn("feature did not stop in order", "error", detail)
			}
			r.health.Set(feature.Stopped, stopDetail(err))
			return
		case errors.Is(err, feature.ErrUnsupported):
			r.health.Set(feature.Unsupported, err.Error())
			return
		case err == nil:
			r.health.Set(feature.Stopped, "")
			return
		}
		if time.Since(began) > lastRestart {
			wait = firstRestart
		}
		r.log.Error("feature failed", "error", err, "restart_in", wait)
		r.health.Set(feature.Failed, fmt.Sprintf("%v; trying again in %s", err, wait))
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

func stopDetail(err error) string {
	if err == nil || errors.Is(err, context.Canceled) {
		return ""
	}
	return err.Error()
}

// attempt runs the feature once and turns a panic into an error: a fault in
// one sensor must not take the others down.
func (r *runner) attempt(ctx context.Context) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return r.entry.New().Run(ctx, r.host)
}
