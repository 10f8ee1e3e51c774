// Package hunting is the subcommand hunt, which asks questions of the telemetry
// that a server keeps. What comes from hosts is escaped where it is drawn, and
// printed as it came where a program reads it.
package hunting

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast-security/holdfast/api"
	"github.com/holdfast-security/holdfast/api/client"
	"github.com/holdfast-security/holdfast/cli/moment"
	"github.com/holdfast-security/holdfast/cli/output"
	"github.com/holdfast-security/holdfast/cli/render"
	"github.com/holdfast-security/holdfast/cli/usage"
	"github.com/holdfast-security/holdfast/internal/termtext"
)

const help = `Ask a question of the telemetry that a server keeps.

A query begins with a source, events for all or a class of them such as
process, and goes on with stages behind |. For example, which programs
downloaded something today, and on how many hosts:

  holdfast hunt --since 24h 'process | where command_line contains "http"
    | summarize count(), dcount(host) by executable | top 20 by count_'

docs/hunt.md describes the language; --fields lists the fields.

With -o csv or ndjson up to 1,000,000 rows are written as they are found,
in no order where the query states none. An answer that does not account for
all events says so on standard error, and the exit code is 3.`

// flags are the flags of hunt.
type flags struct {
	since, until moment.Flag
	limit        int
	output       string
	fields       bool
}

// command is the subcommand with what it uses of the program around it.
type command struct {
	out, errs io.Writer
	style     func(io.Writer) render.Style
}

// Run makes the work of a command of what needs a client.
type Run func(work func(ctx context.Context, c *client.Client, args []string) error) func(*cobra.Command, []string) error

// Formats of hunt besides those of all commands.
const (
	formatCSV    = "csv"
	formatNDJSON = "ndjson"
)

// Command returns the subcommand, which prints to out, and what there is to be
// said of that to errs.
func Command(run Run, out, errs io.Writer, style func(io.Writer) render.Style) *cobra.Command {
	e, f := &command{out, errs, style}, &flags{}
	cmd := &cobra.Command{
		Use: "hunt [QUERY]", Short: "Ask a question of the stored telemetry", Long: help, Args: atMostOne,
		RunE: run(func(ctx context.Context, c *client.Client, args []string) error {
			if !slices.Contains(formats(), f.output) {
				return usage.Errorf("output format %q is not one of %s", f.output, strings.Join(formats(), ", "))
			}
			switch {
			case f.fields && len(args) == 0:
				return e.fields(ctx, c, f)
			case f.fields || len(args) == 0:
				return usage.Errorf("give a query, or --fields to see what there is to ask for")
			case f.output == formatCSV || f.output == formatNDJSON:
				return e.export(ctx, c, f, args[0])
			}
			return e.hunt(ctx, c, f, args[0])
		}),
	}
	set := cmd.Flags()
	set.Var(&f.since, "since", "events at or after: a time, or how long ago; 24h by default")
	set.Var(&f.until, "until", "events before: a time, or how long ago")
	set.IntVar(&f.limit, "limit", 1000, "how many rows at most, 1 to 10000; csv and ndjson have their own bound")
	set.BoolVar(&f.fields, "fields", false, "list the fields of events in place of running a query")
	set.StringVarP(&f.output, "output", "o", string(output.Table), "how to print: "+strings.Join(formats(), ", "))
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(formats(), cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func atMostOne(_ *cobra.Command, args []string) error {
	if len(args) > 1 {
		return usage.Errorf("a query is one argument: put it in quotes")
	}
	return nil
}

func formats() []string { return append(output.Formats(), formatCSV, formatNDJSON) }

// usualTime is how far back hunts look unless told otherwise.
const usualTime = 24 * time.Hour

func (f *flags) from() time.Time {
	if f.since.IsZero() {
		return time.Now().Add(-usualTime)
	}
	return f.since.Time
}

// note writes to standard error. Nothing can be done about an error there.
func (e *command) note(format string, args ...any) { _, _ = fmt.Fprintf(e.errs, format, args...) }

// print prints a document, or what draw makes for people.
func (f *flags) print(e *command, v any, draw func(render.Style) string) error {
	if format := output.Format(f.output); format.Structured() {
		return format.Document(e.out, v)
	}
	if _, err := io.WriteString(e.out, draw(e.style(e.out))); err != nil {
		return fmt.Errorf("write the output: %w", err)
	}
	return nil
}

func (e *command) hunt(ctx context.Context, c *client.Client, f *flags, query string) error {
	if f.limit < 1 || f.limit > 10_000 {
		return usage.Errorf("--limit: %d is not between 1 and 10000", f.limit)
	}
	answer, err := c.Hunt(ctx, api.HuntRequest{Query: query, Since: f.from(), Until: f.until.Time, Limit: f.limit})
	if err != nil {
		return err
	}
	if err := f.print(e, answer, func(style render.Style) string { return table(answer, style) }); err != nil {
		return err
	}
	more := ""
	if answer.More {
		more = ", and there are more"
	}
	e.note("%s%s; %s looked at in %s.\n", render.Plural(uint64(len(answer.Rows)), "row"), more,
		render.Plural(uint64(answer.Scanned), "event"), time.Duration(answer.Took)*time.Millisecond)
	if !answer.Complete {
		return e.partly(answer.Stopped)
	}
	return nil
}

// partly says why an answer is not complete, and returns the error for that.
func (e *command) partly(reason string) error {
	const columns = 1000
	e.note("The answer is not complete: %s.\n", termtext.Bound(reason, columns))
	return usage.ErrPartial
}

// table draws the rows of an answer.
func table(a api.HuntAnswer, style render.Style) string {
	var header []string
	for _, c := range a.Columns {
		header = append(header, c.Name)
	}
	rows := make([][]string, len(a.Rows))
	for i, row := range a.Rows {
		rows[i] = make([]string, len(header))
		for j := range min(len(row), len(header)) {
			rows[i][j] = cell(row[j])
		}
	}
	return render.Table(header, rows, style)
}

// cell returns a value of an answer as people read it.
func cell(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case []any:
		var parts []string
		for _, part := range v {
			parts = append(parts, cell(part))
		}
		return strings.Join(parts, ", ")
	}
	return fmt.Sprint(v)
}

func (e *command) fields(ctx context.Context, c *client.Client, f *flags) error {
	if f.output == formatCSV || f.output == formatNDJSON {
		return usage.Errorf("--fields is printed as table, json or yaml")
	}
	all, err := c.ListHuntFields(ctx)
	if err != nil {
		return err
	}
	return f.print(e, all, func(style render.Style) string {
		rows := make([][]string, len(all.Items))
		for i, field := range all.Items {
			rows[i] = []string{field.Name, field.Type, strings.Join(field.Aliases, ", "), field.Doc}
		}
		return render.Table([]string{"FIELD", "TYPE", "ALSO", "WHAT"}, rows, style)
	})
}

func (e *command) export(ctx context.Context, c *client.Client, f *flags, query string) error {
	body, err := c.ExportHunt(ctx, api.HuntExport{Query: query, Since: f.from(), Until: f.until.Time, Format: f.output})
	if err != nil {
		return err
	}
	defer body.Close()
	_, err = io.Copy(e.out, body)
	var partly *client.IncompleteError
	if errors.As(err, &partly) {
		return e.partly(partly.Reason)
	}
	if err != nil {
		return fmt.Errorf("read the rows: %w", err)
	}
	return nil
}
