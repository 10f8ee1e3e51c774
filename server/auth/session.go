package auth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/holdfast-security/holdfast/account"
	"github.com/holdfast-security/holdfast/store"
)

// Times of sessions.
const (
	defaultLifetime = 12 * time.Hour
	minIdle         = 30 * time.Minute
	touchEvery      = time.Minute // a session in use is written at most so often
)

// Names that browsers and the console know.
const (
	sessionCookie = "holdfast_session"
	csrfHeader    = "X-CSRF-Token"
)

// Keys of a session's values.
const (
	keyUser    = "user"
	keyCSRF    = "csrf"
	keyTouched = "touched" // RFC 3339
)

// session is a session at hand.
type session struct {
	manager  *scs.SessionManager
	ctx      context.Context // carries the values, as the manager wants it
	identity account.Identity
}

// manager returns the session manager with the lifetime in force. It is as
// cheap as its fields.
func (p *People) manager() *scs.SessionManager {
	life := p.Lifetime()
	if life <= 0 {
		life = defaultLifetime
	}
	return &scs.SessionManager{
		Lifetime: life, IdleTimeout: min(life, max(life/8, minIdle)), Store: sessions{p.Accounts}, Codec: codec{},
		Cookie: scs.SessionCookie{Name: sessionCookie, HttpOnly: true, Path: "/", SameSite: http.SameSiteStrictMode, Secure: p.Secure},
	}
}

// Logon checks name and password, begins a session and sets its cookie. It
// returns [account.ErrCredentials] whatever is wrong with the two, and an
// [account.ThrottledError] to those who were wrong too often.
func (p *People) Logon(w http.ResponseWriter, r *http.Request, name, password string, from netip.Addr) (account.Identity, error) {
	u, err := p.verify(r.Context(), strings.ToLower(strings.TrimSpace(name)), password, from)
	if err != nil {
		return account.Identity{}, err
	}
	return p.begin(w, r, u)
}

// verify returns the user that name and password belong to.
func (p *People) verify(ctx context.Context, name, password string, from netip.Addr) (account.User, error) {
	if !ValidName(name) || len(password) > maxPassword {
		name, password = "", "" // nobody's; takes the same way
	}
	if err := p.limits.attempt(name, from); err != nil {
		return account.User{}, err
	}
	u, err := p.Accounts.User(ctx, name)
	hash := ""
	if err == nil && !u.Disabled && !u.External {
		hash, err = p.Accounts.PasswordHash(ctx, name)
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return u, err
	}
	ok, err := p.hasher.verify(ctx, hash, password)
	if err != nil {
		return u, fmt.Errorf("check the password of %q: %w", name, err)
	}
	if !ok {
		return u, account.ErrCredentials
	}
	p.limits.succeed(name, from)
	return u, p.refresh(ctx, name, hash, password)
}

// refresh stores the hash anew where it was made with other parameters.
func (p *People) refresh(ctx context.Context, name, hash, password string) error {
	if !p.hasher.dated(hash) {
		return nil
	}
	fresh, err := p.hasher.hash(ctx, password)
	if err != nil {
		return err
	}
	return p.Accounts.SetPassword(ctx, name, fresh)
}

// begin makes a session for u in place of the one that r may have.
func (p *People) begin(w http.ResponseWriter, r *http.Request, u account.User) (account.Identity, error) {
	if old, err := r.Cookie(sessionCookie); err == nil {
		if err := p.Accounts.DropSession(r.Context(), sessionID(old.Value)); err != nil {
			return account.Identity{}, err
		}
	}
	u, err := p.Accounts.ChangeUser(r.Context(), u.Name, store.AnyVersion, func(u *account.User) error {
		u.LastSeen = p.Now().UTC()
		return nil
	})
	if err != nil {
		return account.Identity{}, err
	}
	m := p.manager()
	ctx, err := m.Load(context.WithoutCancel(r.Context()), "")
	if err != nil {
		return account.Identity{}, err
	}
	csrf := secret()
	m.Put(ctx, keyUser, u.Name)
	m.Put(ctx, keyCSRF, csrf)
	m.Put(ctx, keyTouched, time.Now().UTC().Format(time.RFC3339))
	token, expiry, err := m.Commit(ctx)
	if err != nil {
		return account.Identity{}, err
	}
	m.WriteSessionCookie(ctx, w, token, expiry)
	return account.Identity{User: u, Role: u.Role, CSRF: csrf, Expires: expiry}, nil
}

// open returns the session that r comes with.
func (p *People) open(r *http.Request) (*session, error) {
	cookie, err := r.Cookie(sessionCookie)
	if err != nil || cookie.Value == "" || len(cookie.Value) > 128 {
		return nil, account.ErrUnauthenticated
	}
	m := p.manager()
	ctx, err := m.Load(r.Context(), cookie.Value)
	if err != nil {
		return nil, err
	}
	name := m.GetString(ctx, keyUser)
	if name == "" {
		return nil, account.ErrUnauthenticated
	}
	u, err := p.enabled(ctx, name)
	if err != nil {
		return nil, err
	}
	return &session{manager: m, ctx: ctx, identity: account.Identity{
		User: u, Role: u.Role, CSRF: m.GetString(ctx, keyCSRF), Expires: time.Now().Add(m.IdleTimeout).UTC(),
	}}, nil
}

// proves reports whether r changes nothing, or carries the session's CSRF
// token.
func (s *session) proves(r *http.Request) bool {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return true
	}
	got := r.Header.Get(csrfHeader)
	return s.identity.CSRF != "" && subtle.ConstantTimeCompare([]byte(got), []byte(s.identity.CSRF)) == 1
}

// touch notes that the session is in use, which puts off its end. Where that
// cannot be kept, on a full disk for one, the session is good all the same:
// people have to see what happens just then.
func (s *session) touch(ctx context.Context, log *slog.Logger) {
	last, err := time.Parse(time.RFC3339, s.manager.GetString(s.ctx, keyTouched))
	now := time.Now().UTC()
	if err == nil && now.Sub(last) < touchEvery {
		return
	}
	s.manager.Put(s.ctx, keyTouched, now.Format(time.RFC3339))
	if _, _, err = s.manager.Commit(s.ctx); err != nil && ctx.Err() == nil {
		log.WarnContext(ctx, "the use of a session cannot be noted", "user", s.identity.User.Name, "error", err)
	}
}

// Logoff ends the session of r.
func (p *People) Logoff(w http.ResponseWriter, r *http.Request) error {
	cookie, err := r.Cookie(sessionCookie)
	if err != nil {
		return account.ErrUnauthenticated
	}
	if err := p.Accounts.DropSession(r.Context(), sessionID(cookie.Value)); err != nil {
		return err
	}
	p.manager().WriteSessionCookie(r.Context(), w, "", time.Time{})
	return nil
}

// ChangePassword changes the password of the person who sends r, and ends
// their other sessions.
func (p *People) ChangePassword(r *http.Request, old, fresh string, from netip.Addr) error {
	s, err := p.open(r)
	if err != nil {
		return err
	}
	u := s.identity.User
	if u.External {
		return fmt.Errorf("%w: %s logs on with the OpenID provider and has no password here", account.ErrInvalid, u.Name)
	}
	if err := CheckPassword(u.Name, fresh); err != nil {
		return err
	}
	if _, err := p.verify(r.Context(), u.Name, old, from); err != nil {
		return err
	}
	if err := p.store(r.Context(), u.Name, fresh); err != nil {
		return err
	}
	_, _, err = s.manager.Commit(s.ctx) // the only one that goes on
	return err
}

// store hashes and stores a password and ends all sessions of the user.
func (p *People) store(ctx context.Context, name, password string) error {
	hash, err := p.hasher.hash(ctx, password)
	if err != nil {
		return err
	}
	if err := p.Accounts.SetPassword(ctx, name, hash); err != nil {
		return err
	}
	return p.Accounts.DropSessions(ctx, name)
}

// secret returns 256 random bits as text.
func secret() string {
	var b [32]byte
	rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// sessionID returns how the store names the session with the given secret.
func sessionID(secret string) string {
	sum := sha256.Sum256([]byte("holdfast session\x00" + secret))
	return hex.EncodeToString(sum[:])
}

// sessions is the session manager's view of the store.
type sessions struct{ accounts store.Accounts }

var _ scs.CtxStore = sessions{}

// FindCtx returns the data of a session that has not expired.
func (s sessions) FindCtx(ctx context.Context, token string) ([]byte, bool, error) {
	found, err := s.accounts.Session(ctx, sessionID(token), time.Now())
	if errors.Is(err, store.ErrNotFound) {
		return nil, false, nil
	}
	return found.Data, err == nil, err
}

// CommitCtx stores the data of a session.
func (s sessions) CommitCtx(ctx context.Context, token string, data []byte, expiry time.Time) error {
	var values content
	if err := json.Unmarshal(data, &values); err != nil {
		return err
	}
	user, _ := values.Values[keyUser].(string)
	return s.accounts.SaveSession(ctx, store.Session{ID: sessionID(token), User: user, Data: data, Created: time.Now().UTC(), Expires: expiry})
}

// DeleteCtx removes a session.
func (s sessions) DeleteCtx(ctx context.Context, token string) error {
	return s.accounts.DropSession(ctx, sessionID(token))
}

// Find is FindCtx; the manager uses that.
func (s sessions) Find(token string) ([]byte, bool, error) {
	return s.FindCtx(context.Background(), token)
}

// Commit is CommitCtx; the manager uses that.
func (s sessions) Commit(token string, data []byte, expiry time.Time) error {
	return s.CommitCtx(context.Background(), token, data, expiry)
}

// Delete is DeleteCtx; the manager uses that.
func (s sessions) Delete(token string) error { return s.DeleteCtx(context.Background(), token) }

// content is what is stored of a session.
type content struct {
	Deadline time.Time      `json:"deadline"`
	Values   map[string]any `json:"values"`
}

// codec writes sessions as JSON.
type codec struct{}

// Encode returns the stored form of a session.
func (codec) Encode(deadline time.Time, values map[string]any) ([]byte, error) {
	return json.Marshal(content{deadline, values})
}

// Decode reads what Encode wrote.
func (codec) Decode(data []byte) (time.Time, map[string]any, error) {
	var c content
	err := json.Unmarshal(data, &c)
	if c.Values == nil {
		c.Values = make(map[string]any)
	}
	return c.Deadline, c.Values, err
}
