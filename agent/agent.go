package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/holdfast-security/holdfast/agent/feature"
	"github.com/holdfast-security/holdfast/agent/features"
	"github.com/holdfast-security/holdfast/agent/hostfs"
	"github.com/holdfast-security/holdfast/agent/process"
	"github.com/holdfast-security/holdfast/event"
)

// Default directories of an agent that runs as root.
const (
	DefaultStateDir = "/var/lib/holdfast" // survives restarts
	DefaultRunDir   = "/run/holdfast"     // control socket
)

// Handler takes enriched events in the order of their times. It runs on the
// pipeline goroutine: while it works, events queue up. The events are its to
// keep, the slice is not.
type Handler func(events []*event.Event)

// Config is what an agent is made from. The zero value watches the running
// system with every feature that is on by default, and throws the events away.
type Config struct {
	Handler Handler
	Account Account      // nil for none
	Log     *slog.Logger // nil discards

	Only    []string // names of the features to run; nil means all that are on by default
	Disable []string // names of features not to run

	Root     string       // the host's file system; "" means "/"
	StateDir string       // "" means DefaultStateDir; as an ordinary user, a directory under the user cache or a temporary one
	Host     event.HostID // "" means the machine id

	RawRecords bool // see [features.Options]

	QueueEvents int // events between sensors and pipeline; 0 means 65,536
	QueueBytes  int // their estimated size; 0 means 64 MiB

	list func(features.Options) []features.Entry // replaced by tests
}

// Agent is the sensors of one host. Make it with [New].
type Agent struct {
	cfg      Config
	log      *slog.Logger
	queue    *queue
	runners  []*runner
	off      []feature.Status
	table    *process.Table
	pipeline *pipeline
	began    time.Time
	scratch  string // the state directory, if it goes with the agent

	cancelFeatures context.CancelFunc
	cancelPipeline context.CancelFunc
	features       sync.WaitGroup
	stopOnce       sync.Once
	stopErr        error
	stats          atomic.Pointer[pipelineStats]
}

// New checks cfg and wires an agent; nothing runs yet. It changes nothing on
// the host but makes the state directory.
func New(cfg Config) (*Agent, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	scratch, err := cfg.makeStateDir()
	if err != nil {
		return nil, err
	}
	a := &Agent{cfg: cfg, log: cfg.Log, queue: newQueue(cfg.QueueEvents, cfg.QueueBytes), scratch: scratch}
	fs := hostfs.New(cfg.Root)
	a.table = process.NewTable(process.Options{FS: fs})
	for _, entry := range cfg.list(features.Options{RawRecords: cfg.RawRecords}) {
		if !cfg.wants(entry.Definition) {
			a.off = append(a.off, feature.Status{Name: entry.Name, State: feature.Off})
			continue
		}
		a.runners = append(a.runners, a.newRunner(entry, fs))
	}
	a.pipeline = &pipeline{
		agent: a, table: a.table, handler: cfg.Handler, books: bookkeeper{account: cfg.Account, lost: make(map[string]uint64)},
	}
	return a, nil
}

func (a *Agent) newRunner(entry features.Entry, fs hostfs.FS) *runner {
	log := a.log.With("feature", entry.Name)
	r := &runner{
		entry: entry, health: feature.NewHealth(entry.Name), queue: a.queue, log: log,
		account: a.cfg.Account, ended: make(chan struct{}),
	}
	r.host = feature.Host{FS: fs, Log: log, Sink: r, Health: r.health, StateDir: a.cfg.StateDir}
	return r
}

func (c *Config) complete() error {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Handler == nil {
		c.Handler = func([]*event.Event) {}
	}
	if c.Account == nil {
		c.Account = noAccount{}
	}
	if c.list == nil {
		c.list = features.All
	}
	if c.QueueEvents == 0 {
		c.QueueEvents = defaultQueueEvents
	}
	if c.QueueBytes == 0 {
		c.QueueBytes = defaultQueueBytes
	}
	if err := c.knowFeatures(); err != nil {
		return err
	}
	if c.Host == "" {
		c.Host = machineID(hostfs.New(c.Root))
	}
	return nil
}

func (c *Config) knowFeatures() error {
	var known []string
	for _, e := range c.list(features.Options{}) {
		known = append(known, e.Name)
	}
	for _, name := range slices.Concat(c.Only, c.Disable) {
		if !slices.Contains(known, name) {
			return fmt.Errorf("there is no feature %q; this build has %s", name, strings.Join(known, ", "))
		}
	}
	return nil
}

func (c *Config) wants(d feature.Definition) bool {
	if slices.Contains(c.Disable, d.Name) {
		return false
	}
	if c.Only != nil {
		return slices.Contains(c.Only, d.Name)
	}
	return d.Default
}

// machineID identifies the host before it is enrolled: machine-id(5), else the
// host name.
func machineID(fs hostfs.FS) event.HostID {
	if id, err := fs.ReadFile("/etc/machine-id", 64); err == nil && len(strings.TrimSpace(string(id))) > 0 {
		return event.HostID(strings.TrimSpace(string(id)))
	}
	name, _ := os.Hostname()
	return event.HostID(name)
}

// Start starts every feature, and when each runs or has found the host unfit,
// takes the snapshot of running processes and starts the pipeline: a process
// born in between is in one or the other. A host that can carry nothing at all
// is an error; then everything is stopped again.
func (a *Agent) Start(ctx context.Context) error {
	a.began = time.Now()
	featureCtx, cancelFeatures := context.WithCancel(context.WithoutCancel(ctx))
	pipelineCtx, cancelPipeline := context.WithCancel(context.WithoutCancel(ctx))
	a.cancelFeatures, a.cancelPipeline = cancelFeatures, cancelPipeline
	for _, r := range a.runners {
		a.features.Add(1)
		go func() {
			defer a.features.Done()
			if !a.awaitPrimaries(featureCtx, r) {
				return
			}
			r.run(featureCtx)
		}()
	}
	err := a.awaitStart(ctx)
	if err == nil {
		if err := a.table.Snapshot(ctx); err != nil {
			a.log.Warn("process snapshot is incomplete", "error", err)
		}
	}
	if err := loosenTimers(); err != nil {
		a.log.Debug("timers stay precise, which costs wake-ups", "error", err)
	}
	a.pipeline.start(pipelineCtx)
	if err != nil {
		return errors.Join(err, a.Stop(context.WithoutCancel(ctx)))
	}
	return nil
}

// awaitPrimaries blocks a fallback feature until none of the features it
// stands in for can run. It reports false when the agent stops before that.
func (a *Agent) awaitPrimaries(ctx context.Context, r *runner) bool {
	for _, primary := range a.runners {
		if !slices.Contains(r.entry.FallbackFor, primary.entry.Name) {
			continue
		}
		r.health.Set(feature.Off, "stands in for "+primary.entry.Name)
		select {
		case <-ctx.Done():
			close(r.ended)
			return false
		case <-primary.ended:
		}
	}
	return true
}

// startPatience is how long Start waits for features to come up.
const startPatience = 10 * time.Second

func (a *Agent) awaitStart(ctx context.Context) error {
	deadline := time.Now().Add(startPatience)
	for {
		starting, usable := 0, 0
		for _, r := range a.runners {
			switch r.health.Status().State {
			case feature.Starting:
				starting++
			case feature.Running, feature.Degraded:
				usable++
			}
		}
		switch {
		case starting == 0 && usable > 0, usable > 0 && time.Now().After(deadline):
			return nil
		case time.Now().After(deadline), starting == 0 && a.allEnded():
			return fmt.Errorf("no sensor can run on this host (%s): see `holdfast health`", a.reasons())
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func (a *Agent) allEnded() bool {
	for _, r := range a.runners {
		select {
		case <-r.ended:
		default:
			return false
		}
	}
	return true
}

func (a *Agent) reasons() string {
	var parts []string
	for _, r := range a.runners {
		s := r.health.Status()
		parts = append(parts, fmt.Sprintf("%s: %s %s", s.Name, s.State, s.Detail))
	}
	return strings.Join(parts, "; ")
}

// Stop ends the features, hands what they emitted to the handler, and returns
// when all is undone or ctx ends. Later calls return what the first one did.
func (a *Agent) Stop(ctx context.Context) error {
	a.stopOnce.Do(func() { a.stopErr = a.stop(ctx) })
	return a.stopErr
}

func (a *Agent) stop(ctx context.Context) error {
	if a.cancelFeatures == nil {
		a.table.Close()
		return a.removeScratch()
	}
	a.cancelFeatures()
	done := make(chan error, 1)
	go func() {
		a.features.Wait()
		a.cancelPipeline()
		a.pipeline.wait()
		a.table.Close()
		done <- a.removeScratch()
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("stop the agent: %w; still stopping: %s", ctx.Err(), a.reasons())
	}
}

// Report is the condition of an agent: its features, and where every event
// went. Its JSON form is API.
type Report struct {
	Host     event.HostID     `json:"host"`
	PID      int              `json:"pid"`
	System   string           `json:"system"` // runtime.GOOS/GOARCH
	Started  time.Time        `json:"started"`
	Features []feature.Status `json:"features"`
	Ledger   Ledger           `json:"ledger"`
	Process  process.Stats    `json:"processes"`
}

// Ledger accounts for events: Emitted = Delivered + Merged + Folded + Waiting
// + Dropped[feature.queue_full]. The other drops happened before a sensor could
// emit anything, in the kernel or in the sensor.
type Ledger struct {
	Emitted   uint64            `json:"emitted"`   // by the features
	Delivered uint64            `json:"delivered"` // to the handler
	Merged    uint64            `json:"merged"`    // two sensors' reports of one exec, delivered as one event
	Folded    uint64            `json:"folded"`    // logons and account changes that another sensor had reported
	Waiting   uint64            `json:"waiting"`   // on their way
	Dropped   map[string]uint64 `json:"dropped"`   // feature.counter → number
}

// Report may be called at any time, from any goroutine.
func (a *Agent) Report() Report {
	r := Report{
		Host: a.cfg.Host, PID: os.Getpid(), System: runtime.GOOS + "/" + runtime.GOARCH, Started: a.began,
		Ledger: Ledger{Dropped: make(map[string]uint64)},
	}
	for _, run := range a.runners {
		status := run.health.Status()
		r.Features = append(r.Features, status)
		r.Ledger.Emitted += run.emitted.Load()
		for _, c := range status.Counters {
			if c.Dropped {
				r.Ledger.Dropped[status.Name+"."+c.Name] += c.Value
			}
		}
	}
	r.Features = append(r.Features, a.off...)
	if s := a.stats.Load(); s != nil {
		r.Process = s.process
		r.Ledger.Delivered, r.Ledger.Folded = s.delivered, s.folded
		r.Ledger.Merged = s.merged()
		r.Ledger.Waiting = s.held + uint64(s.process.Waiting) + uint64(a.queue.len())
	}
	return r
}
