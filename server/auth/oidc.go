package auth

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/holdfast-security/holdfast/account"
	"github.com/holdfast-security/holdfast/store"
)

// Provider is an OpenID provider that people log on with.
type Provider struct {
	Name         string // for people
	Issuer       string // URL
	ClientID     string
	ClientSecret string
	Scopes       []string // besides openid, profile and email
	// UserClaim is the claim with the user's name, "" for preferred_username.
	UserClaim string
	// RoleClaim is the claim with a text or list of texts that Roles gives
	// roles to, "" for groups.
	RoleClaim string
	Roles     map[string]account.Role
}

const (
	attemptCookie   = "holdfast_oidc"
	attemptPath     = "/api/v1/oidc"
	callbackPath    = attemptPath + "/callback"
	attemptLife     = 10 * time.Minute
	providerTimeout = 10 * time.Second
	maxProvider     = 1 << 20 // bytes of an answer of the provider
	discoveryLife   = 10 * time.Minute
)

// attempt is a logon under way, kept by the browser in a sealed cookie.
type attempt struct {
	Issuer   string    `json:"issuer"`
	State    string    `json:"state"`
	Nonce    string    `json:"nonce"`
	Verifier string    `json:"verifier"` // of PKCE
	Expires  time.Time `json:"expires"`
}

// ProviderName returns the name of the OpenID provider in force, false for
// none.
func (p *People) ProviderName(context.Context) (string, bool) {
	provider, ok := p.Config.Provider()
	if ok && provider.Name == "" {
		return "OpenID", true
	}
	return provider.Name, ok
}

// StartProvider returns the URL of the provider that the browser has to go to,
// and leaves a cookie by which it is recognised when it comes back.
func (p *People) StartProvider(w http.ResponseWriter, r *http.Request) (string, error) {
	ctx, cancel := p.outbound(r.Context())
	defer cancel()
	found, err := p.find(ctx)
	if err != nil {
		return "", err
	}
	a := attempt{
		Issuer: found.Issuer, State: secret(), Nonce: secret(), Verifier: oauth2.GenerateVerifier(),
		Expires: time.Now().Add(attemptLife).UTC(),
	}
	sealed, err := p.sealer.seal(a)
	if err != nil {
		return "", err
	}
	p.setAttempt(w, sealed, int(attemptLife.Seconds()))
	return found.oauth.AuthCodeURL(a.State, oidc.Nonce(a.Nonce), oauth2.S256ChallengeOption(a.Verifier)), nil
}

// setAttempt sets the cookie of an attempt. It has to come back from another
// site, which SameSite=Strict would not let it.
func (p *People) setAttempt(w http.ResponseWriter, value string, age int) {
	http.SetCookie(w, &http.Cookie{
		Name: attemptCookie, Value: value, Path: attemptPath, MaxAge: age, HttpOnly: true, Secure: p.Secure, SameSite: http.SameSiteLaxMode,
	})
}

// FinishProvider begins a session for who comes back from the provider. It
// returns [account.ErrCredentials] when the provider did not vouch for them,
// and [account.ErrForbidden] when the provider gives them no role here.
func (p *People) FinishProvider(w http.ResponseWriter, r *http.Request, code, state string) (account.Identity, error) {
	ctx, cancel := p.outbound(r.Context())
	defer cancel()
	found, err := p.find(ctx)
	if err != nil {
		return account.Identity{}, err
	}
	a, err := p.attemptOf(r, state, found.Issuer)
	if err != nil {
		return account.Identity{}, err
	}
	p.setAttempt(w, "", -1)
	claims, err := found.redeem(ctx, a, code)
	if err != nil {
		return account.Identity{}, err
	}
	u, err := found.user(claims)
	if err != nil {
		return account.Identity{}, err
	}
	if u, err = p.admit(r.Context(), u); err != nil {
		return account.Identity{}, err
	}
	return p.begin(w, r, u)
}

// attemptOf returns the attempt that the browser kept, if it is the one that
// the provider answers.
func (p *People) attemptOf(r *http.Request, state, issuer string) (attempt, error) {
	var a attempt
	cookie, err := r.Cookie(attemptCookie)
	if err != nil || p.sealer.open(cookie.Value, &a) != nil || time.Now().After(a.Expires) ||
		subtle.ConstantTimeCompare([]byte(a.State), []byte(state)) != 1 || a.Issuer != issuer {
		return a, fmt.Errorf("%w: this logon was not begun in this browser, or more than %s ago: begin again", account.ErrCredentials, attemptLife)
	}
	return a, nil
}

// redeem exchanges the code for an ID token and returns what that claims.
func (f *found) redeem(ctx context.Context, a attempt, code string) (map[string]any, error) {
	token, err := f.oauth.Exchange(ctx, code, oauth2.VerifierOption(a.Verifier))
	if err != nil {
		return nil, fmt.Errorf("%w: the OpenID provider did not accept the code", account.ErrCredentials)
	}
	text, ok := token.Extra("id_token").(string)
	if !ok {
		return nil, fmt.Errorf("%w: it sent no ID token", account.ErrProvider)
	}
	id, err := f.verifier.Verify(ctx, text)
	if err != nil {
		return nil, fmt.Errorf("%w: its ID token is not valid: %w", account.ErrCredentials, err)
	}
	if subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(a.Nonce)) != 1 {
		return nil, fmt.Errorf("%w: the ID token was made for another logon", account.ErrCredentials)
	}
	var claims map[string]any
	if err := id.Claims(&claims); err != nil {
		return nil, fmt.Errorf("%w: read its claims: %w", account.ErrProvider, err)
	}
	return claims, nil
}

// user returns the user that claims describe.
func (p Provider) user(claims map[string]any) (account.User, error) {
	claim := p.UserClaim
	if claim == "" {
		claim = "preferred_username"
	}
	name, _ := claims[claim].(string)
	name = strings.ToLower(name)
	if !ValidName(name) {
		return account.User{}, fmt.Errorf("%w: the claim %s holds no name that a user can have", account.ErrForbidden, claim)
	}
	if verified, _ := claims["email_verified"].(bool); claim == "email" && !verified {
		return account.User{}, fmt.Errorf("%w: the provider has not verified the e-mail address", account.ErrForbidden)
	}
	role := p.role(claims)
	if role == "" {
		return account.User{}, fmt.Errorf("%w: the provider gives %s no role here", account.ErrForbidden, name)
	}
	full, _ := claims["name"].(string)
	return account.User{Name: name, FullName: clip(full, 128), Role: role, External: true}, nil
}

// role returns the highest role that the claims give, "" for none.
func (p Provider) role(claims map[string]any) account.Role {
	claim := p.RoleClaim
	if claim == "" {
		claim = "groups"
	}
	list, ok := claims[claim].([]any)
	if !ok {
		list = []any{claims[claim]}
	}
	var highest account.Role
	for _, v := range list {
		text, ok := v.(string)
		if role := p.Roles[text]; ok && role != "" && (highest == "" || role.Includes(highest)) {
			highest = role
		}
	}
	return highest
}

// clip returns the beginning of text, valid and without control characters.
func clip(text string, most int) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, ""))
	runes := []rune(text)
	return string(runes[:min(len(runes), most)])
}

// admit makes the user that the provider vouches for, or brings the present
// one up to date. The provider is the authority on roles; what it cannot do is
// take over a local account or let in who was disabled here.
func (p *People) admit(ctx context.Context, told account.User) (account.User, error) {
	present, err := p.Accounts.User(ctx, told.Name)
	if errors.Is(err, store.ErrNotFound) {
		told.Created = p.Now().UTC()
		if err := p.Accounts.AddUser(ctx, told, ""); err != nil {
			return told, err
		}
		return p.Accounts.User(ctx, told.Name)
	}
	switch {
	case err != nil:
		return told, err
	case !present.External:
		return told, fmt.Errorf("%w: %s is a local user and logs on with a password", account.ErrForbidden, told.Name)
	case present.Disabled:
		return told, fmt.Errorf("%w: %s is disabled", account.ErrForbidden, told.Name)
	}
	return p.Accounts.ChangeUser(ctx, told.Name, store.AnyVersion, func(u *account.User) error {
		u.Role, u.FullName = told.Role, told.FullName
		return nil
	})
}

// found is a provider with what it says of itself.
type found struct {
	Provider
	oauth    oauth2.Config
	verifier *oidc.IDTokenVerifier
	when     time.Time
}

// finder remembers what a provider says of itself.
type finder struct {
	mu   sync.Mutex // guards last
	last *found
}

// find returns the provider in force. It asks the provider every ten minutes.
func (p *People) find(ctx context.Context) (*found, error) {
	provider, ok := p.Config.Provider()
	if !ok {
		return nil, fmt.Errorf("OpenID provider: %w", store.ErrNotFound)
	}
	p.finder.mu.Lock()
	last := p.finder.last
	p.finder.mu.Unlock()
	if last != nil && last.same(provider) && time.Since(last.when) < discoveryLife {
		last = last.with(provider)
		return last, nil
	}
	// The keys of the provider are fetched later, too: with its own context,
	// that only carries the HTTP client.
	remote, err := oidc.NewProvider(oidc.ClientContext(context.WithoutCancel(ctx), p.client()), provider.Issuer)
	if err != nil {
		p.Log.WarnContext(ctx, "OpenID provider not usable", "issuer", provider.Issuer, "error", err)
		return nil, fmt.Errorf("%w: see the server's log, and check the settings", account.ErrProvider)
	}
	f := &found{
		Provider: provider, when: time.Now(), verifier: remote.Verifier(&oidc.Config{ClientID: provider.ClientID}),
		oauth: oauth2.Config{
			ClientID: provider.ClientID, ClientSecret: provider.ClientSecret, Endpoint: remote.Endpoint(),
			RedirectURL: strings.TrimSuffix(p.PublicURL, "/") + callbackPath,
			Scopes:      append([]string{oidc.ScopeOpenID, "profile", "email"}, provider.Scopes...),
		},
	}
	p.finder.mu.Lock()
	p.finder.last = f
	p.finder.mu.Unlock()
	return f, nil
}

// same reports whether f was found for the provider, whatever roles it gives.
func (f *found) same(p Provider) bool {
	return f.Issuer == p.Issuer && f.ClientID == p.ClientID && f.ClientSecret == p.ClientSecret &&
		strings.Join(f.Provider.Scopes, " ") == strings.Join(p.Scopes, " ")
}

// with returns f with the claims and roles of p.
func (f *found) with(p Provider) *found {
	fresh := *f
	fresh.Provider = p
	return &fresh
}

// outbound returns a context for requests to the provider.
func (p *People) outbound(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(ctx, providerTimeout)
	return oidc.ClientContext(ctx, p.client()), cancel
}

// client returns the HTTP client for the provider. It follows no redirect: a
// provider is where its issuer says.
func (p *People) client() *http.Client {
	transport := p.Transport
	if transport == nil {
		transport = http.DefaultTransport
	}
	return &http.Client{
		Transport: bounded{transport}, Timeout: providerTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// bounded cuts answers off at a size that no honest one has.
type bounded struct{ http.RoundTripper }

// RoundTrip sends a request.
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := b.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	answer.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(answer.Body, maxProvider), answer.Body}
	return answer, nil
}
