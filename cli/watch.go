package cli

import (
	"bytes"
	"context"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast-security/holdfast/agent"
	"github.com/holdfast-security/holdfast/agent/feature"
	"github.com/holdfast-security/holdfast/cli/live"
	"github.com/holdfast-security/holdfast/cli/render"
	"github.com/holdfast-security/holdfast/cli/suppress"
	"github.com/holdfast-security/holdfast/cli/usage"
	"github.com/holdfast-security/holdfast/detect"
	"github.com/holdfast-security/holdfast/detect/alert"
	"github.com/holdfast-security/holdfast/exception/exceptionfiles"
	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/internal/version"
)

const watchHelp = `Watch this machine and show alerts as they happen, until interrupted.

Alerts go to standard output, as blocks of text or, with -o json, as one JSON
object per line. What is watched, what was changed on the host while watching,
what is degraded and why, and the closing summary go to standard error. An
alert that repeats is shown again with a higher count, at growing distances.
Alerts that exceptions cover (--exceptions) are counted and not shown.

Everything that was changed on the host is undone at the end. Without root
less is seen; the opening lines say what.`

// watchOptions are the flags of watch.
type watchOptions struct {
	severity string
	rules    []string
	disable  []string
	except   suppress.Flags
}

func (a *app) watchCommand() *cobra.Command {
	var opts watchOptions
	cmd := &cobra.Command{
		Use: "watch", Short: "Show alerts as they happen", Long: watchHelp, Args: usage.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.watch(cmd.Context(), opts) },
	}
	flags := cmd.Flags()
	flags.StringVar(&opts.severity, "severity", "low", "lowest severity to show: informational, low, medium or high")
	flags.StringSliceVar(&opts.disable, "disable", nil, "features not to run, see holdfast features")
	addRulesFlag(cmd, &opts.rules)
	opts.except.Register(cmd)
	completeSeverity(cmd)
	return cmd
}

func completeSeverity(cmd *cobra.Command) {
	_ = cmd.RegisterFlagCompletionFunc("severity", cobra.FixedCompletions(
		[]string{"informational", "low", "medium", "high"}, cobra.ShellCompDirectiveNoFileComp))
}

// watcher is a running `holdfast watch`.
type watcher struct {
	app     *app
	lowest  finding.Severity
	screen  *live.Screen
	tally   live.Tally
	known   *suppress.Suppressor
	session *session
	warned  map[string]bool // warnings that were said, by feature and code
}

func (a *app) watch(ctx context.Context, opts watchOptions) error {
	lowest, err := finding.ParseSeverity(opts.severity)
	if err != nil {
		return usage.Wrap(err)
	}
	known, err := opts.except.Read(exceptionfiles.ThisHost())
	if err != nil {
		return err
	}
	w := &watcher{app: a, lowest: lowest, known: known, warned: make(map[string]bool)}
	w.screen = a.newScreen(w.status, known)
	rules, err := a.compileRules(opts.rules)
	if err != nil {
		return err
	}
	detector := alert.NewDetector(rules, detect.Limits{}, nil, w.raise)
	w.session, err = startSession(ctx, agent.Config{
		Handler: detector.Handle, Disable: opts.disable, RawRecords: detector.NeedsRecords(),
	})
	if err != nil {
		return err
	}
	w.open(len(rules.Rules()))
	w.wait(ctx)
	report, err := w.session.stop(ctx)
	w.screen.Close()
	w.close(report)
	return err
}

// raise runs on the pipeline's goroutine.
func (w *watcher) raise(a finding.Alert, _ bool) {
	if w.known.Sort(a, &w.tally, a.Severity >= w.lowest) {
		w.screen.Alert(a)
	}
}

// wait keeps the screen up to date until ctx ends or nobody reads any more.
func (w *watcher) wait(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			w.warn(w.session.agent.Report())
			w.screen.Tick()
			if w.screen.Err() != nil {
				return
			}
		}
	}
}

// open says what is watched, what was changed, and what is degraded.
func (w *watcher) open(rules int) {
	report := w.session.agent.Report()
	for _, s := range report.Features {
		for _, warning := range s.Warnings {
			w.warned[s.Name+"/"+warning.Code] = true
		}
	}
	w.app.note("%s", opening(report, active(report), rules, w.app.style(w.app.Err)))
}

// opening is pure: what `holdfast watch` says first.
func opening(r agent.Report, running []feature.Definition, rules int, style render.Style) string {
	var b strings.Builder
	b.WriteString("Holdfast " + version.Get().String() + " watches host " + render.Text(string(r.Host), style) + " with " +
		render.Plural(uint64(rules), "rule") + ".\n\n")
	b.WriteString(render.Features(r.Features, style))
	var changes []string
	for _, d := range running {
		changes = append(changes, d.Changes...)
	}
	if len(changes) == 0 {
		changes = []string{"nothing"}
	}
	b.WriteString("\n" + render.Labelled("changed on this host while it runs", changes, style))
	if note := privilegeNote(); note != "" {
		b.WriteString("\n" + render.Labelled("not root", []string{note}, style))
	}
	b.WriteString("\nCtrl-C ends it and undoes every change.\n")
	return b.String()
}

// warn says warnings that came up since the last time.
func (w *watcher) warn(r agent.Report) {
	style := w.app.style(w.app.Err)
	for _, s := range r.Features {
		for _, warning := range s.Warnings {
			if key := s.Name + "/" + warning.Code; !w.warned[key] {
				w.warned[key] = true
				one := feature.Status{Name: s.Name, Warnings: []feature.Warning{warning}}
				w.screen.Note(w.app.Err, render.Warnings([]feature.Status{one}, style))
			}
		}
	}
}

// status is the text of the line that is shown while nothing happens.
func (w *watcher) status() string {
	r := w.session.agent.Report()
	alerts, _ := w.tally.Total()
	text := "watching: " + render.Plural(r.Ledger.Delivered, "event") + ", " + render.Plural(uint64(alerts), "alert") +
		", " + render.Number(lost(r)) + " lost"
	return render.Status(text, w.app.style(w.app.Err))
}

// close says what was seen.
func (w *watcher) close(r agent.Report) {
	style := w.app.style(w.app.Err)
	alerts, hidden := w.tally.Total()
	text := "\nWatched for " + render.Duration(time.Since(r.Started)) + ": " + render.Plural(r.Ledger.Delivered, "event") +
		", " + render.Plural(uint64(alerts), "alert")
	if hidden > 0 {
		text += " (" + render.Number(uint64(hidden)) + " below " + w.lowest.String() + " not shown)"
	}
	if n := w.known.Count(); n > 0 {
		text += ", " + render.Number(uint64(n)) + " more suppressed by exceptions"
	}
	w.app.note("%s.\n%s%s", text, render.AlertCounts(w.tally.Alerts(), w.tally.Matches(), style), losses(r, style))
}

// newScreen returns a screen for alerts in the output format that was asked
// for, which says of those that exceptions cover that they are.
func (a *app) newScreen(status func() string, known *suppress.Suppressor) *live.Screen {
	opts := live.Options{Out: a.Out, Now: time.Now, Status: status}
	style := a.style(a.Out)
	opts.Full = func(f finding.Alert) string { return "\n" + render.Alert(known.Text(f), style) }
	opts.Line = func(f finding.Alert) string { return render.AlertLine(known.Text(f), style) }
	if a.structured() {
		item := func(f finding.Alert) string { return a.item(known.Value(f)) }
		opts.Full, opts.Line = item, item
	}
	if _, terminal := terminalWidth(a.Err); terminal {
		opts.Notes = a.Err
	}
	return live.NewScreen(opts)
}

// item returns what stands for an alert as one item of structured output.
func (a *app) item(v any) string {
	var b bytes.Buffer
	if err := a.format.Item(&b, v); err != nil {
		return "" // no value in an alert is beyond JSON but a year after 9999
	}
	return b.String()
}

// privilegeNote says what an ordinary user goes without.
func privilegeNote() string {
	if runtime.GOOS != "linux" || isRoot() {
		return ""
	}
	return "The kernel's audit records and perf events are for root. Processes are read from /proc instead: short ones, " +
		"file changes and the actions of other users' processes are missed. Run with sudo to see everything."
}
