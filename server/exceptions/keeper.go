// Package exceptions holds the exceptions in force and says which alerts they
// cover, as alerts are saved.
//
// The database has the exceptions; a [Keeper] holds them compiled, and compiles
// them anew with every change. What people change takes effect with the next
// alerts that are saved. Whether an exception has expired is told by the
// server's clock at that moment, so that none acts longer than it was given.
package exceptions

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/holdfast-security/holdfast/account"
	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/exception"
	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/fleet"
	"github.com/holdfast-security/holdfast/store"
)

// MaxExceptions is how many exceptions there may be, in force or not.
const MaxExceptions = 10_000

// State is the part of the database that a keeper uses.
type State interface {
	store.Exceptions
	Alert(ctx context.Context, id string) (finding.Case, error)
}

// Config says what a keeper works on. State and Host must be set.
type Config struct {
	State State
	// Host returns a host by its id, false for one that is not known. It must
	// not block: ingestion asks.
	Host func(event.HostID) (fleet.Host, bool)
	// Changed is told of exceptions that people changed; nil for nobody.
	Changed func(id string)
	Log     *slog.Logger     // nil discards
	Now     func() time.Time // the clock; nil for the system's
}

// Keeper keeps the exceptions. It is made by [New] and safe for concurrent use.
type Keeper struct {
	cfg Config
	set atomic.Pointer[exception.Set]

	changing sync.Mutex // held while exceptions are changed and compiled; guards count
	count    int        // in the database

	stale atomic.Bool   // what is in force is not what the database has
	trial chan struct{} // holds one for each preview under way
}

// maxTrials is how many previews run at once: each reads many alerts.
const maxTrials = 2

// New returns a keeper that covers nothing before [Keeper.Load].
func New(cfg Config) *Keeper {
	cfg.Log = cmp.Or(cfg.Log, slog.New(slog.DiscardHandler))
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Changed == nil {
		cfg.Changed = func(string) {}
	}
	return &Keeper{cfg: cfg, trial: make(chan struct{}, maxTrials)}
}

// Load puts in force what the database has.
func (k *Keeper) Load(ctx context.Context) error {
	k.changing.Lock()
	defer k.changing.Unlock()
	return k.load(ctx)
}

// load is Load for who holds the lock.
func (k *Keeper) load(ctx context.Context) error {
	var all []finding.Exception
	page := store.Page{Limit: 1000}
	for {
		list, err := k.cfg.State.Exceptions(ctx, store.ExceptionFilter{}, page)
		if err != nil {
			k.stale.Store(true)
			return fmt.Errorf("put the exceptions in force: %w", err)
		}
		all = append(all, list.Items...)
		if page.After = list.Next; page.After == "" {
			break
		}
	}
	set, err := exception.Compile(all)
	if err != nil {
		k.cfg.Log.Error("an exception hides nothing until it is changed", "error", err)
	}
	k.set.Store(set)
	k.count = len(all)
	k.stale.Store(false)
	return nil
}

// retryAfter is when what could not be put in force is tried again.
const retryAfter = 5 * time.Second

// Run puts in force what a change could not, when the database answers again.
// It returns when ctx ends.
func (k *Keeper) Run(ctx context.Context) {
	tick := time.NewTicker(retryAfter)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if !k.stale.Load() {
				continue
			}
			if err := k.Load(ctx); err != nil && ctx.Err() == nil {
				k.cfg.Log.Error("exceptions that were changed are not in force yet", "error", err)
			}
		}
	}
}

// Covered returns the exceptions that cover the alerts now, by the uid of the
// alert. It never blocks.
func (k *Keeper) Covered(alerts []finding.Alert) map[string]string {
	set := k.set.Load()
	if set.Len() == 0 {
		return nil
	}
	now := k.cfg.Now()
	covered := make(map[string]string)
	for i := range alerts {
		a := &alerts[i]
		if id, ok := set.Covering(a, k.host(a.Host), now); ok {
			covered[a.ID] = id
		}
	}
	return covered
}

func (k *Keeper) host(id event.HostID) exception.Host {
	h, known := k.cfg.Host(id)
	if !known {
		return exception.Host{}
	}
	return exception.Host{Name: h.Name, Labels: h.Labels}
}

// Add makes an exception and puts it in force. An error that wraps
// [account.ErrInvalid] says what is wrong with the terms; confirmed says that an
// exception of a whole rule is meant.
func (k *Keeper) Add(ctx context.Context, id string, terms finding.ExceptionTerms, confirmed bool, by string) (finding.Exception, error) {
	k.changing.Lock()
	defer k.changing.Unlock()
	now := k.cfg.Now().UTC()
	if err := check(terms, confirmed, now); err != nil {
		return finding.Exception{}, err
	}
	if k.count >= MaxExceptions {
		return finding.Exception{}, fmt.Errorf("%w: there are %d exceptions already, which is all that there may be: remove some", account.ErrInvalid, k.count)
	}
	e := finding.Exception{ID: id, ExceptionTerms: terms, Author: by, Created: now, Version: 1}
	if err := k.cfg.State.AddException(ctx, e); err != nil {
		return finding.Exception{}, err
	}
	k.changed(ctx, id)
	return e, nil
}

// Change replaces the terms of an exception and puts them in force. The error
// wraps [store.ErrConflict] unless version is the present one or
// [store.AnyVersion].
func (k *Keeper) Change(ctx context.Context, id string, version int64, terms finding.ExceptionTerms, confirmed bool) (finding.Exception, error) {
	k.changing.Lock()
	defer k.changing.Unlock()
	before, err := k.cfg.State.Exception(ctx, id)
	if err != nil {
		return before, err
	}
	now := k.cfg.Now()
	if before.Expires != nil && terms.Expires != nil && before.Expires.Equal(*terms.Expires) {
		now = time.Time{} // what has expired may be changed otherwise
	}
	if err := check(terms, confirmed, now); err != nil {
		return finding.Exception{}, err
	}
	e, err := k.cfg.State.ChangeException(ctx, id, version, terms)
	if err != nil {
		return e, err
	}
	k.changed(ctx, id)
	return e, nil
}

// Drop removes an exception. What it has hidden stays hidden until it repeats.
func (k *Keeper) Drop(ctx context.Context, id string) error {
	k.changing.Lock()
	defer k.changing.Unlock()
	if err := k.cfg.State.DropException(ctx, id); err != nil {
		return err
	}
	k.changed(ctx, id)
	return nil
}

// changed puts a change in force and tells of it. It is stored already: where
// it cannot come into force now, [Keeper.Run] sees to that.
func (k *Keeper) changed(ctx context.Context, id string) {
	if err := k.load(context.WithoutCancel(ctx)); err != nil {
		k.cfg.Log.Error("a change of exceptions is stored and not in force yet", "exception", id, "error", err)
	}
	k.cfg.Changed(id)
}

// check says what is wrong with terms that are to come into force.
func check(t finding.ExceptionTerms, confirmed bool, now time.Time) error {
	if err := exception.Validate(t); err != nil {
		return fmt.Errorf("%w: %w", account.ErrInvalid, err)
	}
	switch {
	case !t.Enabled:
		return nil
	case t.Expires != nil && !t.Expires.After(now):
		return fmt.Errorf("%w: expires_time: %s is past", account.ErrInvalid, t.Expires.Format(time.RFC3339))
	case exception.Whole(t) && !confirmed:
		return fmt.Errorf("%w: this exception hides everything of its rules or types; add a condition that names what is wanted, or confirm that you mean it", account.ErrInvalid)
	}
	return nil
}
