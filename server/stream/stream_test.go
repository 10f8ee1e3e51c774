package stream

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
	"go.uber.org/goleak"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/fleet"
	"github.com/holdfast-security/holdfast/store"
	"github.com/holdfast-security/holdfast/wire"
)

// patience is how long tests wait for what must happen.
const patience = time.Minute

// newSigner makes an nkey.
func newSigner(t testing.TB, create func() (nkeys.KeyPair, error)) *keyPair {
	t.Helper()
	pair, err := create()
	if err != nil {
		t.Fatal(err)
	}
	public, err := pair.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	return &keyPair{pair: pair, public: public}
}

func newKeys(t testing.TB) Keys {
	t.Helper()
	return Keys{
		Operator: newSigner(t, nkeys.CreateOperator), Account: newSigner(t, nkeys.CreateAccount),
		System: newSigner(t, nkeys.CreateAccount), Signing: newSigner(t, nkeys.CreateAccount),
	}
}

// newTLS makes a certificate for 127.0.0.1 and how clients trust it.
func newTLS(t testing.TB) (server, client *tls.Config) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}},
		&tls.Config{RootCAs: roots}
}

// hub is a fake of the rest of the server.
type hub struct {
	mu      sync.Mutex
	unknown map[event.HostID]bool
	beats   []fleet.Heartbeat
	results []wire.Result
	full    bool // results cannot be kept
	policy  wire.Signed
}

func (h *hub) Known(host event.HostID) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return !h.unknown[host]
}

func (h *hub) Heartbeat(_ event.HostID, beat fleet.Heartbeat) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.beats = append(h.beats, beat)
}

func (h *hub) Fetch(event.HostID) (wire.Signed, error) {
	if h.policy.Message == nil {
		return wire.Signed{}, errors.New("no policy")
	}
	return h.policy, nil
}

// testBundle is the only bundle of the fake.
const testBundle = "rules"

func (h *hub) Bundle(_ event.HostID, name string) (wire.Signed, error) {
	if name != testBundle {
		return wire.Signed{}, store.ErrNotFound
	}
	return h.policy, nil
}

func (h *hub) Chunk(_ event.HostID, r wire.FetchRequest) (wire.Chunk, error) {
	if r.Name != testBundle {
		return wire.Chunk{}, store.ErrNotFound
	}
	return wire.Chunk{Digest: r.Digest, Offset: r.Offset, Data: make([]byte, wire.MaxChunk)}, nil
}

func (h *hub) Result(_ event.HostID, r wire.Result) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.full {
		return errors.New("the disk is full")
	}
	h.results = append(h.results, r)
	return nil
}

// fixture is a stream that serves agents over TLS.
type fixture struct {
	*Stream
	hub     *hub
	client  *tls.Config
	stopped chan struct{}
	cancel  context.CancelFunc
}

// config returns a configuration to serve agents with.
func config(t testing.TB) (Config, *tls.Config) {
	t.Helper()
	server, client := newTLS(t)
	return Config{
		Dir: t.TempDir(), Listen: "127.0.0.1:0", TLS: server, Keys: newKeys(t),
		MinFree: -1, MaxBytes: 256 << 20, Log: slog.New(slog.DiscardHandler),
	}, client
}

func start(t testing.TB) *fixture {
	t.Helper()
	c, client := config(t)
	return startWith(t, c, client, nil)
}

func startWith(t testing.TB, c Config, client *tls.Config, intakes map[event.HostID]fleet.Intake) *fixture {
	t.Helper()
	s, err := Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{Stream: s, client: client, hub: &hub{unknown: make(map[event.HostID]bool)}, stopped: make(chan struct{})}
	ctx, cancel := context.WithCancel(context.Background())
	f.cancel = cancel
	go func() {
		defer close(f.stopped)
		if err := s.Serve(ctx, f.hub, intakes); err != nil {
			t.Errorf("Serve: %v", err)
		}
	}()
	t.Cleanup(f.stop)
	eventually(t, "agents are taken", func() bool { return s.Ready() == nil })
	return f
}

// stop ends the stream; it may be called twice.
func (f *fixture) stop() {
	if f.cancel == nil {
		return
	}
	f.cancel()
	<-f.stopped
	f.Close()
	f.cancel = nil
}

// agent is a client as an agent is one.
type agent struct {
	*nats.Conn
	host event.HostID
	key  *keyPair
	jwt  string
}

func hostID(n int) event.HostID { return event.HostID(fmt.Sprintf("h%026d", n)) }

// enrol makes an agent with a good credential and connects it.
func (f *fixture) enrol(t testing.TB, n int, options ...nats.Option) *agent {
	t.Helper()
	a := &agent{host: hostID(n), key: newSigner(t, nkeys.CreateUser)}
	var err error
	if a.jwt, err = f.Credential(a.host, a.key.public); err != nil {
		t.Fatal(err)
	}
	if a.Conn, err = f.dial(a, options...); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	return a
}

func (f *fixture) dial(a *agent, options ...nats.Option) (*nats.Conn, error) {
	return dial(f.Addr(), f.client, a, options...)
}

func dialAt(t testing.TB, addr string, client *tls.Config, a *agent) *nats.Conn {
	t.Helper()
	nc, err := dial(addr, client, a, nats.NoReconnect())
	if err != nil {
		t.Fatal(err)
	}
	return nc
}

func dial(addr string, client *tls.Config, a *agent, options ...nats.Option) (*nats.Conn, error) {
	return nats.Connect("tls://"+addr, append([]nats.Option{
		nats.Secure(client), nats.CustomInboxPrefix(wire.Inbox(a.host)), nats.Timeout(patience),
		nats.UserJWT(func() (string, error) { return a.jwt, nil }, a.key.pair.Sign),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}),
	}, options...)...)
}

// encoder of frames for tests.
func frame(t testing.TB, h wire.Header) []byte {
	t.Helper()
	events := make([]*event.Event, max(h.Count, 1))
	for i := range events {
		events[i] = &event.Event{Time: time.Unix(1_700_000_000, 0)}
	}
	data, err := wire.NewEncoder().AppendFrame(nil, h, events)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

var epoch1, epoch2 = wire.Epoch{1}, wire.Epoch{2}

// numbered is a frame of one event each.
func numbered(t testing.TB, epoch wire.Epoch, sequence uint64) []byte {
	return frame(t, wire.Header{Epoch: epoch, Sequence: sequence, First: sequence, Count: 1, Made: time.Unix(1_700_000_000, 0)})
}

// send sends a frame until the answer is not busy.
func (a *agent) send(t testing.TB, data []byte, previous ...uint64) wire.Ack {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		ack, err := a.trySend(data, previous...)
		if err == nil && ack.Code != wire.Busy {
			return ack
		}
		if time.Now().After(deadline) {
			t.Fatalf("no answer but %+v, %v", ack, err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (a *agent) trySend(data []byte, previous ...uint64) (wire.Ack, error) {
	msg := nats.NewMsg(wire.Up(a.host, wire.Events))
	msg.Data = data
	if len(previous) > 0 {
		msg.Header.Set(wire.PreviousHeader, strconv.FormatUint(previous[0], 10))
	}
	reply, err := a.RequestMsg(msg, time.Minute)
	if err != nil {
		return wire.Ack{}, err
	}
	var ack wire.Ack
	return ack, json.Unmarshal(reply.Data, &ack)
}

func (f *fixture) read(t testing.TB, partition int, from uint64) []Message {
	t.Helper()
	var got []Message
	if err := f.Read(t.Context(), partition, from, func(m Message) error { got = append(got, m); return nil }); err != nil {
		t.Fatal(err)
	}
	return got
}

// eventually waits for a condition.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

func TestFramesAreAnsweredByTheirNumbers(t *testing.T) {
	f := start(t)
	a := f.enrol(t, 1)
	damaged := numbered(t, epoch1, 4)
	damaged[len(damaged)-1] ^= 1
	version := numbered(t, epoch1, 4)
	version[4]++
	overlapping := frame(t, wire.Header{Epoch: epoch1, Sequence: 9, First: 9, Count: 1})

	for _, step := range []struct {
		name     string
		frame    []byte
		previous []uint64
		want     wire.Ack
	}{
		{"the first", numbered(t, epoch1, 1), nil, wire.Ack{Sequence: 1, Code: wire.Accepted}},
		{"the second", numbered(t, epoch1, 2), []uint64{0}, wire.Ack{Sequence: 2, Code: wire.Accepted}},
		{"a repeat", numbered(t, epoch1, 1), nil, wire.Ack{Sequence: 1, Code: wire.Accepted}},
		{"too early", numbered(t, epoch1, 4), nil, wire.Ack{Sequence: 4, Code: wire.Unordered, Next: 3}},
		{"too early, the one before is there", numbered(t, epoch1, 4), []uint64{3}, wire.Ack{Sequence: 4, Code: wire.Unordered, Next: 3}},
		{"damaged", damaged, nil, wire.Ack{Code: wire.Refused}},
		{"of another version", version, nil, wire.Ack{Code: wire.Refused}},
		{"too large", make([]byte, wire.MaxFrame+1), nil, wire.Ack{Code: wire.Refused}},
		{"empty", nil, nil, wire.Ack{Code: wire.Refused}},
		{"the third", numbered(t, epoch1, 3), nil, wire.Ack{Sequence: 3, Code: wire.Accepted}},
		{"after a loss", frame(t, wire.Header{Epoch: epoch1, Sequence: 8, First: 20, Count: 5}), []uint64{2}, wire.Ack{Sequence: 8, Code: wire.Accepted}},
		{"with used event numbers", overlapping, nil, wire.Ack{Sequence: 9, Code: wire.Refused}},
		{"a new epoch, not from its start", numbered(t, epoch2, 2), nil, wire.Ack{Sequence: 2, Code: wire.Unordered, Next: 1}},
		{"a new epoch", numbered(t, epoch2, 1), nil, wire.Ack{Sequence: 1, Code: wire.Accepted}},
	} {
		got := a.send(t, step.frame, step.previous...)
		if (got.Reason != "") != (step.want.Code == wire.Refused) {
			t.Errorf("%s: reason %q", step.name, got.Reason)
		}
		got.Reason = ""
		if got != step.want {
			t.Errorf("%s: got %+v, want %+v", step.name, got, step.want)
		}
	}

	stats := f.Stats()
	if stats.Frames != 5 || stats.Events != 9 || stats.Repeated != 1 || stats.Unordered != 3 || stats.Gaps != 1 || stats.Connections != 1 {
		t.Errorf("counts: %+v", stats)
	}
	for reason, want := range map[string]uint64{ReasonMalformed: 3, ReasonVersion: 1, ReasonOversized: 1} {
		if stats.Refused[reason] != want {
			t.Errorf("refused as %s: %d, want %d", reason, stats.Refused[reason], want)
		}
	}
	for i, m := range f.read(t, 0, 0) {
		if m.Host != a.host || m.Sequence != uint64(i+1) || m.Time.IsZero() {
			t.Errorf("message %d: %+v", i, m)
		}
	}
}

func TestRestartKeepsFramesAndNumbers(t *testing.T) {
	c, client := config(t)
	c.Partitions = 3
	f := startWith(t, c, client, nil)
	const hosts = 20
	agents := make([]*agent, hosts)
	for i := range agents {
		agents[i] = f.enrol(t, i)
		for n := range uint64(3) {
			agents[i].send(t, numbered(t, epoch1, n+1))
		}
	}
	f.stop()

	intakes := map[event.HostID]fleet.Intake{
		hostID(0):  {Epoch: "0100000000000000", Sequence: 2, Events: 2}, // the log knows better
		hostID(99): {Epoch: "0200000000000000", Sequence: 7, Events: 70},
		hostID(98): {},
	}
	f = startWith(t, c, client, intakes)
	total := 0
	for p := range f.Partitions() {
		for _, m := range f.read(t, p, 0) {
			if f.Partition(m.Host) != p {
				t.Errorf("host %s in partition %d", m.Host, p)
			}
			total++
		}
	}
	if total != 3*hosts {
		t.Errorf("%d frames after the restart, want %d", total, 3*hosts)
	}
	for i := range agents {
		a := f.enrol(t, i)
		if ack := a.send(t, numbered(t, epoch1, 3)); ack.Code != wire.Accepted {
			t.Errorf("host %d, a repeat: %+v", i, ack)
		}
		if ack := a.send(t, numbered(t, epoch1, 5)); ack.Next != 4 {
			t.Errorf("too early: %+v", ack)
		}
	}
	stored := f.enrol(t, 99)
	if ack := stored.send(t, numbered(t, epoch2, 9)); ack.Next != 8 {
		t.Errorf("purged, known from the store: %+v", ack)
	}
	if got := f.Stats().Repeated; got != hosts {
		t.Errorf("%d repeats, want %d", got, hosts)
	}
	f.stop()
	c.Partitions = 2
	if _, err := Open(t.Context(), c); err == nil || !strings.Contains(err.Error(), "3 partitions") {
		t.Errorf("another number of partitions: %v", err)
	}
}

func TestReadPurgeWait(t *testing.T) {
	f := start(t)
	a := f.enrol(t, 1)
	const frames = 2*readBatch + 10
	waited := make(chan error, 1)
	go func() { waited <- f.Wait(context.Background(), 0, frames-1) }()
	for n := range uint64(frames) {
		a.send(t, numbered(t, epoch1, n+1))
	}
	if err := <-waited; err != nil {
		t.Error(err)
	}
	if got := f.read(t, 0, 1); len(got) != frames || got[frames-1].Sequence != frames {
		t.Errorf("read %d frames, want %d", len(got), frames)
	}
	if got := f.read(t, 0, frames); len(got) != 1 {
		t.Errorf("read %d frames from the last one on", len(got))
	}
	if got := f.read(t, 0, frames+1); len(got) != 0 {
		t.Errorf("read %d frames behind the last", len(got))
	}
	boom := errors.New("boom")
	if err := f.Read(t.Context(), 0, 1, func(Message) error { return boom }); !errors.Is(err, boom) {
		t.Errorf("Read() = %v", err)
	}

	if err := f.Purge(t.Context(), 0, 0); err != nil {
		t.Error(err)
	}
	if err := f.Purge(t.Context(), 0, 300); err != nil {
		t.Error(err)
	}
	if first, err := f.First(t.Context(), 0); first != 301 || err != nil {
		t.Errorf("First() = %d, %v", first, err)
	}
	if got := f.read(t, 0, 1); len(got) != frames-300 || got[0].Sequence != 301 {
		t.Errorf("%d frames left", len(got))
	}
	if err := f.Purge(t.Context(), 0, frames); err != nil {
		t.Error(err)
	}
	first, _ := f.First(t.Context(), 0)
	last, _ := f.Last(t.Context(), 0)
	if first != frames+1 || last != frames {
		t.Errorf("empty: first %d, last %d", first, last)
	}
	if got := f.read(t, 0, 1); len(got) != 0 {
		t.Errorf("read %d frames of an empty log", len(got))
	}
	if ack := a.send(t, numbered(t, epoch1, frames)); ack.Code != wire.Accepted || f.Stats().Repeated != 1 {
		t.Errorf("a repeat of a purged frame: %+v", ack)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := f.Wait(ctx, 0, frames); !errors.Is(err, context.Canceled) {
		t.Errorf("Wait() = %v", err)
	}
}

func TestStopsWithoutATrace(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	f := start(t)
	a := f.enrol(t, 1)
	a.send(t, numbered(t, epoch1, 1))
	a.Close()
	f.stop()
}

func TestOpenRefuses(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for name, o := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"no directory":        {func(c *Config) { c.Dir = "" }, "needs a directory"},
		"no keys":             {func(c *Config) { c.Keys = Keys{} }, "needs its keys"},
		"no TLS":              {func(c *Config) { c.TLS = nil }, "without TLS"},
		"a bad address":       {func(c *Config) { c.Listen = "nonsense" }, "nonsense"},
		"a bad port":          {func(c *Config) { c.Listen = "127.0.0.1:nats" }, "the port"},
		"a taken port":        {func(c *Config) { c.Listen = taken.Addr().String() }, "set stream_listen"},
		"too many partitions": {func(c *Config) { c.Partitions = 65 }, "partitions"},
		"too few bytes":       {func(c *Config) { c.MaxBytes = 1 }, "bound"},
		"outside, no URL":     {func(c *Config) { c.Outside = &Outside{} }, "no URLs"},
		"outside, no file": {func(c *Config) {
			c.Outside = &Outside{URLs: []string{"nats://x"}, Credentials: "missing", SigningSeed: "missing"}
		}, "read credentials"},
	} {
		t.Run(name, func(t *testing.T) {
			c, _ := config(t)
			o.change(&c)
			if _, err := Open(t.Context(), c); err == nil || !strings.Contains(err.Error(), o.want) {
				t.Errorf("got %v, want %q in it", err, o.want)
			}
		})
	}
}
