package remote

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast-security/holdfast/account"
	"github.com/holdfast-security/holdfast/api"
	"github.com/holdfast-security/holdfast/cli/contexts"
	"github.com/holdfast-security/holdfast/cli/render"
	"github.com/holdfast-security/holdfast/cli/usage"
)

const loginHelp = `Log in to a server and keep the way in as a context.

With a name and a password an API token of your own role is made, which
holdfast logout revokes; the password is not kept. --token-stdin takes a token
that was made in the console, for people who log on through an OpenID provider
and for programs.

A server with a certificate of its own authority is trusted by --pin, the
fingerprint that it says when it starts.`

// tokenLife is how long a token made by login is good for.
const tokenLife = 30 * 24 * time.Hour

// loginOptions are the flags of login.
type loginOptions struct {
	name, user, pin               string
	passwordStdin, tokenFromStdin bool
}

func (e *Env) loginCommand() *cobra.Command {
	var o loginOptions
	cmd := &cobra.Command{
		Use: "login SERVER", Short: "Log in to a server", Long: loginHelp, Args: usage.One("server, as https://HOST:PORT"),
		RunE: func(cmd *cobra.Command, args []string) error { return e.login(cmd.Context(), args[0], o) },
	}
	cmd.Flags().StringVar(&o.name, "name", "", "what to call the context; by default the server's host name")
	cmd.Flags().StringVar(&o.user, "user", "", "name of the user; asked for where it is not given")
	cmd.Flags().StringVar(&o.pin, "pin", "", "SHA-256 of the public key of the server's certificate authority, in hex, as the server's log names its authority")
	cmd.Flags().BoolVar(&o.passwordStdin, "password-stdin", false, "read the password from standard input")
	cmd.Flags().BoolVar(&o.tokenFromStdin, "token-stdin", false, "read an API token from standard input in place of a password")
	return cmd
}

func (e *Env) login(ctx context.Context, given string, o loginOptions) error {
	server, err := contexts.CheckServer(given)
	if err != nil {
		return usage.Wrap(err)
	}
	if o.name == "" {
		o.name = hostOf(server)
	}
	if err := contexts.CheckName(o.name); err != nil {
		return usage.Wrap(err)
	}
	entry := contexts.Context{Server: server, Pin: strings.TrimPrefix(strings.ToLower(o.pin), "sha256:")}
	if _, err := Dial(entry); err != nil {
		return usage.Wrap(err)
	}
	if o.tokenFromStdin {
		entry.User = "the holder of a token"
		entry.Token, err = e.line()
	} else {
		err = e.makeToken(ctx, &entry, o)
	}
	if err != nil {
		return unreached(err)
	}
	return e.keep(ctx, o.name, entry)
}

// keep checks a context with the server and makes it the current one.
func (e *Env) keep(ctx context.Context, name string, entry contexts.Context) error {
	c, err := Dial(entry)
	if err != nil {
		return usage.Wrap(err)
	}
	if _, err := c.GetOverview(ctx); err != nil {
		return unreached(err)
	}
	file, err := loadContexts()
	if err != nil {
		return err
	}
	if err := errors.Join(file.Set(name, entry), file.Save()); err != nil {
		return err
	}
	e.note("Logged in to %s as %s; the context is called %s.\n", entry.Server, entry.User, name)
	return nil
}

// makeToken logs on with name and password and makes a token of the user's
// role.
func (e *Env) makeToken(ctx context.Context, entry *contexts.Context, o loginOptions) error {
	var err error
	if o.user == "" {
		e.note("User: ")
		if o.user, err = e.line(); err != nil {
			return err
		}
	}
	password := ""
	if o.passwordStdin {
		password, err = e.line()
	} else {
		password, err = e.Secret("Password: ")
	}
	if err != nil {
		return err
	}
	*entry, err = Token(ctx, *entry, o.user, password)
	return err
}

// Token logs on to the server of a context with name and password, makes an
// API token of the user's role, and returns the context with it.
func Token(ctx context.Context, entry contexts.Context, user, password string) (contexts.Context, error) {
	c, err := Dial(entry)
	if err != nil {
		return entry, err
	}
	defer c.Close()
	session, err := c.CreateSession(ctx, api.Credentials{Name: user, Password: password})
	if err != nil {
		return entry, err
	}
	host, _ := os.Hostname()
	token, err := c.CreateToken(ctx, api.NewToken{
		Note: "holdfast login on " + host, Role: session.User.Role, Expires: time.Now().Add(tokenLife),
	})
	err = errors.Join(err, c.DeleteSession(ctx))
	entry.User, entry.Token, entry.TokenID = user, token.Secret, token.Token.ID
	return entry, err
}

// line reads one line of standard input.
func (e *Env) line() (string, error) {
	text, err := bufio.NewReader(io.LimitReader(e.In, 4096)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read standard input: %w", err)
	}
	if text = strings.TrimRight(text, "\r\n"); text == "" {
		return "", usage.Errorf("standard input is empty")
	}
	return text, nil
}

func hostOf(server string) string {
	host := strings.TrimPrefix(server, "https://")
	if i := strings.LastIndexByte(host, ':'); i >= 0 {
		host = host[:i]
	}
	return strings.NewReplacer("[", "", "]", "", ":", "-").Replace(host)
}

func (e *Env) logoutCommand() *cobra.Command {
	return &cobra.Command{
		Use: "logout", Short: "Revoke this context's token and forget it", Args: usage.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return e.logout(cmd.Context()) },
	}
}

func (e *Env) logout(ctx context.Context) error {
	file, err := loadContexts()
	if err != nil {
		return err
	}
	name, entry, err := file.Get(e.context)
	if err != nil {
		return err
	}
	file.Drop(name)
	if err := file.Save(); err != nil {
		return err
	}
	if entry.TokenID == "" {
		e.note("Forgot the context %s. Its token was made elsewhere and is still good.\n", name)
		return nil
	}
	c, err := Dial(entry)
	if err == nil {
		err = c.DeleteToken(ctx, entry.TokenID)
	}
	if err != nil {
		return fmt.Errorf("forgot the context %s, but its token could not be revoked: %w", name, err)
	}
	e.note("Revoked the token and forgot the context %s.\n", name)
	return nil
}

// contextJSON is an element of `contexts -o json`: a context without its
// secret.
type contextJSON struct {
	Name    string `json:"name"`
	Current bool   `json:"current"`
	Server  string `json:"server"`
	User    string `json:"user"`
}

func (e *Env) contextsCommand() *cobra.Command {
	return &cobra.Command{
		Use: "contexts [USE]", Short: "List the servers you are logged in to, or choose one", Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			file, err := loadContexts()
			if err != nil {
				return err
			}
			if len(args) == 1 {
				return errors.Join(file.Use(args[0]), file.Save())
			}
			return e.listContexts(file)
		},
	}
}

func (e *Env) listContexts(file *contexts.File) error {
	list, rows := []contextJSON{}, [][]string{}
	for _, name := range file.Names() {
		c := contextJSON{Name: name, Current: name == file.Current, Server: file.Contexts[name].Server, User: file.Contexts[name].User}
		mark := ""
		if c.Current {
			mark = "*"
		}
		list = append(list, c)
		rows = append(rows, []string{mark, c.Name, c.Server, c.User})
	}
	return e.show(list, func(style render.Style) string {
		return render.Table([]string{"", "NAME", "SERVER", "USER"}, rows, style)
	})
}

// password asks for a new password, twice where a person types it.
func (e *Env) password(fromStdin bool) (string, error) {
	if fromStdin {
		return e.line()
	}
	first, err := e.Secret("New password: ")
	if err != nil {
		return "", err
	}
	second, err := e.Secret("Again: ")
	if err == nil && first != second {
		err = errors.New("the two passwords differ; nothing was changed")
	}
	return first, err
}

// role is a flag that holds a role.
type role struct{ account.Role }

// Set implements pflag.Value.
func (r *role) Set(text string) error { return r.UnmarshalText([]byte(text)) }

// String implements pflag.Value.
func (r *role) String() string { return string(r.Role) }

// Type implements pflag.Value.
func (r *role) Type() string { return "role" }
