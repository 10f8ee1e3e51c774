package auth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-security/holdfast/account"
	"github.com/holdfast-security/holdfast/store"
)

var validName = regexp.MustCompile(`^[a-z0-9][a-z0-9._@-]{0,63}$`)

// ValidName reports whether name can be that of a user: 1 to 64 lower-case
// letters, digits, and . _ - @, beginning with a letter or digit.
func ValidName(name string) bool { return validName.MatchString(name) }

// AddUser makes a local user with a password. Errors wrap
// [account.ErrInvalid] or [store.ErrExists].
func (p *People) AddUser(ctx context.Context, u account.User, password string) (account.User, error) {
	if !ValidName(u.Name) {
		return u, fmt.Errorf("%w: name: %q is not made of lower-case letters, digits, and . _ - @", account.ErrInvalid, u.Name)
	}
	if !slices.Contains(account.Roles(), u.Role) {
		return u, fmt.Errorf("%w: role: there is no %q", account.ErrInvalid, u.Role)
	}
	if err := CheckPassword(u.Name, password); err != nil {
		return u, err
	}
	hash, err := p.hasher.hash(ctx, password)
	if err != nil {
		return u, err
	}
	u.External, u.LastSeen = false, time.Time{}
	if u.Created.IsZero() {
		u.Created = p.Now().UTC()
	}
	if err := p.Accounts.AddUser(ctx, u, hash); err != nil {
		return u, err
	}
	return p.Accounts.User(ctx, u.Name)
}

// ChangeUser changes full name, role and whether the user is disabled. It
// returns [account.ErrLastAdmin] when nobody would be left who can administer.
// The sessions of a user who becomes disabled end.
func (p *People) ChangeUser(ctx context.Context, name string, version int64, change func(*account.User) error) (account.User, error) {
	p.admins.Lock()
	defer p.admins.Unlock()
	last, err := p.isLastAdmin(ctx, name)
	if err != nil {
		return account.User{}, err
	}
	u, err := p.Accounts.ChangeUser(ctx, name, version, func(u *account.User) error {
		if err := change(u); err != nil {
			return err
		}
		if last && !administers(*u) {
			return account.ErrLastAdmin
		}
		return nil
	})
	if err == nil && u.Disabled {
		err = p.Accounts.DropSessions(ctx, name)
	}
	return u, err
}

// DropUser removes a user with sessions and tokens. It returns
// [account.ErrLastAdmin] when nobody would be left who can administer.
func (p *People) DropUser(ctx context.Context, name string) error {
	p.admins.Lock()
	defer p.admins.Unlock()
	last, err := p.isLastAdmin(ctx, name)
	if err != nil {
		return err
	}
	if last {
		return account.ErrLastAdmin
	}
	if err := p.dropTokens(ctx, name); err != nil {
		return err
	}
	return p.Accounts.DropUser(ctx, name)
}

// SetPassword gives a local user a new password and ends the user's sessions.
func (p *People) SetPassword(ctx context.Context, name, password string) error {
	u, err := p.Accounts.User(ctx, name)
	if err != nil {
		return err
	}
	if u.External {
		return fmt.Errorf("%w: %s logs on with the OpenID provider and has no password here", account.ErrInvalid, name)
	}
	if err := CheckPassword(name, password); err != nil {
		return err
	}
	return p.store(ctx, name, password)
}

// administers reports whether u is an administrator who can log on.
func administers(u account.User) bool { return u.Role == account.Admin && !u.Disabled }

// isLastAdmin reports whether the user administers and nobody else does.
func (p *People) isLastAdmin(ctx context.Context, name string) (bool, error) {
	found := false
	page := store.Page{Limit: 1000}
	for {
		list, err := p.Accounts.Users(ctx, page)
		if err != nil {
			return false, err
		}
		for _, u := range list.Items {
			if administers(u) && u.Name != name {
				return false, nil
			}
			found = found || administers(u)
		}
		if list.Next == "" {
			return found, nil
		}
		page.After = list.Next
	}
}

// tokenPrefix begins every API token, so that leaked ones can be recognised.
const tokenPrefix = "hft_"

// maxTokenLife is how long an API token may last.
const maxTokenLife = 366 * 24 * time.Hour

// AddToken makes an API token of by with note, role and end of t, and returns
// its secret, which is kept nowhere. Errors wrap [account.ErrInvalid] or
// [account.ErrForbidden].
func (p *People) AddToken(ctx context.Context, by account.Identity, t account.Token) (account.Token, string, error) {
	now := p.Now().UTC()
	switch {
	case !by.Role.Includes(t.Role):
		return t, "", fmt.Errorf("%w: a token cannot have the role %s when its maker is %s", account.ErrForbidden, t.Role, by.Role)
	case !t.Expires.After(now):
		return t, "", fmt.Errorf("%w: expires_time: is in the past", account.ErrInvalid)
	case t.Expires.After(now.Add(maxTokenLife)):
		return t, "", fmt.Errorf("%w: expires_time: is more than 366 days ahead", account.ErrInvalid)
	}
	var id [9]byte
	rand.Read(id[:])
	t.ID, t.By, t.Created, t.LastUsed = base64.RawURLEncoding.EncodeToString(id[:]), by.User.Name, now, time.Time{}
	t.Expires = t.Expires.UTC()
	text := tokenPrefix + secret()
	if err := p.Accounts.AddToken(ctx, t, tokenHash(text)); err != nil {
		return t, "", err
	}
	return t, text, nil
}

// byToken returns the identity behind an Authorization header.
func (p *People) byToken(ctx context.Context, header string) (account.Identity, error) {
	scheme, text, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Bearer") || !strings.HasPrefix(text, tokenPrefix) || len(text) > 128 {
		return account.Identity{}, account.ErrUnauthenticated
	}
	t, err := p.Accounts.TokenByHash(ctx, tokenHash(text), p.Now())
	if errors.Is(err, store.ErrNotFound) {
		return account.Identity{}, account.ErrUnauthenticated
	}
	if err != nil {
		return account.Identity{}, err
	}
	u, err := p.enabled(ctx, t.By)
	if err != nil {
		return account.Identity{}, err
	}
	role := t.Role
	if !u.Role.Includes(role) {
		role = u.Role
	}
	return account.Identity{User: u, Role: role, Token: t.ID, Expires: t.Expires}, nil
}

func tokenHash(text string) []byte {
	sum := sha256.Sum256([]byte(text))
	return sum[:]
}

// DropToken removes a token: any for an administrator, their own for other
// people, itself for a token. It returns [store.ErrNotFound] where there is no
// such token for who asks.
func (p *People) DropToken(ctx context.Context, by account.Identity, id string) error {
	switch {
	case by.Role.Includes(account.Admin), by.Token == id:
		return p.Accounts.DropToken(ctx, id)
	case by.Token != "":
		return fmt.Errorf("token %s: %w", id, store.ErrNotFound)
	}
	found := false
	err := p.eachToken(ctx, by.User.Name, func(t account.Token) error {
		found = found || t.ID == id
		return nil
	})
	if err != nil {
		return err
	}
	if !found {
		return fmt.Errorf("token %s: %w", id, store.ErrNotFound)
	}
	return p.Accounts.DropToken(ctx, id)
}

// dropTokens removes the tokens that a user made: a later user of the same
// name must not inherit them.
func (p *People) dropTokens(ctx context.Context, name string) error {
	return p.eachToken(ctx, name, func(t account.Token) error {
		if err := p.Accounts.DropToken(ctx, t.ID); err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		return nil
	})
}

// eachToken calls do for each token that a user made, until it fails.
func (p *People) eachToken(ctx context.Context, name string, do func(account.Token) error) error {
	page := store.Page{Limit: 1000}
	for {
		list, err := p.Accounts.Tokens(ctx, page)
		if err != nil {
			return err
		}
		for _, t := range list.Items {
			if t.By != name {
				continue
			}
			if err := do(t); err != nil {
				return err
			}
		}
		if list.Next == "" {
			return nil
		}
		page.After = list.Next
	}
}
