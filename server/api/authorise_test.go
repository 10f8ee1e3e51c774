package api

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-security/holdfast/account"
	"github.com/holdfast-security/holdfast/api"
	"github.com/holdfast-security/holdfast/store"

	"github.com/holdfast-security/holdfast/server/api/route"
)

// target returns a path of op with things that exist.
func target(op route.Operation) string {
	path := strings.ReplaceAll(op.Path, "{name}", "nobody")
	if strings.HasPrefix(path, "/hosts/") {
		path = strings.ReplaceAll(path, "{uid}", testHost)
	}
	return "/api/v1" + strings.ReplaceAll(path, "{uid}", "nothing")
}

// entered reports whether a status means that the door was open: whatever
// happened behind it.
func entered(status int) bool {
	return status != http.StatusUnauthorized && status != http.StatusForbidden
}

func body0(op route.Operation) string {
	if op.Method == http.MethodGet || op.Method == http.MethodDelete {
		return ""
	}
	return "{}"
}

// TestEveryRouteAsksForItsRole sends a request to every operation as everybody
// that there can be.
func TestEveryRouteAsksForItsRole(t *testing.T) {
	f := newFixture(t)
	f.Changes.Close() // so that the stream of changes ends at once
	visitors := map[string]struct {
		visitor *visitor
		role    account.Role // "" for none
	}{}
	add := func(name string, v *visitor, role account.Role) {
		visitors[name] = struct {
			visitor *visitor
			role    account.Role
		}{v, role}
	}
	for _, role := range account.Roles() {
		add("token of "+string(role), &visitor{f: f, bearer: f.token(t, role)}, role)
	}
	add("anonymous", &visitor{f: f}, "")
	add("no such token", &visitor{f: f, bearer: "hft_" + strings.Repeat("A", 43)}, "")
	add("no such session", &visitor{f: f, cookie: strings.Repeat("A", 43), csrf: "x"}, "")
	add("expired session", f.expiredSession(t), "")
	add("revoked token", f.revokedToken(t), "")
	add("token of a disabled user", f.disabledUser(t), "")
	for name, v := range visitors {
		t.Run(name, func(t *testing.T) {
			for _, op := range f.router.Operations {
				w := v.visitor.send(op.Method, target(op), body0(op))
				least := op.Least(account.Identity{Token: "one"})
				may := op.Role == route.Public || (v.role.Includes(least) && !op.Person)
				if got := entered(w.Code); got != may && op.ID != "createSession" {
					t.Errorf("%s %s (%s): status %d, may enter: %v", op.Method, op.Path, op.Role, w.Code, may)
				}
				if !may && op.Role != route.Public && v.role == "" && w.Code != http.StatusUnauthorized {
					t.Errorf("%s %s: status %d, want 401", op.Method, op.Path, w.Code)
				}
			}
		})
	}
}

// TestTokensOfOnesOwn has people without rights make tokens and revoke them.
func TestTokensOfOnesOwn(t *testing.T) {
	f := newFixture(t)
	expires := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	made := func(role string) string { return `{"note":"n","role":"` + role + `","expires_time":"` + expires + `"}` }
	reader := f.logon(t, "reader")
	var own, other, foreign api.CreatedToken
	reader.want(t, http.StatusCreated, "POST", "/api/v1/tokens", made("reader"), &own)
	reader.want(t, http.StatusCreated, "POST", "/api/v1/tokens", made("reader"), &other)
	reader.want(t, http.StatusForbidden, "POST", "/api/v1/tokens", made("responder"), nil)
	f.logon(t, "responder").want(t, http.StatusCreated, "POST", "/api/v1/tokens", made("reader"), &foreign)

	program := &visitor{f: f, bearer: own.Secret}
	program.want(t, http.StatusOK, "GET", "/api/v1/hosts", "", nil)
	program.want(t, http.StatusForbidden, "POST", "/api/v1/tokens", made("reader"), nil)
	program.want(t, http.StatusNotFound, "DELETE", "/api/v1/tokens/"+other.Token.ID, "", nil)
	program.want(t, http.StatusNoContent, "DELETE", "/api/v1/tokens/"+own.Token.ID, "", nil)
	program.want(t, http.StatusUnauthorized, "GET", "/api/v1/hosts", "", nil)

	reader.want(t, http.StatusNotFound, "DELETE", "/api/v1/tokens/"+foreign.Token.ID, "", nil)
	reader.want(t, http.StatusNotFound, "DELETE", "/api/v1/tokens/nothing", "", nil)
	reader.want(t, http.StatusNoContent, "DELETE", "/api/v1/tokens/"+other.Token.ID, "", nil)
	f.logon(t, "admin").want(t, http.StatusNoContent, "DELETE", "/api/v1/tokens/"+foreign.Token.ID, "", nil)
}

// expiredSession returns a visitor whose session has ended.
func (f *fixture) expiredSession(t *testing.T) *visitor {
	t.Helper()
	v := f.logon(t, "admin")
	sum := sha256.Sum256([]byte("holdfast session\x00" + v.cookie))
	id := hex.EncodeToString(sum[:])
	ctx := context.Background()
	session, err := f.state.Session(ctx, id, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	session.Created = time.Now().Add(-48 * time.Hour) // saving removes what had expired by then
	session.Expires = time.Now().Add(-time.Second)
	if err := f.state.SaveSession(ctx, session); err != nil {
		t.Fatal(err)
	}
	return v
}

func (f *fixture) revokedToken(t *testing.T) *visitor {
	t.Helper()
	v := &visitor{f: f, bearer: f.token(t, account.Admin)}
	ctx := context.Background()
	list, err := f.state.Tokens(ctx, store.Page{Limit: 1})
	if err != nil || len(list.Items) != 1 {
		t.Fatal(err, list.Items)
	}
	if err := f.state.DropToken(ctx, list.Items[0].ID); err != nil {
		t.Fatal(err)
	}
	return v
}

func (f *fixture) disabledUser(t *testing.T) *visitor {
	t.Helper()
	ctx := context.Background()
	u, err := f.people.AddUser(ctx, account.User{Name: "former", Role: account.Admin}, password)
	if err != nil {
		t.Fatal(err)
	}
	_, secret, err := f.people.AddToken(ctx, account.Identity{User: u, Role: u.Role}, account.Token{Role: account.Admin, Expires: time.Now().Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.people.ChangeUser(ctx, "former", store.AnyVersion, func(u *account.User) error {
		u.Disabled = true
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return &visitor{f: f, bearer: secret}
}

// TestChangesNeedTheSessionsToken tries what other sites can make a browser
// do.
func TestChangesNeedTheSessionsToken(t *testing.T) {
	f := newFixture(t)
	f.Changes.Close()
	good := f.logon(t, "admin")
	forged := *good
	forged.csrf = ""
	guessed := *good
	guessed.csrf = strings.Repeat("A", len(good.csrf))
	elsewhere := *good
	elsewhere.origin = "https://evil.example"
	null := *good
	null.origin = "null"
	last := []string{"deleteSession"} // ends the session that the others use
	for _, op := range f.router.Operations {
		if op.Method == http.MethodGet || slices.Contains(last, op.ID) || op.Role == route.Public {
			continue
		}
		for name, v := range map[string]*visitor{"no CSRF token": &forged, "wrong CSRF token": &guessed, "other origin": &elsewhere, "null origin": &null} {
			if w := v.send(op.Method, target(op), body0(op)); w.Code != http.StatusForbidden {
				t.Errorf("%s, %s %s: status %d, want 403", name, op.Method, op.Path, w.Code)
			}
		}
		here := *good
		here.origin = origin
		if w := here.send(op.Method, target(op), body0(op)); !entered(w.Code) {
			t.Errorf("%s %s of the session itself: status %d: %s", op.Method, op.Path, w.Code, w.Body)
		}
	}
	r := good.request("DELETE", "/api/v1/session", "")
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	w := recorded(f, r)
	if w.Code != http.StatusForbidden {
		t.Errorf("a browser that says cross-site: status %d, want 403", w.Code)
	}
	good.want(t, http.StatusNoContent, "DELETE", "/api/v1/session", "", nil)
	good.want(t, http.StatusUnauthorized, "GET", "/api/v1/session", "", nil)
}

func TestLogonOfAnotherSiteIsRefused(t *testing.T) {
	f := newFixture(t)
	v := &visitor{f: f, origin: "https://evil.example"}
	v.want(t, http.StatusForbidden, "POST", "/api/v1/session", `{"name":"admin","password":"`+password+`"}`, nil)
}

// TestStrangersDoNotFillTheAuditLog has somebody without any credential ask for
// what is refused.
func TestStrangersDoNotFillTheAuditLog(t *testing.T) {
	f := newFixture(t)
	stranger := &visitor{f: f, origin: "https://evil.example"}
	stranger.want(t, http.StatusForbidden, "POST", "/api/v1/session", `{}`, nil)
	stranger.want(t, http.StatusForbidden, "POST", "/api/v1/users", `{}`, nil)
	stranger.cookie = strings.Repeat("A", 43)
	stranger.want(t, http.StatusForbidden, "DELETE", "/api/v1/session", "", nil)
	for _, query := range []string{"?error=denied", "?code=x&state=y", ""} {
		stranger.want(t, http.StatusFound, "GET", "/api/v1/oidc/callback"+query, "", nil)
	}
	if entries := f.entries(t, ""); len(entries) != 0 {
		t.Errorf("audit log: %+v", entries)
	}
	forged := f.logon(t, "responder")
	forged.csrf, forged.origin = "", ""
	before := len(f.entries(t, ""))
	forged.want(t, http.StatusForbidden, "DELETE", "/api/v1/session", "", nil)
	forged.origin = "https://evil.example"
	forged.want(t, http.StatusForbidden, "DELETE", "/api/v1/session", "", nil)
	entries := f.entries(t, "request.refused")
	if len(entries) != 2 || len(f.entries(t, "")) != before+2 || entries[0].Actor != "responder" || entries[1].Actor != "responder" {
		t.Errorf("a session used by another site: %+v", entries)
	}
}

func TestRefusalsAreNoted(t *testing.T) {
	f := newFixture(t)
	v := &visitor{f: f, bearer: f.token(t, account.Reader)}
	v.want(t, http.StatusForbidden, "GET", "/api/v1/users", "", nil)
	entries := f.entries(t, "request.refused")
	if len(entries) != 1 || !strings.HasPrefix(entries[0].Actor, "token:") || entries[0].Object != "listUsers" || entries[0].Outcome != "refused" {
		t.Errorf("audit log: %+v", entries)
	}
}

// entries returns the entries of the audit log about an action, newest first.
func (f *fixture) entries(t *testing.T, action string) []account.Entry {
	t.Helper()
	list, err := f.state.Entries(context.Background(), store.AuditFilter{Action: action}, store.Page{Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	return list.Items
}
