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
	"time"

	"github.com/holdfast-security/holdfast/agent"
	"github.com/holdfast-security/holdfast/agent/control"
	"github.com/holdfast-security/holdfast/detect"
	"github.com/holdfast-security/holdfast/detect/alert"
	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/rules/rulefiles"
)

const (
	stopPatience = 20 * time.Second // for the sensors to undo what they changed
	complainGap  = time.Minute      // between messages about an output that fails
)

// Run runs sensors and detection until ctx ends, writing JSON lines to the
// configured output, or to stdout. It returns nil when it was stopped in order.
func Run(ctx context.Context, cfg Config, stdout io.Writer, log *slog.Logger) (err error) {
	lowest, err := cfg.lowest()
	if err != nil {
		return fmt.Errorf("severity: %w", err)
	}
	out := &output{w: stdout, log: log, lowest: lowest, events: cfg.Events}
	if out.detector, err = newDetector(cfg.Rules, log, out.raise); err != nil {
		return err
	}
	if cfg.toFile() {
		file, err := newRotating(cfg.Output, cmp.Or(cfg.OutputMaxBytes, defaultMaxBytes), cmp.Or(cfg.OutputMaxFiles, defaultMaxFiles))
		if err != nil {
			return err
		}
		defer file.Close()
		out.w = file
	}
	a, err := agent.New(agent.Config{
		Handler: out.handle, Log: log, Only: cfg.Only, Disable: cfg.Disable, StateDir: cfg.StateDir,
		RawRecords: out.detector.NeedsRecords(),
	})
	if err != nil {
		return err
	}
	server, err := control.Listen(cmp.Or(cfg.RunDir, agent.DefaultRunDir), func() any { return a.Report() })
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	if err := a.Start(ctx); err != nil && ctx.Err() == nil { // being stopped while starting is no failure
		return err
	}
	log.Info("watching", "features", len(a.Report().Features))
	<-ctx.Done()
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopPatience)
	defer cancel()
	err = a.Stop(stopping)
	report := a.Report()
	log.Info("stopped", "events", report.Ledger.Delivered, "alerts", out.alerts, "unwritten", out.unwritten)
	return err
}

// output writes what the pipeline hands it; it runs on the pipeline's
// goroutine alone.
type output struct {
	w        io.Writer
	log      *slog.Logger
	lowest   finding.Severity
	events   bool
	detector *alert.Detector

	buffer     bytes.Buffer
	alerts     int
	unwritten  int       // lines that could not be written
	complained time.Time // when that was last said
}

func (o *output) handle(events []*event.Event) {
	if o.events {
		for _, e := range events {
			o.write(e)
		}
	}
	o.detector.Handle(events)
}

func (o *output) raise(a finding.Alert, repeat bool) {
	if a.Severity < o.lowest {
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

// newDetector compiles Holdfast's own rules and those of the configuration.
// A refused rule is logged and left out; a path that is not there is an error.
func newDetector(paths []string, log *slog.Logger, report func(finding.Alert, bool)) (*alert.Detector, error) {
	set := rulefiles.Embedded()
	for _, path := range paths {
		if err := set.Add(path); err != nil {
			return nil, err
		}
	}
	rules := set.Compile()
	for _, r := range set.Refused {
		log.Warn("rule left out", "path", r.Path, "line", r.Line, "reason", r.Reason)
	}
	return alert.NewDetector(rules, detect.Limits{}, nil, report), nil
}
