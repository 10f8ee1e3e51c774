// Package exceptions holds the subcommands that work with the exceptions of a
// server: what is known and wanted, so that its alerts are kept out of sight.
package exceptions

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast-security/holdfast/api"
	"github.com/holdfast-security/holdfast/api/client"
	"github.com/holdfast-security/holdfast/cli/listing"
	"github.com/holdfast-security/holdfast/cli/moment"
	"github.com/holdfast-security/holdfast/cli/output"
	"github.com/holdfast-security/holdfast/cli/render"
	"github.com/holdfast-security/holdfast/cli/usage"
	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/fleet"
	"github.com/holdfast-security/holdfast/store"
)

// Commands makes the commands. All fields are set.
type Commands struct {
	In       io.Reader
	Out, Err io.Writer
	Format   func() output.Format                                                                                             // that was asked for; valid once a command runs
	Style    func(w io.Writer) render.Style                                                                                   // how to draw on w
	Run      func(work func(ctx context.Context, c *client.Client, args []string) error) func(*cobra.Command, []string) error // gives work a client
	Host     func(ctx context.Context, c *client.Client, name string) (fleet.Host, error)                                     // by uid or name
}

// show prints a result: as a document, or drawn.
func (e *Commands) show(v any, draw func(render.Style) string) error {
	if e.Format().Structured() {
		return e.Format().Document(e.Out, v)
	}
	return e.print(draw(e.Style(e.Out)))
}

func (e *Commands) print(text string) error {
	if _, err := io.WriteString(e.Out, text); err != nil {
		return fmt.Errorf("write the output: %w", err)
	}
	return nil
}

// note writes to standard error. Nothing can be done about an error there.
func (e *Commands) note(format string, args ...any) { _, _ = fmt.Fprintf(e.Err, format, args...) }

// Command returns the command with all below it.
func (e *Commands) Command() *cobra.Command {
	return usage.Group("exceptions", "Keep alerts of what is known and wanted out of sight", e.list(), e.display(),
		e.add(), e.try(), e.toggle(true), e.toggle(false), e.remove())
}

func (e *Commands) list() *cobra.Command {
	var q client.ListExceptionsQuery
	var state, host string
	var limit int
	cmd := &cobra.Command{
		Use: "list", Short: "List exceptions, newest first", Args: usage.NoArgs,
		RunE: e.Run(func(ctx context.Context, c *client.Client, _ []string) error {
			q.State = store.ExceptionState(state)
			if host != "" {
				h, err := e.Host(ctx, c, host)
				if err != nil {
					return err
				}
				q.Host = string(h.ID)
			}
			list, err := listing.Collect(limit, func(size int, after string) (store.List[finding.Exception], error) {
				q.Limit, q.After = size, after
				return c.ListExceptions(ctx, q)
			})
			if err != nil {
				return err
			}
			return e.show(list, func(style render.Style) string { return render.Exceptions(list, time.Now(), style) })
		}),
	}
	flags := cmd.Flags()
	flags.StringVar(&state, "state", "", "active, expired or disabled")
	flags.StringVar(&q.Rule, "rule", "", "that name the rule with this uid")
	flags.StringVar(&q.Type, "type", "", "that name this alert type")
	flags.StringVar(&host, "host", "", "that name this host, by name or uid")
	flags.StringVar(&q.Text, "text", "", "text in name, reason or author")
	flags.IntVar(&limit, "limit", 100, "how many at most; 0 for all")
	return cmd
}

func (e *Commands) display() *cobra.Command {
	return &cobra.Command{
		Use: "show UID", Short: "Show an exception whole", Args: usage.One("uid of an exception"),
		RunE: e.Run(func(ctx context.Context, c *client.Client, args []string) error {
			found, _, err := c.GetException(ctx, args[0])
			if err != nil {
				return err
			}
			return e.show(found, func(style render.Style) string { return render.Exception(found, time.Now(), style) })
		}),
	}
}

const addHelp = `Make an exception: alerts that it covers are stored as suppressed from now on,
out of sight but not gone. It covers an alert of one of its rules or types when
everything fits that is said: hosts, labels, and each --match. What an alert does
not say fits nothing.

Fields: process.executable, process.command_line, process.name, process.sha256,
process.package, parent.executable, parent.command_line, ancestor.executable,
user.name, session.entry, file.path, file.sha256, remote.address, remote.port,
container.image, container.name, host.name, message. Ways to compare: equals,
contains, starts_with, ends_with, matches (with * and ?), cidr (addresses).

Several values for one field, of which any fits, are for a file: its form is what
holdfast exceptions show -o yaml prints.`

func (e *Commands) add() *cobra.Command {
	var f termFlags
	cmd := &cobra.Command{
		Use: "add", Short: "Make an exception", Long: addHelp, Args: usage.NoArgs,
		Example: "  holdfast exceptions add --name backup --reason 'rsync of every night' --type VM_Exfiltration \\\n" +
			"    --match 'process.executable equals /usr/bin/rsync' --match 'user.name equals backup' --expires 180d",
		RunE: e.Run(func(ctx context.Context, c *client.Client, _ []string) error {
			body, err := f.body(ctx, e, c)
			if err != nil {
				return err
			}
			return e.makeException(ctx, c, body)
		}),
	}
	f.register(cmd)
	return cmd
}

func (e *Commands) makeException(ctx context.Context, c *client.Client, body api.ExceptionBody) error {
	made, _, err := c.CreateException(ctx, body)
	if err != nil {
		return err
	}
	e.note("The exception is in force.\n")
	return e.show(made, func(style render.Style) string { return render.Exception(made, time.Now(), style) })
}

func (e *Commands) try() *cobra.Command {
	var f termFlags
	var since, until moment.Flag
	cmd := &cobra.Command{
		Use: "preview", Short: "Show what an exception would have hidden", Args: usage.NoArgs,
		Long: "Show which of the stored alerts an exception would have hidden. Nothing is changed.",
		RunE: e.Run(func(ctx context.Context, c *client.Client, _ []string) error {
			body, err := f.body(ctx, e, c)
			if err != nil {
				return err
			}
			return e.preview(ctx, c, api.ExceptionTrial{ExceptionBody: body, Since: since.Time, Until: until.Time})
		}),
	}
	f.register(cmd)
	cmd.Flags().Var(&since, "since", "last seen at or after: a time, or how long ago; 30 days without")
	cmd.Flags().Var(&until, "until", "last seen before: a time, or how long ago")
	return cmd
}

func (e *Commands) preview(ctx context.Context, c *client.Client, trial api.ExceptionTrial) error {
	p, err := c.PreviewException(ctx, trial)
	if err != nil {
		return err
	}
	return e.show(p, func(style render.Style) string { return render.Preview(p, style) })
}

// toggle returns the command that enables exceptions, or disables
// them.
func (e *Commands) toggle(on bool) *cobra.Command {
	use, short, done := "enable", "Put exceptions in force again", "Enabled"
	if !on {
		use, short, done = "disable", "Take exceptions out of force, and keep them", "Disabled"
	}
	confirm := false
	cmd := &cobra.Command{
		Use: use + " UID…", Short: short, Args: usage.AtLeastOne("uid of an exception"),
		RunE: e.Run(func(ctx context.Context, c *client.Client, args []string) error {
			return e.eachException(args, done, func(id string) error {
				found, etag, err := c.GetException(ctx, id)
				if err != nil {
					return err
				}
				found.Enabled = on
				_, _, err = c.UpdateException(ctx, id, etag, api.ExceptionBody{ExceptionTerms: found.ExceptionTerms, Confirm: confirm})
				return err
			})
		}),
	}
	if on {
		cmd.Flags().BoolVar(&confirm, "confirm", false, "mean it, for exceptions that hide everything of a rule")
	}
	return cmd
}

func (e *Commands) remove() *cobra.Command {
	return &cobra.Command{
		Use: "remove UID…", Short: "Remove exceptions", Args: usage.AtLeastOne("uid of an exception"),
		Long: "Remove exceptions. What they have hidden stays suppressed until it repeats, and is open again then.",
		RunE: e.Run(func(ctx context.Context, c *client.Client, args []string) error {
			return e.eachException(args, "Removed", func(id string) error { return c.DeleteException(ctx, id) })
		}),
	}
}

// eachException does something to exceptions, until it fails, and says how many
// it was done to.
func (e *Commands) eachException(ids []string, done string, do func(id string) error) error {
	var err error
	n := 0
	for ; n < len(ids) && err == nil; n++ {
		err = do(ids[n])
	}
	if err != nil {
		n--
	}
	if n > 0 {
		e.note("%s %s.\n", done, render.Plural(uint64(n), "exception"))
	}
	return err
}

const exceptHelp = `Make the narrowest exception that covers an alert and its like: its rule on its
host, done by the same program from the same parent as the same user, to the same
files and addresses. With --dry-run it is shown with what it would have hidden, and
not made; -o yaml prints it, to be edited and made by holdfast exceptions add -f.`

// Except returns the command that makes an exception of an alert.
func (e *Commands) Except() *cobra.Command {
	var name, reason, expires string
	var dry bool
	cmd := &cobra.Command{
		Use: "except UID", Short: "Make an exception of an alert", Long: exceptHelp, Args: usage.One("uid of an alert"),
		RunE: e.Run(func(ctx context.Context, c *client.Client, args []string) error {
			body, err := c.SuggestException(ctx, api.ExceptionWish{Alert: args[0]})
			if err != nil {
				return err
			}
			body.Reason = reason
			if name != "" {
				body.Name = name
			}
			if body.Expires, err = parseExpiry(expires, time.Now()); err != nil {
				return err
			}
			if dry {
				return e.tryException(ctx, c, body)
			}
			if reason == "" {
				return usage.Errorf("say why these alerts are wanted: --reason")
			}
			return e.makeException(ctx, c, body)
		}),
	}
	cmd.Flags().StringVar(&name, "name", "", "what it is called, in place of the suggestion")
	cmd.Flags().StringVar(&reason, "reason", "", "why these alerts are wanted")
	cmd.Flags().StringVar(&expires, "expires", "", "when it ends: a time, or in how long, such as 30d")
	cmd.Flags().BoolVar(&dry, "dry-run", false, "show it and what it would have hidden, and do not make it")
	return cmd
}

// tryException shows an exception that is not made. Documents hold nothing else.
func (e *Commands) tryException(ctx context.Context, c *client.Client, body api.ExceptionBody) error {
	if e.Format().Structured() {
		return e.Format().Document(e.Out, body.ExceptionTerms)
	}
	for _, m := range body.Match {
		if err := e.print(render.Text(render.ConditionText(m), e.Style(e.Out)) + "\n"); err != nil {
			return err
		}
	}
	return e.preview(ctx, c, api.ExceptionTrial{ExceptionBody: body})
}
