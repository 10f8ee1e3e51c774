package transport_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	natsd "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
	"go.uber.org/goleak"

	"github.com/holdfast-security/holdfast/agent/identity"
	"github.com/holdfast-security/holdfast/agent/transport"
	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/fleet"
	"github.com/holdfast-security/holdfast/policy"
	"github.com/holdfast-security/holdfast/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	host     = event.HostID("h0123456789abcdef")
	patience = time.Minute // for what has to happen, however slow the machine
)

// eventually waits for a condition.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// authority is a CA of the tests.
type authority struct {
	key         *ecdsa.PrivateKey
	certificate *x509.Certificate
}

func newAuthority(t *testing.T) authority {
	t.Helper()
	key := newKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Test CA"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	return authority{key, sign(t, template, template, key, key)}
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func sign(t *testing.T, template, parent *x509.Certificate, key, parentKey *ecdsa.PrivateKey) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), parentKey)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

func (a authority) pin() string {
	sum := sha256.Sum256(a.certificate.RawSubjectPublicKeyInfo)
	return hex.EncodeToString(sum[:])
}

func (a authority) pem() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.certificate.Raw}))
}

// issue returns TLS settings of a server; change may spoil its certificate.
func (a authority) issue(t *testing.T, change func(*x509.Certificate)) *tls.Config {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "server"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, KeyUsage: x509.KeyUsageDigitalSignature,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	if change != nil {
		change(template)
	}
	key := newKey(t)
	leaf := sign(t, template, a.certificate, key, a.key)
	return &tls.Config{
		MinVersion:   tls.VersionTLS13,
		Certificates: []tls.Certificate{{Certificate: [][]byte{leaf.Raw, a.certificate.Raw}, PrivateKey: key}},
	}
}

// credential is a JWT about a key that a server without accounts takes.
func credential(public string) string {
	return "e30." + base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"sub":%q}`, public)) + ".c2ln"
}

// world is a stream, an identity that is good there, and the key that signs.
type world struct {
	t       *testing.T
	ca      authority
	stream  *natsd.Server
	conn    *nats.Conn // of the server's side
	id      identity.Identity
	dir     string // state directory of the agent
	account nkeys.KeyPair
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, ca: newAuthority(t), dir: t.TempDir()}
	w.account, _ = nkeys.CreateAccount()
	w.startStream(&natsd.Options{})
	seed, err := identity.NewSeed()
	if err != nil {
		t.Fatal(err)
	}
	public, _ := identity.PublicKey(seed)
	w.enroll(seed, credential(public))
	w.conn = w.connect()
	return w
}

// startStream starts a stream on a port of its own, or on that of opts.
func (w *world) startStream(opts *natsd.Options) {
	w.t.Helper()
	opts.Host, opts.NoLog, opts.NoSigs, opts.TLS, opts.TLSTimeout = "127.0.0.1", true, true, true, 10
	opts.TLSConfig = w.ca.issue(w.t, nil)
	if opts.Port == 0 {
		opts.Port = natsd.RANDOM_PORT
	}
	stream, err := natsd.NewServer(opts)
	if err != nil {
		w.t.Fatal(err)
	}
	stream.Start()
	w.t.Cleanup(func() { stream.Shutdown(); stream.WaitForShutdown() })
	if !stream.ReadyForConnections(patience) {
		w.t.Fatal("the stream does not start")
	}
	w.stream = stream
}

func (w *world) port() int { return w.stream.Addr().(*net.TCPAddr).Port }

func (w *world) enroll(seed, jwt string) {
	w.t.Helper()
	signing, _ := w.account.PublicKey()
	w.id = identity.Identity{
		Host: host, Seed: seed, Credential: jwt, Server: "https://127.0.0.1:8443",
		Streams: []string{"tls://127.0.0.1:" + strconv.Itoa(w.port())}, CA: w.ca.pem(), SigningKey: signing,
	}
	if err := identity.Create(w.dir, w.id); err != nil {
		w.t.Fatal(err)
	}
}

// connect connects the server's side.
func (w *world) connect(opts ...nats.Option) *nats.Conn {
	w.t.Helper()
	roots := x509.NewCertPool()
	roots.AddCert(w.ca.certificate)
	conn, err := nats.Connect(w.id.Streams[0], append(opts, nats.Secure(&tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS13}), nats.NoReconnect())...)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(conn.Close)
	return conn
}

// signed returns a message of the server.
func (w *world) signed(kind wire.Kind, serial uint64, body any, change ...func(*wire.Statement)) wire.Signed {
	w.t.Helper()
	data, err := json.Marshal(body)
	if err != nil {
		w.t.Fatal(err)
	}
	statement := wire.Statement{Kind: kind, Host: host, Serial: serial, Issued: time.Now(), Body: data}
	if kind == wire.KindOrder {
		statement.Expires = time.Now().Add(time.Hour)
	}
	for _, f := range change {
		f(&statement)
	}
	signed, err := wire.Sign(w.account, statement)
	if err != nil {
		w.t.Fatal(err)
	}
	return signed
}

// down sends a message to the agent.
func (w *world) down(v any) {
	w.t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := w.conn.Publish(wire.Down(host), data); err != nil {
		w.t.Fatal(err)
	}
	if err := w.conn.Flush(); err != nil {
		w.t.Fatal(err)
	}
}

// spool is a spool in memory.
type spool struct {
	mu     sync.Mutex // guards the rest
	frames map[uint64][]byte
	last   uint64
	acked  []uint64
	anew   bool // a new epoch follows when this one is acknowledged
	wake   chan struct{}
}

func newSpool(n int) *spool {
	s := &spool{frames: make(map[uint64][]byte), wake: make(chan struct{}, 1)}
	s.append(n)
	return s
}

func (s *spool) append(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for range n {
		s.last++
		s.frames[s.last] = fmt.Appendf(nil, "frame %d", s.last)
	}
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// lose damages a frame: it cannot be read any more.
func (s *spool) lose(sequence uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.frames, sequence)
}

func (s *spool) Next(after uint64) (uint64, []byte, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for n := after + 1; n <= s.last; n++ {
		if frame, ok := s.frames[n]; ok {
			return n, frame, true
		}
	}
	if s.anew && len(s.frames) == 0 {
		s.anew = false
		s.last = 3
		for n := range s.last {
			s.frames[n+1] = fmt.Appendf(nil, "frame %d", n+1)
		}
		return 1, s.frames[1], true
	}
	return 0, nil, false
}

func (s *spool) Ack(sequence uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.acked = append(s.acked, sequence)
	for n := range s.frames {
		if n <= sequence {
			delete(s.frames, n)
		}
	}
	return nil
}

func (s *spool) Wake() <-chan struct{} { return s.wake }

func (s *spool) len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.frames)
}

// orders remembers what it was given, and has answers.
type orders struct {
	wake chan struct{}

	mu      sync.Mutex // guards what follows
	given   []string
	parts   []wire.Result
	dropped uint64 // parts that were acknowledged
}

func (o *orders) Wake() <-chan struct{} { return o.wake }

// answer gives a part of an answer to be sent.
func (o *orders) answer(r wire.Result) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.parts = append(o.parts, r)
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

func (o *orders) Answer() (uint64, wire.Result, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.parts) == 0 {
		return 0, wire.Result{}, false
	}
	return o.dropped + 1, o.parts[0], true
}

func (o *orders) Acknowledged(number uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if number == o.dropped+1 {
		o.dropped, o.parts = number, o.parts[1:]
	}
}

func (o *orders) waiting() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.parts)
}

func (o *orders) Knows(id string) bool { return slices.Contains(o.list(), id) }

func (o *orders) Give(order wire.Order) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.given = append(o.given, order.ID)
}

func (o *orders) list() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.given)
}

// agent is a client at work.
type agent struct {
	*transport.Client
	spool  *spool
	orders *orders
	stop   func()

	mu       sync.Mutex // guards policies
	policies []policy.Policy
}

// start runs a client until the test or stop ends it.
func (w *world) start(s *spool, change ...func(*transport.Options)) *agent {
	w.t.Helper()
	serials, err := identity.OpenSerials(w.dir)
	if err != nil {
		w.t.Fatal(err)
	}
	a := &agent{spool: s, orders: &orders{wake: make(chan struct{}, 1)}}
	opts := transport.Options{
		Identity: w.id, Serials: serials, Spool: s, Orders: a.orders, RetryFloor: 20 * time.Millisecond,
		Heartbeat: func() fleet.Heartbeat { return fleet.Heartbeat{Hostname: "test"} },
		Interval:  func() time.Duration { return 100 * time.Millisecond },
		Policy: func(p policy.Policy, _ wire.Signed) {
			a.mu.Lock()
			defer a.mu.Unlock()
			a.policies = append(a.policies, p)
		},
	}
	for _, f := range change {
		f(&opts)
	}
	if a.Client, err = transport.New(opts); err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		a.Run(ctx)
	}()
	a.stop = sync.OnceFunc(func() {
		cancel()
		select {
		case <-done:
		case <-time.After(patience):
			w.t.Error("the client does not stop")
		}
	})
	w.t.Cleanup(a.stop)
	return a
}

func (a *agent) versions() []uint64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	var versions []uint64
	for _, p := range a.policies {
		versions = append(versions, p.Version)
	}
	return versions
}

// gateway is the server's side of the frames: it takes them in order.
type gateway struct {
	mu       sync.Mutex // guards the rest
	last     uint64
	arrivals map[uint64]int // how often each frame came
	lost     uint64         // frames that no longer exist
	// meddle may answer in the gateway's stead: nil stands for no answer. It is
	// called with mu held.
	meddle func(sequence uint64, times int) (ack *wire.Ack, mine bool)
}

// serve answers frames. Every sequence number is read from the frame's text.
func (w *world) serve(g *gateway) *nats.Subscription {
	w.t.Helper()
	g.arrivals = make(map[uint64]int)
	sub, err := w.conn.Subscribe(wire.Up("*", wire.Events), func(m *nats.Msg) {
		if ack := g.take(m); ack != nil {
			data, _ := json.Marshal(ack)
			_ = m.Respond(data)
		}
	})
	if err != nil {
		w.t.Fatal(err)
	}
	if err := w.conn.Flush(); err != nil {
		w.t.Fatal(err)
	}
	return sub
}

func (g *gateway) take(m *nats.Msg) *wire.Ack {
	g.mu.Lock()
	defer g.mu.Unlock()
	var sequence uint64
	_, _ = fmt.Sscanf(string(m.Data), "frame %d", &sequence)
	previous, _ := strconv.ParseUint(m.Header.Get(wire.PreviousHeader), 10, 64)
	g.arrivals[sequence]++
	if g.meddle != nil {
		if ack, mine := g.meddle(sequence, g.arrivals[sequence]); mine {
			return ack
		}
	}
	switch {
	case sequence <= g.last:
	case previous > g.last:
		return &wire.Ack{Sequence: sequence, Code: wire.Unordered, Next: g.last + 1}
	default:
		g.lost += sequence - g.last - 1
		g.last = sequence
	}
	return &wire.Ack{Sequence: sequence, Code: wire.Accepted}
}

func (g *gateway) taken() uint64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.last
}

// seen returns how many frames came.
func (g *gateway) seen() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.arrivals)
}

// repeats returns how many frames came more than once.
func (g *gateway) repeats() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := 0
	for _, times := range g.arrivals {
		n += times - 1
	}
	return n
}
