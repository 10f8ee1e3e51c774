package remote

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast-security/holdfast/account"
	"github.com/holdfast-security/holdfast/api"
	"github.com/holdfast-security/holdfast/api/client"
	"github.com/holdfast-security/holdfast/cli/listing"
	"github.com/holdfast-security/holdfast/cli/render"
	"github.com/holdfast-security/holdfast/cli/usage"
	"github.com/holdfast-security/holdfast/fleet"
	"github.com/holdfast-security/holdfast/store"
)

func (e *Env) usersCommand() *cobra.Command {
	return usage.Group("users", "Manage who may log on to a server",
		e.usersList(), e.usersAdd(), e.usersSet(), e.usersPassword(),
		e.drop("remove", "Remove a user", "name of a user", (*client.Client).DeleteUser))
}

func (e *Env) usersList() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List users", Args: usage.NoArgs,
		RunE: e.run(func(ctx context.Context, c *client.Client, _ []string) error {
			list, err := listing.Collect(0, func(size int, after string) (store.List[account.User], error) {
				return c.ListUsers(ctx, client.ListUsersQuery{Limit: size, After: after})
			})
			if err != nil {
				return err
			}
			return e.show(list, func(style render.Style) string {
				rows := [][]string{}
				for _, u := range list {
					rows = append(rows, []string{u.Name, u.FullName, string(u.Role), userState(u), stamp(u.LastSeen)})
				}
				return render.Table([]string{"NAME", "FULL NAME", "ROLE", "STATE", "LAST LOGON"}, rows, style)
			})
		}),
	}
}

func userState(u account.User) string {
	switch {
	case u.Disabled:
		return "disabled"
	case u.External:
		return "external"
	}
	return "ok"
}

func (e *Env) usersAdd() *cobra.Command {
	user, r, fromStdin := api.NewUser{}, role{account.Reader}, false
	cmd := &cobra.Command{
		Use: "add NAME", Short: "Add a user with a password", Args: usage.One("name"),
		RunE: e.run(func(ctx context.Context, c *client.Client, args []string) error {
			var err error
			if user.Password, err = e.password(fromStdin); err != nil {
				return err
			}
			user.Name, user.Role = args[0], r.Role
			_, _, err = c.CreateUser(ctx, user)
			return err
		}),
	}
	cmd.Flags().Var(&r, "role", "reader, responder, approver or admin")
	cmd.Flags().StringVar(&user.FullName, "full-name", "", "the person's name")
	cmd.Flags().BoolVar(&fromStdin, "password-stdin", false, "read the password from standard input")
	return cmd
}

func (e *Env) usersSet() *cobra.Command {
	var r role
	var fullName string
	var disabled bool
	cmd := &cobra.Command{Use: "set NAME", Short: "Change a user's role or name, or disable the account", Args: usage.One("name of a user")}
	cmd.RunE = e.run(func(ctx context.Context, c *client.Client, args []string) error {
		var change api.UserChange
		if cmd.Flags().Changed("role") {
			change.Role = &r.Role
		}
		if cmd.Flags().Changed("full-name") {
			change.FullName = &fullName
		}
		if cmd.Flags().Changed("disabled") {
			change.Disabled = &disabled
		}
		if change == (api.UserChange{}) {
			return usage.Errorf("say what to change: --role, --full-name or --disabled")
		}
		_, _, err := c.UpdateUser(ctx, args[0], "", change)
		return err
	})
	cmd.Flags().Var(&r, "role", "reader, responder, approver or admin")
	cmd.Flags().StringVar(&fullName, "full-name", "", "the person's name")
	cmd.Flags().BoolVar(&disabled, "disabled", false, "whether the account is disabled")
	return cmd
}

func (e *Env) usersPassword() *cobra.Command {
	fromStdin := false
	cmd := &cobra.Command{
		Use: "password NAME", Short: "Give a user a new password and end their sessions", Args: usage.One("name of a user"),
		RunE: e.run(func(ctx context.Context, c *client.Client, args []string) error {
			password, err := e.password(fromStdin)
			if err != nil {
				return err
			}
			return c.SetUserPassword(ctx, args[0], api.NewPassword{Password: password})
		}),
	}
	cmd.Flags().BoolVar(&fromStdin, "password-stdin", false, "read the password from standard input")
	return cmd
}

func (e *Env) tokensCommand() *cobra.Command {
	return usage.Group("tokens", "Manage API tokens for programs",
		e.tokensList(), e.tokensAdd(), e.drop("remove", "Revoke a token", "uid of a token", (*client.Client).DeleteToken))
}

func (e *Env) tokensList() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List API tokens, newest first", Args: usage.NoArgs,
		RunE: e.run(func(ctx context.Context, c *client.Client, _ []string) error {
			list, err := listing.Collect(0, func(size int, after string) (store.List[account.Token], error) {
				return c.ListTokens(ctx, client.ListTokensQuery{Limit: size, After: after})
			})
			if err != nil {
				return err
			}
			return e.show(list, func(style render.Style) string {
				rows := [][]string{}
				for _, t := range list {
					rows = append(rows, []string{t.ID, t.Note, string(t.Role), t.By, stamp(t.Expires), stamp(t.LastUsed)})
				}
				return render.Table([]string{"UID", "NOTE", "ROLE", "BY", "EXPIRES", "LAST USED"}, rows, style)
			})
		}),
	}
}

func (e *Env) tokensAdd() *cobra.Command {
	token, r, life := api.NewToken{}, role{account.Reader}, durationFlag{Duration: 90 * 24 * time.Hour}
	cmd := &cobra.Command{
		Use: "add NOTE", Short: "Make an API token; its secret is shown once", Args: usage.One("note that says what the token is for"),
		RunE: e.run(func(ctx context.Context, c *client.Client, args []string) error {
			token.Note, token.Role, token.Expires = args[0], r.Role, time.Now().Add(life.Duration)
			made, err := c.CreateToken(ctx, token)
			if err != nil {
				return err
			}
			return e.show(made, func(render.Style) string { return made.Secret + "\n" })
		}),
	}
	cmd.Flags().Var(&r, "role", "reader, responder, approver or admin; not above your own")
	cmd.Flags().Var(&life, "for", "how long it is good for, such as 12h or 30d")
	return cmd
}

func (e *Env) enrollTokenCommand() *cobra.Command {
	var q api.NewEnrollToken
	var labels []string
	life := durationFlag{Duration: time.Hour}
	cmd := &cobra.Command{
		Use: "enroll-token", Short: "Make a token with which hosts join; prints the line to type there", Args: usage.NoArgs,
		RunE: e.run(func(ctx context.Context, c *client.Client, _ []string) error {
			var err error
			if q.Labels, err = parsePairs(labels); err != nil {
				return err
			}
			q.Expires = int64(life.Duration / time.Second)
			made, err := c.CreateEnrollToken(ctx, q)
			if err != nil {
				return err
			}
			return e.show(made, func(style render.Style) string {
				return joinText(made)
			})
		}),
	}
	cmd.Flags().StringVar(&q.Note, "note", "", "what the token is for")
	cmd.Flags().StringArrayVar(&labels, "label", nil, "KEY=VALUE to give to the hosts that use it")
	cmd.Flags().Var(&life, "for", "how long it is good for, such as 12h or 30d")
	cmd.Flags().IntVar(&q.MaxUses, "uses", 0, "how many hosts may use it; 0 for any number")
	cmd.AddCommand(e.enrollTokenList(), e.drop("revoke", "Revoke an enrolment token", "uid of a token", (*client.Client).DeleteEnrollToken))
	return cmd
}

// joinText says how a machine joins.
func joinText(made api.CreatedEnrollToken) string {
	var b strings.Builder
	fmt.Fprintf(&b, "On the machine that is to join, as root:\n\n  %s\n\n", made.Commands.Install)
	if strings.Contains(made.Commands.Install, "--pinnedpubkey") {
		b.WriteString("(-k is safe with the pin: curl talks to the server with this key, and to no other.)\n\n")
	}
	fmt.Fprintf(&b, "or, where holdfast-agent is installed already:\n\n  %s\n\n", made.Commands.Enroll)
	machines := "any number of machines"
	switch n := made.Token.MaxUses; {
	case n == 1:
		machines = "one machine"
	case n > 1:
		machines = fmt.Sprintf("%d machines", n)
	}
	fmt.Fprintf(&b, "The token is good for %s until %s.\n", machines, stamp(made.Token.Expires))
	return b.String()
}

func (e *Env) enrollTokenList() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List enrolment tokens, newest first", Args: usage.NoArgs,
		RunE: e.run(func(ctx context.Context, c *client.Client, _ []string) error {
			list, err := listing.Collect(0, func(size int, after string) (store.List[fleet.EnrolToken], error) {
				return c.ListEnrollTokens(ctx, client.ListEnrollTokensQuery{Limit: size, After: after})
			})
			if err != nil {
				return err
			}
			return e.show(list, func(style render.Style) string {
				rows := [][]string{}
				for _, t := range list {
					rows = append(rows, []string{t.ID, t.Note, t.By, stamp(t.Expires), enrolState(t, time.Now()), render.Number(uint64(max(t.Uses, 0)))})
				}
				return render.Table([]string{"UID", "NOTE", "BY", "EXPIRES", "STATE", "USES"}, rows, style)
			})
		}),
	}
}

func enrolState(t fleet.EnrolToken, now time.Time) string {
	switch {
	case t.Revoked:
		return "revoked"
	case !now.Before(t.Expires):
		return "expired"
	case t.MaxUses > 0 && t.Uses >= t.MaxUses:
		return "used up"
	}
	return "ok"
}

// drop returns a command that removes the things it is given.
func (e *Env) drop(use, short, kind string, remove func(*client.Client, context.Context, string) error) *cobra.Command {
	return &cobra.Command{
		Use: use + " …", Short: short, Args: usage.AtLeastOne(kind),
		RunE: e.run(func(ctx context.Context, c *client.Client, args []string) error {
			for _, id := range args {
				if err := remove(c, ctx, id); err != nil {
					return err
				}
			}
			return nil
		}),
	}
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Local().Format("2006-01-02 15:04")
}
