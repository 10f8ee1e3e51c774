package remote

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast-security/holdfast/api"
	"github.com/holdfast-security/holdfast/api/client"
	"github.com/holdfast-security/holdfast/cli/listing"
	"github.com/holdfast-security/holdfast/cli/render"
	"github.com/holdfast-security/holdfast/cli/usage"
	"github.com/holdfast-security/holdfast/fleet"
	"github.com/holdfast-security/holdfast/store"
)

func (e *Env) hostsCommand() *cobra.Command {
	return usage.Group("hosts", "Work with the hosts of a server",
		e.hostsList(), e.hostsShow(), e.hostsLabel(),
		e.hostsTrust("revoke", "Cut a host off: its credential is refused from now on", (*client.Client).RevokeHost),
		e.hostsTrust("allow", "Let a revoked host speak to the server again", (*client.Client).AllowHost))
}

func (e *Env) hostsList() *cobra.Command {
	var q client.ListHostsQuery
	cmd := &cobra.Command{
		Use: "list", Short: "List hosts by name", Args: usage.NoArgs,
		RunE: e.run(func(ctx context.Context, c *client.Client, _ []string) error {
			list, err := listing.Collect(0, func(size int, after string) (store.List[fleet.Host], error) {
				q.Limit, q.After = size, after
				return c.ListHosts(ctx, q)
			})
			if err != nil {
				return err
			}
			return e.show(list, func(style render.Style) string { return render.Hosts(list, time.Now(), style) })
		}),
	}
	cmd.Flags().StringVar(&q.State, "state", "", "active or revoked")
	cmd.Flags().StringVar(&q.Text, "text", "", "text in name, uid or address")
	cmd.Flags().StringArrayVar(&q.Label, "label", nil, "KEY=VALUE that the host must have; several mean all of them")
	return cmd
}

func (e *Env) hostsShow() *cobra.Command {
	return &cobra.Command{
		Use: "show HOST", Short: "Show a host: its features, warnings and ledger", Args: usage.One("name or uid of a host"),
		RunE: e.run(func(ctx context.Context, c *client.Client, args []string) error {
			host, err := findHost(ctx, c, args[0])
			if err != nil {
				return err
			}
			ledger, err := c.GetLedger(ctx)
			if err != nil {
				return err
			}
			var balance *fleet.Balance
			for i := range ledger.Hosts {
				if ledger.Hosts[i].Host == host.ID {
					balance = &ledger.Hosts[i]
				}
			}
			return e.show(host, func(style render.Style) string { return render.Host(host, balance, time.Now(), style) })
		}),
	}
}

func (e *Env) hostsLabel() *cobra.Command {
	return &cobra.Command{
		Use: "label HOST [KEY=VALUE…]", Short: "Give a host labels in place of the present ones", Args: usage.AtLeastOne("name or uid of a host"),
		RunE: e.run(func(ctx context.Context, c *client.Client, args []string) error {
			labels, err := parsePairs(args[1:])
			if err != nil {
				return err
			}
			host, err := findHost(ctx, c, args[0])
			if err != nil {
				return err
			}
			_, _, err = c.UpdateHost(ctx, string(host.ID), "", api.HostUpdate{Labels: &labels})
			return err
		}),
	}
}

// hostsTrust returns a command that changes whether a host may speak to the
// server.
func (e *Env) hostsTrust(use, short string, change func(*client.Client, context.Context, string) (fleet.Host, string, error)) *cobra.Command {
	return &cobra.Command{
		Use: use + " HOST", Short: short, Args: usage.One("name or uid of a host"),
		RunE: e.run(func(ctx context.Context, c *client.Client, args []string) error {
			id := args[0]
			if use == "revoke" { // a name means the active host of that name
				host, err := findHost(ctx, c, id)
				if err != nil {
					return err
				}
				id = string(host.ID)
			}
			host, _, err := change(c, ctx, id)
			if err != nil {
				return err
			}
			e.note("%s (%s) is %s.\n", render.Text(host.Name, e.Style(e.Err)), host.ID, host.State)
			return nil
		}),
	}
}

func (e *Env) ledgerCommand() *cobra.Command {
	return &cobra.Command{
		Use: "ledger", Short: "Account for every event of every host", Args: usage.NoArgs,
		RunE: e.run(func(ctx context.Context, c *client.Client, _ []string) error {
			report, err := c.GetLedger(ctx)
			if err != nil {
				return err
			}
			return e.show(report, func(style render.Style) string { return render.Balances(report.Hosts, report.Total, style) })
		}),
	}
}
