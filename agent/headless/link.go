package headless

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/holdfast-security/holdfast/agent/bundle"
	"github.com/holdfast-security/holdfast/agent/identity"
	"github.com/holdfast-security/holdfast/agent/respond"
	"github.com/holdfast-security/holdfast/agent/spool"
	"github.com/holdfast-security/holdfast/agent/transport"
	"github.com/holdfast-security/holdfast/policy"
	"github.com/holdfast-security/holdfast/wire"
)

// spoolDirectory is where events wait, below the state directory.
const spoolDirectory = "spool"

// demand is a policy with the message it came in.
type demand struct {
	policy policy.Policy
	signed wire.Signed
}

// link is everything between this agent and its server.
type link struct {
	id        identity.Identity
	stateDir  string
	log       *slog.Logger
	spool     *spool.Spool
	batch     *batcher
	responder *respond.Responder
	rules     *bundle.Store // the operator's, for detection here; nil without
	client    *transport.Client
	demands   chan demand // capacity 1: the newest that was not looked at

	cancel context.CancelFunc
	done   sync.WaitGroup
}

// tempo are times that tests shorten. The zero value is that of an agent.
type tempo struct {
	beat   time.Duration // between heartbeats, in place of what the policy says
	linger time.Duration // for sending what waits at the end; 0 means 2 s
	retry  time.Duration // bound of waits between attempts; 0 for none
}

// lingers is how long an agent that is stopped goes on sending.
const lingers = 2 * time.Second

// openLink opens what was enrolled in the state directory of w. Nothing is
// connected yet.
func openLink(w *watch) (*link, error) {
	l := &link{stateDir: w.cfg.stateDir(), log: w.log, demands: make(chan demand, 1), cancel: func() {}}
	if err := l.open(w); err != nil {
		return nil, errors.Join(err, l.close())
	}
	return l, nil
}

func (l *link) open(w *watch) (err error) {
	if l.id, err = identity.Load(l.stateDir); err != nil {
		return err
	}
	serials, err := identity.OpenSerials(l.stateDir)
	if err != nil {
		return err
	}
	if l.spool, err = spool.Open(filepath.Join(l.stateDir, spoolDirectory), spool.Options{Limit: policy.Policy{}.Spool(), Log: l.log}); err != nil {
		return err
	}
	l.batch = newBatcher(l.spool, l.log)
	l.responder, err = respond.New(respond.Options{StateDir: l.stateDir, Log: l.log, Service: os.Getenv("INVOCATION_ID") != ""})
	if err != nil {
		return err
	}
	bundles := make(map[string]transport.Bundle)
	if w.out != nil {
		if l.rules, err = bundle.Open(l.stateDir, wire.BundleRules, l.log); err != nil {
			return err
		}
		bundles[wire.BundleRules] = l.rules
	}
	l.client, err = transport.New(transport.Options{
		Identity: l.id, Serials: serials, Spool: l.spool, Orders: l.responder, Heartbeat: w.heartbeat, Interval: w.interval,
		Policy: l.demand, Bundles: bundles, Log: l.log, Linger: cmp.Or(w.tempo.linger, lingers), RetryFloor: w.tempo.retry,
	})
	return err
}

// demand keeps the newest policy for whoever applies it. It is called from one
// goroutine.
func (l *link) demand(p policy.Policy, signed wire.Signed) {
	select {
	case <-l.demands:
	default:
	}
	l.demands <- demand{p, signed}
}

// kept returns the policy that was in force when the agent last ran, the
// built-in one where there was none.
func (l *link) kept() policy.Policy {
	signed, found, err := identity.LoadPolicy(l.stateDir)
	if err != nil || !found {
		if err != nil {
			l.log.Warn("the policy that was in force cannot be read; the server will send it again", "error", err)
		}
		return policy.Policy{}
	}
	p, err := transport.ParsePolicy(signed, l.id)
	if err != nil {
		l.log.Warn("the policy that was in force is not valid; the server will send it again", "error", err)
		return policy.Policy{}
	}
	return p
}

// keptRules returns the operator's rules that were in force when the agent last
// ran; found is false when there are none that can be used.
func (l *link) keptRules() (c bundle.Content, found bool) {
	c, found, err := l.rules.Kept(func(signed wire.Signed) (wire.Bundle, error) { return transport.ParseBundle(signed, l.id) })
	if err != nil {
		l.log.Warn("the server's rules that were in force cannot be used; the server will send them again", "error", err)
	}
	return c, found
}

// contents returns the channel of the operator's rules; nil without.
func (l *link) contents() <-chan bundle.Content {
	if l.rules == nil {
		return nil
	}
	return l.rules.Ready()
}

// connect begins to talk to the server, until close.
func (l *link) connect() {
	ctx, cancel := context.WithCancel(context.Background())
	l.cancel = cancel
	l.done.Go(func() { l.client.Run(ctx) })
}

// close brings what is in memory to the spool, sends for a moment what is there,
// says good-bye to the server and closes all. The sensors have ended.
func (l *link) close() error {
	if l.batch != nil {
		l.batch.close()
	}
	if l.responder != nil {
		l.responder.Close()
	}
	l.cancel()
	l.done.Wait()
	if l.spool == nil {
		return nil
	}
	if ledger := l.spool.Ledger(); ledger.Spooled > 0 {
		l.log.Info("events wait in the spool for the next start", "events", ledger.Spooled)
	}
	if err := l.spool.Close(); err != nil {
		return fmt.Errorf("close the spool: %w", err)
	}
	return nil
}
