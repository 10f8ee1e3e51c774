package api

import (
	"context"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"github.com/holdfast-security/holdfast/account"
	"github.com/holdfast-security/holdfast/api"
	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/fleet"
	"github.com/holdfast-security/holdfast/policy"
	"github.com/holdfast-security/holdfast/server/api/changes"
	"github.com/holdfast-security/holdfast/server/api/exceptions"
	"github.com/holdfast-security/holdfast/server/api/front"
	"github.com/holdfast-security/holdfast/server/api/hunt"
	"github.com/holdfast-security/holdfast/server/api/rules"
	"github.com/holdfast-security/holdfast/store"
	"github.com/holdfast-security/holdfast/wire"
)

// State is the part of the database that the API uses.
type State interface {
	store.Hosts
	store.EnrolTokens
	store.Alerts
	store.Views
	store.Accounts
	store.AuditLog
	store.Settings
	store.Orders
	store.RuleDocs
	store.Incidents
	store.Exceptions
}

// People decides who may come in, and keeps the accounts. Its errors wrap
// those of package account and store.
type People interface {
	// Identify says who sends r, by its token or session cookie:
	// account.ErrUnauthenticated when nobody; account.ErrCSRF, beside whose
	// session it is, when the session is good and the request may come from
	// elsewhere.
	Identify(r *http.Request) (account.Identity, error)
	// Check is Identify without its effects: it does not count as a use of
	// the session.
	Check(r *http.Request) error
	// Logon checks name and password and begins a session, setting its cookie
	// on w. from is the client's address, for limits.
	Logon(w http.ResponseWriter, r *http.Request, name, password string, from netip.Addr) (account.Identity, error)
	// Logoff ends the session of r.
	Logoff(w http.ResponseWriter, r *http.Request) error
	// ChangePassword changes the password of who sends r and ends the other
	// sessions.
	ChangePassword(r *http.Request, old, new string, from netip.Addr) error

	// ProviderName returns the name of the OpenID provider, or false without
	// one.
	ProviderName(ctx context.Context) (name string, ok bool)
	// StartProvider returns the URL of the provider to go to, and remembers
	// the attempt in a cookie on w.
	StartProvider(w http.ResponseWriter, r *http.Request) (string, error)
	// FinishProvider begins a session for who comes back with code and state.
	FinishProvider(w http.ResponseWriter, r *http.Request, code, state string) (account.Identity, error)

	AddUser(ctx context.Context, u account.User, password string) (account.User, error)
	ChangeUser(ctx context.Context, name string, version int64, change func(*account.User) error) (account.User, error)
	DropUser(ctx context.Context, name string) error
	SetPassword(ctx context.Context, name, password string) error
	// AddToken makes a token of the identity and returns its secret.
	AddToken(ctx context.Context, by account.Identity, t account.Token) (account.Token, string, error)
	// DropToken removes a token that the identity may remove; for it there are
	// no others.
	DropToken(ctx context.Context, by account.Identity, id string) error
}

// Enroller makes machines hosts and takes that back.
type Enroller interface {
	// Enroll makes a host, and notes in the audit log that it did, or refused.
	Enroll(ctx context.Context, from netip.Addr, q wire.EnrollRequest) (wire.EnrollReply, error)
	// NewToken makes an enrolment token and returns the text to be given to
	// people.
	NewToken(ctx context.Context, t fleet.EnrolToken) (fleet.EnrolToken, string, error)
	Revoke(ctx context.Context, host event.HostID) error // ends the connection at once
	Allow(ctx context.Context, host event.HostID) error
}

// Fleet knows what the server measures of its hosts and of itself.
type Fleet interface {
	Ledger(ctx context.Context) (api.LedgerReport, error)
	// Conditions returns what is wrong with the server now, empty when
	// nothing is.
	Conditions(ctx context.Context) []fleet.Warning
}

// Simulator plays attacks on hosts.
type Simulator interface {
	Scenarios() []api.Scenario
	// Simulate sends the order; an error that wraps account.ErrInvalid says
	// what is wrong with it.
	Simulate(ctx context.Context, host event.HostID, scenarios []string, by string) (store.Order, error)
}

// Policies are the hosts' policies.
type Policies interface {
	// Policies returns those in force with their version, zero as long as
	// nobody has set any.
	Policies(ctx context.Context) (policy.Assignments, int64, error)
	// SetPolicies puts others in force, which the caller has validated, and
	// returns their version. The error wraps store.ErrConflict when those in
	// force are not of the expected version, which may be store.AnyVersion.
	SetPolicies(ctx context.Context, all policy.Assignments, expected int64) (int64, error)
}

// ErrNotReady says that the server cannot do its work at the moment.
var ErrNotReady = front.ErrNotReady

// Config is what the API needs. Fields without a remark must be set.
type Config struct {
	Log     *slog.Logger
	Version string // of the server

	State     State
	Events    store.Events
	People    People
	Enroller  Enroller
	Fleet     Fleet
	Simulator Simulator
	Rules     rules.Book
	Policies  Policies
	Hunts     hunt.Engine // nil where no telemetry can be asked
	Excepted  exceptions.Keeper
	Changes   *Hub
	// Backup writes a tar archive of everything that a restore needs.
	Backup func(ctx context.Context, w io.Writer) error
	// Ready returns nil when the server can do its work, for /readyz; nil
	// means always.
	Ready func(ctx context.Context) error
	// Metrics serves /metrics; nil for none.
	Metrics http.Handler
	// SettingsChanged is called with what was saved; nil for nobody.
	SettingsChanged func(api.Settings)

	// Console is the built console, index.html at its root; nil for none.
	Console fs.FS
	// NoConsole is what to tell whoever opens a console that is not there.
	NoConsole string
	// Downloads are the programs that /install fetches, by the names
	// holdfast-agent-linux-amd64 and the like, or for the server's own system
	// and processor by their plain names; nil for none.
	Downloads fs.FS
	// PublicURL is how hosts reach the server, https://name:port.
	PublicURL string
	// Pin returns the SHA-256 of the public key (SPKI) of the certificate
	// that the server shows, for curl's --pinnedpubkey; nil without TLS.
	Pin func() [32]byte

	// TrustedProxies are the addresses whose X-Forwarded-For is believed;
	// none by default.
	TrustedProxies []netip.Prefix
	// TLS says that clients come over TLS, be it ended here or in a proxy.
	TLS bool
	// Statuses are the HTTP statuses of errors of packages that this one
	// does not know. The first that an error is counts.
	Statuses []ErrorStatus
	// Now is the clock; nil for the system's.
	Now func() time.Time
}

// ErrorStatus is the HTTP status of an error, and of all that wrap it.
type ErrorStatus = front.Status

// Hub tells changes to all who follow them.
type Hub = changes.Hub

// NewHub returns a hub without clients.
func NewHub() *Hub { return changes.NewHub() }

// flowTimeout is how long a client may take for a piece of a stream.
const flowTimeout = time.Minute
