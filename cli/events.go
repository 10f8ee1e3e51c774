package cli

import (
	"bufio"
	"context"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast-security/holdfast/agent"
	"github.com/holdfast-security/holdfast/agent/aggregate"
	"github.com/holdfast-security/holdfast/cli/filter"
	"github.com/holdfast-security/holdfast/cli/output"
	"github.com/holdfast-security/holdfast/cli/render"
	"github.com/holdfast-security/holdfast/cli/usage"
	"github.com/holdfast-security/holdfast/event"
)

const eventsHelp = `Show events as they happen, one line each, until interrupted.

  holdfast events --class process/launch --user www-data
  holdfast events --path '/etc/*' -o json
  holdfast events --where 'Image|endswith=/curl' --where 'CommandLine=*http*'

All filters must hold. --where takes the fields, modifiers and wildcards of
Sigma rules; see holdfast rules explain for the fields that rules use. Unlike
rules it applies to every class of events. With -o json every line is one event
that holdfast replay reads back.

With --aggregate 10s an event is shown once, and when it repeats within ten
seconds, one line more follows with how often: ×12, or in JSON count, with time
and end_time of the first and the last repeat. Every logon is shown.`

// maxWindow bounds --aggregate.
const maxWindow = time.Hour

func (a *app) eventsCommand() *cobra.Command {
	var flags filter.Options
	var window time.Duration
	cmd := &cobra.Command{
		Use: "events", Short: "Show events as they happen", Long: eventsHelp, Args: usage.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.events(cmd.Context(), flags, window) },
	}
	f := cmd.Flags()
	f.StringVar(&flags.Class, "class", "", "only this class, or class/activity: process, file/rename …")
	f.Uint32Var(&flags.PID, "pid", 0, "only this process, its descendants and what was done to it")
	f.StringVar(&flags.User, "user", "", "only this account, by name or number: acting, logged in or concerned")
	f.StringVar(&flags.Path, "path", "", "only this executable or file; * and ? are wildcards")
	f.StringVar(&flags.Container, "container", "", "only this container, by id, name or image; * for any")
	f.StringArrayVar(&flags.Where, "where", nil, "only where this holds: Field=value; may be repeated")
	f.DurationVar(&window, "aggregate", 0, "count repeats of an event within this time instead of showing each: 10s, 1m …; 0 shows each")
	_ = cmd.RegisterFlagCompletionFunc("class", cobra.FixedCompletions(filter.ClassNames(), cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// eventPrinter writes the events that pass its filters.
type eventPrinter struct {
	filter filter.Filter
	style  render.Style
	format output.Format

	mu      sync.Mutex // guards what follows: the pipeline writes, the command asks
	out     *bufio.Writer
	repeats *aggregate.Aggregator // nil shows each event
	due     []event.Event
	passed  uint64 // by the filters
	err     error
}

func (a *app) events(ctx context.Context, flags filter.Options, window time.Duration) error {
	if window < 0 || window > maxWindow {
		return usage.Errorf("--aggregate %s is not between 0 and %s", window, maxWindow)
	}
	p := &eventPrinter{style: a.style(a.Out), format: a.format, out: bufio.NewWriter(a.Out)}
	if window > 0 {
		p.repeats = aggregate.New(aggregate.Options{Window: window})
	}
	var err error
	if p.filter, err = filter.New(flags); err != nil {
		return usage.Wrap(err)
	}
	if !p.format.Structured() {
		if err := a.print(render.EventHeader(p.style)); err != nil {
			return err
		}
	}
	s, err := startSession(ctx, agent.Config{Handler: p.handle})
	if err != nil {
		return err
	}
	a.note("%s", render.Warnings(s.agent.Report().Features, a.style(a.Err)))
	if note := privilegeNote(); note != "" {
		a.note("%s", render.Labelled("not root", []string{note}, a.style(a.Err)))
	}
	p.wait(ctx)
	report, err := s.stop(ctx)
	p.settle(func(dst []event.Event) []event.Event { return p.repeats.Flush(dst) })
	a.note("%s %s", p.summary(report.Ledger.Delivered), losses(report, a.style(a.Err)))
	return err
}

// handle runs on the pipeline's goroutine.
func (p *eventPrinter) handle(events []*event.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, e := range events {
		if !p.filter.Shows(e) {
			continue
		}
		p.passed++
		if p.repeats == nil {
			p.write(e)
		} else {
			p.writeDue(p.repeats.Add(p.due[:0], *e))
		}
	}
	p.flush()
}

// settle writes what add appends of the repeats that are held.
func (p *eventPrinter) settle(add func(dst []event.Event) []event.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.repeats != nil {
		p.writeDue(add(p.due[:0]))
		p.flush()
	}
}

func (p *eventPrinter) writeDue(events []event.Event) {
	for i := range events {
		p.write(&events[i])
	}
	clear(events)
	p.due = events[:0]
}

func (p *eventPrinter) flush() {
	if err := p.out.Flush(); p.err == nil {
		p.err = err
	}
}

func (p *eventPrinter) write(e *event.Event) {
	if p.err != nil {
		return
	}
	if !p.format.Structured() {
		_, p.err = p.out.WriteString(render.EventLine(e, p.style))
		return
	}
	p.err = p.format.Item(p.out, e)
}

// summary says how many of the events are shown, and how many of these share a
// line with others.
func (p *eventPrinter) summary(delivered uint64) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	text := render.Number(p.passed) + " of " + render.Plural(delivered, "event") + " shown"
	if p.repeats != nil {
		s := p.repeats.Stats()
		text += ", " + render.Number(s.Folded) + " of them as repeats in " + render.Plural(s.Summaries, "line")
	}
	return text + "."
}

func (p *eventPrinter) failed() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

// lateness is how late an event may come through the pipeline.
const lateness = 3 * time.Second

// wait shows repeats in time and returns when ctx ends or nobody reads the output any more.
func (p *eventPrinter) wait(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for p.failed() == nil {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			p.settle(func(dst []event.Event) []event.Event { return p.repeats.Advance(dst, now.Add(-lateness)) })
		}
	}
}
