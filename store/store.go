// Package store says what the server keeps and how it is asked for: small
// interfaces for state in a database, and for telemetry in segments. It holds
// no implementation; store/sqlstore and store/segment do, and
// store/storetest is the suite that each must pass.
//
// Every method may be called from any goroutine, takes effect whole or not at
// all, and returns errors that wrap the ones below. Results are the caller's
// to keep and change. Lists are in a total order and continue behind a
// [Page.After] without offsets, so that they stay fast and stable while rows
// come and go.
package store

import (
	"context"
	"errors"
	"time"

	"github.com/holdfast-security/holdfast/account"
	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/fleet"
)

// Errors that callers tell apart.
var (
	ErrNotFound = errors.New("not found")
	ErrExists   = errors.New("exists already")
	ErrConflict = errors.New("changed by somebody else meanwhile") // the version is not the expected one
	ErrCursor   = errors.New("cursor is not one of this list")
	ErrPartial  = errors.New("part of the telemetry cannot be read") // what is returned beside it is right, but not all
	ErrFull     = errors.New("no space left for the state")          // nothing of the change was stored; try again when there is room
)

// AnyVersion as an expected version changes whatever is there.
const AnyVersion int64 = -1

// Page asks for a part of a list.
type Page struct {
	Limit int    // 1 to 1000; zero means 100
	After string // cursor of the part before, "" for the first; opaque, made by the store
}

// List is a part of a list. Next is "" at its end.
type List[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next,omitempty"`
}

// HostFilter chooses hosts; zero values do not filter.
type HostFilter struct {
	State  fleet.HostState
	Text   string            // in name, id or address, ignoring case
	Labels map[string]string // all must be there
}

// Hosts keeps the hosts. Lists are in the order of name, then id.
type Hosts interface {
	AddHost(ctx context.Context, h fleet.Host) error // ErrExists by id or public key
	Host(ctx context.Context, id event.HostID) (fleet.Host, error)
	Hosts(ctx context.Context, f HostFilter, p Page) (List[fleet.Host], error)
	// ChangeHost applies change to the host's name, state and labels and
	// raises its version. ErrConflict unless version is the present one.
	ChangeHost(ctx context.Context, id event.HostID, version int64, change func(*fleet.Host) error) (fleet.Host, error)
	// SaveHeartbeats stores the latest heartbeat of each host. Unknown hosts
	// are skipped.
	SaveHeartbeats(ctx context.Context, seen time.Time, beats map[event.HostID]fleet.Heartbeat) error
}

// EnrolTokens keeps the tokens that hosts enrol with, by the SHA-256 of their
// secrets.
type EnrolTokens interface {
	AddEnrolToken(ctx context.Context, t fleet.EnrolToken, hash []byte) error
	EnrolTokens(ctx context.Context, p Page) (List[fleet.EnrolToken], error) // newest first
	RevokeEnrolToken(ctx context.Context, id string) error
	// UseEnrolToken counts a use of the token, if it may be used at now;
	// otherwise ErrNotFound, whatever the reason.
	UseEnrolToken(ctx context.Context, hash []byte, now time.Time) (fleet.EnrolToken, error)
}

// AlertFilter chooses alerts; zero values do not filter, lists mean any of.
type AlertFilter struct {
	Status     []finding.Status
	Severity   []finding.Severity
	Type       []finding.AlertType
	Host       []event.HostID
	Tactic     []finding.Tactic
	Assignee   []string // "" in the list means nobody
	Rule       []string
	Exception  []string  // hidden by these exceptions
	Text       string    // in title, description or host name, ignoring case
	Since      time.Time // last time at or after
	Until      time.Time // last time before
	ExcludeIDs []string
}

// AlertOrder is the order of a list of alerts. Ties end in the order in which
// alerts were first stored, newest first; the reverse of an order reverses
// that too.
type AlertOrder string

// Orders of alerts, each with its reverse.
const (
	NewestFirst AlertOrder = "-last_time" // the default
	OldestFirst AlertOrder = "last_time"
	SevereFirst AlertOrder = "-severity" // then newest
	MildFirst   AlertOrder = "severity"
	MostFirst   AlertOrder = "-count"
	FewestFirst AlertOrder = "count"
)

// AlertChange is what people change; nil leaves a part as it is.
type AlertChange struct {
	Status   *finding.Status
	Assignee *string
	Comment  string // "" for none
	By       string
	Time     time.Time
}

// Position is how far detection has come in a partition of the stream: the
// stream's sequence number whose alerts, and all before it, are stored.
type Position struct {
	Partition string
	Sequence  uint64
}

// AlertCounts are numbers for charts, over the alerts of a filter.
type AlertCounts struct {
	Total      int64            `json:"total"`
	BySeverity map[string]int64 `json:"by_severity"`
	ByStatus   map[string]int64 `json:"by_status"`
	TopTypes   []Count          `json:"top_types"` // at most 10, highest first
	TopHosts   []Count          `json:"top_hosts"`
	Over       []Bucket         `json:"over_time"` // oldest first, without gaps
	// AtLeast says that there may be more: with a text that many alerts have,
	// a store may look at the newest only.
	AtLeast bool `json:"at_least,omitempty"`
}

// Count is how many alerts something has.
type Count struct {
	Key   string `json:"key"`
	Label string `json:"label"`
	Count int64  `json:"count"`
}

// Bucket is the alerts of one stretch of time.
type Bucket struct {
	Start      time.Time        `json:"start"`
	BySeverity map[string]int64 `json:"by_severity"`
}

// Alerts keeps alerts with their triage, comments and saved views.
type Alerts interface {
	// SaveAlerts stores what detection raised and how far it has come, in one
	// step. An alert whose id is there already is a repeat: its count, last
	// time and evidence are those of the new one where they are later; its
	// triage stays, but a resolved or dismissed alert that repeats more than
	// a day after that is open again. It returns the ids that are new.
	SaveAlerts(ctx context.Context, alerts []finding.Alert, received time.Time, done Position) (added []string, err error)
	DetectionPosition(ctx context.Context, partition string) (uint64, error) // zero when never saved

	Alert(ctx context.Context, id string) (finding.Case, error)
	// AlertStatus returns the status of each of the alerts that is there.
	AlertStatus(ctx context.Context, ids []string) (map[string]finding.Status, error)
	Alerts(ctx context.Context, f AlertFilter, o AlertOrder, p Page) (List[finding.Summary], error)
	// CountAlerts counts over the filter, with buckets of the given width
	// between since and until of the filter; width zero leaves Over empty.
	CountAlerts(ctx context.Context, f AlertFilter, width time.Duration) (AlertCounts, error)
	// ChangeAlert changes one alert. ErrConflict unless version is the
	// present one or AnyVersion.
	ChangeAlert(ctx context.Context, id string, version int64, c AlertChange) (finding.Case, error)
	// ChangeAlerts changes many at once, whatever their versions, and returns
	// how many there were. Ids that are not there are skipped.
	ChangeAlerts(ctx context.Context, ids []string, c AlertChange) (int, error)
	Comments(ctx context.Context, alert string) ([]finding.Comment, error) // oldest first
	// DropAlerts removes alerts whose last time is before the given one, at
	// most limit of them, and returns how many.
	DropAlerts(ctx context.Context, before time.Time, limit int) (int, error)
}

// View is a saved view of a page of the console: its query under a name.
type View struct {
	ID      string    `json:"uid"`
	Owner   string    `json:"owner"`
	Shared  bool      `json:"shared"` // others see it
	Page    string    `json:"page"`   // "alerts"
	Name    string    `json:"name"`
	Query   string    `json:"query"` // of the URL, at most 4 KiB
	Created time.Time `json:"created_time"`
}

// Views keeps saved views.
type Views interface {
	AddView(ctx context.Context, v View) error
	Views(ctx context.Context, user string) ([]View, error) // the user's own and shared ones
	DropView(ctx context.Context, id, owner string) error   // of its owner; "" as owner means any
}

// Session is a logon of a person. The secret is kept as its SHA-256.
type Session struct {
	ID      string // hash of the cookie's secret, hex
	User    string
	Data    []byte // of the session manager
	Created time.Time
	Expires time.Time
}

// Accounts keeps people, their password hashes, sessions and API tokens.
type Accounts interface {
	AddUser(ctx context.Context, u account.User, password string) error // password: encoded hash, "" for external
	User(ctx context.Context, name string) (account.User, error)
	PasswordHash(ctx context.Context, name string) (string, error)
	Users(ctx context.Context, p Page) (List[account.User], error) // by name
	// ChangeUser applies change to full name, role, disabled and last logon.
	ChangeUser(ctx context.Context, name string, version int64, change func(*account.User) error) (account.User, error)
	SetPassword(ctx context.Context, name, hash string) error
	DropUser(ctx context.Context, name string) error // with sessions

	SaveSession(ctx context.Context, s Session) error
	Session(ctx context.Context, id string, now time.Time) (Session, error) // ErrNotFound when expired
	DropSession(ctx context.Context, id string) error
	DropSessions(ctx context.Context, user string) error

	AddToken(ctx context.Context, t account.Token, hash []byte) error
	TokenByHash(ctx context.Context, hash []byte, now time.Time) (account.Token, error) // counts as used
	Tokens(ctx context.Context, p Page) (List[account.Token], error)                    // newest first
	DropToken(ctx context.Context, id string) error
}

// AuditFilter chooses entries of the audit log.
type AuditFilter struct {
	Actor, Action, Object string // exact; Actor may also be the owner of a token, Action may end with ".*"
	Since, Until          time.Time
}

// AuditLog keeps who did what.
type AuditLog interface {
	Record(ctx context.Context, e account.Entry) error                               // the ID is given by the store
	Entries(ctx context.Context, f AuditFilter, p Page) (List[account.Entry], error) // newest first
	DropEntries(ctx context.Context, before time.Time, limit int) (int, error)
}

// Settings keeps named JSON documents: the server's settings and its secrets
// that must survive with the state.
type Settings interface {
	Setting(ctx context.Context, name string) (value []byte, version int64, err error)
	SaveSetting(ctx context.Context, name string, version int64, value []byte) (int64, error)
}

// Segment describes a stored segment of telemetry. The row in the database is
// what makes it part of the telemetry: a file without a row is rubbish of a
// crash.
type Segment struct {
	ID        string       `json:"uid"` // also the name of the blob
	Day       string       `json:"day"` // UTC, "2026-11-23"
	First     time.Time    `json:"first_time"`
	Last      time.Time    `json:"last_time"`
	MinHost   event.HostID `json:"min_host"`
	MaxHost   event.HostID `json:"max_host"`
	Rows      int64        `json:"rows"`
	Bytes     int64        `json:"bytes"`
	Partition string       `json:"partition"`
	FromSeq   uint64       `json:"from_seq"` // of the stream, inclusive
	ToSeq     uint64       `json:"to_seq"`
}

// SegmentFilter chooses segments that may hold events of a time and host.
type SegmentFilter struct {
	Since, Until time.Time
	Host         event.HostID
}

// Segments keeps the catalogue of segments together with what they account for.
type Segments interface {
	// CommitSegments adds segments, sets the intakes of the hosts in them and
	// the stream position up to which everything is stored, in one step.
	CommitSegments(ctx context.Context, segments []Segment, intakes map[event.HostID]fleet.Intake, done Position) error
	StorePosition(ctx context.Context, partition string) (uint64, error)
	Intakes(ctx context.Context) (map[event.HostID]fleet.Intake, error)
	SegmentList(ctx context.Context, f SegmentFilter) ([]Segment, error) // by first time
	// DropSegments removes the rows of the given segments and returns when
	// the database no longer names them; the caller deletes the blobs after.
	DropSegments(ctx context.Context, ids []string) error
	// MergeSegments replaces segments by others that hold the same rows.
	MergeSegments(ctx context.Context, old []string, merged []Segment) error
}

// Order is a thing asked of a host, with what came of it.
type Order struct {
	ID       string       `json:"uid"`
	Host     event.HostID `json:"host"`
	Action   string       `json:"action"`
	Argument []string     `json:"argument"`
	By       string       `json:"created_by"`
	Created  time.Time    `json:"created_time"`
	State    string       `json:"state"` // "sent" and then as wire.Result says; "expired" when no answer came
	Detail   string       `json:"detail"`
	Changed  time.Time    `json:"changed_time"`
	Parts    []Part       `json:"parts"` // what came of each argument
}

// Part is the outcome of one argument of an order.
type Part struct {
	Subject string    `json:"subject"`
	State   string    `json:"state"`
	Detail  string    `json:"detail"`
	Time    time.Time `json:"time"`
	Alert   string    `json:"alert,omitempty"` // uid of the alert that a scenario raised
}

// Orders keeps orders.
type Orders interface {
	AddOrder(ctx context.Context, o Order) error
	Order(ctx context.Context, id string) (Order, error)
	Orders(ctx context.Context, host event.HostID, p Page) (List[Order], error) // newest first; "" for all hosts
	ChangeOrder(ctx context.Context, id string, change func(*Order) error) (Order, error)
	// NextSerial returns the next number for signed statements to a host of
	// one kind.
	NextSerial(ctx context.Context, host event.HostID, kind string) (uint64, error)
}

// State is everything that is kept in a database.
type State interface {
	Hosts
	EnrolTokens
	Alerts
	Views
	Accounts
	AuditLog
	Settings
	Segments
	Orders
	RuleDocs
	Exceptions
	Incidents
	Correlations

	Ping(ctx context.Context) error
	// Backup writes a consistent copy of the whole state to the file path,
	// which must not exist, while the store is in use.
	Backup(ctx context.Context, path string) error
	Close() error
}

// EventFilter chooses events of the telemetry.
type EventFilter struct {
	Host         event.HostID
	Since, Until time.Time
	Classes      []event.Class
	Process      event.ProcessUID // events in which it acts, or is its parent or target; zero for all
	User         string
	Text         string // in command line, executable, file, account, message or address, ignoring case
	Limit        int    // zero means 100, at most 10,000
	OldestFirst  bool
	After        string // cursor
}

// Events reads telemetry, newest first unless the filter says otherwise. It
// never loads more than it needs. Next continues a list that Limit ended, and
// stays right while events arrive. A list may come with an error that wraps
// [ErrPartial]: segments are missing or damaged, and the list holds the rest.
type Events interface {
	Events(ctx context.Context, f EventFilter) (List[event.Event], error)
}

// Telemetry keeps events. It is for one writer; Events may be called from
// everywhere and sees what was appended, committed or not.
type Telemetry interface {
	Events
	EventScanner
	// Append takes over the events of one frame. It blocks only to write a
	// segment that is full. What is appended is durable after Commit.
	Append(ctx context.Context, host event.HostID, events []event.Event) error
	// Uncommitted returns the rows and the approximate bytes held in memory,
	// and when the oldest was appended.
	Uncommitted() (rows, bytes int64, since time.Time)
	// Commit writes what is in memory to blobs, synced, and returns their
	// descriptions; they count once the caller has put them into Segments,
	// upon which it calls Committed, or Aborted to try again.
	Commit(ctx context.Context) ([]Segment, error)
	Committed()
	Aborted()
}
