package agent

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/holdfast-security/holdfast/agent/feature"
	"github.com/holdfast-security/holdfast/agent/features"
	"github.com/holdfast-security/holdfast/event"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// sensor is a feature whose run is a function.
type sensor func(ctx context.Context, host feature.Host) error

func (s sensor) Run(ctx context.Context, host feature.Host) error { return s(ctx, host) }

func entry(name string, run sensor, fallbackFor ...string) features.Entry {
	return features.Entry{
		Definition: feature.Definition{Name: name, Default: true, FallbackFor: fallbackFor},
		New:        func() feature.Feature { return run },
	}
}

// emitting runs until ctx ends, after it has emitted n events of its own.
func emitting(n int) sensor {
	return func(ctx context.Context, host feature.Host) error {
		host.Health.Set(feature.Running, "")
		for i := range n {
			host.Sink.Emit([]event.Event{{Time: time.Now(), Class: event.ClassKernelExtension, Serial: uint64(i)}})
		}
		<-ctx.Done()
		return nil
	}
}

func unfit(context.Context, feature.Host) error {
	return fmt.Errorf("the kernel is too old: %w", feature.ErrUnsupported)
}

// collected is a handler that keeps what it is given.
type collected struct {
	mu     sync.Mutex // guards events
	events []*event.Event
}

func (c *collected) handle(events []*event.Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.events = append(c.events, events...)
}

func (c *collected) len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.events)
}

func newAgent(t *testing.T, cfg Config, entries ...features.Entry) *Agent {
	t.Helper()
	cfg.StateDir = t.TempDir()
	cfg.Root = t.TempDir() // no processes to take a snapshot of
	cfg.list = func(features.Options) []features.Entry { return entries }
	a, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func stop(t *testing.T, a *Agent) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := a.Stop(ctx); err != nil {
		t.Fatal(err)
	}
}

func state(a *Agent, name string) feature.State {
	for _, s := range a.Report().Features {
		if s.Name == name {
			return s.State
		}
	}
	return ""
}

func TestStopHandsOverWhatWasEmitted(t *testing.T) {
	var got collected
	a := newAgent(t, Config{Handler: got.handle}, entry("one", emitting(500)), entry("two", emitting(500)))
	if err := a.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	stop(t, a)
	stop(t, a) // idempotent
	l := a.Report().Ledger
	if got.len() != 1000 || l.Emitted != 1000 || l.Delivered != 1000 {
		t.Errorf("handler has %d events, ledger %+v; want 1000 everywhere", got.len(), l)
	}
}

// The kernel takes audit's stamps from a clock that moves every few
// milliseconds, so an exec may seem older than the fork before it. A sequence
// of programs must come out as it was all the same.
func TestAnExecThatWaitedForItsForkKeepsItsPlace(t *testing.T) {
	start := time.Now()
	after := func(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }
	act := func(source event.Source, at time.Time, activity event.Activity, pid uint32) event.Event {
		return event.Event{
			Time: at, Class: event.ClassProcessActivity, Activity: activity, Status: event.StatusSuccess, Source: source,
			Process: &event.Process{PID: pid, PPID: 1, Name: "p"},
		}
	}
	batch := []event.Event{
		act(event.SourcePerf, after(0), event.ProcessFork, 101),
		act(event.SourceAudit, after(1), event.ProcessLaunch, 102),
		act(event.SourcePerf, after(5), event.ProcessFork, 102),
		act(event.SourceAudit, after(20), event.ProcessLaunch, 101),
	}
	var got collected
	a := newAgent(t, Config{Handler: got.handle}, entry("one", func(ctx context.Context, host feature.Host) error {
		host.Health.Set(feature.Running, "")
		host.Sink.Emit(batch)
		<-ctx.Done()
		return nil
	}))
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	stop(t, a)
	var order []string
	for _, e := range got.events {
		order = append(order, fmt.Sprint(e.Source, " ", e.Process.PID))
	}
	want := []string{"perf 101", "perf 102", "audit 102", "audit 101"}
	if !slices.Equal(order, want) {
		t.Errorf("handed on in the order %q, want %q", order, want)
	}
}

func TestLedgerBalancesWhenTheQueueOverflows(t *testing.T) {
	release := make(chan struct{})
	var once sync.Once
	handler := func([]*event.Event) { once.Do(func() { <-release }) }
	a := newAgent(t, Config{Handler: handler, QueueEvents: 100}, entry("flood", func(ctx context.Context, host feature.Host) error {
		host.Health.Set(feature.Running, "")
		host.Sink.Emit([]event.Event{{Class: event.ClassKernelExtension}})
		time.Sleep(400 * time.Millisecond) // the pipeline now waits in the handler
		for range 1000 {
			host.Sink.Emit([]event.Event{{Class: event.ClassKernelExtension}})
		}
		close(release)
		<-ctx.Done()
		return nil
	}))
	if err := a.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	<-release
	stop(t, a)
	l := a.Report().Ledger
	dropped := l.Dropped["flood.queue_full"]
	if l.Emitted != 1001 || dropped == 0 || l.Emitted != l.Delivered+dropped {
		t.Errorf("emitted %d is not delivered %d + dropped %d", l.Emitted, l.Delivered, dropped)
	}
}

func TestFallbackRunsOnlyInPlaceOfItsPrimaries(t *testing.T) {
	a := newAgent(t, Config{}, entry("audit", unfit), entry("perf", unfit), entry("procfs", emitting(1), "audit", "perf"))
	if err := a.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	if state(a, "audit") != feature.Unsupported || state(a, "procfs") != feature.Running {
		t.Errorf("audit is %s, procfs %s", state(a, "audit"), state(a, "procfs"))
	}
	stop(t, a)

	a = newAgent(t, Config{}, entry("audit", unfit), entry("perf", emitting(1)), entry("procfs", emitting(1), "audit", "perf"))
	if err := a.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	if state(a, "procfs") != feature.Off {
		t.Errorf("procfs is %s although perf runs", state(a, "procfs"))
	}
	stop(t, a)
}

func TestAPanicDoesNotTakeOthersDown(t *testing.T) {
	runs := make(chan struct{}, 10)
	bad := entry("bad", func(context.Context, feature.Host) error {
		runs <- struct{}{}
		panic("sensor fault")
	})
	a := newAgent(t, Config{}, bad, entry("good", emitting(1)))
	if err := a.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	if state(a, "bad") != feature.Failed || state(a, "good") != feature.Running {
		t.Errorf("bad is %s, good %s", state(a, "bad"), state(a, "good"))
	}
	for range 2 { // it is tried again
		select {
		case <-runs:
		case <-time.After(time.Minute):
			t.Fatal("a failed feature is not started again")
		}
	}
	stop(t, a)
}

func TestAHostThatCarriesNothingIsAnError(t *testing.T) {
	a := newAgent(t, Config{}, entry("audit", unfit))
	err := a.Start(context.Background())
	if err == nil || !strings.Contains(err.Error(), "the kernel is too old") {
		t.Errorf("start: %v; want the reason", err)
	}
}

func TestStopNamesWhatDoesNotEnd(t *testing.T) {
	release := make(chan struct{})
	a := newAgent(t, Config{}, entry("stuck", func(_ context.Context, host feature.Host) error {
		host.Health.Set(feature.Running, "")
		<-release
		return nil
	}))
	if err := a.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	err := a.Stop(ctx)
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "stuck") {
		t.Errorf("stop: %v; want the deadline and the feature's name", err)
	}
	close(release)
	a.features.Wait()
	a.pipeline.wait()
}

func TestConfigNamesUnknownFeatures(t *testing.T) {
	_, err := New(Config{StateDir: t.TempDir(), Disable: []string{"audti"}})
	if err == nil || !strings.Contains(err.Error(), `"audti"`) || !strings.Contains(err.Error(), "audit") {
		t.Errorf("got %v; want the wrong name and the known ones", err)
	}
}

func TestSwitchedOffFeatures(t *testing.T) {
	a := newAgent(t, Config{Disable: []string{"two"}}, entry("one", emitting(1)), entry("two", emitting(1)))
	if err := a.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	defer stop(t, a)
	if state(a, "two") != feature.Off {
		t.Errorf("a disabled feature is %s", state(a, "two"))
	}
}
