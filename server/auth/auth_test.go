package auth

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holdfast-security/holdfast/account"
	"github.com/holdfast-security/holdfast/store"
	"github.com/holdfast-security/holdfast/store/sqlstore"
)

const password = "correct horse battery"

var home = netip.MustParseAddr("192.0.2.1")

// newPeople returns people over a real store, with hashes that are quick.
func newPeople(t testing.TB, change func(*Config)) *People {
	t.Helper()
	state, err := sqlstore.Open(context.Background(), sqlstore.Config{Path: filepath.Join(t.TempDir(), "state.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := state.Close(); err != nil {
			t.Error(err)
		}
	})
	c := Config{Accounts: state, PublicURL: "https://holdfast.example:8443", Secure: true}
	if change != nil {
		change(&c)
	}
	p, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	p.hasher = newHasher(parameters{memory: 64, time: 1, threads: 1})
	return p
}

func (p *People) mustAdd(t testing.TB, name string, role account.Role) account.User {
	t.Helper()
	u, err := p.AddUser(context.Background(), account.User{Name: name, Role: role}, password)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// logon returns the cookies of a new session and its identity.
func (p *People) logon(t testing.TB, name, password string) (*http.Cookie, account.Identity) {
	t.Helper()
	w := httptest.NewRecorder()
	identity, err := p.Logon(w, httptest.NewRequest("POST", "/", nil), name, password, home)
	if err != nil {
		t.Fatal(err)
	}
	cookies := w.Result().Cookies()
	if len(cookies) != 1 {
		t.Fatalf("cookies: %v", cookies)
	}
	return cookies[0], identity
}

func with(cookie *http.Cookie, method, csrf string) *http.Request {
	r := httptest.NewRequest(method, "/", nil)
	r.AddCookie(cookie)
	if csrf != "" {
		r.Header.Set(csrfHeader, csrf)
	}
	return r
}

func TestSession(t *testing.T) {
	p := newPeople(t, nil)
	p.mustAdd(t, "alice", account.Responder)
	cookie, identity := p.logon(t, " Alice ", password)
	if !cookie.HttpOnly || !cookie.Secure || cookie.SameSite != http.SameSiteStrictMode || len(cookie.Value) < 40 {
		t.Errorf("cookie: %v", cookie)
	}
	got, err := p.Identify(with(cookie, "GET", ""))
	if err != nil || got.User.Name != "alice" || got.Role != account.Responder || got.CSRF != identity.CSRF || got.User.LastSeen.IsZero() {
		t.Fatalf("%+v, %v", got, err)
	}
	for csrf, want := range map[string]error{"": account.ErrCSRF, "x": account.ErrCSRF, identity.CSRF: nil} {
		if _, err := p.Identify(with(cookie, "POST", csrf)); !errors.Is(err, want) {
			t.Errorf("POST with CSRF token %q: %v", csrf, err)
		}
	}
	other, _ := p.logon(t, "alice", password)
	if other.Value == cookie.Value {
		t.Error("two sessions share a secret")
	}
	if err := p.Logoff(httptest.NewRecorder(), with(cookie, "DELETE", identity.CSRF)); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Identify(with(cookie, "GET", "")); !errors.Is(err, account.ErrUnauthenticated) {
		t.Errorf("after logging off: %v", err)
	}
	if err := p.Check(with(other, "GET", "")); err != nil {
		t.Errorf("the other session: %v", err)
	}
}

func TestChangePassword(t *testing.T) {
	p := newPeople(t, nil)
	p.mustAdd(t, "alice", account.Reader)
	mine, _ := p.logon(t, "alice", password)
	other, _ := p.logon(t, "alice", password)
	const fresh = "an even better one"
	if err := p.ChangePassword(with(mine, "POST", ""), "wrong", fresh, home); !errors.Is(err, account.ErrCredentials) {
		t.Errorf("with a wrong old one: %v", err)
	}
	if err := p.ChangePassword(with(mine, "POST", ""), password, "short", home); !errors.Is(err, account.ErrInvalid) {
		t.Errorf("with a short new one: %v", err)
	}
	if err := p.ChangePassword(with(mine, "POST", ""), password, fresh, home); err != nil {
		t.Fatal(err)
	}
	if err := p.Check(with(mine, "GET", "")); err != nil {
		t.Errorf("the session that changed it: %v", err)
	}
	if err := p.Check(with(other, "GET", "")); !errors.Is(err, account.ErrUnauthenticated) {
		t.Errorf("another session: %v", err)
	}
	p.logon(t, "alice", fresh)
}

func TestDisabledUsersAreOut(t *testing.T) {
	p := newPeople(t, nil)
	p.mustAdd(t, "root", account.Admin)
	p.mustAdd(t, "alice", account.Reader)
	cookie, _ := p.logon(t, "alice", password)
	disable := func(u *account.User) error {
		u.Disabled = true
		return nil
	}
	if _, err := p.ChangeUser(context.Background(), "alice", store.AnyVersion, disable); err != nil {
		t.Fatal(err)
	}
	if err := p.Check(with(cookie, "GET", "")); !errors.Is(err, account.ErrUnauthenticated) {
		t.Errorf("session: %v", err)
	}
	if _, err := p.Logon(httptest.NewRecorder(), httptest.NewRequest("POST", "/", nil), "alice", password, home); !errors.Is(err, account.ErrCredentials) {
		t.Errorf("logon: %v", err)
	}
}

func TestLastAdminStays(t *testing.T) {
	p := newPeople(t, nil)
	ctx := context.Background()
	p.mustAdd(t, "root", account.Admin)
	changes := map[string]func(*account.User) error{
		"demoted":  func(u *account.User) error { u.Role = account.Approver; return nil },
		"disabled": func(u *account.User) error { u.Disabled = true; return nil },
	}
	for name, change := range changes {
		if _, err := p.ChangeUser(ctx, "root", store.AnyVersion, change); !errors.Is(err, account.ErrLastAdmin) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := p.DropUser(ctx, "root"); !errors.Is(err, account.ErrLastAdmin) {
		t.Errorf("removed: %v", err)
	}
	p.mustAdd(t, "second", account.Admin)
	if _, err := p.ChangeUser(ctx, "second", store.AnyVersion, changes["disabled"]); err != nil {
		t.Fatal(err)
	}
	if err := p.DropUser(ctx, "root"); !errors.Is(err, account.ErrLastAdmin) {
		t.Errorf("removed beside a disabled one: %v", err)
	}
	p.mustAdd(t, "third", account.Admin)
	if err := p.DropUser(ctx, "root"); err != nil {
		t.Error(err)
	}
}

func TestTokens(t *testing.T) {
	p := newPeople(t, nil)
	ctx := context.Background()
	p.mustAdd(t, "root", account.Admin)
	alice := p.mustAdd(t, "alice", account.Approver)
	maker := account.Identity{User: alice, Role: alice.Role}
	in := time.Now().Add(time.Hour)
	for name, test := range map[string]struct {
		token account.Token
		want  error
	}{
		"above the maker": {account.Token{Role: account.Admin, Expires: in}, account.ErrForbidden},
		"expired":         {account.Token{Role: account.Reader, Expires: time.Now().Add(-time.Hour)}, account.ErrInvalid},
		"for ever":        {account.Token{Role: account.Reader, Expires: time.Now().AddDate(2, 0, 0)}, account.ErrInvalid},
	} {
		if _, _, err := p.AddToken(ctx, maker, test.token); !errors.Is(err, test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	token, secret, err := p.AddToken(ctx, maker, account.Token{Role: account.Approver, Expires: in})
	if err != nil || !strings.HasPrefix(secret, "hft_") || token.By != "alice" {
		t.Fatalf("%+v %v", token, err)
	}
	identify := func(header string) (account.Identity, error) {
		r := httptest.NewRequest("POST", "/", nil)
		r.Header.Set("Authorization", header)
		return p.Identify(r)
	}
	got, err := identify("Bearer " + secret)
	if err != nil || got.Role != account.Approver || got.Actor() != "token:"+token.ID {
		t.Fatalf("%+v, %v", got, err)
	}
	for _, header := range []string{"Bearer", "Basic " + secret, "Bearer " + secret + "x", "Bearer hft_", secret} {
		if _, err := identify(header); !errors.Is(err, account.ErrUnauthenticated) {
			t.Errorf("%.12s…: %v", header, err)
		}
	}
	demote := func(u *account.User) error { u.Role = account.Reader; return nil }
	if _, err := p.ChangeUser(ctx, "alice", store.AnyVersion, demote); err != nil {
		t.Fatal(err)
	}
	if got, err := identify("Bearer " + secret); err != nil || got.Role != account.Reader {
		t.Errorf("after the maker's demotion: %s, %v", got.Role, err)
	}
	if err := p.DropUser(ctx, "alice"); err != nil {
		t.Fatal(err)
	}
	p.mustAdd(t, "alice", account.Admin)
	if _, err := identify("Bearer " + secret); !errors.Is(err, account.ErrUnauthenticated) {
		t.Errorf("of a new user of the same name: %v", err)
	}
}

func TestPasswordsAreHashedAnew(t *testing.T) {
	p := newPeople(t, nil)
	p.mustAdd(t, "alice", account.Reader)
	p.hasher = newHasher(parameters{memory: 128, time: 1, threads: 1})
	p.logon(t, "alice", password)
	hash, err := p.Accounts.PasswordHash(context.Background(), "alice")
	if err != nil || p.hasher.dated(hash) {
		t.Errorf("%s, %v", hash, err)
	}
	p.logon(t, "alice", password)
}

// memory keeps one user and the sessions in memory, for tests with their own
// clock. The methods that they do not need are missing.
type memory struct {
	store.Accounts
	user     account.User
	hash     string
	sessions map[string]store.Session
	full     bool // nothing can be written
}

func (m *memory) User(_ context.Context, name string) (account.User, error) {
	if name != m.user.Name {
		return account.User{}, store.ErrNotFound
	}
	return m.user, nil
}

func (m *memory) PasswordHash(context.Context, string) (string, error) { return m.hash, nil }

func (m *memory) ChangeUser(_ context.Context, _ string, _ int64, change func(*account.User) error) (account.User, error) {
	return m.user, change(&m.user)
}

func (m *memory) SaveSession(_ context.Context, s store.Session) error {
	if m.full {
		return store.ErrFull
	}
	m.sessions[s.ID] = s
	return nil
}

func (m *memory) DropSession(_ context.Context, id string) error {
	delete(m.sessions, id)
	return nil
}

func (m *memory) Session(_ context.Context, id string, now time.Time) (store.Session, error) {
	s, ok := m.sessions[id]
	if !ok || !now.Before(s.Expires) {
		return store.Session{}, store.ErrNotFound
	}
	return s, nil
}

// newPeopleInMemory returns people with one user, alice.
func newPeopleInMemory(t *testing.T) (*People, *memory) {
	t.Helper()
	m := &memory{user: account.User{Name: "alice", Role: account.Reader}, sessions: make(map[string]store.Session)}
	p, err := New(Config{Accounts: m, Lifetime: func() time.Duration { return 8 * time.Hour }})
	if err != nil {
		t.Fatal(err)
	}
	p.hasher = newHasher(parameters{memory: 64, time: 1, threads: 1})
	if m.hash, err = p.hasher.hash(t.Context(), password); err != nil {
		t.Fatal(err)
	}
	return p, m
}

// TestSessionsAreGoodWhereNothingCanBeWritten uses a session as on a full disk.
func TestSessionsAreGoodWhereNothingCanBeWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, m := newPeopleInMemory(t)
		cookie, _ := p.logon(t, "alice", password)
		time.Sleep(2 * touchEvery)
		m.full = true
		if got, err := p.Identify(with(cookie, "GET", "")); err != nil || got.User.Name != "alice" {
			t.Errorf("got %+v, %v", got, err)
		}
	})
}

func TestSessionsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _ := newPeopleInMemory(t)
		idle, _ := p.logon(t, "alice", password)
		time.Sleep(59 * time.Minute)
		if _, err := p.Identify(with(idle, "GET", "")); err != nil {
			t.Fatalf("within the idle time: %v", err)
		}
		time.Sleep(59 * time.Minute)
		if err := p.Check(with(idle, "GET", "")); err != nil {
			t.Fatalf("a use did not put off the end: %v", err)
		}
		time.Sleep(2 * time.Minute)
		if _, err := p.Identify(with(idle, "GET", "")); !errors.Is(err, account.ErrUnauthenticated) {
			t.Errorf("an hour unused, but for a check: %v", err)
		}
		busy, _ := p.logon(t, "alice", password)
		for range 15 {
			time.Sleep(30 * time.Minute)
			if _, err := p.Identify(with(busy, "GET", "")); err != nil {
				t.Fatalf("in use: %v", err)
			}
		}
		time.Sleep(31 * time.Minute)
		if _, err := p.Identify(with(busy, "GET", "")); !errors.Is(err, account.ErrUnauthenticated) {
			t.Errorf("beyond its lifetime: %v", err)
		}
	})
}
