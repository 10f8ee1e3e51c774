package headless

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/holdfast-security/holdfast/agent"
	"github.com/holdfast-security/holdfast/agent/aggregate"
	"github.com/holdfast-security/holdfast/agent/control"
	"github.com/holdfast-security/holdfast/detect/alert"
	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/exception/exceptionfiles"
	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/rules/listfiles"
)

const (
	stopPatience = 20 * time.Second // for the sensors to undo what they changed
	complainGap  = time.Minute      // between messages about an output that fails
	lateness     = 3 * time.Second  // how late an event may come through the pipeline
)

// Run runs the sensors until ctx ends. Where the host is enrolled, events go to
// the server. Where it is not, or where the configuration names an output,
// alerts found here, and events where asked for, are written as JSON lines to
// that output or to stdout. It returns nil when it was stopped in order.
func Run(ctx context.Context, cfg Config, stdout io.Writer, log *slog.Logger) error {
	return run(ctx, cfg, tempo{}, stdout, log)
}

func run(ctx context.Context, cfg Config, t tempo, stdout io.Writer, log *slog.Logger) (err error) {
	agent.Frugal()
	w := &watch{cfg: cfg, tempo: t, log: log, system: learnSystem()}
	if !cfg.enrolled() || cfg.Output != "" {
		if w.out, err = newOutput(cfg, stdout, log); err != nil {
			return err
		}
		defer w.out.closeFile()
	}
	server, err := control.Listen(cmp.Or(cfg.RunDir, agent.DefaultRunDir), func() any { return w.report() })
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	return w.run(ctx)
}

// newOutput makes the output of the configuration.
func newOutput(cfg Config, stdout io.Writer, log *slog.Logger) (*output, error) {
	lowest, err := cfg.lowest()
	if err != nil {
		return nil, fmt.Errorf("severity: %w", err)
	}
	out := &output{w: stdout, log: log, paths: cfg.Rules, lowest: lowest, events: cfg.Events, showSuppressed: cfg.Suppressed}
	if out.exceptions, err = exceptionfiles.Read(cfg.Exceptions, exceptionfiles.ThisHost()); err != nil {
		return nil, err
	}
	if out.lists, err = listfiles.Open(cfg.Indicators, log); err != nil {
		return nil, err
	}
	if window := cfg.window(); cfg.Events && window > 0 {
		out.repeats = aggregate.New(aggregate.Options{Window: window})
	}
	if err := out.useRules(nil); err != nil {
		return nil, err
	}
	if cfg.toFile() {
		if out.file, err = newRotating(cfg.Output, cmp.Or(cfg.OutputMaxBytes, defaultMaxBytes), cmp.Or(cfg.OutputMaxFiles, defaultMaxFiles)); err != nil {
			return nil, err
		}
		out.w = out.file
	}
	return out, nil
}

// output writes what the pipeline hands it.
type output struct {
	w      io.Writer
	file   *rotating // nil when w is something else
	log    *slog.Logger
	paths  []string // of rules to use beside Holdfast's own
	lists  *listfiles.Lists
	lowest finding.Severity
	events bool // are written too

	exceptions     *exceptionfiles.Exceptions
	showSuppressed bool // writes what exceptions cover, too

	mu         sync.Mutex // guards what follows: the pipeline writes, and so does the clock
	detector   *alert.Detector
	repeats    *aggregate.Aggregator // nil writes every event
	due        []event.Event
	buffer     bytes.Buffer
	alerts     int
	suppressed int       // alerts that exceptions cover
	whole      uint64    // events written where nothing is aggregated
	unwritten  int       // lines that could not be written
	complained time.Time // when that was last said
}

// handle takes events from the pipeline. Detection sees every one.
func (o *output) handle(events []*event.Event) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.events {
		for _, e := range events {
			o.event(e)
		}
	}
	o.detector.Handle(events)
}

func (o *output) event(e *event.Event) {
	if o.repeats == nil {
		o.whole++
		o.write(e)
		return
	}
	o.writeDue(o.repeats.Add(o.due[:0], *e))
}

// attend writes what repeated when its window ends, also while nothing
// happens, until ctx ends.
func (o *output) attend(ctx context.Context) {
	if o.repeats == nil {
		<-ctx.Done()
		return
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			o.mu.Lock()
			o.writeDue(o.repeats.Advance(o.due[:0], now.Add(-lateness)))
			o.mu.Unlock()
		}
	}
}

// close writes what is held. The pipeline has ended.
func (o *output) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.repeats != nil {
		o.writeDue(o.repeats.Flush(o.due[:0]))
	}
}

// closeFile closes the file behind the output, if there is one.
func (o *output) closeFile() {
	if o.file != nil {
		_ = o.file.Close() // every line was written or counted as not
	}
}

func (o *output) writeDue(events []event.Event) {
	for i := range events {
		o.write(&events[i])
	}
	clear(events)
	o.due = events[:0]
}

// passed returns how many events were written at once, folded how many were
// counted in another one's line. Together they are all.
func (o *output) passed() uint64 {
	if o.repeats == nil {
		return o.whole
	}
	return o.repeats.Stats().Passed
}

func (o *output) folded() uint64 {
	if o.repeats == nil {
		return 0
	}
	return o.repeats.Stats().Folded
}

func (o *output) raise(a finding.Alert, repeat bool) {
	if a.Severity < o.lowest {
		return
	}
	if name, covered := o.exceptions.Covering(&a, time.Now()); covered {
		if !repeat {
			o.suppressed++
		}
		if o.showSuppressed {
			o.write(exceptionfiles.Suppressed{Alert: a, Status: finding.Suppressed, Exception: name})
		}
		return
	}
	if !repeat {
		o.alerts++
	}
	o.write(a)
}

// write appends one line. An output that fails, a full disk for one, must not
// stop detection; what is lost is counted.
func (o *output) write(v any) {
	o.buffer.Reset()
	encoder := json.NewEncoder(&o.buffer)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(v)
	if err == nil {
		_, err = o.w.Write(o.buffer.Bytes())
	}
	if err == nil {
		return
	}
	o.unwritten++
	if now := time.Now(); now.Sub(o.complained) >= complainGap {
		o.complained = now
		o.log.Error("output cannot be written", "error", err, "lines_lost", o.unwritten)
	}
}
