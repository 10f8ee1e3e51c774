package cli

import (
	"bufio"
	"context"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast-security/holdfast/agent"
	"github.com/holdfast-security/holdfast/cli/render"
	"github.com/holdfast-security/holdfast/event"
)

const eventsHelp = `Show events as they happen, one line each, until interrupted.

  holdfast events --class process/launch --user www-data
  holdfast events --path '/etc/*' -o json
  holdfast events --where 'Image|endswith=/curl' --where 'CommandLine=*http*'

All filters must hold. --where takes the fields, modifiers and wildcards of
Sigma rules; see holdfast rules explain for the fields that rules use. Unlike
rules it applies to every class of events. With -o json every line is one event
that holdfast replay reads back.`

func (a *app) eventsCommand() *cobra.Command {
	var flags filterFlags
	cmd := &cobra.Command{
		Use: "events", Short: "Show events as they happen", Long: eventsHelp, Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.events(cmd.Context(), flags) },
	}
	f := cmd.Flags()
	f.StringVar(&flags.class, "class", "", "only this class, or class/activity: process, file/rename …")
	f.Uint32Var(&flags.pid, "pid", 0, "only this process, its descendants and what was done to it")
	f.StringVar(&flags.user, "user", "", "only this account, by name or number: acting, logged in or concerned")
	f.StringVar(&flags.path, "path", "", "only this executable or file; * and ? are wildcards")
	f.StringVar(&flags.container, "container", "", "only this container, by id, name or image; * for any")
	f.StringArrayVar(&flags.where, "where", nil, "only where this holds: Field=value; may be repeated")
	_ = cmd.RegisterFlagCompletionFunc("class", cobra.FixedCompletions(classNames(), cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// eventPrinter writes the events that pass its filters.
type eventPrinter struct {
	filter filter
	where  func(*event.Event) bool // nil for no conditions
	style  render.Style
	json   bool

	mu    sync.Mutex // guards what follows: the pipeline writes, the command asks
	out   *bufio.Writer
	shown uint64
	err   error
}

func (a *app) events(ctx context.Context, flags filterFlags) error {
	p := &eventPrinter{style: a.style(a.Out), json: a.json(), out: bufio.NewWriter(a.Out)}
	var err error
	if p.filter, err = newFilter(flags); err != nil {
		return err
	}
	if p.where, err = newWhere(flags.where); err != nil {
		return err
	}
	if !p.json {
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
	a.note("%s of %s shown. %s", render.Number(p.count()), render.Plural(report.Ledger.Delivered, "event"), losses(report, a.style(a.Err)))
	return err
}

// handle runs on the pipeline's goroutine.
func (p *eventPrinter) handle(events []*event.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, e := range events {
		if p.err == nil && p.filter.shows(e) && (p.where == nil || p.where(e)) {
			p.shown++
			p.write(e)
		}
	}
	if err := p.out.Flush(); p.err == nil {
		p.err = err
	}
}

func (p *eventPrinter) write(e *event.Event) {
	if !p.json {
		_, p.err = p.out.WriteString(render.EventLine(e, p.style))
		return
	}
	p.err = newEncoder(p.out).Encode(e)
}

func (p *eventPrinter) count() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.shown
}

func (p *eventPrinter) failed() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

// wait returns when ctx ends or nobody reads the output any more.
func (p *eventPrinter) wait(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for p.failed() == nil {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
