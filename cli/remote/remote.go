package remote

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast-security/holdfast/api/client"
	"github.com/holdfast-security/holdfast/cli/contexts"
	"github.com/holdfast-security/holdfast/cli/exceptions"
	"github.com/holdfast-security/holdfast/cli/hunting"
	"github.com/holdfast-security/holdfast/cli/listing"
	"github.com/holdfast-security/holdfast/cli/moment"
	"github.com/holdfast-security/holdfast/cli/output"
	"github.com/holdfast-security/holdfast/cli/render"
	"github.com/holdfast-security/holdfast/cli/usage"
	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/fleet"
	"github.com/holdfast-security/holdfast/store"
	"github.com/holdfast-security/holdfast/wire"
)

// Env is what the commands use of the program around them.
type Env struct {
	In     io.Reader
	Out    io.Writer
	Err    io.Writer
	Format func() output.Format                // that was asked for; valid once a command runs
	Style  func(w io.Writer) render.Style      // how to draw on w
	Secret func(prompt string) (string, error) // asks a person without showing the answer; an error where nobody can be asked

	context string // that --context named
}

// Commands returns the commands that speak to a server.
func (e *Env) Commands() []*cobra.Command {
	list := []*cobra.Command{
		e.loginCommand(), e.logoutCommand(), e.contextsCommand(),
		e.alertsCommand(), e.incidentsCommand(), e.exceptionCommands().Command(), hunting.Command(e.run, e.Out, e.Err, e.Style), e.hostsCommand(), e.ledgerCommand(), e.policiesCommand(), e.usersCommand(), e.tokensCommand(),
		e.enrollTokenCommand(), e.auditLogCommand(), e.backupCommand(),
	}
	for _, c := range list {
		e.AddContextFlag(c)
	}
	return list
}

// AddContextFlag adds the flag --context to a command and those below it.
func (e *Env) AddContextFlag(cmd *cobra.Command) {
	cmd.PersistentFlags().StringVar(&e.context, "context", "", "which server to speak to, see holdfast contexts; by default the current one")
}

// exceptionCommands makes the commands about exceptions.
func (e *Env) exceptionCommands() *exceptions.Commands {
	return &exceptions.Commands{In: e.In, Out: e.Out, Err: e.Err, Format: e.Format, Style: e.Style, Run: e.run, Host: findHost}
}

// loadContexts reads the user's contexts.
func loadContexts() (*contexts.File, error) {
	path, err := contexts.DefaultPath()
	if err != nil {
		return nil, err
	}
	return contexts.Load(path)
}

// connect returns a client for the chosen context.
func (e *Env) connect() (*client.Client, error) { return e.connectFor(0) }

// connectFor is connect for requests that may take so long; zero means the
// usual time.
func (e *Env) connectFor(timeout time.Duration) (*client.Client, error) {
	file, err := loadContexts()
	if err != nil {
		return nil, err
	}
	_, c, err := file.Get(e.context)
	if err != nil {
		return nil, err
	}
	return dial(c, timeout)
}

// Dial returns a client for a context. It does not connect yet.
func Dial(c contexts.Context) (*client.Client, error) { return dial(c, 0) }

func dial(c contexts.Context, timeout time.Duration) (*client.Client, error) {
	options := client.Options{Server: c.Server, Token: c.Token, Timeout: timeout}
	if c.Pin != "" {
		trust, err := client.Pinned(c.Pin)
		if err != nil {
			return nil, err
		}
		options.TLS = trust
	}
	return client.New(options)
}

// run returns the work of a command that needs a client.
func (e *Env) run(work func(ctx context.Context, c *client.Client, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		c, err := e.connect()
		if err != nil {
			return err
		}
		return explain(work(cmd.Context(), c, args))
	}
}

// show prints a result: as a document, or drawn.
func (e *Env) show(v any, draw func(render.Style) string) error {
	if e.Format().Structured() {
		return e.Format().Document(e.Out, v)
	}
	return e.print(draw(e.Style(e.Out)))
}

func (e *Env) print(text string) error {
	if _, err := io.WriteString(e.Out, text); err != nil {
		return fmt.Errorf("write the output: %w", err)
	}
	return nil
}

// note writes to standard error. Nothing can be done about an error there.
func (e *Env) note(format string, args ...any) { _, _ = fmt.Fprintf(e.Err, format, args...) }

// findHost returns the host that a person means by its id or its name.
func findHost(ctx context.Context, c *client.Client, name string) (fleet.Host, error) {
	if wire.ValidHostID(event.HostID(name)) {
		h, _, err := c.GetHost(ctx, name)
		return h, err
	}
	hosts, err := listing.Collect(0, func(size int, after string) (store.List[fleet.Host], error) {
		return c.ListHosts(ctx, client.ListHostsQuery{Text: name, Limit: size, After: after})
	})
	if err != nil {
		return fleet.Host{}, err
	}
	var found []fleet.Host
	for _, h := range hosts {
		if h.Name == name && h.State == fleet.Active {
			found = append(found, h)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return fleet.Host{}, fmt.Errorf("there is no active host %q; holdfast hosts list names them", name)
	}
	return fleet.Host{}, fmt.Errorf("%d hosts are called %q; give the uid that holdfast hosts list shows", len(found), name)
}

// Flags for moments and lengths of time.
type (
	timeFlag     = moment.Flag
	durationFlag = moment.Length
)

// parseAll reads the values of a flag as texts of a type.
func parseAll[T any, P interface {
	*T
	UnmarshalText([]byte) error
}](flag string, values []string,
) ([]T, error) {
	var list []T
	for _, v := range values {
		var item T
		if err := P(&item).UnmarshalText([]byte(v)); err != nil {
			return nil, usage.Errorf("--%s: %w", flag, err)
		}
		list = append(list, item)
	}
	return list, nil
}

// parsePairs reads key=value arguments.
func parsePairs(values []string) (map[string]string, error) {
	pairs := make(map[string]string)
	for _, v := range values {
		key, value, ok := strings.Cut(v, "=")
		if !ok || key == "" {
			return nil, usage.Errorf("%q is not KEY=VALUE", v)
		}
		pairs[key] = value
	}
	return pairs, nil
}
