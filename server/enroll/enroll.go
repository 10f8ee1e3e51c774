// Package enroll lets hosts in. A person makes a token; whoever holds it may
// make a host of a machine for a while: the agent shows the token's secret, its
// own public key and a proof that it has the private one, and gets an id and a
// credential for the stream.
//
// The secret has 160 random bits and only its SHA-256 is kept. A use of a token
// is counted when nothing else stands against the request. Everything in a
// request is hostile until the token is found to be good, and bounded after.
package enroll

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/nats-io/nkeys"

	"github.com/holdfast-security/holdfast/account"
	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/fleet"
	"github.com/holdfast-security/holdfast/store"
	"github.com/holdfast-security/holdfast/wire"
)

// Errors that callers tell apart. Their texts are for the person at the agent.
var (
	ErrRequest = errors.New("the enrolment request is malformed")
	ErrVersion = errors.New("agent and server speak different protocol versions; install the agent that belongs to this server")
	ErrProof   = errors.New("the agent's proof does not match its public key")
	ErrToken   = errors.New("the enrolment token is unknown, used up, expired or revoked; make a new one in the console")
	ErrRevoked = errors.New("this host was revoked; allow it again in the console, or unenrol the agent to make it a new host")
	ErrTooMany = errors.New("too many refused enrolments from this address; wait a minute")
)

// Hosts is what enrolment needs of [store.Hosts].
type Hosts interface {
	AddHost(ctx context.Context, h fleet.Host) error
	Hosts(ctx context.Context, f store.HostFilter, p store.Page) (store.List[fleet.Host], error)
}

// Tokens is what enrolment needs of [store.EnrolTokens].
type Tokens interface {
	AddEnrolToken(ctx context.Context, t fleet.EnrolToken, hash []byte) error
	UseEnrolToken(ctx context.Context, hash []byte, now time.Time) (fleet.EnrolToken, error)
}

// AuditLog is what enrolment needs of [store.AuditLog].
type AuditLog interface {
	Record(ctx context.Context, e account.Entry) error
}

// Issuer makes the credential of a host for the stream.
type Issuer interface {
	Credential(host event.HostID, publicKey string) (string, error)
}

// Config is what a service works with. All but Revoked and Now are required.
type Config struct {
	Hosts  Hosts
	Tokens Tokens
	Audit  AuditLog
	Issuer Issuer

	Servers    []string // base URLs of the HTTPS side, for tokens: https://host:port
	Streams    []string // URLs of the stream, for agents: tls://host:port
	CA         string   // PEM, what agents shall trust
	Pin        string   // of that CA, see [wire.Token]
	SigningKey string   // nkey whose signatures agents shall obey

	// Revoked reports whether a public key is one of a revoked host, from
	// memory; nil means none is.
	Revoked func(publicKey string) bool
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Service makes tokens and enrols hosts. It may be used from any goroutine.
type Service struct {
	config Config
	limits limits
}

// New returns a service. It reports what is missing or wrong in the
// configuration.
func New(c Config) (*Service, error) {
	if c.Hosts == nil || c.Tokens == nil || c.Audit == nil || c.Issuer == nil {
		return nil, errors.New("enrolment needs a store and an issuer of credentials")
	}
	if len(c.Streams) == 0 || c.CA == "" || !nkeys.IsValidPublicAccountKey(c.SigningKey) {
		return nil, errors.New("enrolment needs the stream's URLs, the CA and the signing key")
	}
	probe := wire.Token{Servers: c.Servers, Pin: c.Pin, Secret: "probe"}
	if _, err := probe.Format(); err != nil {
		return nil, fmt.Errorf("set up enrolment: %w", err)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Revoked == nil {
		c.Revoked = func(string) bool { return false }
	}
	return &Service{config: c, limits: limits{now: c.Now}}, nil
}

// Bounds of a token.
const (
	minLife   = time.Minute
	maxLife   = 366 * 24 * time.Hour
	maxUses   = 1_000_000
	maxNote   = 256
	maxLabels = 32
	maxLabel  = 256
)

// Token makes an enrolment token for the person named by. It is good for ttl,
// one minute to one year, and for at most uses hosts, zero for any number. The
// text is shown once and kept nowhere. The error wraps [ErrRequest] when the
// arguments are out of bounds. The caller notes it in the audit log: it knows
// from where the person asks.
func (s *Service) Token(ctx context.Context, by, note string, labels map[string]string, ttl time.Duration, uses int) (fleet.EnrolToken, string, error) {
	if err := checkToken(note, labels, ttl, uses); err != nil {
		return fleet.EnrolToken{}, "", err
	}
	secret := base64.RawURLEncoding.EncodeToString(random(20))
	text, err := wire.Token{Servers: s.config.Servers, Pin: s.config.Pin, Secret: secret}.Format()
	if err != nil {
		return fleet.EnrolToken{}, "", fmt.Errorf("make an enrolment token: %w", err)
	}
	now := s.config.Now().UTC()
	token := fleet.EnrolToken{
		ID: newID('t'), Note: note, Labels: maps.Clone(labels), By: by, Created: now, Expires: now.Add(ttl), MaxUses: uses,
	}
	hash := sha256.Sum256([]byte(secret))
	if err := s.config.Tokens.AddEnrolToken(ctx, token, hash[:]); err != nil {
		return fleet.EnrolToken{}, "", fmt.Errorf("make an enrolment token: %w", err)
	}
	return token, text, nil
}

func checkToken(note string, labels map[string]string, ttl time.Duration, uses int) error {
	switch {
	case ttl < minLife || ttl > maxLife:
		return fmt.Errorf("%w: a token lives between a minute and a year, not %s", ErrRequest, ttl)
	case uses < 0 || uses > maxUses:
		return fmt.Errorf("%w: a token is for 0 to %d hosts, not %d", ErrRequest, maxUses, uses)
	case len(note) > maxNote:
		return fmt.Errorf("%w: the note is longer than %d bytes", ErrRequest, maxNote)
	case len(labels) > maxLabels:
		return fmt.Errorf("%w: more than %d labels", ErrRequest, maxLabels)
	}
	for key, value := range labels {
		if key == "" || len(key) > maxLabel || len(value) > maxLabel {
			return fmt.Errorf("%w: a label's name or value is empty or longer than %d bytes", ErrRequest, maxLabel)
		}
	}
	return nil
}

// Enroll makes a host of the machine that asks from addr, an address with or
// without port. An agent whose public key is known gets the same host again.
// Errors wrap one of this package when the request is refused; others mean
// that the server could not.
func (s *Service) Enroll(ctx context.Context, addr string, r wire.EnrollRequest) (wire.EnrollReply, error) {
	if !s.limits.open(addr) {
		return wire.EnrollReply{}, ErrTooMany
	}
	reply, token, err := s.enroll(ctx, r)
	entry := account.Entry{Actor: "host:" + string(reply.Host), Action: "host.enroll", Object: string(reply.Host), Address: addr, Outcome: "done"}
	if err != nil {
		if !refused(err) {
			return wire.EnrollReply{}, err
		}
		s.limits.refused(addr)
		entry.Actor, entry.Outcome = "server", "refused"
	}
	detail := map[string]any{"name": bounded(r.Hostname), "token": token}
	if err != nil {
		detail["reason"] = err.Error()
	}
	if recordErr := s.record(ctx, entry, detail); recordErr != nil && err == nil {
		err = recordErr
	}
	if err != nil {
		return wire.EnrollReply{}, err
	}
	return reply, nil
}

// refused reports whether err is about the request and not about the server.
func refused(err error) bool {
	for _, sentinel := range []error{ErrRequest, ErrVersion, ErrProof, ErrToken, ErrRevoked} {
		if errors.Is(err, sentinel) {
			return true
		}
	}
	return false
}

// enroll also returns the id of the token that was used.
func (s *Service) enroll(ctx context.Context, r wire.EnrollRequest) (wire.EnrollReply, string, error) {
	if err := s.check(r); err != nil {
		return wire.EnrollReply{}, "", err
	}
	hash := sha256.Sum256([]byte(r.Token))
	token, err := s.config.Tokens.UseEnrolToken(ctx, hash[:], s.config.Now())
	if errors.Is(err, store.ErrNotFound) {
		return wire.EnrollReply{}, "", ErrToken
	}
	if err != nil {
		return wire.EnrollReply{}, "", fmt.Errorf("use an enrolment token: %w", err)
	}
	host, err := s.host(ctx, r, token)
	if err != nil {
		return wire.EnrollReply{}, token.ID, err
	}
	credential, err := s.config.Issuer.Credential(host, r.PublicKey)
	if err != nil {
		return wire.EnrollReply{}, token.ID, fmt.Errorf("enrol host %s: %w", host, err)
	}
	return wire.EnrollReply{
		Host: host, Credential: credential, Streams: s.config.Streams, CA: s.config.CA, SigningKey: s.config.SigningKey,
	}, token.ID, nil
}

// host adds the host, or finds the one that has this key.
func (s *Service) host(ctx context.Context, r wire.EnrollRequest, token fleet.EnrolToken) (event.HostID, error) {
	host := fleet.Host{
		ID: event.HostID(newID('h')), Name: bounded(r.Hostname), State: fleet.Active, PublicKey: r.PublicKey,
		Labels: maps.Clone(token.Labels), Enrolled: s.config.Now().UTC(),
	}
	err := s.config.Hosts.AddHost(ctx, host)
	if err == nil {
		return host.ID, nil
	}
	if !errors.Is(err, store.ErrExists) {
		return "", fmt.Errorf("add a host: %w", err)
	}
	known, err := s.find(ctx, r.PublicKey)
	if err != nil {
		return "", err
	}
	if known.State == fleet.Revoked {
		return "", ErrRevoked
	}
	return known.ID, nil
}

// find looks through all hosts for a key. It is rare: an agent enrols again
// without having been unenrolled.
func (s *Service) find(ctx context.Context, publicKey string) (fleet.Host, error) {
	for page := (store.Page{Limit: 1000}); ; {
		list, err := s.config.Hosts.Hosts(ctx, store.HostFilter{}, page)
		if err != nil {
			return fleet.Host{}, fmt.Errorf("look for the host of a key: %w", err)
		}
		for _, host := range list.Items {
			if host.PublicKey == publicKey {
				return host, nil
			}
		}
		if page.After = list.Next; page.After == "" {
			return fleet.Host{}, fmt.Errorf("look for the host of a key: %w", store.ErrNotFound)
		}
	}
}

const (
	maxSecret = 256 // bytes of what is hashed
	maxField  = 256 // bytes of a name
)

// proofContext stands before the secret in what the agent signs.
const proofContext = "holdfast enroll\x00"

// check looks at everything that needs no store.
func (s *Service) check(r wire.EnrollRequest) error {
	switch {
	case r.Version != wire.Version:
		return fmt.Errorf("%w (the agent speaks %d, the server %d)", ErrVersion, r.Version, wire.Version)
	case r.Token == "" || len(r.Token) > maxSecret:
		return fmt.Errorf("%w: the token is not 1 to %d bytes long", ErrRequest, maxSecret)
	case r.Hostname == "":
		return fmt.Errorf("%w: it has no host name", ErrRequest)
	case !nkeys.IsValidPublicUserKey(r.PublicKey):
		return fmt.Errorf("%w: the public key is not an nkey of a user", ErrRequest)
	}
	for _, field := range []string{r.Hostname, r.MachineID, r.OS, r.Arch, r.Agent} {
		if len(field) > maxField {
			return fmt.Errorf("%w: a field is longer than %d bytes", ErrRequest, maxField)
		}
	}
	key, err := nkeys.FromPublicKey(r.PublicKey)
	if err != nil {
		return fmt.Errorf("%w: the public key is not an nkey of a user", ErrRequest)
	}
	if err := key.Verify([]byte(proofContext+r.Token), r.Proof); err != nil {
		return ErrProof
	}
	if s.config.Revoked(r.PublicKey) {
		return ErrRevoked
	}
	return nil
}

// record writes a line of the audit log. detail holds no secret.
func (s *Service) record(ctx context.Context, e account.Entry, detail map[string]any) error {
	data, err := json.Marshal(detail)
	if err != nil {
		return fmt.Errorf("record %s: %w", e.Action, err)
	}
	e.Time, e.Detail = s.config.Now().UTC(), string(data)
	if err := s.config.Audit.Record(ctx, e); err != nil {
		return fmt.Errorf("record %s: %w", e.Action, err)
	}
	return nil
}

// bounded makes a text of a request fit to be kept: short, one line, UTF-8.
func bounded(text string) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, text[:min(len(text), maxField)])
	return strings.ToValidUTF8(text, "\uFFFD")
}

var lowerBase32 = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// newID returns a letter and 26 random ones, 128 bits.
func newID(kind byte) string { return string(kind) + lowerBase32.EncodeToString(random(16)) }

// random returns n random bytes; crypto/rand never fails, it ends the program.
func random(n int) []byte {
	data := make([]byte, n)
	rand.Read(data)
	return data
}
