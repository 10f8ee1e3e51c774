package enroll

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nkeys"

	"github.com/holdfast-security/holdfast/account"
	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/fleet"
	"github.com/holdfast-security/holdfast/store"
	"github.com/holdfast-security/holdfast/wire"
)

// memory is a store in memory.
type memory struct {
	mu     sync.Mutex
	hosts  []fleet.Host
	tokens map[string]*fleet.EnrolToken // by hash
	log    []account.Entry
	broken error
}

func (m *memory) AddHost(_ context.Context, h fleet.Host) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.broken != nil {
		return m.broken
	}
	if slices.ContainsFunc(m.hosts, func(o fleet.Host) bool { return o.PublicKey == h.PublicKey || o.ID == h.ID }) {
		return store.ErrExists
	}
	m.hosts = append(m.hosts, h)
	return nil
}

// Hosts gives out one host a page, so that paging is tested.
func (m *memory) Hosts(_ context.Context, _ store.HostFilter, p store.Page) (store.List[fleet.Host], error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	from := 0
	if p.After != "" {
		fmt.Sscan(p.After, &from)
	}
	list := store.List[fleet.Host]{Items: m.hosts[from:min(from+1, len(m.hosts))]}
	if from+1 < len(m.hosts) {
		list.Next = fmt.Sprint(from + 1)
	}
	return list, nil
}

func (m *memory) AddEnrolToken(_ context.Context, t fleet.EnrolToken, hash []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tokens[string(hash)] = &t
	return nil
}

func (m *memory) UseEnrolToken(_ context.Context, hash []byte, now time.Time) (fleet.EnrolToken, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.tokens[string(hash)]
	if t == nil || t.Revoked || now.After(t.Expires) || t.MaxUses > 0 && t.Uses >= t.MaxUses {
		return fleet.EnrolToken{}, store.ErrNotFound
	}
	t.Uses++
	return *t, nil
}

func (m *memory) Record(_ context.Context, e account.Entry) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.log = append(m.log, e)
	return nil
}

func (m *memory) Credential(host event.HostID, publicKey string) (string, error) {
	return "credential of " + string(host) + " for " + publicKey, nil
}

const signingKey = "ADDFYOOAPKCA7RFS6YBEQJXI3UTXHWLEYOHG4ML5BTVTQ5CXLJJQQRHX"

type fixture struct {
	*Service
	memory  *memory
	now     time.Time
	revoked map[string]bool
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{
		memory:  &memory{tokens: make(map[string]*fleet.EnrolToken)},
		now:     time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC),
		revoked: make(map[string]bool),
	}
	key, err := nkeys.CreateAccount()
	if err != nil {
		t.Fatal(err)
	}
	public, err := key.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	f.Service, err = New(Config{
		Hosts: f.memory, Tokens: f.memory, Audit: f.memory, Issuer: f.memory,
		Servers: []string{"https://holdfast.example:8443"}, Streams: []string{"tls://holdfast.example:4222"},
		CA: "CA", Pin: strings.Repeat("ab", 32), SigningKey: public,
		Revoked: func(key string) bool { return f.revoked[key] },
		Now:     func() time.Time { return f.now },
	})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *fixture) secret(t *testing.T, uses int) string {
	t.Helper()
	_, text, err := f.Token(t.Context(), "alice", "note", map[string]string{"group": "web"}, time.Hour, uses)
	if err != nil {
		t.Fatal(err)
	}
	token, err := wire.ParseToken(text)
	if err != nil {
		t.Fatal(err)
	}
	return token.Secret
}

// request makes a good request with a new key.
func request(t *testing.T, secret string) wire.EnrollRequest {
	t.Helper()
	key, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	public, err := key.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	proof, err := key.Sign([]byte("holdfast enroll\x00" + secret))
	if err != nil {
		t.Fatal(err)
	}
	return wire.EnrollRequest{
		Version: wire.Version, Token: secret, PublicKey: public, Proof: proof,
		Hostname: "web-1", MachineID: "m", OS: "Debian", Arch: "amd64", Agent: "1",
	}
}

func TestEnroll(t *testing.T) {
	f := newFixture(t)
	r := request(t, f.secret(t, 1))
	reply, err := f.Enroll(t.Context(), "192.0.2.1:4000", r)
	if err != nil {
		t.Fatal(err)
	}
	if !wire.ValidHostID(reply.Host) {
		t.Errorf("host id %q", reply.Host)
	}
	if reply.Credential != "credential of "+string(reply.Host)+" for "+r.PublicKey || reply.CA != "CA" ||
		!slices.Equal(reply.Streams, []string{"tls://holdfast.example:4222"}) || reply.SigningKey != f.config.SigningKey {
		t.Errorf("reply: %+v", reply)
	}
	host := f.memory.hosts[0]
	if host.ID != reply.Host || host.Name != "web-1" || host.Labels["group"] != "web" || host.State != fleet.Active || !host.Enrolled.Equal(f.now) {
		t.Errorf("host: %+v", host)
	}
	if _, err := f.Enroll(t.Context(), "192.0.2.1:4000", request(t, r.Token)); !errors.Is(err, ErrToken) {
		t.Errorf("a used token: %v", err)
	}
	if got := f.memory.log; len(got) != 2 || got[0].Action != "host.enroll" || got[0].Outcome != "done" ||
		got[0].Actor != "host:"+string(reply.Host) || got[1].Outcome != "refused" || got[1].Address != "192.0.2.1:4000" {
		t.Errorf("audit log: %+v", got)
	}
	for _, e := range f.memory.log {
		if strings.Contains(fmt.Sprint(e), r.Token) {
			t.Errorf("the audit log holds the secret: %+v", e)
		}
	}
}

func TestKnownKeyIsTheSameHost(t *testing.T) {
	f := newFixture(t)
	secret := f.secret(t, 0)
	for range 3 {
		if _, err := f.Enroll(t.Context(), "", request(t, secret)); err != nil {
			t.Fatal(err)
		}
	}
	r := request(t, secret)
	first, err := f.Enroll(t.Context(), "", r)
	if err != nil {
		t.Fatal(err)
	}
	again, err := f.Enroll(t.Context(), "", r)
	if err != nil || again.Host != first.Host || len(f.memory.hosts) != 4 {
		t.Errorf("again: %+v, %v", again, err)
	}
	f.now = f.now.Add(2 * time.Hour)
	if _, err := f.Enroll(t.Context(), "", r); !errors.Is(err, ErrToken) {
		t.Errorf("a known key with an expired token: %v", err)
	}
	f.now = f.now.Add(-2 * time.Hour)
	f.memory.hosts[3].State = fleet.Revoked
	if _, err := f.Enroll(t.Context(), "", r); !errors.Is(err, ErrRevoked) {
		t.Errorf("a revoked host: %v", err)
	}
}

func TestRefusedRequestsCountNoUse(t *testing.T) {
	for name, o := range map[string]struct {
		change func(*fixture, *wire.EnrollRequest)
		want   error
	}{
		"another version":   {func(_ *fixture, r *wire.EnrollRequest) { r.Version++ }, ErrVersion},
		"no token":          {func(_ *fixture, r *wire.EnrollRequest) { r.Token = "" }, ErrRequest},
		"a huge token":      {func(_ *fixture, r *wire.EnrollRequest) { r.Token = strings.Repeat("x", 257) }, ErrRequest},
		"no name":           {func(_ *fixture, r *wire.EnrollRequest) { r.Hostname = "" }, ErrRequest},
		"a huge name":       {func(_ *fixture, r *wire.EnrollRequest) { r.Hostname = strings.Repeat("x", 257) }, ErrRequest},
		"a huge machine id": {func(_ *fixture, r *wire.EnrollRequest) { r.MachineID = strings.Repeat("x", 257) }, ErrRequest},
		"no key":            {func(_ *fixture, r *wire.EnrollRequest) { r.PublicKey = "" }, ErrRequest},
		"an account's key":  {func(_ *fixture, r *wire.EnrollRequest) { r.PublicKey = signingKey }, ErrRequest},
		"no proof":          {func(_ *fixture, r *wire.EnrollRequest) { r.Proof = nil }, ErrProof},
		"a proof of another token": {func(_ *fixture, r *wire.EnrollRequest) {
			r.Proof[0] ^= 1
		}, ErrProof},
		"another's key": {func(_ *fixture, r *wire.EnrollRequest) {
			key, _ := nkeys.CreateUser()
			r.PublicKey, _ = key.PublicKey()
		}, ErrProof},
		"a revoked key": {func(f *fixture, r *wire.EnrollRequest) { f.revoked[r.PublicKey] = true }, ErrRevoked},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			secret := f.secret(t, 1)
			r := request(t, secret)
			o.change(f, &r)
			if _, err := f.Enroll(t.Context(), "192.0.2.1", r); !errors.Is(err, o.want) {
				t.Errorf("got %v, want %v", err, o.want)
			}
			if _, err := f.Enroll(t.Context(), "192.0.2.1", request(t, secret)); err != nil {
				t.Errorf("the token was used up: %v", err)
			}
		})
	}
}

func TestGuessingIsSlowedDown(t *testing.T) {
	f := newFixture(t)
	secret := f.secret(t, 0)
	bad := request(t, "guess")
	for i := range refusalsAtOnce {
		if _, err := f.Enroll(t.Context(), "192.0.2.1:1", bad); !errors.Is(err, ErrToken) {
			t.Fatalf("guess %d: %v", i, err)
		}
	}
	if _, err := f.Enroll(t.Context(), "192.0.2.1:2", request(t, secret)); !errors.Is(err, ErrTooMany) {
		t.Errorf("after many guesses: %v", err)
	}
	if _, err := f.Enroll(t.Context(), "192.0.2.2:1", request(t, secret)); err != nil {
		t.Errorf("another address: %v", err)
	}
	f.now = f.now.Add(refusalEvery)
	if _, err := f.Enroll(t.Context(), "192.0.2.1:3", request(t, secret)); err != nil {
		t.Errorf("after a while: %v", err)
	}
	for i := range 5 * refusalsAtOnce {
		if _, err := f.Enroll(t.Context(), "192.0.2.3:1", request(t, secret)); err != nil {
			t.Fatalf("good request %d from one address: %v", i, err)
		}
	}
}

func TestLimitsAreBounded(t *testing.T) {
	now := time.Now()
	l := limits{now: func() time.Time { return now }}
	for i := range maxAddresses + 10 {
		l.refused(fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255))
	}
	if len(l.full) > maxAddresses {
		t.Errorf("%d addresses are kept", len(l.full))
	}
	for range refusalsAtOnce {
		l.refused("[2001:db8::1]:443")
	}
	if l.open("2001:db8::ffff") || !l.open("2001:db8:0:1::1") || !l.open("nonsense") {
		t.Error("an IPv6 peer is not its /64")
	}
}

func TestServersFaultIsNoRefusal(t *testing.T) {
	f := newFixture(t)
	secret := f.secret(t, 0)
	f.memory.broken = errors.New("disk full")
	_, err := f.Enroll(t.Context(), "192.0.2.1", request(t, secret))
	if err == nil || refused(err) || !errors.Is(err, f.memory.broken) {
		t.Errorf("got %v", err)
	}
}

func TestTokensAreBounded(t *testing.T) {
	f := newFixture(t)
	many := make(map[string]string)
	for i := range maxLabels + 1 {
		many[fmt.Sprint(i)] = ""
	}
	for name, call := range map[string]func() error{
		"short life": func() error { _, _, err := f.Token(t.Context(), "a", "", nil, time.Second, 0); return err },
		"long life":  func() error { _, _, err := f.Token(t.Context(), "a", "", nil, 10*maxLife, 0); return err },
		"uses":       func() error { _, _, err := f.Token(t.Context(), "a", "", nil, time.Hour, -1); return err },
		"note": func() error {
			_, _, err := f.Token(t.Context(), "a", strings.Repeat("x", 257), nil, time.Hour, 0)
			return err
		},
		"labels": func() error { _, _, err := f.Token(t.Context(), "a", "", many, time.Hour, 0); return err },
		"empty label": func() error {
			_, _, err := f.Token(t.Context(), "a", "", map[string]string{"": "x"}, time.Hour, 0)
			return err
		},
	} {
		if err := call(); !errors.Is(err, ErrRequest) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSecretIsKeptAsItsHash(t *testing.T) {
	f := newFixture(t)
	secret := f.secret(t, 1)
	if len(secret) < 27 { // 160 bits in base64
		t.Errorf("secret of %d characters", len(secret))
	}
	sum := sha256.Sum256([]byte(secret))
	if f.memory.tokens[string(sum[:])] == nil {
		t.Error("the token is not kept under the hash of its secret")
	}
}

func TestNewRefuses(t *testing.T) {
	f := newFixture(t)
	for name, change := range map[string]func(*Config){
		"no store":   func(c *Config) { c.Hosts = nil },
		"no stream":  func(c *Config) { c.Streams = nil },
		"no CA":      func(c *Config) { c.CA = "" },
		"no key":     func(c *Config) { c.SigningKey = "" },
		"bad server": func(c *Config) { c.Servers = []string{"http://plain.example"} },
		"bad pin":    func(c *Config) { c.Pin = "x" },
	} {
		c := f.config
		change(&c)
		if _, err := New(c); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func FuzzEnroll(f *testing.F) {
	f.Add("secret", "UABC", []byte("proof"), "host", "192.0.2.1:1")
	f.Add("", "", []byte{}, "\x00\xff", "")
	f.Fuzz(func(t *testing.T, token, key string, proof []byte, name, addr string) {
		s := newFixture(t)
		_, err := s.Enroll(t.Context(), addr, wire.EnrollRequest{
			Version: wire.Version, Token: token, PublicKey: key, Proof: proof, Hostname: name,
		})
		if !refused(err) {
			t.Errorf("not refused: %v", err)
		}
	})
}
