package api

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/holdfast-security/holdfast/account"
	"github.com/holdfast-security/holdfast/api"
	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/fleet"
	"github.com/holdfast-security/holdfast/policy"
	"github.com/holdfast-security/holdfast/server/auth"
	"github.com/holdfast-security/holdfast/server/exceptions"
	"github.com/holdfast-security/holdfast/store"
	"github.com/holdfast-security/holdfast/store/sqlstore"
	"github.com/holdfast-security/holdfast/wire"

	"github.com/holdfast-security/holdfast/server/api/route"
)

const (
	testHost  = "h0123456789abcdef"
	testAlert = "alert-1"
	password  = "correct horse battery"
	origin    = "https://holdfast.example:8443"
)

// fixture is a server over a real store with real accounts, and stand-ins with
// behaviour for what other parts of the server provide.
type fixture struct {
	*Server
	state  *sqlstore.Store
	people *auth.People
	fake   *others
}

// others stands in for enrolment, fleet, simulations, rules, policies and
// telemetry.
type others struct {
	state  *sqlstore.Store
	events []event.Event

	policies        policy.Assignments
	policiesVersion int64
}

func (o *others) Enroll(_ context.Context, _ netip.Addr, q wire.EnrollRequest) (wire.EnrollReply, error) {
	if q.Token != "good" {
		return wire.EnrollReply{}, wire.ErrSignature
	}
	return wire.EnrollReply{Host: testHost}, nil
}

func (o *others) NewToken(_ context.Context, t fleet.EnrolToken) (fleet.EnrolToken, string, error) {
	t.ID = "e1"
	return t, "hfe1.abc", nil
}

func (o *others) setState(ctx context.Context, id event.HostID, state fleet.HostState) error {
	_, err := o.state.ChangeHost(ctx, id, store.AnyVersion, func(h *fleet.Host) error {
		h.State = state
		return nil
	})
	return err
}

func (o *others) Revoke(ctx context.Context, id event.HostID) error {
	return o.setState(ctx, id, fleet.Revoked)
}

func (o *others) Allow(ctx context.Context, id event.HostID) error {
	return o.setState(ctx, id, fleet.Active)
}

func (o *others) Ledger(context.Context) (api.LedgerReport, error) { return api.LedgerReport{}, nil }

func (o *others) Conditions(context.Context) []fleet.Warning {
	return []fleet.Warning{{Code: "stream_full", Text: "The stream is full."}}
}

func (o *others) Policies(context.Context) (policy.Assignments, int64, error) {
	return o.policies, o.policiesVersion, nil
}

func (o *others) SetPolicies(_ context.Context, all policy.Assignments, expected int64) (int64, error) {
	if expected != store.AnyVersion && expected != o.policiesVersion {
		return 0, store.ErrConflict
	}
	o.policies = all
	o.policiesVersion++
	return o.policiesVersion, nil
}

func (o *others) Scenarios() []api.Scenario { return []api.Scenario{{Name: "reverse-shell"}} }

func (o *others) Simulate(ctx context.Context, host event.HostID, scenarios []string, by string) (store.Order, error) {
	order := store.Order{ID: route.NewID(), Host: host, Action: "simulate", Argument: scenarios, By: by, Created: time.Now().UTC(), State: "sent"}
	return order, o.state.AddOrder(ctx, order)
}

func (o *others) Events(_ context.Context, f store.EventFilter) (store.List[event.Event], error) {
	return store.List[event.Event]{Items: o.events}, nil
}

func newFixture(t testing.TB) *fixture {
	t.Helper()
	ctx := context.Background()
	state, err := sqlstore.Open(ctx, sqlstore.Config{Path: filepath.Join(t.TempDir(), "state.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := state.Close(); err != nil {
			t.Error(err)
		}
	})
	people, err := auth.New(auth.Config{Accounts: state, PublicURL: origin, Secure: true})
	if err != nil {
		t.Fatal(err)
	}
	fake := &others{state: state}
	s, err := New(Config{
		Version: "test", State: state, Events: fake, People: people, Enroller: fake, Fleet: fake, Simulator: fake, Rules: fake, Policies: fake,
		Excepted:  exceptions.New(exceptions.Config{State: state, Host: func(event.HostID) (fleet.Host, bool) { return fleet.Host{Name: "web1"}, true }}),
		PublicURL: origin, TLS: true, Pin: func() [32]byte { return [32]byte{1} },
		Backup: func(_ context.Context, w io.Writer) error {
			_, err := io.WriteString(w, "archive")
			return err
		},
		Console: fstest.MapFS{
			"index.html":               {Data: []byte(`<meta content="__CSP_NONCE__">`)},
			"assets/main-Abcd1234.js":  {Data: []byte("let x")},
			"assets/main-Abcd1234.css": {Data: []byte(strings.Repeat("a{}", 2000))},
			"favicon.svg":              {Data: []byte("<svg/>")},
		},
		Downloads: fstest.MapFS{"holdfast-agent-linux-amd64": {Data: []byte("program")}},
		Metrics:   http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "metric 1\n") }),
	})
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{Server: s, state: state, people: people, fake: fake}
	f.fill(t)
	return f
}

// fill adds a user for each role, a host and an alert.
func (f *fixture) fill(t testing.TB) {
	t.Helper()
	ctx := context.Background()
	for _, role := range account.Roles() {
		if _, err := f.people.AddUser(ctx, account.User{Name: string(role), Role: role}, password); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.state.AddHost(ctx, fleet.Host{ID: testHost, Name: "web1", State: fleet.Active, PublicKey: "U1", Enrolled: time.Now().UTC(), Version: 1}); err != nil {
		t.Fatal(err)
	}
	now := time.Now().UTC().Truncate(time.Second)
	_, err := f.state.SaveAlerts(ctx, []finding.Alert{{
		ID: testAlert, Type: "VM_ReverseShell", Title: "Reverse shell", Severity: finding.High, Host: testHost,
		Time: now, Raised: now, LastTime: now, Count: 1,
	}}, now, store.Position{Partition: "0", Sequence: 1})
	if err != nil {
		t.Fatal(err)
	}
}

// token returns the secret of a new API token of the role's user.
func (f *fixture) token(t testing.TB, role account.Role) string {
	t.Helper()
	u, err := f.state.User(context.Background(), string(role))
	if err != nil {
		t.Fatal(err)
	}
	_, secret, err := f.people.AddToken(context.Background(), account.Identity{User: u, Role: role},
		account.Token{Note: "test", Role: role, Expires: time.Now().Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	return secret
}

// visitor sends requests with what it has to show.
type visitor struct {
	f                    *fixture
	bearer, cookie, csrf string
	origin               string
}

// logon returns a visitor in a session of the role's user.
func (f *fixture) logon(t testing.TB, name string) *visitor {
	t.Helper()
	v := &visitor{f: f}
	w := v.send("POST", "/api/v1/session", `{"name":"`+name+`","password":"`+password+`"}`)
	if w.Code != http.StatusCreated {
		t.Fatalf("logon of %s: %d %s", name, w.Code, w.Body)
	}
	var session api.Session
	if err := json.Unmarshal(w.Body.Bytes(), &session); err != nil {
		t.Fatal(err)
	}
	v.csrf = session.CSRF
	for _, c := range w.Result().Cookies() {
		if c.Name == api.SessionCookie {
			v.cookie = c.Value
		}
	}
	return v
}

func (v *visitor) request(method, target, body string) *http.Request {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Host = "holdfast.example:8443"
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for name, value := range map[string]string{api.CSRFHeader: v.csrf, "Origin": v.origin} {
		if value != "" {
			r.Header.Set(name, value)
		}
	}
	if v.bearer != "" {
		r.Header.Set("Authorization", "Bearer "+v.bearer)
	}
	if v.cookie != "" {
		r.AddCookie(&http.Cookie{Name: api.SessionCookie, Value: v.cookie})
	}
	return r
}

func (v *visitor) send(method, target, body string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	v.f.ServeHTTP(w, v.request(method, target, body))
	return w
}

// want sends a request, fails unless the answer has the status, and reads its
// body into out.
func (v *visitor) want(t testing.TB, status int, method, target, body string, out any) *httptest.ResponseRecorder {
	t.Helper()
	w := v.send(method, target, body)
	if w.Code != status {
		t.Fatalf("%s %s: status %d, want %d: %s", method, target, w.Code, status, w.Body)
	}
	if out != nil {
		if err := json.NewDecoder(bytes.NewReader(w.Body.Bytes())).Decode(out); err != nil {
			t.Fatal(err)
		}
	}
	return w
}
