package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	apitypes "github.com/holdfast-security/holdfast/api"
	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/internal/atomicfile"
	"github.com/holdfast-security/holdfast/internal/cleanup"
	"github.com/holdfast-security/holdfast/rules/listfiles"
	"github.com/holdfast-security/holdfast/server/api"
	"github.com/holdfast-security/holdfast/server/auth"
	"github.com/holdfast-security/holdfast/server/backup"
	"github.com/holdfast-security/holdfast/server/correlate"
	"github.com/holdfast-security/holdfast/server/datadir"
	"github.com/holdfast-security/holdfast/server/evidence"
	"github.com/holdfast-security/holdfast/server/exceptions"
	"github.com/holdfast-security/holdfast/server/hosts"
	"github.com/holdfast-security/holdfast/server/ingest"
	"github.com/holdfast-security/holdfast/server/pki"
	"github.com/holdfast-security/holdfast/server/rulebook"
	"github.com/holdfast-security/holdfast/server/rulebook/trial"
	"github.com/holdfast-security/holdfast/server/simulation"
	"github.com/holdfast-security/holdfast/server/statement"
	"github.com/holdfast-security/holdfast/server/stream"
	"github.com/holdfast-security/holdfast/store/segment"
	"github.com/holdfast-security/holdfast/store/sqlstore"
)

// Server is a Holdfast server. Make it with [New]; its methods are for one
// goroutine unless they say otherwise.
type Server struct {
	cfg Config
	log *slog.Logger

	opened  cleanup.Stack // what New opened
	running cleanup.Stack // what Start started
	first   string        // password of the first administrator, when it was made

	keys      *pki.Keys
	state     *sqlstore.Store
	telemetry *segment.Store
	evidence  *evidence.Reader // the telemetry, for people
	accounts  *people
	hub       *api.Hub

	registry  hosts.Registry
	beats     *hosts.Heartbeats
	speaker   *statement.Speaker
	simulator *simulation.Simulator
	rules     *rulebook.Book
	upkeep    *maintenance
	excepted  *exceptions.Keeper
	settings  settings
	refusals  refusals

	policiesChanged chan struct{} // holds one when hosts are to be sent their policies

	removing sync.Mutex // held while segments are removed or joined, and while they are backed up

	commitAge time.Duration // of events; zero means that of ingest

	stream     *stream.Stream
	pipeline   *ingest.Pipeline
	correlator *correlate.Correlator
	https      net.Listener
}

// Names in the data directory.
const (
	streamName    = "stream" // directory of the embedded stream
	authorityName = "ca.crt" // certificate of the server's authority, for browsers to import
)

// startTime bounds what New and Start do.
const startTime = time.Minute

// statusTime bounds what ingestion waits to tell browsers of repeats.
const statusTime = time.Second

// New opens what the server keeps, and makes what is missing: the data
// directory, keys and certificates, the database with its first administrator.
// Nothing listens yet. An error is one sentence for the administrator, and
// leaves nothing open. The caller calls [Server.Stop] even if it never calls
// Start.
func New(ctx context.Context, cfg Config, log *slog.Logger) (_ *Server, err error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, log: cmp.Or(log, slog.New(slog.DiscardHandler)), hub: api.NewHub(), policiesChanged: make(chan struct{}, 1)}
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	defer func() {
		if err != nil {
			err = errors.Join(err, s.opened.Run(context.WithoutCancel(ctx)))
		}
	}()
	lock, err := datadir.Open(cfg.dataDir())
	if err != nil {
		return nil, err
	}
	s.opened.Add("the lock", func(context.Context) error { return lock.Close() })
	if s.rules, err = rulebook.Open(s.ruleConfig()); err != nil {
		return nil, err
	}
	s.keys, err = pki.Open(cfg.path(backup.KeysName), pki.Options{
		Names: cfg.Names, CertFile: cfg.CertificateFile, KeyFile: cfg.KeyFile, Known: cfg.hasData(),
	})
	if err != nil {
		return nil, err
	}
	if err := atomicfile.Ensure(cfg.path(authorityName), s.keys.CAPEM()); err != nil {
		return nil, fmt.Errorf("write the certificate of the server's authority: %w", err)
	}
	if err := s.openStores(ctx); err != nil {
		return nil, err
	}
	if err := s.assemble(ctx); err != nil {
		return nil, err
	}
	if err := s.rules.ReadDocs(ctx, s.state, s.telemetry); err != nil {
		return nil, err
	}
	s.rules.ShareBy(ctx, s.speaker)
	return s, nil
}

// openStores opens database and telemetry.
func (s *Server) openStores(ctx context.Context) error {
	dsn, err := s.cfg.database()
	if err != nil {
		return err
	}
	where := sqlstore.Config{DSN: dsn, Log: s.log}
	if dsn == "" {
		where.Path = s.cfg.path(backup.StateName)
	}
	if s.state, err = sqlstore.Open(ctx, where); err != nil {
		return err
	}
	s.opened.Add("the database", func(context.Context) error { return s.state.Close() })
	blobs, err := segment.OpenDirectory(s.cfg.path(backup.SegmentsName))
	if err != nil {
		return err
	}
	s.opened.Add("the directory of segments", func(context.Context) error { return blobs.Close() })
	if s.telemetry, err = segment.Open(ctx, blobs, s.state, segment.Options{}); err != nil {
		return err
	}
	s.evidence = evidence.New(s.telemetry, s.log)
	s.opened.Add("the telemetry", func(context.Context) error { return s.telemetry.Close() })
	return nil
}

// assemble makes the parts that need nothing running.
func (s *Server) assemble(ctx context.Context) error {
	if err := s.settings.load(ctx, s.state); err != nil {
		return err
	}
	made, err := auth.New(auth.Config{
		Accounts: s.state, Log: s.log, Secure: true, PublicURL: s.URL(),
		Lifetime: s.settings.sessionLifetime, Provider: s.settings.provider,
	})
	if err != nil {
		return err
	}
	path := s.cfg.path(firstPasswordName)
	s.accounts = &people{made, path, s.log}
	if s.first, err = makeFirstAdmin(ctx, s.state, made, path); err != nil {
		return err
	}
	if err := s.registry.Load(ctx, s.state); err != nil {
		return err
	}
	s.excepted = exceptions.New(exceptions.Config{State: s.state, Host: s.registry.Get, Changed: s.hub.Exception, Log: s.log})
	if err := s.excepted.Load(ctx); err != nil {
		return err
	}
	s.beats = hosts.NewHeartbeats(s.state, s.log, s.hub.Host, s.hub.Ledger)
	if err := s.beats.Recall(ctx); err != nil {
		return err
	}
	s.speaker = statement.New(s.log, s.keys.Signing(), s.state, s.sendSigned)
	if err := s.speaker.Load(ctx, s.state); err != nil {
		return err
	}
	s.simulator = simulation.New(simulation.Config{
		Log: s.log, Orders: s.state, Scenarios: scenarioAlerts(), Active: s.registry.Active, Send: s.speaker.Order, Told: s.hub.Simulation,
	})
	s.upkeep = &maintenance{log: s.log, state: s.state, events: s, settings: s.settings.retention, wake: make(chan struct{}, 1)}
	return s.simulator.Resume(ctx)
}

// FirstPassword returns the password of the first administrator, [FirstAdmin],
// when New made it, and "" otherwise.
func (s *Server) FirstPassword() string { return s.first }

// Start brings the server up and returns: the stream, ingestion, the gateway
// for agents, maintenance, and last the addresses for people. On an error
// everything that was started is stopped again.
func (s *Server) Start(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	defer func() {
		if err != nil {
			stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), startTime)
			defer cancel()
			err = errors.Join(err, s.running.Run(stopping))
		}
	}()
	for _, step := range []func(context.Context) error{s.startStream, s.startCorrelation, s.startIngest, s.startGateway, s.startKeeping, s.startControl, s.startHTTPS} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	s.log.Info("the server is up", "console", s.URL(), "authority", "sha256:"+s.keys.Pin(), "stream", s.StreamURLs(), "rules", len(s.rules.List()), "data", s.cfg.dataDir())
	return nil
}

// Stop takes the server down: first what comes in from people and agents, then
// ingestion, which commits what it holds, then the stores. All of it has until
// ctx ends; what is not stored by then, the stream still has. Calling it again
// does nothing.
func (s *Server) Stop(ctx context.Context) error {
	s.hub.Close()
	return errors.Join(s.running.Run(ctx), s.opened.Run(ctx))
}

// startStream opens the stream.
func (s *Server) startStream(ctx context.Context) error {
	c := stream.Config{MaxBytes: cmp.Or(s.cfg.StreamBytes, DefaultStreamBytes), Log: s.log}
	if o := s.cfg.OutsideStream; len(o.URLs) > 0 {
		c.Outside = &stream.Outside{
			URLs: o.URLs, Credentials: o.CredentialsFile, CA: o.CAFile, SigningSeed: o.SigningSeedFile,
			SystemCredentials: o.SystemCredentialsFile, OperatorSeed: o.OperatorSeedFile, Replicas: o.Replicas,
		}
	} else {
		k := s.keys
		c.Dir, c.Listen, c.TLS = s.cfg.path(streamName), cmp.Or(s.cfg.StreamListen, DefaultStreamListen), k.AgentTLS()
		c.Keys = stream.Keys{Operator: k.Operator(), Account: k.Account(), System: k.System(), Signing: k.Signing()}
	}
	var err error
	if s.stream, err = stream.Open(ctx, c); err != nil {
		return err
	}
	s.running.Add("the stream", func(context.Context) error {
		s.stream.Close()
		return nil
	})
	return s.revokeAgain(ctx)
}

// startIngest starts the way from the stream into the stores.
func (s *Server) startIngest(ctx context.Context) error {
	partition, err := partitionName(ctx, s.state, s.stream)
	if err != nil {
		return err
	}
	lists, err := listfiles.Open(s.cfg.Indicators, s.log)
	if err != nil {
		return err
	}
	tried := trial.New(trial.Config{
		Log: s.log, Save: s.state.NoteRuleMatches, DocOf: rulebook.DocOf,
		Suspended: s.refusals.noting("rules_in_test_suspended", "Rules in test are not evaluated until their documents change: "),
	})
	s.pipeline = ingest.New(ingest.Config{
		Partition: partition, Source: source{s.stream}, State: s.state, Telemetry: s.telemetry,
		Rules: s.rules.InForce(), Trial: tried, Indicators: lists.Live(), Log: s.log, Covered: s.excepted.Covered, Saved: s.alertsSaved, CommitAge: s.commitAge,
	})
	s.rules.Use(s.pipeline.SetRules, tried)
	s.running.Background("rules in test", tried.Run)
	s.running.Background("lists of indicators", lists.Follow)
	s.running.Background("ingestion", s.pipeline.Run)
	return nil
}

// startGateway lets agents in.
func (s *Server) startGateway(ctx context.Context) error {
	intakes, err := s.state.Intakes(ctx)
	if err != nil {
		return err
	}
	s.running.Background("the gateway", func(ctx context.Context) {
		if err := s.stream.Serve(ctx, &handler{s}, intakes); err != nil && ctx.Err() == nil {
			s.log.Error("the gateway for agents ended", "error", err)
		}
	})
	return nil
}

// startKeeping starts what goes on beside.
func (s *Server) startKeeping(context.Context) error {
	s.running.Background("heartbeats", s.beats.Run)
	s.running.Background("simulations", s.simulator.Run)
	s.running.Background("maintenance", s.upkeep.run)
	s.running.Background("policies", s.sendPolicies)
	s.running.Background("exceptions", s.excepted.Run)
	return nil
}

// Reload reads rules and policies again and puts each in force, whole or not at
// all: of what cannot be used, that which was in force stays. Hosts whose
// policy changed are sent it. It may be called from any goroutine.
func (s *Server) Reload(ctx context.Context) error {
	n, rulesErr := s.rules.Reload(ctx)
	if rulesErr == nil {
		s.log.Info("rules were read again", "rules", n)
	}
	policiesErr := s.refusals.note("policies_refused",
		"The policies in the database cannot be used, and those before them stay in force: set others. ", s.speaker.Load(ctx, s.state))
	if policiesErr == nil {
		s.spreadPolicies()
	}
	return errors.Join(rulesErr, policiesErr)
}

// alertsSaved tells people and simulations of alerts.
func (s *Server) alertsSaved(alerts []finding.Alert, added []string, covered map[string]string) {
	fresh := make(map[string]bool, len(added))
	for _, id := range added {
		fresh[id] = true
	}
	status := s.statusOfRepeats(alerts, fresh)
	for _, id := range added {
		if covered[id] != "" {
			status[id] = finding.Suppressed
		}
	}
	for i := range alerts {
		a := &alerts[i]
		s.hub.Alert(apitypes.AlertChange{ID: a.ID, Severity: a.Severity, Status: cmp.Or(status[a.ID], finding.Open), New: fresh[a.ID]})
	}
	s.simulator.Saved(alerts)
	s.correlator.Wake()
}

// statusOfRepeats returns how far people are with the alerts that are not new.
// Nobody is asked while nobody follows the changes: ingestion waits for it.
func (s *Server) statusOfRepeats(alerts []finding.Alert, fresh map[string]bool) map[string]finding.Status {
	none := make(map[string]finding.Status)
	var repeats []string
	for i := range alerts {
		if !fresh[alerts[i].ID] {
			repeats = append(repeats, alerts[i].ID)
		}
	}
	if len(repeats) == 0 || s.hub.Stats().Clients == 0 {
		return none
	}
	ctx, cancel := context.WithTimeout(context.Background(), statusTime)
	defer cancel()
	status, err := s.state.AlertStatus(ctx, repeats)
	if err != nil {
		s.log.Warn("browsers are told that alerts are open which may not be", "error", err)
		return none
	}
	return status
}

// Ready returns nil when the server can do its work, and otherwise says in a
// sentence what is wrong. It may be called from any goroutine.
func (s *Server) Ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	if err := s.state.Ping(ctx); err != nil {
		return fmt.Errorf("%w: %w", api.ErrNotReady, err)
	}
	return s.readiness()
}

// URL returns the address of console and API, for people.
func (s *Server) URL() string { return s.serverURLs()[0] }

// serverURLs returns the addresses of console and API under each name.
func (s *Server) serverURLs() []string {
	listen := cmp.Or(s.cfg.Listen, DefaultListen)
	if s.https != nil {
		listen = s.https.Addr().String()
	}
	return s.urls("https://", listen)
}

// StreamURLs returns the addresses that agents connect to.
func (s *Server) StreamURLs() []string {
	if urls := s.cfg.OutsideStream.URLs; len(urls) > 0 {
		return urls
	}
	listen := cmp.Or(s.cfg.StreamListen, DefaultStreamListen)
	if s.stream != nil {
		listen = s.stream.Addr()
	}
	return s.urls("tls://", listen)
}

// urls returns each of the server's names with the port of an address that it
// listens on.
func (s *Server) urls(scheme, listen string) []string {
	_, port, err := net.SplitHostPort(listen)
	if err != nil {
		port = "0"
	}
	var urls []string
	for _, name := range s.cfg.names() {
		urls = append(urls, scheme+net.JoinHostPort(name, port))
	}
	return urls
}

// resetPassword gives an account a new password, for somebody on this machine
// who may read the data directory.
func (s *Server) resetPassword(ctx context.Context, name string) (string, error) {
	password, err := resetPassword(ctx, s.accounts, name)
	if err == nil {
		s.log.Warn("a password was set anew from this machine", "account", name)
	}
	return password, err
}
