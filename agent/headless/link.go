package headless

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/holdfast-security/holdfast/agent/identity"
	"github.com/holdfast-security/holdfast/agent/respond"
	"github.com/holdfast-security/holdfast/agent/spool"
	"github.com/holdfast-security/holdfast/agent/transport"
	"github.com/holdfast-security/holdfast/fleet"
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
	client    *transport.Client
	demands   chan demand // capacity 1: the newest that was not looked at

	cancel context.CancelFunc
	done   sync.WaitGroup
}

// openLink opens what was enrolled in stateDir. Nothing is connected yet.
func openLink(stateDir string, beat func() fleet.Heartbeat, interval func() time.Duration, log *slog.Logger) (*link, error) {
	l := &link{stateDir: stateDir, log: log, demands: make(chan demand, 1), cancel: func() {}}
	if err := l.open(beat, interval); err != nil {
		return nil, errors.Join(err, l.close())
	}
	return l, nil
}

func (l *link) open(beat func() fleet.Heartbeat, interval func() time.Duration) (err error) {
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
	l.responder, err = respond.New(respond.Options{
		StateDir: l.stateDir, Log: l.log, Answer: func(r wire.Result) { l.client.Result(r) }, Service: os.Getenv("INVOCATION_ID") != "",
	})
	if err != nil {
		return err
	}
	l.client, err = transport.New(transport.Options{
		Identity: l.id, Serials: serials, Spool: l.spool, Orders: l.responder, Heartbeat: beat, Interval: interval,
		Policy: l.demand, Log: l.log,
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

// connect begins to talk to the server, until close.
func (l *link) connect() {
	ctx, cancel := context.WithCancel(context.Background())
	l.cancel = cancel
	l.done.Go(func() { l.client.Run(ctx) })
}

// close brings what is in memory to the spool, says good-bye to the server and
// closes all. The sensors have ended.
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
