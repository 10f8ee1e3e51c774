// Package auth decides who may come in: people by name and password or by an
// OpenID provider, programs by API tokens.
//
// A logon makes a session: a random secret in a cookie, of which the store
// keeps the SHA-256, with an absolute end and an earlier one when it is not
// used, and a CSRF token that every change must carry. An API token is a
// random secret, too, and worth no more than the person who made it is now.
// Users, roles and whether they are disabled are read on every request, so
// that a change takes effect at once.
//
// Strangers choose what arrives here. Passwords are hashed with argon2id, two
// at a time, after limits per account and per address; whether a name exists
// can be told neither from the answer nor from its time. What a provider says
// is checked by its signature, and bounded. Which operation needs which role
// is not known here: that is server/api's.
package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/holdfast-security/holdfast/account"
	"github.com/holdfast-security/holdfast/store"
)

// Config is what this package needs.
type Config struct {
	Accounts store.Accounts
	Log      *slog.Logger
	// Lifetime is how long a session lasts at most; nil means twelve hours.
	// It is asked on every logon and use.
	Lifetime func() time.Duration
	// Provider returns the OpenID provider in force, false for none; nil
	// means none.
	Provider func() (Provider, bool)
	// PublicURL is how browsers reach the server, https://name:port: where a
	// provider sends them back to.
	PublicURL string
	// Secure says that browsers come over TLS: cookies are kept from others.
	Secure bool
	// Transport sends requests to the provider; nil means the default one.
	Transport http.RoundTripper
	// Now is the clock for tokens and limits; nil means the system's. Times
	// of sessions always are the system's.
	Now func() time.Time
}

// People keeps and recognises those who may come in. It is made by [New] and
// safe for concurrent use.
type People struct {
	Config
	hasher *hasher
	limits *limits
	sealer *sealer
	finder finder

	admins sync.Mutex // held while somebody may stop being an administrator
}

// New returns the keeper of accounts.
func New(c Config) (*People, error) {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Lifetime == nil {
		c.Lifetime = func() time.Duration { return defaultLifetime }
	}
	if c.Provider == nil {
		c.Provider = func() (Provider, bool) { return Provider{}, false }
	}
	sealer, err := newSealer()
	if err != nil {
		return nil, err
	}
	return &People{Config: c, hasher: newHasher(standard), limits: newLimits(c.Now), sealer: sealer}, nil
}

// Identify says who sends r. A request with an Authorization header is judged
// by that alone. It returns [account.ErrUnauthenticated] when nobody known
// sends it, and [account.ErrCSRF], beside whose session it is, when a request
// that changes something comes with a session but not with its CSRF token.
func (p *People) Identify(r *http.Request) (account.Identity, error) {
	if header := r.Header.Get("Authorization"); header != "" {
		return p.byToken(r.Context(), header)
	}
	s, err := p.open(r)
	if err != nil {
		return account.Identity{}, err
	}
	if !s.proves(r) {
		return s.identity, fmt.Errorf("%w: it lacks the session's CSRF token", account.ErrCSRF)
	}
	s.touch(r.Context(), p.Log)
	return s.identity, nil
}

// Check is [People.Identify] without counting as a use of the session.
func (p *People) Check(r *http.Request) error {
	if header := r.Header.Get("Authorization"); header != "" {
		_, err := p.byToken(r.Context(), header)
		return err
	}
	_, err := p.open(r)
	return err
}

// enabled returns the user with the name if there is one who may come in.
func (p *People) enabled(ctx context.Context, name string) (account.User, error) {
	u, err := p.Accounts.User(ctx, name)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return u, account.ErrUnauthenticated
	case err != nil:
		return u, err
	case u.Disabled:
		return u, account.ErrUnauthenticated
	}
	return u, nil
}
