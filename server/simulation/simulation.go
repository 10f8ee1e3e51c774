// Package simulation plays attacks on hosts: it sends the orders, takes the
// answers, and joins each scenario with the alert that it raised, so that
// people see the whole chain work. What hosts answer is hostile: bounded, and
// taken only for orders that the host was given.
package simulation

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/holdfast-security/holdfast/account"
	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/store"
	"github.com/holdfast-security/holdfast/wire"
)

// States of orders that the server gives; the others come from the agent, see
// [wire.Result].
const (
	orderSent    = "sent"
	orderExpired = "expired"
	partWaiting  = "waiting"
)

const (
	actionSimulate = "simulate"

	// orderTime is for how long a host obeys an order, and simulationTime for
	// how long its answers, and the alerts that it provoked, are waited for.
	orderTime      = 2 * time.Minute
	simulationTime = 15 * time.Minute

	maxDetail     = 1 << 10 // bytes of an answer's text
	maxUnderWay   = 1000    // simulations whose end is waited for
	expiryCheck   = 15 * time.Second
	alertSlack    = 2 * time.Minute // that a host's clock may be behind
	maxScenarios  = 64
	answerTimeout = 10 * time.Second
)

// Config is what a simulator works with. All fields must be set.
type Config struct {
	Log    *slog.Logger
	Orders store.Orders
	// Scenarios are the names of what can be played, with the alerts that it
	// must raise.
	Scenarios map[string]finding.AlertType
	// Active reports whether the host is enrolled and not revoked.
	Active func(event.HostID) bool
	// Send signs and sends an order, which the host obeys for a while.
	Send func(ctx context.Context, host event.HostID, o wire.Order, valid time.Duration) error
	// Told is called with the id of an order that made progress.
	Told func(order string)
}

// Simulator plays attacks on hosts. Make it with [New]; it is safe for
// concurrent use.
type Simulator struct {
	Config

	mu     sync.Mutex            // guards open
	open   map[string]*openOrder // by id: answers or alerts are waited for
	alerts chan []finding.Alert  // saved, to be joined
}

// openOrder is what is remembered of an order under way.
type openOrder struct {
	host    event.HostID
	created time.Time
	missing map[string]finding.AlertType // scenarios whose alert has not come
}

// New returns a simulator.
func New(c Config) *Simulator {
	return &Simulator{Config: c, open: make(map[string]*openOrder), alerts: make(chan []finding.Alert, 64)}
}

// Simulate sends the order to play scenarios on a host. An error wraps
// [account.ErrInvalid] when it is the request's fault.
func (s *Simulator) Simulate(ctx context.Context, host event.HostID, names []string, by string) (store.Order, error) {
	if err := s.check(host, names); err != nil {
		return store.Order{}, err
	}
	now := time.Now().UTC()
	o := store.Order{
		ID: newID(), Host: host, Action: actionSimulate, Argument: names, By: by, Created: now,
		State: orderSent, Changed: now,
	}
	for _, name := range names {
		o.Parts = append(o.Parts, store.Part{Subject: name, State: partWaiting, Time: now})
	}
	if err := s.Orders.AddOrder(ctx, o); err != nil {
		return store.Order{}, fmt.Errorf("order of a simulation: %w", err)
	}
	s.watch(o)
	if err := s.Send(ctx, host, wire.Order{ID: o.ID, Action: o.Action, Argument: names}, orderTime); err != nil {
		_ = s.change(ctx, o.ID, func(o *store.Order) bool { // it is logged, and expires
			o.State, o.Detail = "failed", "it could not be sent to the host"
			return true
		})
		return store.Order{}, fmt.Errorf("send a simulation to host %s: %w", host, err)
	}
	s.Told(o.ID)
	return o, nil
}

func (s *Simulator) check(host event.HostID, names []string) error {
	if !s.Active(host) {
		return fmt.Errorf("%w: host %q is not enrolled, or revoked", account.ErrInvalid, host)
	}
	if len(names) == 0 || len(names) > maxScenarios {
		return fmt.Errorf("%w: %d scenarios, not 1 to %d", account.ErrInvalid, len(names), maxScenarios)
	}
	for i, name := range names {
		if _, known := s.Scenarios[name]; !known {
			return fmt.Errorf("%w: there is no scenario %q", account.ErrInvalid, name)
		}
		if slices.Contains(names[:i], name) {
			return fmt.Errorf("%w: scenario %q is named twice", account.ErrInvalid, name)
		}
	}
	return nil
}

// watch remembers an order whose answers and alerts are to come.
func (s *Simulator) watch(o store.Order) {
	missing := make(map[string]finding.AlertType)
	for _, p := range o.Parts {
		if p.Alert == "" {
			missing[p.Subject] = s.Scenarios[p.Subject]
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.open) < maxUnderWay {
		s.open[o.ID] = &openOrder{host: o.Host, created: o.Created, missing: missing}
	}
}

// Resume remembers the orders that were under way when the server stopped.
func (s *Simulator) Resume(ctx context.Context) error {
	list, err := s.Orders.Orders(ctx, "", store.Page{Limit: 1000})
	if err != nil {
		return fmt.Errorf("list orders: %w", err)
	}
	for _, o := range list.Items {
		if o.Action == actionSimulate && time.Since(o.Created) < simulationTime {
			s.watch(o)
		}
	}
	return nil
}

// Result takes an answer of a host and returns nil when it is on disk. What the
// host says is bounded by the stream; answers to orders of other hosts are
// ignored. An answer that comes again, or after a later one, changes nothing.
func (s *Simulator) Result(host event.HostID, r wire.Result) error {
	ctx, cancel := context.WithTimeout(context.Background(), answerTimeout)
	defer cancel()
	o, err := s.Orders.Order(ctx, r.Order)
	switch {
	case errors.Is(err, store.ErrNotFound), err == nil && o.Host != host:
		s.Log.Warn("an answer to an order that the host was not given is ignored", "host", host)
		return nil
	case err != nil:
		return fmt.Errorf("find the order that host %s answers: %w", host, err)
	}
	if len(r.Detail) > maxDetail {
		r.Detail = r.Detail[:maxDetail]
	}
	return s.change(ctx, o.ID, func(o *store.Order) bool { return answer(o, r) })
}

// answer notes what a host says of an order or a part of it, and reports
// whether that is news.
func answer(o *store.Order, r wire.Result) bool {
	if r.Subject == "" {
		if !follows(o.State, r.State) || o.State == r.State && o.Detail == r.Detail {
			return false
		}
		o.State, o.Detail = r.State, r.Detail
		return true
	}
	for i := range o.Parts {
		p := &o.Parts[i]
		if p.Subject != r.Subject || !follows(p.State, r.State) || p.State == r.State && p.Detail == r.Detail {
			continue
		}
		p.State, p.Detail, p.Time = r.State, r.Detail, time.Now().UTC()
		return true
	}
	return false
}

// follows reports whether a state may come after another: an end is not
// followed by a beginning.
func follows(last, next string) bool { return stage(next) >= stage(last) }

// ended is the stage of an order that came to an end.
const ended = 4

// stage returns how far an order is with a state; ends are all as far.
func stage(state string) int {
	switch state {
	case orderSent, partWaiting:
		return 0
	case "accepted":
		return 1
	case "running":
		return 2
	case orderExpired: // an end that comes late is better than none
		return 3
	}
	return ended
}

// errNothingNew ends a change that changes nothing.
var errNothingNew = errors.New("nothing new")

// change changes an order and tells it, unless there is nothing to change.
func (s *Simulator) change(ctx context.Context, id string, change func(*store.Order) bool) error {
	_, err := s.Orders.ChangeOrder(ctx, id, func(o *store.Order) error {
		if !change(o) {
			return errNothingNew
		}
		o.Changed = time.Now().UTC()
		return nil
	})
	switch {
	case errors.Is(err, errNothingNew):
		return nil
	case err != nil:
		s.Log.Error("an order could not be changed", "order", id, "error", err)
		return fmt.Errorf("change order %s: %w", id, err)
	}
	s.Told(id)
	return nil
}

// Saved takes alerts that were stored. It does not block: when alerts come
// faster than they can be looked at, simulations miss theirs.
func (s *Simulator) Saved(alerts []finding.Alert) {
	s.mu.Lock()
	waiting := len(s.open) > 0
	s.mu.Unlock()
	if !waiting {
		return
	}
	select {
	case s.alerts <- alerts:
	default:
		s.Log.Warn("too many alerts at once to join them to simulations")
	}
}

// Run joins alerts to simulations and ends those that got no answer, until ctx
// ends.
func (s *Simulator) Run(ctx context.Context) {
	tick := time.NewTicker(expiryCheck)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case alerts := <-s.alerts:
			for i := range alerts {
				s.join(ctx, &alerts[i])
			}
		case now := <-tick.C:
			s.expire(ctx, now)
		}
	}
}

// join gives the alert to the simulations on its host that wait for its type.
func (s *Simulator) join(ctx context.Context, a *finding.Alert) {
	for _, found := range s.waitingFor(a) {
		_ = s.change(ctx, found.order, func(o *store.Order) bool { // it is logged
			for i := range o.Parts {
				if o.Parts[i].Subject == found.scenario && o.Parts[i].Alert == "" {
					o.Parts[i].Alert = a.ID
					return true
				}
			}
			return false
		})
	}
}

type scenarioOf struct{ order, scenario string }

func (s *Simulator) waitingFor(a *finding.Alert) []scenarioOf {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []scenarioOf
	for id, o := range s.open {
		if o.host != a.Host || a.LastTime.Before(o.created.Add(-alertSlack)) {
			continue
		}
		for scenario, alertType := range o.missing {
			if alertType == a.Type {
				found = append(found, scenarioOf{id, scenario})
				delete(o.missing, scenario)
			}
		}
	}
	return found
}

// expire ends orders that nobody answered in time.
func (s *Simulator) expire(ctx context.Context, now time.Time) {
	s.mu.Lock()
	var over []string
	for id, o := range s.open {
		if now.Sub(o.created) > simulationTime {
			over = append(over, id)
			delete(s.open, id)
		}
	}
	s.mu.Unlock()
	for _, id := range over {
		o, err := s.Orders.Order(ctx, id)
		if err != nil || stage(o.State) == ended {
			continue
		}
		_ = s.change(ctx, id, func(o *store.Order) bool { // it is logged
			if stage(o.State) == ended {
				return false
			}
			o.State, o.Detail = orderExpired, "the host did not finish in time; it may be disconnected"
			return true
		})
	}
}

// newID returns a random id of 128 bits.
func newID() string {
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails
	return hex.EncodeToString(id[:])
}
