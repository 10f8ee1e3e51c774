package remote

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/holdfast-security/holdfast/api"
	"github.com/holdfast-security/holdfast/api/client"
	"github.com/holdfast-security/holdfast/cli/listing"
	"github.com/holdfast-security/holdfast/cli/render"
	"github.com/holdfast-security/holdfast/cli/usage"
	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/store"
)

func (e *Env) incidentsCommand() *cobra.Command {
	return usage.Group("incidents", "Work with incidents: alerts that belong to one attack", e.incidentsList(), e.incidentsShow(), e.incidentsSet())
}

// incidentFlags are the filters of a list of incidents.
type incidentFlags struct {
	status, severity, hosts, tactics, assignees []string
	text, alert, order                          string
	since, until                                timeFlag
	limit                                       int
}

func (f *incidentFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringSliceVar(&f.status, "status", nil, "open, acknowledged, resolved or dismissed; several mean any of them")
	flags.StringSliceVar(&f.severity, "severity", nil, "informational, low, medium or high")
	flags.StringSliceVar(&f.hosts, "host", nil, "names or uids of hosts that were reached")
	flags.StringSliceVar(&f.tactics, "tactic", nil, "ATT&CK tactics of the chain, such as execution")
	flags.StringSliceVar(&f.assignees, "assignee", nil, "users; - means nobody")
	flags.StringVar(&f.text, "text", "", "text in title or host name")
	flags.StringVar(&f.alert, "alert", "", "uid of an alert that belongs to it")
	flags.Var(&f.since, "since", "last seen at or after: a time, or how long ago")
	flags.Var(&f.until, "until", "last seen before: a time, or how long ago")
	flags.StringVar(&f.order, "order", "", "last_time, -last_time, -severity or -score; a leading - means descending")
	flags.IntVar(&f.limit, "limit", 100, "how many at most; 0 for all")
}

// query returns the filters as the API has them.
func (f *incidentFlags) query(ctx context.Context, c *client.Client) (client.ListIncidentsQuery, error) {
	alike := alertFlags{status: f.status, severity: f.severity, hosts: f.hosts, tactics: f.tactics}
	q, err := alike.query(ctx, c)
	return client.ListIncidentsQuery{
		Status: q.Status, Severity: q.Severity, Host: q.Host, Tactic: q.Tactic, Assignee: f.assignees, Text: f.text, Alert: f.alert,
		Since: f.since.Time, Until: f.until.Time, Order: store.IncidentOrder(f.order),
	}, err
}

func (e *Env) incidentsList() *cobra.Command {
	var f incidentFlags
	cmd := &cobra.Command{
		Use: "list", Short: "List incidents, newest first", Args: usage.NoArgs,
		RunE: e.run(func(ctx context.Context, c *client.Client, _ []string) error {
			q, err := f.query(ctx, c)
			if err != nil {
				return err
			}
			list, err := listing.Collect(f.limit, func(size int, after string) (store.List[finding.IncidentSummary], error) {
				q.Limit, q.After = size, after
				return c.ListIncidents(ctx, q)
			})
			if err != nil {
				return err
			}
			return e.show(list, func(style render.Style) string { return render.Incidents(list, style) })
		}),
	}
	f.register(cmd)
	return cmd
}

// incidentJSON is the result of `incidents show -o json`.
type incidentJSON struct {
	finding.IncidentCase
	Comments []finding.Comment `json:"comments"`
}

const incidentHelp = `Show an incident as a timeline, with what people said of it.

Each line is an alert with its repeats, and says below to which line before it
belongs, and why. A star marks the lines that the score is made of, a bracket
those that an exception hides. The uid of an incident that became part of
another shows that other.`

func (e *Env) incidentsShow() *cobra.Command {
	return &cobra.Command{
		Use: "show UID", Short: "Show an incident's story, and why its parts belong together", Long: incidentHelp, Args: usage.One("uid of an incident"),
		RunE: e.run(func(ctx context.Context, c *client.Client, args []string) error {
			found, _, err := c.GetIncident(ctx, args[0])
			if err != nil {
				return err
			}
			said, err := c.ListIncidentComments(ctx, args[0])
			if err != nil {
				return err
			}
			return e.show(incidentJSON{found, said.Items}, func(style render.Style) string { return render.Incident(found, said.Items, style) })
		}),
	}
}

// triageFlags are what people make of incidents.
type triageFlags struct {
	status, assignee, verdict, comment string
	alerts                             bool
}

func (f *triageFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.status, "status", "", "open, acknowledged, resolved or dismissed")
	cmd.Flags().StringVar(&f.assignee, "assignee", "", "name of a user; - means nobody")
	cmd.Flags().StringVar(&f.verdict, "verdict", "", "attack, benign, or none to take it back; rules of benign incidents lose weight")
	cmd.Flags().StringVar(&f.comment, "comment", "", "why, in words")
	cmd.Flags().BoolVar(&f.alerts, "alerts", false, "give status and assignee to the alerts of the incident, too")
}

// update returns what the flags ask for; given reports whether one was.
func (f *triageFlags) update(given func(string) bool) (api.IncidentUpdate, error) {
	update := api.IncidentUpdate{Comment: f.comment, Alerts: f.alerts}
	if given("status") {
		list, err := parseAll[finding.Status]("status", []string{f.status})
		if err != nil {
			return update, err
		}
		update.Status = &list[0]
	}
	if given("assignee") {
		update.Assignee = new(strings.TrimPrefix(f.assignee, api.Nobody))
	}
	if given("verdict") {
		said := finding.NoVerdict
		if f.verdict != "none" {
			if err := said.UnmarshalText([]byte(f.verdict)); err != nil || said == finding.NoVerdict {
				return update, usage.Errorf("--verdict: %q is not one of attack, benign, none", f.verdict)
			}
		}
		update.Verdict = &said
	}
	if update.Status == nil && update.Assignee == nil && update.Verdict == nil && update.Comment == "" {
		return update, usage.Errorf("say what to change: --status, --assignee, --verdict or --comment")
	}
	return update, nil
}

func (e *Env) incidentsSet() *cobra.Command {
	var f triageFlags
	cmd := &cobra.Command{
		Use: "set UID…", Short: "Change status, assignee or verdict of incidents, or comment on them", Args: usage.AtLeastOne("uid of an incident"),
	}
	cmd.RunE = e.run(func(ctx context.Context, c *client.Client, args []string) error {
		update, err := f.update(cmd.Flags().Changed)
		if err != nil {
			return err
		}
		for _, id := range args {
			if _, _, err := c.UpdateIncident(ctx, id, "", update); err != nil {
				return err
			}
		}
		e.note("Changed %s.\n", render.Plural(uint64(len(args)), "incident"))
		return nil
	})
	f.register(cmd)
	return cmd
}
