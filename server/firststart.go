package server

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/netip"
	"os"

	"github.com/holdfast-security/holdfast/account"
	"github.com/holdfast-security/holdfast/internal/atomicfile"
	"github.com/holdfast-security/holdfast/server/auth"
	"github.com/holdfast-security/holdfast/store"
)

const (
	// FirstAdmin is the name of the administrator that a new server has.
	FirstAdmin = "admin"
	// firstPasswordName is the file in the data directory that holds its
	// password until it is changed.
	firstPasswordName = "first-password"
)

// makeFirstAdmin makes the first administrator where there is no account yet,
// writes the password to the file at path, for the owner only, and returns it;
// "" when there was an account.
func makeFirstAdmin(ctx context.Context, accounts store.Accounts, people *auth.People, path string) (string, error) {
	list, err := accounts.Users(ctx, store.Page{Limit: 1})
	if err != nil {
		return "", fmt.Errorf("look for accounts: %w", err)
	}
	if len(list.Items) > 0 {
		return "", nil
	}
	password := rand.Text()
	// The file comes first: an account whose password nobody knows is worse
	// than a file without its account.
	if err := atomicfile.Write(path, []byte(password+"\n")); err != nil {
		return "", fmt.Errorf("write the first password: %w", err)
	}
	u := account.User{Name: FirstAdmin, FullName: "First administrator", Role: account.Admin}
	if _, err := people.AddUser(ctx, u, password); err != nil {
		return "", errors.Join(fmt.Errorf("make the first administrator: %w", err), os.Remove(path))
	}
	return password, nil
}

// people are the accounts as the API sees them. It removes the file with the
// first password once that is changed.
type people struct {
	*auth.People
	path string
	log  *slog.Logger
}

// ChangePassword is [auth.People.ChangePassword].
func (p *people) ChangePassword(r *http.Request, old, fresh string, from netip.Addr) error {
	who, err := p.Identify(r)
	if err != nil {
		return err
	}
	if err := p.People.ChangePassword(r, old, fresh, from); err != nil {
		return err
	}
	p.changed(who.User.Name)
	return nil
}

// SetPassword is [auth.People.SetPassword].
func (p *people) SetPassword(ctx context.Context, name, password string) error {
	if err := p.People.SetPassword(ctx, name, password); err != nil {
		return err
	}
	p.changed(name)
	return nil
}

// DropUser is [auth.People.DropUser].
func (p *people) DropUser(ctx context.Context, name string) error {
	if err := p.People.DropUser(ctx, name); err != nil {
		return err
	}
	p.changed(name)
	return nil
}

func (p *people) changed(name string) {
	if name != FirstAdmin {
		return
	}
	if err := os.Remove(p.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		p.log.Warn("the file with the first password, which is changed, could not be removed", "path", p.path, "error", err)
	}
}
