package headless

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/holdfast-security/holdfast/agent"
	"github.com/holdfast-security/holdfast/agent/bundle"
	"github.com/holdfast-security/holdfast/agent/identity"
	"github.com/holdfast-security/holdfast/agent/transport"
	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/fleet"
	"github.com/holdfast-security/holdfast/policy"
	"github.com/holdfast-security/holdfast/wire"
)

// stateDir returns where the agent keeps what survives a restart, as
// [agent.Config] understands it.
func (c *Config) stateDir() string { return cmp.Or(c.StateDir, agent.DefaultStateDir) }

// enrolled reports whether this host has a server. An ordinary user's agent has
// one only where its state directory is named: the host's is root's.
func (c *Config) enrolled() bool {
	return (c.StateDir != "" || os.Geteuid() <= 0) && identity.Enrolled(c.stateDir())
}

// watch is an agent at work: sensors that start anew when the policy changes,
// and where their events go.
type watch struct {
	cfg    Config
	tempo  tempo
	log    *slog.Logger
	system system
	out    *output // nil for none
	link   *link   // nil without a server; set before anything runs

	mu      sync.Mutex // guards what follows
	agent   *agent.Agent
	policy  policy.Policy // in force
	refused string        // why the policy that the server wants is not; "" when it is
	closing bool          // the link must not be asked any more
}

// run works until ctx ends.
func (w *watch) run(ctx context.Context) (err error) {
	var kept policy.Policy
	if w.cfg.enrolled() {
		l, err := openLink(w)
		if err != nil {
			return err
		}
		w.mu.Lock()
		w.link = l
		w.mu.Unlock()
		kept = l.kept()
		w.useKeptRules()
	}
	err = w.begin(ctx, kept)
	if err == nil {
		w.log.Info("watching", "features", len(w.current().Report().Features), "server", w.link != nil)
		w.attend(ctx)
	} else if ctx.Err() != nil {
		err = nil // being stopped while starting is no failure
	}
	err = errors.Join(err, w.halt(ctx))
	w.conclude()
	if w.link == nil {
		return err
	}
	w.mu.Lock()
	w.closing = true
	w.mu.Unlock()
	return errors.Join(err, w.link.close())
}

// begin starts the sensors with the policy that was kept, or with the built-in
// one where that cannot be, and then the connection.
func (w *watch) begin(ctx context.Context, kept policy.Policy) error {
	err := w.start(ctx, kept)
	if err != nil && kept.Version != 0 && ctx.Err() == nil {
		w.refuse(kept, err)
		err = w.start(ctx, policy.Policy{})
	}
	if err == nil && w.link != nil {
		w.link.connect()
	}
	return err
}

// attend does what has to be done while the sensors work, until ctx ends.
func (w *watch) attend(ctx context.Context) {
	var tending sync.WaitGroup
	if w.out != nil {
		tending.Go(func() { w.out.attend(ctx) })
		tending.Go(func() { w.out.lists.Follow(ctx) })
	}
	var demands <-chan demand
	var contents <-chan bundle.Content
	if w.link != nil {
		demands, contents = w.link.demands, w.link.contents()
	}
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case d := <-demands:
			w.apply(ctx, d)
		case c := <-contents:
			w.applyBundle(ctx, c)
		}
	}
	tending.Wait()
}

// apply puts a policy in force whole, or refuses it whole and goes on with the
// one before. Sensors start anew only if it changes what they do; what they
// had emitted is handed on first.
func (w *watch) apply(ctx context.Context, d demand) {
	old := w.inForce()
	if reflect.DeepEqual(d.policy, old) {
		w.accept(old)
		return
	}
	if !sameSensors(d.policy, old) {
		if err := w.restart(ctx, d.policy, old); err != nil {
			if ctx.Err() == nil {
				w.refuse(d.policy, err)
			}
			return
		}
	}
	w.accept(d.policy)
	if err := identity.SavePolicy(w.link.stateDir, d.signed); err != nil {
		w.log.Error("the policy cannot be kept; it holds until the next start", "error", err)
	}
	w.log.Info("policy in force", "version", d.policy.Version)
}

func sameSensors(a, b policy.Policy) bool {
	return slices.Equal(a.Only, b.Only) && slices.Equal(a.Disable, b.Disable) && a.RawRecords == b.RawRecords
}

// restart replaces the sensors. A policy that they do not take is refused
// before the old ones are stopped, where that can be known before.
func (w *watch) restart(ctx context.Context, next, old policy.Policy) error {
	probe, err := agent.New(w.sensors(next))
	if err != nil {
		return err
	}
	if err := probe.Stop(ctx); err != nil {
		return err
	}
	if err := w.halt(ctx); err != nil {
		w.log.Warn("the sensors did not stop in order", "error", err)
	}
	err = w.start(ctx, next)
	if err == nil || ctx.Err() != nil {
		return err
	}
	if again := w.start(ctx, old); again != nil {
		w.log.Error("no sensor runs; the agent goes on without", "error", again)
	}
	return err
}

// sensors returns how the sensors are to run under a policy.
func (w *watch) sensors(p policy.Policy) agent.Config {
	cfg := agent.Config{
		Handler: w.handle, Log: w.log, Only: w.cfg.Only, Disable: slices.Concat(w.cfg.Disable, p.Disable),
		StateDir: w.cfg.StateDir, RawRecords: p.RawRecords || w.out != nil && w.out.needsRecords(),
	}
	if len(p.Only) > 0 {
		cfg.Only = p.Only
	}
	if w.link != nil {
		cfg.Host, cfg.Account = w.link.id.Host, w.link.spool
	}
	return cfg
}

// start starts sensors under a policy, which is in force then.
func (w *watch) start(ctx context.Context, p policy.Policy) error {
	a, err := agent.New(w.sensors(p))
	if err != nil {
		return err
	}
	if err := a.Start(ctx); err != nil { // it has stopped itself
		return err
	}
	w.mu.Lock()
	w.agent = a
	w.mu.Unlock()
	w.accept(p)
	return nil
}

// halt stops the sensors and hands on what they emitted, also when ctx ended.
func (w *watch) halt(ctx context.Context) error {
	a := w.current()
	if a == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopPatience)
	defer cancel()
	return a.Stop(ctx)
}

// handle takes events from the pipeline.
func (w *watch) handle(events []*event.Event) {
	if w.link != nil {
		w.link.batch.handle(events)
	}
	if w.out != nil {
		w.out.handle(events)
	}
}

func (w *watch) current() *agent.Agent {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.agent
}

func (w *watch) inForce() policy.Policy {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.policy
}

func (w *watch) interval() time.Duration { return cmp.Or(w.tempo.beat, w.inForce().Heartbeat()) }

// accept notes the policy in force.
func (w *watch) accept(p policy.Policy) {
	w.mu.Lock()
	w.policy, w.refused = p, ""
	w.mu.Unlock()
	if w.link != nil {
		w.link.spool.SetLimit(p.Spool())
	}
}

// refuse notes that a policy is not in force, and why.
func (w *watch) refuse(p policy.Policy, err error) {
	text := fmt.Sprintf("policy %d is refused and the one before stays in force: %v", p.Version, err)
	w.log.Warn("policy refused", "version", p.Version, "error", err)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.refused = text
}

// heartbeat is what the server is told.
func (w *watch) heartbeat() fleet.Heartbeat {
	w.mu.Lock()
	a, p, refused := w.agent, w.policy, w.refused
	w.mu.Unlock()
	beat := w.system.heartbeat()
	beat.Policy = p.Version
	rules := w.rulesStatus()
	if rules.InForce != "" {
		beat.Bundles = map[string]string{wire.BundleRules: rules.InForce}
	}
	beat.Features = append(health(a.Report().Features), transportHealth(w.link.client.Status(), w.link.responder.Lost(), refused, rules))
	beat.Ledger = w.link.spool.Ledger()
	return beat
}

// rulesStatus says how the server's rules are doing, nothing where they are not
// used.
func (w *watch) rulesStatus() bundle.Status {
	if w.link.rules == nil {
		return bundle.Status{}
	}
	return w.link.rules.Status()
}

// conclude says at the end what came of it.
func (w *watch) conclude() {
	a := w.current()
	if a == nil {
		return
	}
	ledger := a.Report().Ledger
	args := []any{"events", ledger.Delivered}
	maps.DeleteFunc(ledger.Dropped, func(_ string, n uint64) bool { return n == 0 })
	if len(ledger.Dropped) > 0 {
		args = append(args, "dropped", ledger.Dropped)
	}
	if w.out != nil {
		w.out.close()
		args = append(args, "alerts", w.out.alerts, "suppressed", w.out.suppressed, "events_written", w.out.passed(), "events_aggregated", w.out.folded(), "unwritten", w.out.unwritten)
	}
	w.log.Info("stopped", args...)
}

// report is what the control socket tells: the sensors', and the server's side.
func (w *watch) report() Report {
	w.mu.Lock()
	defer w.mu.Unlock()
	var r Report
	if w.agent != nil {
		r.Report = w.agent.Report()
	}
	if w.link != nil && !w.closing {
		r.Server = &ServerReport{
			Host: w.link.id.Host, Server: w.link.id.Server, Connection: w.link.client.Status(), Ledger: w.link.spool.Ledger(),
			Policy: w.policy.Version, Refused: w.refused,
		}
		if w.link.rules != nil {
			rules := w.link.rules.Status()
			r.Server.Rules = &rules
		}
	}
	return r
}

// Report is the condition of the agent as its control socket tells it: that of
// the sensors, and what there is to say of the server. Its JSON form is API.
type Report struct {
	agent.Report
	Server *ServerReport `json:"server,omitempty"` // nil when the host is not enrolled
}

// ServerReport is the agent's side of the connection to its server.
type ServerReport struct {
	Host       event.HostID     `json:"host"`
	Server     string           `json:"server"` // where the host was enrolled
	Connection transport.Status `json:"connection"`
	Ledger     fleet.Ledger     `json:"ledger"`
	Policy     uint64           `json:"policy_version"`           // in force; zero for the built-in one
	Refused    string           `json:"policy_refused,omitempty"` // why a newer one is not
	Rules      *bundle.Status   `json:"rules,omitempty"`          // the server's, for detection here; nil without an output
}
