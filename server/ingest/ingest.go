package ingest

import (
	"cmp"
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/holdfast-security/holdfast/detect"
	"github.com/holdfast-security/holdfast/detect/alert"
	"github.com/holdfast-security/holdfast/detect/indicator"
	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/fleet"
	"github.com/holdfast-security/holdfast/store"
	"github.com/holdfast-security/holdfast/wire"
)

// Message is a frame in the stream.
type Message struct {
	Sequence uint64 // of the stream: ascending, not without gaps, from 1
	Host     event.HostID
	Time     time.Time // when the stream took it, by the server's clock
	Frame    []byte    // valid until the function it was given to returns
}

// Source is the stream.
type Source interface {
	// Read calls fn for each message of the partition from the given sequence
	// on, in order, and waits for further ones. It returns when ctx ends, when
	// fn returns an error, or when the stream cannot be read, never nil.
	Read(ctx context.Context, partition string, from uint64, fn func(Message) error) error
	// Purge removes the messages of the partition up to and including the
	// given sequence.
	Purge(ctx context.Context, partition string, through uint64) error
}

// State is what a pipeline keeps in the database, see [store.Alerts],
// [store.Exceptions] and [store.Segments].
type State interface {
	SaveCoveredAlerts(ctx context.Context, alerts []finding.Alert, covered map[string]string, received time.Time, done store.Position) (added []string, err error)
	DetectionPosition(ctx context.Context, partition string) (uint64, error)
	CommitSegments(ctx context.Context, segments []store.Segment, intakes map[event.HostID]fleet.Intake, done store.Position) error
	StorePosition(ctx context.Context, partition string) (uint64, error)
	Intakes(ctx context.Context) (map[event.HostID]fleet.Intake, error)
}

// Telemetry is where events go, see [store.Telemetry].
type Telemetry interface {
	Append(ctx context.Context, host event.HostID, events []event.Event) error
	Uncommitted() (rows, bytes int64, since time.Time)
	Commit(ctx context.Context) ([]store.Segment, error)
	Committed()
}

// Trial evaluates rules that raise no alert.
type Trial interface {
	// Handle takes the events of a frame, which do not change any more.
	Handle(host event.HostID, events []*event.Event)
}

// Config says what a pipeline works on. Source, State, Telemetry and Rules
// must be set; other zero fields mean the defaults.
type Config struct {
	Partition string
	Source    Source
	State     State
	Telemetry Telemetry
	Rules     *detect.Ruleset
	Log       *slog.Logger // nil discards

	// Indicators is where the operator's lists stand; nil means none.
	Indicators *indicator.Live

	// Covered returns the exceptions that cover alerts that are about to be
	// stored, by the uid of the alert. It must not block; nil covers none.
	Covered func(alerts []finding.Alert) map[string]string
	// Trial is given each event once, but for those that were handled before the
	// server was killed; nil means none.
	Trial Trial

	// Saved is called after alerts were stored, with those of them that were
	// not there before, and what covered them. It must not block.
	Saved func(alerts []finding.Alert, added []string, covered map[string]string)

	CommitAge   time.Duration // of the oldest event that is not committed: 10 s
	CommitRows  int64         // 50,000; detection goes on while they are written, as many more are held meanwhile
	CommitBytes int64         // 64 MiB in memory
	AlertDelay  time.Duration // for which an alert may wait for others: 200 ms
	WarmAge     time.Duration // of frames kept in the stream to start again from: 10 min
	WarmBytes   int64         // at most so much of them: 32 MiB
	StopTime    time.Duration // for the last commit: 10 s
}

func (c Config) withDefaults() Config {
	c.CommitAge = cmp.Or(c.CommitAge, 10*time.Second)
	c.CommitRows = cmp.Or(c.CommitRows, 50_000)
	c.CommitBytes = cmp.Or(c.CommitBytes, 64<<20)
	c.AlertDelay = cmp.Or(c.AlertDelay, 200*time.Millisecond)
	c.WarmAge = cmp.Or(c.WarmAge, 10*time.Minute)
	c.WarmBytes = cmp.Or(c.WarmBytes, 32<<20)
	c.StopTime = cmp.Or(c.StopTime, 10*time.Second)
	c.Log = cmp.Or(c.Log, slog.New(slog.DiscardHandler)).With("partition", c.Partition)
	if c.Saved == nil {
		c.Saved = func([]finding.Alert, []string, map[string]string) {}
	}
	if c.Covered == nil {
		c.Covered = func([]finding.Alert) map[string]string { return nil }
	}
	return c
}

// Pipeline is the way of one partition's frames from the stream into the store.
// Make it with [New].
type Pipeline struct {
	cfg   Config
	rules atomic.Pointer[detect.Ruleset]
	fresh chan struct{} // holds one when the rules were exchanged
	stats counters
	// failing counts what fails at the moment and is tried again, in the
	// goroutine of Run and in that of a commit.
	failing atomic.Int32

	statusMu sync.Mutex // guards status
	status   Status

	// What follows belongs to the goroutine of Run.

	intakes map[event.HostID]*fleet.Intake // with what is not committed yet
	changed map[event.HostID]bool          // since the last commit
	warmed  map[event.HostID]wire.Header   // the last frame of each host that was read again

	inForce  *detect.Ruleset
	detector *alert.Detector
	memories map[event.HostID]*memory
	quiet    bool // the frame at hand was reported already
	batch    batch

	handled  uint64       // the last message that went through detection
	detected uint64       // up to here alerts are taken out: reported, pending or saved
	appended uint64       // up to here events are with the telemetry, or held
	stored   uint64       // up to here everything is committed
	since    time.Time    // when the oldest message came that is not committed; zero when there is none
	open     *transaction // the commit under way; nil when there is none
	written  chan bool    // gives what came of it; nil when there is none
	held     []held       // what came since it began
	heldRows int64
	trail    trail
}

// New returns a pipeline that [Pipeline.Run] starts.
func New(cfg Config) *Pipeline {
	p := &Pipeline{cfg: cfg.withDefaults(), fresh: make(chan struct{}, 1)}
	p.rules.Store(cfg.Rules)
	p.status = Status{State: Starting, Since: time.Now()}
	return p
}

// SetRules exchanges the rules at the next boundary between frames. What
// detection remembers is built anew from the frames that the stream still
// holds; nothing is missed and nothing reported again.
func (p *Pipeline) SetRules(rules *detect.Ruleset) {
	p.rules.Store(rules)
	select {
	case p.fresh <- struct{}{}:
	default: // an exchange is due already and will take these
	}
}

// Run ingests until ctx ends, then commits what it holds, for which it takes
// at most [Config.StopTime]. What that cannot store the stream still has. It
// returns only then.
func (p *Pipeline) Run(ctx context.Context) {
	if !p.load(ctx) {
		return
	}
	for ctx.Err() == nil {
		p.prepare()
		p.follow(ctx)
	}
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), p.cfg.StopTime)
	defer cancel()
	if !p.commit(ending) {
		p.cfg.Log.Warn("the last events are not stored yet; the stream keeps them for the next start")
	}
	p.setStatus(Stopped, "")
}

// load reads what the database knows.
func (p *Pipeline) load(ctx context.Context) bool {
	return p.insist(ctx, "read the positions from the database", func(ctx context.Context) (err error) {
		if p.stored, err = p.cfg.State.StorePosition(ctx, p.cfg.Partition); err != nil {
			return err
		}
		if p.detected, err = p.cfg.State.DetectionPosition(ctx, p.cfg.Partition); err != nil {
			return err
		}
		intakes, err := p.cfg.State.Intakes(ctx)
		if err != nil {
			return err
		}
		p.appended = p.stored
		p.changed = make(map[event.HostID]bool)
		p.intakes = make(map[event.HostID]*fleet.Intake, len(intakes))
		for host, in := range intakes {
			p.intakes[host] = &in
		}
		return nil
	})
}

// prepare makes detection as new, to be warmed with what the stream holds.
func (p *Pipeline) prepare() {
	select {
	case <-p.fresh:
	default:
	}
	p.inForce = p.rules.Load()
	p.detector = p.newDetector()
	p.memories = make(map[event.HostID]*memory)
	p.warmed = make(map[event.HostID]wire.Header)
	p.trail = trail{}
	p.handled = 0
}

// follow reads and handles until ctx ends or the rules were exchanged.
func (p *Pipeline) follow(ctx context.Context) {
	again := backoff{}
	for ctx.Err() == nil {
		fresh, err := p.read(ctx)
		if fresh || ctx.Err() != nil {
			return
		}
		p.setStatus(Stalled, "the stream cannot be read: "+err.Error())
		p.cfg.Log.Error("the stream cannot be read; trying again", "error", err)
		again.wait(ctx)
	}
}

// read reads from behind the last message that was handled until ctx ends, the
// source fails, or the rules were exchanged.
func (p *Pipeline) read(ctx context.Context) (fresh bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	queue := make(chan frame, queueLength)
	failed := make(chan error, 1)
	go func() {
		failed <- p.decode(ctx, p.handled+1, queue)
		close(queue)
	}()
	defer func() {
		cancel()
		for range queue { // until the reader is gone
		}
		err = <-failed
	}()
	tick := time.NewTicker(p.cfg.AlertDelay / 2)
	defer tick.Stop()
	for {
		p.noteProgress(len(queue))
		select {
		case <-p.fresh:
			if !p.await(ctx) { // what is held must not be read again
				return false, nil
			}
			p.cfg.Log.Info("detecting with other rules from here on", "sequence", p.handled)
			return true, nil
		case f, ok := <-queue:
			if !ok || !p.handle(ctx, f) {
				return false, nil
			}
		case done := <-p.written:
			if !p.finish(ctx, done) {
				return false, nil
			}
		case <-tick.C:
		}
		if !p.settle(ctx) {
			return false, nil
		}
	}
}
