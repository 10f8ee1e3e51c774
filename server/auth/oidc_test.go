package auth

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-security/holdfast/account"
)

// provider is an OpenID provider: discovery, keys, codes bound to a PKCE
// challenge and a nonce, and signed ID tokens.
type provider struct {
	*httptest.Server
	key    *rsa.PrivateKey
	claims map[string]any // of who logs on
	codes  map[string]url.Values

	nonce    string // in the place of the right one
	audience string
	expired  bool
	unsigned bool
}

// signingKey is the key of all providers: making one takes long.
var signingKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

func newProvider(t *testing.T) *provider {
	t.Helper()
	key := signingKey()
	p := &provider{key: key, codes: make(map[string]url.Values), audience: "holdfast"}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]any{
			"issuer": p.URL, "authorization_endpoint": p.URL + "/authorize", "token_endpoint": p.URL + "/token", "jwks_uri": p.URL + "/keys",
			"id_token_signing_alg_values_supported": []string{"RS256"},
		})
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]any{"keys": []any{map[string]any{
			"kty": "RSA", "alg": "RS256", "use": "sig", "kid": "1",
			"n": base64.RawURLEncoding.EncodeToString(key.N.Bytes()), "e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(key.E)).Bytes()),
		}}})
	})
	mux.HandleFunc("POST /token", p.token)
	p.Server = httptest.NewServer(mux)
	t.Cleanup(p.Close)
	return p
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(v); err != nil {
		panic(err)
	}
}

// authorize is what the provider does when the browser comes with target and
// its person agrees: it returns code and state for the way back.
func (p *provider) authorize(t *testing.T, target string) (code, state string) {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	if q.Get("response_type") != "code" || q.Get("client_id") != "holdfast" || q.Get("code_challenge_method") != "S256" ||
		q.Get("redirect_uri") != "https://holdfast.example:8443/api/v1/oidc/callback" || !strings.Contains(q.Get("scope"), "openid") {
		t.Fatalf("request to the provider: %v", q)
	}
	code = secret()
	p.codes[code] = q
	return code, q.Get("state")
}

// token exchanges a code, once, for who holds the PKCE verifier and the
// client's secret.
func (p *provider) token(w http.ResponseWriter, r *http.Request) {
	q, ok := p.codes[r.PostFormValue("code")]
	delete(p.codes, r.PostFormValue("code"))
	sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	id, password, _ := r.BasicAuth()
	if !ok || base64.RawURLEncoding.EncodeToString(sum[:]) != q.Get("code_challenge") || id != "holdfast" || password != "hush" {
		w.WriteHeader(http.StatusBadRequest)
		answer(w, map[string]string{"error": "invalid_grant"})
		return
	}
	claims := map[string]any{"iss": p.URL, "sub": "1", "aud": p.audience, "iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix(), "nonce": q.Get("nonce")}
	if p.expired {
		claims["exp"] = time.Now().Add(-time.Hour).Unix()
	}
	if p.nonce != "" {
		claims["nonce"] = p.nonce
	}
	for name, v := range p.claims {
		claims[name] = v
	}
	answer(w, map[string]any{"access_token": "a", "token_type": "Bearer", "id_token": p.sign(claims)})
}

func (p *provider) sign(claims map[string]any) string {
	body, err := json.Marshal(claims)
	if err != nil {
		panic(err)
	}
	b64 := base64.RawURLEncoding
	text := b64.EncodeToString([]byte(`{"alg":"RS256","kid":"1"}`)) + "." + b64.EncodeToString(body)
	sum := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(rand.Reader, p.key, crypto.SHA256, sum[:])
	if err != nil {
		panic(err)
	}
	if p.unsigned {
		signature[0] ^= 1
	}
	return text + "." + b64.EncodeToString(signature)
}

// settings returns the provider as Holdfast's settings have it.
func (p *provider) settings() Provider {
	return Provider{
		Issuer: p.URL, ClientID: "holdfast", ClientSecret: "hush",
		Roles: map[string]account.Role{"soc": account.Responder, "soc-lead": account.Admin},
	}
}

// visit goes the whole way of a browser and returns the session's cookie.
func (p *provider) visit(t *testing.T, people *People) (*http.Cookie, account.Identity, error) {
	t.Helper()
	w := httptest.NewRecorder()
	target, err := people.StartProvider(w, httptest.NewRequest("GET", "/", nil))
	if err != nil {
		t.Fatal(err)
	}
	attempt := w.Result().Cookies()[0]
	if !attempt.HttpOnly || !attempt.Secure || attempt.SameSite != http.SameSiteLaxMode {
		t.Errorf("cookie of the attempt: %v", attempt)
	}
	code, state := p.authorize(t, target)
	back := httptest.NewRecorder()
	r := httptest.NewRequest("GET", "/", nil)
	r.AddCookie(attempt)
	identity, err := people.FinishProvider(back, r, code, state)
	for _, c := range back.Result().Cookies() {
		if c.Name == sessionCookie {
			return c, identity, err
		}
	}
	return nil, identity, err
}

func TestProvider(t *testing.T) {
	p := newProvider(t)
	settings := p.settings()
	people := newPeople(t, func(c *Config) { c.Provider = func() (Provider, bool) { return settings, true } })
	p.claims = map[string]any{"preferred_username": "Alice", "name": "Alice\x1b Example", "groups": []string{"other", "soc", "soc-lead"}}
	cookie, identity, err := p.visit(t, people)
	if err != nil || identity.Role != account.Admin || !identity.User.External || identity.User.FullName != "Alice Example" {
		t.Fatalf("%+v, %v", identity, err)
	}
	if got, err := people.Identify(with(cookie, "GET", "")); err != nil || got.User.Name != "alice" {
		t.Fatalf("%+v, %v", got, err)
	}
	p.claims["groups"] = "soc"
	if _, identity, err = p.visit(t, people); err != nil || identity.Role != account.Responder {
		t.Errorf("with another group: %+v, %v", identity, err)
	}
	settings.Roles = map[string]account.Role{"soc": account.Reader}
	if _, identity, err = p.visit(t, people); err != nil || identity.Role != account.Reader {
		t.Errorf("with other settings: %+v, %v", identity, err)
	}
	if _, err := people.Logon(httptest.NewRecorder(), httptest.NewRequest("POST", "/", nil), "alice", "", home); !errors.Is(err, account.ErrCredentials) {
		t.Errorf("with a password: %v", err)
	}
	if err := people.SetPassword(t.Context(), "alice", password); !errors.Is(err, account.ErrInvalid) {
		t.Errorf("a password for an external user: %v", err)
	}
}

func TestProviderRefusals(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*provider, *Provider)
		want   error
	}{
		{"no role", func(p *provider, _ *Provider) { p.claims["groups"] = []string{"guests"} }, account.ErrForbidden},
		{"no groups", func(p *provider, _ *Provider) { delete(p.claims, "groups") }, account.ErrForbidden},
		{"no name", func(p *provider, _ *Provider) { delete(p.claims, "preferred_username") }, account.ErrForbidden},
		{"hostile name", func(p *provider, _ *Provider) { p.claims["preferred_username"] = "../root\n" }, account.ErrForbidden},
		{"name of a local user", func(p *provider, _ *Provider) { p.claims["preferred_username"] = "root" }, account.ErrForbidden},
		{"unverified address", func(p *provider, s *Provider) {
			s.UserClaim = "email"
			p.claims["email"] = "eve@example.org"
		}, account.ErrForbidden},
		{"other audience", func(p *provider, _ *Provider) { p.audience = "another" }, account.ErrCredentials},
		{"expired", func(p *provider, _ *Provider) { p.expired = true }, account.ErrCredentials},
		{"other nonce", func(p *provider, _ *Provider) { p.nonce = "replayed" }, account.ErrCredentials},
		{"bad signature", func(p *provider, _ *Provider) { p.unsigned = true }, account.ErrCredentials},
		{"wrong client secret", func(_ *provider, s *Provider) { s.ClientSecret = "guess" }, account.ErrCredentials},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := newProvider(t)
			settings := p.settings()
			p.claims = map[string]any{"preferred_username": "eve", "groups": []string{"soc"}}
			test.change(p, &settings)
			people := newPeople(t, func(c *Config) { c.Provider = func() (Provider, bool) { return settings, true } })
			people.mustAdd(t, "root", account.Admin)
			if cookie, _, err := p.visit(t, people); !errors.Is(err, test.want) || cookie != nil {
				t.Errorf("%v, cookie %v", err, cookie)
			}
		})
	}
}

func TestProviderAttemptsBelongToOneBrowser(t *testing.T) {
	p := newProvider(t)
	p.claims = map[string]any{"preferred_username": "alice", "groups": []string{"soc"}}
	people := newPeople(t, func(c *Config) { c.Provider = func() (Provider, bool) { return p.settings(), true } })
	start := func() (*http.Cookie, string, string) {
		w := httptest.NewRecorder()
		target, err := people.StartProvider(w, httptest.NewRequest("GET", "/", nil))
		if err != nil {
			t.Fatal(err)
		}
		code, state := p.authorize(t, target)
		return w.Result().Cookies()[0], code, state
	}
	mine, code, state := start()
	others, _, _ := start()
	forged := *mine
	forged.Value = forged.Value[:len(forged.Value)-2] + "AA"
	for name, cookie := range map[string]*http.Cookie{"of another browser": others, "forged": &forged, "none": nil} {
		r := httptest.NewRequest("GET", "/", nil)
		if cookie != nil {
			r.AddCookie(cookie)
		}
		if _, err := people.FinishProvider(httptest.NewRecorder(), r, code, state); !errors.Is(err, account.ErrCredentials) {
			t.Errorf("%s: %v", name, err)
		}
	}
	r := httptest.NewRequest("GET", "/", nil)
	r.AddCookie(mine)
	if _, err := people.FinishProvider(httptest.NewRecorder(), r, code, state); err != nil {
		t.Fatal(err)
	}
	if _, err := people.FinishProvider(httptest.NewRecorder(), r, code, state); !errors.Is(err, account.ErrCredentials) {
		t.Errorf("the same code again: %v", err)
	}
}

func TestProviderOutOfReach(t *testing.T) {
	p := newProvider(t)
	p.Close()
	people := newPeople(t, func(c *Config) { c.Provider = func() (Provider, bool) { return p.settings(), true } })
	if _, err := people.StartProvider(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil)); !errors.Is(err, account.ErrProvider) {
		t.Error(err)
	}
	without := newPeople(t, nil)
	if _, err := without.StartProvider(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil)); err == nil {
		t.Error("without a provider there is one to go to")
	}
}
