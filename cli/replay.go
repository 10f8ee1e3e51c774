package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast-security/holdfast/cli/input"
	"github.com/holdfast-security/holdfast/cli/live"
	"github.com/holdfast-security/holdfast/cli/render"
	"github.com/holdfast-security/holdfast/cli/replay"
	"github.com/holdfast-security/holdfast/cli/suppress"
	"github.com/holdfast-security/holdfast/cli/usage"
	"github.com/holdfast-security/holdfast/detect"
	"github.com/holdfast-security/holdfast/detect/alert"
	"github.com/holdfast-security/holdfast/detect/fields"
	"github.com/holdfast-security/holdfast/detect/sigma"
	"github.com/holdfast-security/holdfast/exception"
	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/internal/termtext"
)

const replayHelp = `Run the detection rules over recorded logs.

Read are audit logs (plain or as syslog carries them), syslog and auth logs,
journal entries (journalctl -o json), events that holdfast events -o json wrote,
and JSON of other products (Sysmon, Windows event logs, flat Sigma fields); gzip
and zstd are unpacked. The format is found line by line, so a file
may mix them. Rotated files (audit.log.2.gz audit.log.1 audit.log) are read as
one log, oldest first. "-" reads standard input.

Alerts are printed as they are found, each once, and at the end a summary; with
-o json both are JSON, one object per line, the summary last. Lines that cannot
be read are counted and the first of each kind is shown. Alerts that exceptions
cover (--exceptions) are counted and not shown.`

// replayOptions are the flags of replay.
type replayOptions struct {
	severity string
	rules    []string
	except   suppress.Flags
}

func (a *app) replayCommand() *cobra.Command {
	var opts replayOptions
	cmd := &cobra.Command{
		Use: "replay FILE…", Short: "Run the detection rules over recorded logs", Long: replayHelp,
		Args: usage.AtLeastOne("log file, or - for standard input"),
		RunE: func(cmd *cobra.Command, args []string) error { return a.replay(cmd.Context(), args, opts) },
	}
	cmd.Flags().StringVar(&opts.severity, "severity", "low", "lowest severity to show: informational, low, medium or high; the summary counts all")
	addRulesFlag(cmd, &opts.rules)
	opts.except.Register(cmd)
	completeSeverity(cmd)
	return cmd
}

// unreadable is an input that could not be read to its end.
type unreadable struct {
	File   string `json:"file"`
	Reason string `json:"reason"`
}

// replaySummary is the last line of `replay -o json`.
type replaySummary struct {
	Files      int                          `json:"files"`   // read to their end
	Lines      int                          `json:"lines"`   // of all files
	Events     int                          `json:"events"`  // that the lines told of
	Skipped    int                          `json:"skipped"` // lines that could not be read
	Seconds    float64                      `json:"seconds"`
	Alerts     map[finding.AlertType]int    `json:"alerts"`
	Matches    map[finding.AlertType]uint64 `json:"matches"`    // that the alerts stand for
	Suppressed int                          `json:"suppressed"` // alerts more that exceptions cover
	Skips      []replay.Skip                `json:"skips"`
	PerFile    []replay.Stats               `json:"per_file"` // in the order in which they were read
	Unreadable []unreadable                 `json:"unreadable"`
}

// replaying is a running `holdfast replay`.
type replaying struct {
	app      *app
	lowest   finding.Severity
	reader   *replay.Reader
	screen   *live.Screen
	tally    live.Tally
	known    *suppress.Suppressor
	progress *progress
	began    time.Time
	files    int
	failed   []unreadable
}

// Garbage may grow to collectAt per cent of what lives before it is collected, or
// until the program takes about mostMemory: a quarter of the time of a replay would
// go into collecting, and a tenth at half of these per cent.
const (
	collectAt  = 800
	mostMemory = 512 << 20
)

func (a *app) replay(ctx context.Context, names []string, opts replayOptions) error {
	lowest, err := finding.ParseSeverity(opts.severity)
	if err != nil {
		return usage.Wrap(err)
	}
	defer debug.SetGCPercent(debug.SetGCPercent(collectAt))
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(min(mostMemory, debug.SetMemoryLimit(-1))))
	known, err := opts.except.Read(exception.Host{}) // where the logs are from is not known
	if err != nil {
		return err
	}
	r := &replaying{app: a, lowest: lowest, known: known, began: time.Now(), failed: []unreadable{}}
	rules, err := a.compileRules(opts.rules)
	if err != nil {
		return err
	}
	detector := alert.NewDetector(rules, detect.Limits{}, nil, r.raise)
	r.progress = newProgress(a.Err, a.style(a.Err), names)
	r.screen = a.newScreen(nil, known)
	r.reader = replay.NewReader(replay.Options{
		Events: detector.Handle, RawRecords: detector.NeedsRecords(), Foreign: newForeign(rules, r.raise),
	})
	err = r.readAll(ctx, names)
	r.progress.erase()
	if err := errors.Join(err, r.screen.Err()); err != nil {
		return err
	}
	if err := r.summarise(); err != nil {
		return err
	}
	if len(r.failed) > 0 {
		return usage.ErrPartial
	}
	return nil
}

// newForeign returns a function that runs the rules over JSON objects of other
// products. An object that does not say what it is counts as the start of a
// process on Linux.
func newForeign(rules *detect.Ruleset, report func(a finding.Alert, repeat bool)) func([]byte) error {
	mapper := fields.NewJSONMapper(rules, sigma.LogSource{Product: "linux", Category: "process_creation"})
	matcher, raiser := rules.NewMatcher(detect.Limits{}), alert.NewRaiser(nil)
	return func(line []byte) error {
		document, err := mapper.Map(line, nil)
		if err == nil {
			matcher.Match(document, func(m detect.Match) { report(raiser.Raise(m)) })
		}
		return err
	}
}

func (r *replaying) raise(a finding.Alert, repeat bool) {
	if shown := r.known.Sort(a, &r.tally, a.Severity >= r.lowest); shown && !repeat {
		r.progress.erase()
		r.screen.Alert(a)
	}
}

// readAll reads every file; one that cannot be read does not stop the others.
func (r *replaying) readAll(ctx context.Context, names []string) error {
	for _, set := range input.Sets(names) {
		for _, name := range set {
			err := r.read(ctx, name)
			switch {
			case ctx.Err() != nil:
				return ctx.Err()
			case r.screen.Err() != nil:
				return r.screen.Err()
			case err != nil:
				r.fail(name, err)
			default:
				r.files++
			}
		}
		r.reader.Flush()
	}
	return nil
}

// checkEvery is how many lines are read between looks at the clock.
const checkEvery = 1024

func (r *replaying) read(ctx context.Context, name string) error {
	file, err := input.Open(name, r.app.In)
	if err != nil {
		return err
	}
	defer file.Close()
	r.reader.Open(file.Name, file.Modified)
	err = file.Lines(func(l input.Line) error {
		r.reader.Line(l)
		if l.Number%checkEvery != 0 {
			return nil
		}
		r.progress.show(file.Read(), r.reader.Lines())
		return errors.Join(ctx.Err(), r.screen.Err())
	})
	r.progress.done(file.Read())
	return err
}

// fail notes an unreadable file and says so at once.
func (r *replaying) fail(name string, err error) {
	reason := err.Error()
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		reason = "cannot " + pathErr.Op + " " + name + ": " + pathErr.Err.Error()
	}
	r.failed = append(r.failed, unreadable{File: name, Reason: reason})
	r.progress.erase()
	r.app.note("holdfast: %s; going on with the other files\n", termtext.Bound(reason, maxMessage))
}

func (r *replaying) summarise() error {
	stats := r.reader.Stats()
	s := replaySummary{
		Files: r.files, Lines: stats.Lines, Events: stats.Events, Skipped: stats.Skipped,
		Seconds: time.Since(r.began).Round(time.Millisecond).Seconds(), Skips: stats.Skips, Unreadable: r.failed, PerFile: r.reader.Files(),
		Alerts: r.tally.Alerts(), Matches: r.tally.Matches(), Suppressed: r.known.Count(),
	}
	if r.app.structured() {
		return r.app.format.Item(r.app.Out, s)
	}
	return r.app.print(replayText(s, r.app.style(r.app.Out)))
}

// maxFilesShown is how many files the text tells of one by one.
const maxFilesShown = 100

// replayFiles says what each file gave. It is pure.
func replayFiles(files []replay.Stats, style render.Style) string {
	var entries []render.Entry
	for _, f := range files[:min(len(files), maxFilesShown)] {
		what := fmt.Sprintf("lines of %s: %s", f.File, render.Plural(uint64(f.Events), "event"))
		if f.Skipped > 0 {
			what += fmt.Sprintf(", %d skipped, the first in line %d", f.Skipped, f.FirstSkipped())
		}
		entries = append(entries, render.Entry{Value: uint64(f.Lines), What: what})
	}
	text := render.Ledger(entries, style)
	if more := len(files) - maxFilesShown; more > 0 {
		text += "  and " + render.Plural(uint64(more), "file") + " more\n"
	}
	return text
}

// replayText is pure.
func replayText(s replaySummary, style render.Style) string {
	var b strings.Builder
	duration := time.Duration(s.Seconds * float64(time.Second))
	fmt.Fprintf(&b, "\nRead %s, %s, %s in %s.\n", render.Plural(uint64(s.Files), "file"), render.Plural(uint64(s.Lines), "line"),
		render.Plural(uint64(s.Events), "event"), render.Duration(duration))
	if len(s.PerFile) > 1 {
		b.WriteString(replayFiles(s.PerFile, style))
	}
	if s.Skipped > 0 {
		b.WriteString("Skipped " + render.Plural(uint64(s.Skipped), "line") + ":\n")
		var entries []render.Entry
		for _, k := range s.Skips {
			first := k.File + ":" + strconv.Itoa(k.Line) + ": " + k.Sample
			entries = append(entries, render.Entry{Value: uint64(k.Lines), What: k.Reason, Note: first})
		}
		b.WriteString(render.Ledger(entries, style))
	}
	if len(s.Unreadable) > 0 {
		var reasons []string
		for _, u := range s.Unreadable {
			reasons = append(reasons, u.Reason)
		}
		b.WriteString(render.Labelled("Not read", reasons, style))
	}
	if len(s.Alerts) == 0 {
		b.WriteString("No alerts.\n")
	} else {
		b.WriteString("Alerts:\n" + render.AlertCounts(s.Alerts, s.Matches, style))
	}
	if s.Suppressed > 0 {
		b.WriteString("Suppressed by exceptions: " + render.Plural(uint64(s.Suppressed), "alert") + ".\n")
	}
	return b.String()
}
