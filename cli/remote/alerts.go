package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast-security/holdfast/api"
	"github.com/holdfast-security/holdfast/api/client"
	"github.com/holdfast-security/holdfast/cli/listing"
	"github.com/holdfast-security/holdfast/cli/render"
	"github.com/holdfast-security/holdfast/cli/usage"
	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/store"
)

// alertFlags are the filters of a list of alerts.
type alertFlags struct {
	status, severity, types, hosts, tactics, assignees, rules, exceptions []string
	text, order                                                           string
	since, until                                                          timeFlag
	limit                                                                 int
}

func (f *alertFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringSliceVar(&f.status, "status", nil, "open, acknowledged, resolved, dismissed or suppressed; several mean any of them")
	flags.StringSliceVar(&f.severity, "severity", nil, "informational, low, medium or high")
	flags.StringSliceVar(&f.types, "type", nil, "alert types")
	flags.StringSliceVar(&f.hosts, "host", nil, "names or uids of hosts")
	flags.StringSliceVar(&f.tactics, "tactic", nil, "ATT&CK tactics, such as execution")
	flags.StringSliceVar(&f.assignees, "assignee", nil, "users; - means nobody")
	flags.StringSliceVar(&f.rules, "rule", nil, "uids of rules")
	flags.StringSliceVar(&f.exceptions, "exception", nil, "uids of exceptions that hide them")
	flags.StringVar(&f.text, "text", "", "text in title, description or host name")
	flags.Var(&f.since, "since", "last seen at or after: a time, or how long ago")
	flags.Var(&f.until, "until", "last seen before: a time, or how long ago")
}

// query returns the filters as the API has them.
func (f *alertFlags) query(ctx context.Context, c *client.Client) (q client.ListAlertsQuery, err error) {
	q = client.ListAlertsQuery{
		Type: f.types, Assignee: f.assignees, Rule: f.rules, Exception: f.exceptions, Text: f.text, Since: f.since.Time, Until: f.until.Time,
		Order: store.AlertOrder(f.order),
	}
	if q.Status, err = parseAll[finding.Status]("status", f.status); err != nil {
		return q, err
	}
	if q.Severity, err = parseAll[finding.Severity]("severity", f.severity); err != nil {
		return q, err
	}
	for _, t := range f.tactics {
		q.Tactic = append(q.Tactic, finding.Tactic(t))
	}
	for _, name := range f.hosts {
		h, err := findHost(ctx, c, name)
		if err != nil {
			return q, err
		}
		q.Host = append(q.Host, string(h.ID))
	}
	return q, nil
}

func (e *Env) alertsCommand() *cobra.Command {
	return usage.Group("alerts", "Work with the alerts of a server", e.alertsList(), e.alertsShow(), e.alertsSet(), e.exceptionCommands().Except(), e.alertsWatch())
}

func (e *Env) alertsList() *cobra.Command {
	var f alertFlags
	cmd := &cobra.Command{
		Use: "list", Short: "List alerts, newest first", Args: usage.NoArgs,
		RunE: e.run(func(ctx context.Context, c *client.Client, _ []string) error {
			q, err := f.query(ctx, c)
			if err != nil {
				return err
			}
			list, err := listing.Collect(f.limit, func(size int, after string) (store.List[finding.Summary], error) {
				q.Limit, q.After = size, after
				return c.ListAlerts(ctx, q)
			})
			if err != nil {
				return err
			}
			return e.show(list, func(style render.Style) string { return render.Alerts(list, style) })
		}),
	}
	f.register(cmd)
	cmd.Flags().StringVar(&f.order, "order", "", "last_time, severity or count; a leading - means descending")
	cmd.Flags().IntVar(&f.limit, "limit", 100, "how many at most; 0 for all")
	return cmd
}

// caseJSON is the result of `alerts show -o json`.
type caseJSON struct {
	finding.Case
	Comments []finding.Comment `json:"comments"`
}

func (e *Env) alertsShow() *cobra.Command {
	return &cobra.Command{
		Use: "show UID", Short: "Show an alert whole, with what people said of it", Args: usage.One("uid of an alert"),
		RunE: e.run(func(ctx context.Context, c *client.Client, args []string) error {
			found, _, err := c.GetAlert(ctx, args[0])
			if err != nil {
				return err
			}
			said, err := c.ListAlertComments(ctx, args[0])
			if err != nil {
				return err
			}
			return e.show(caseJSON{found, said.Items}, func(style render.Style) string { return render.Case(found, said.Items, style) })
		}),
	}
}

func (e *Env) alertsSet() *cobra.Command {
	var status, assignee, comment string
	cmd := &cobra.Command{
		Use: "set UID…", Short: "Change status or assignee of alerts, or comment on them", Args: usage.AtLeastOne("uid of an alert"),
	}
	cmd.RunE = e.run(func(ctx context.Context, c *client.Client, args []string) error {
		update := api.AlertUpdate{Comment: comment}
		if cmd.Flags().Changed("status") {
			list, err := parseAll[finding.Status]("status", []string{status})
			if err != nil {
				return err
			}
			update.Status = &list[0]
		}
		if cmd.Flags().Changed("assignee") {
			update.Assignee = new(strings.TrimPrefix(assignee, api.Nobody))
		}
		if update == (api.AlertUpdate{}) {
			return usage.Errorf("say what to change: --status, --assignee or --comment")
		}
		return e.update(ctx, c, args, update)
	})
	cmd.Flags().StringVar(&status, "status", "", "open, acknowledged, resolved or dismissed")
	cmd.Flags().StringVar(&assignee, "assignee", "", "name of a user; - means nobody")
	cmd.Flags().StringVar(&comment, "comment", "", "why, in words")
	return cmd
}

// maxBulk is how many alerts the API changes at once.
const maxBulk = 1000

func (e *Env) update(ctx context.Context, c *client.Client, ids []string, update api.AlertUpdate) error {
	changed := 0
	for part := range slices.Chunk(ids, maxBulk) {
		done, err := c.UpdateAlerts(ctx, api.BulkAlertUpdate{IDs: part, AlertUpdate: update})
		if err != nil {
			return err
		}
		changed += done.Changed
	}
	if changed < len(ids) {
		return fmt.Errorf("changed %d of %d alerts; the others are not there", changed, len(ids))
	}
	e.note("Changed %s.\n", render.Plural(uint64(changed), "alert"))
	return nil
}

const watchHelp = `Show the alerts of all hosts of a server as they happen, until interrupted.

New alerts are shown whole, repeats in one line; what an exception covers is left
out. With -o json or yaml every
alert is printed as it is then, repeats with the same uid and a higher count.`

func (e *Env) alertsWatch() *cobra.Command {
	var severity string
	cmd := &cobra.Command{
		Use: "watch", Short: "Show alerts as they happen on all hosts", Long: watchHelp, Args: usage.NoArgs,
		RunE: e.run(func(ctx context.Context, c *client.Client, _ []string) error {
			lowest, err := finding.ParseSeverity(severity)
			if err != nil {
				return usage.Errorf("--severity: %w", err)
			}
			return e.watch(ctx, c, lowest)
		}),
	}
	cmd.Flags().StringVar(&severity, "severity", finding.Informational.String(), "the lowest severity to show")
	return cmd
}

// reconnect is how long to wait before a broken stream is opened again.
const reconnect = 2 * time.Second

// watch follows the changes until ctx ends. A broken stream is opened again
// where it broke.
func (e *Env) watch(ctx context.Context, c *client.Client, lowest finding.Severity) error {
	after := ""
	for first := true; ; first = false {
		err := e.follow(ctx, c, lowest, &after)
		var refused *client.Error
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.As(err, &refused), first && !errors.Is(err, io.EOF):
			return err
		}
		e.note("holdfast: %v; trying again\n", err)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(reconnect):
		}
	}
}

func (e *Env) follow(ctx context.Context, c *client.Client, lowest finding.Severity, after *string) error {
	changes, err := c.StreamChanges(ctx, *after)
	if err != nil {
		return err
	}
	defer changes.Close()
	for {
		change, err := changes.Next()
		if err != nil {
			return err
		}
		if change.ID != "" {
			*after = change.ID
		}
		alert, err := change.Alert()
		if err != nil || alert.Severity < lowest || alert.Status == finding.Suppressed {
			continue // about something else, or known and wanted
		}
		if err := e.tell(ctx, c, alert); err != nil {
			return err
		}
	}
}

func (e *Env) tell(ctx context.Context, c *client.Client, change api.AlertChange) error {
	found, _, err := c.GetAlert(ctx, change.ID)
	if err != nil {
		return err
	}
	style := e.Style(e.Out)
	switch {
	case e.Format().Structured():
		return e.Format().Item(e.Out, found)
	case change.New:
		return e.print("\n" + render.Case(found, nil, style))
	}
	return e.print(render.AlertLine(found.Alert, style))
}
