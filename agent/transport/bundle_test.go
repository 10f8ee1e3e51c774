package transport_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	natsd "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/holdfast-security/holdfast/agent/bundle"
	"github.com/holdfast-security/holdfast/agent/transport"
	"github.com/holdfast-security/holdfast/wire"
)

// library is the server's side of bundles.
type library struct {
	w *world

	mu      sync.Mutex // guards what follows
	content []byte
	serial  uint64
	asked   []wire.FetchRequest // for chunks
	// meddle may answer in the library's stead; it is called with mu held.
	meddle func(m *nats.Msg, r wire.FetchRequest, n int) (mine bool)
}

func (l *library) serve() {
	l.w.t.Helper()
	if _, err := l.w.conn.Subscribe(wire.Up(host, wire.Fetch), l.answer); err != nil {
		l.w.t.Fatal(err)
	}
	if err := l.w.conn.Flush(); err != nil {
		l.w.t.Fatal(err)
	}
}

func (l *library) answer(m *nats.Msg) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r, err := wire.ParseFetch(m.Data)
	if err != nil {
		l.w.t.Error(err)
		return
	}
	switch {
	case r.Kind != wire.KindBundle:
	case r.Digest == "":
		reply(m, l.announcement())
	default:
		l.asked = append(l.asked, r)
		if l.meddle == nil || !l.meddle(m, r, len(l.asked)) {
			reply(m, l.chunk(r))
		}
	}
}

func reply(m *nats.Msg, v any) {
	data, _ := json.Marshal(v)
	_ = m.Respond(data)
}

// announcement needs mu.
func (l *library) announcement() wire.Signed {
	return l.w.signed(wire.KindBundle, l.serial, wire.Bundle{Name: wire.BundleRules, Size: int64(len(l.content)), Digest: wire.Digest(l.content)})
}

func (l *library) chunk(r wire.FetchRequest) wire.Chunk {
	c := wire.Chunk{Digest: r.Digest, Offset: r.Offset, Gone: r.Digest != wire.Digest(l.content)}
	if !c.Gone {
		c.Data = l.content[r.Offset:min(int64(len(l.content)), r.Offset+wire.MaxChunk)]
	}
	return c
}

// set makes files the bundle and returns its digest.
func (l *library) set(seed string, size int) string {
	l.w.t.Helper()
	content, err := wire.EncodeBundle(map[string][]byte{"a.yml": bytes.Repeat([]byte(seed), size/len(seed))})
	if err != nil {
		l.w.t.Fatal(err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.content = content
	l.serial++
	return wire.Digest(content)
}

func (l *library) requests() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.asked)
}

// startWithBundle runs a client with a bundle.
func (w *world) startWithBundle() (*agent, *bundle.Store) {
	w.t.Helper()
	store, err := bundle.Open(w.dir, wire.BundleRules, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.start(newSpool(0), func(o *transport.Options) {
		o.Bundles = map[string]transport.Bundle{wire.BundleRules: store}
	}), store
}

// takes waits for a content, with the digest that it must have, and accepts it.
func takes(t *testing.T, s *bundle.Store, digest string) {
	t.Helper()
	select {
	case c := <-s.Ready():
		if err := s.Accept(c); err != nil || c.Digest != digest {
			t.Fatalf("got %s, want %s: %v", c.Digest, digest, err)
		}
	case <-time.After(patience):
		t.Fatalf("nothing comes: %+v", s.Status())
	}
}

func TestBundleIsFetchedAndReplaced(t *testing.T) {
	w := newWorld(t)
	l := &library{w: w}
	first := l.set("first", 3*wire.MaxChunk)
	l.serve()
	a, s := w.startWithBundle()
	takes(t, s, first)
	second := l.set("second", wire.MaxChunk)
	l.mu.Lock()
	pushed := l.announcement()
	l.mu.Unlock()
	w.down(pushed)
	takes(t, s, second)
	n := l.requests()
	a.stop()

	a, s = w.startWithBundle()
	c, found, err := s.Kept(func(signed wire.Signed) (wire.Bundle, error) { return transport.ParseBundle(signed, w.id) })
	if !found || err != nil || c.Digest != second {
		t.Fatalf("kept: %s, %v", c.Digest, err)
	}
	if err := s.Accept(c); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the one in force is announced again", func() bool { return a.Status().Counters.Taken > 0 })
	if got := a.Status().Counters; got.Replayed != 0 || s.Status().Warning != "" {
		t.Errorf("counters: %+v, status: %+v", got, s.Status())
	}
	if l.requests() != n {
		t.Error("what is in force was fetched again")
	}
}

// TestBundleSurvivesABreak cuts the connection in the middle of a transfer.
func TestBundleSurvivesABreak(t *testing.T) {
	w := newWorld(t)
	port := w.port()
	l := &library{w: w}
	l.meddle = func(_ *nats.Msg, _ wire.FetchRequest, n int) bool { return n > 2 } // then it is silent
	digest := l.set("break", 5*wire.MaxChunk)
	l.serve()
	_, s := w.startWithBundle()
	eventually(t, "a part has come", func() bool { return s.Status().Coming == 2*wire.MaxChunk && l.requests() == 3 })
	w.stream.Shutdown()
	w.stream.WaitForShutdown()
	l.mu.Lock()
	l.meddle = nil
	l.mu.Unlock()
	w.startStream(&natsd.Options{Port: port})
	w.conn = w.connect()
	l.serve()
	takes(t, s, digest)
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, r := range l.asked[3:] {
		if want := int64(i+2) * wire.MaxChunk; r.Offset != want {
			t.Errorf("asked for %d, want %d: %v", r.Offset, want, l.asked)
		}
	}
}

func TestHostileChunksAreOvercome(t *testing.T) {
	for name, c := range map[string]struct {
		meddle func(l *library, m *nats.Msg, r wire.FetchRequest) // in place of the second chunk
		check  func(transport.Counters, bundle.Status) bool
	}{
		"chunks before and behind": {func(l *library, m *nats.Msg, r wire.FetchRequest) {
			wrong := l.chunk(r)
			wrong.Offset++
			reply(m, wrong)
			reply(m, l.chunk(r))
		}, func(c transport.Counters, s bundle.Status) bool { return c.Malformed >= 1 && s.Refused == 0 }},
		"nonsense": {func(l *library, m *nats.Msg, r wire.FetchRequest) {
			reply(m, "nonsense")
			reply(m, strings.Repeat("x", 600<<10))
			reply(m, l.chunk(r))
		}, func(c transport.Counters, s bundle.Status) bool { return c.Malformed >= 2 && s.Refused == 0 }},
		"a chunk too long": {func(l *library, m *nats.Msg, r wire.FetchRequest) {
			reply(m, wire.Chunk{Digest: r.Digest, Offset: r.Offset, Data: make([]byte, wire.MaxChunk+1)})
		}, func(_ transport.Counters, s bundle.Status) bool { return s.Refused == 1 }},
		"forged to the end": {func(l *library, m *nats.Msg, r wire.FetchRequest) {
			reply(m, wire.Chunk{Digest: r.Digest, Offset: r.Offset, Data: make([]byte, int64(len(l.content))-r.Offset)})
		}, func(_ transport.Counters, s bundle.Status) bool { return s.Refused == 1 }},
		"another content meanwhile": {func(l *library, m *nats.Msg, r wire.FetchRequest) {
			reply(m, wire.Chunk{Digest: r.Digest, Offset: r.Offset, Gone: true})
		}, func(_ transport.Counters, s bundle.Status) bool { return s.Refused == 0 }},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			l := &library{w: w}
			digest := l.set("hostile", wire.MaxChunk+1000)
			l.meddle = func(m *nats.Msg, r wire.FetchRequest, n int) bool {
				if n == 2 {
					c.meddle(l, m, r)
				}
				return n == 2
			}
			l.serve()
			a, s := w.startWithBundle()
			takes(t, s, digest)
			if !c.check(a.Status().Counters, s.Status()) {
				t.Errorf("counters: %+v, status: %+v", a.Status().Counters, s.Status())
			}
		})
	}
}

func TestHostileAnnouncements(t *testing.T) {
	good := wire.Bundle{Name: wire.BundleRules, Size: 1, Digest: wire.Digest([]byte("x"))}
	with := func(change func(*wire.Bundle)) wire.Bundle { b := good; change(&b); return b }
	for name, c := range map[string]struct {
		serial uint64
		body   any
		count  func(transport.Counters) uint64
		warned bool
	}{
		"older":          {4, good, func(c transport.Counters) uint64 { return c.Replayed }, true},
		"too large":      {9, with(func(b *wire.Bundle) { b.Size = wire.MaxBundle + 1 }), func(c transport.Counters) uint64 { return c.Malformed }, true},
		"path as digest": {9, with(func(b *wire.Bundle) { b.Digest = "../../etc/passwd" }), func(c transport.Counters) uint64 { return c.Malformed }, true},
		"unknown name":   {9, with(func(b *wire.Bundle) { b.Name = "other" }), func(c transport.Counters) uint64 { return c.Unsupported }, false},
		"not a bundle":   {9, []int{1}, func(c transport.Counters) uint64 { return c.Malformed }, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			l := &library{w: w, serial: 4}
			old := l.set("old", 100) // serial 5
			l.serve()
			a, s := w.startWithBundle()
			takes(t, s, old)
			w.down(w.signed(wire.KindBundle, c.serial, c.body))
			eventually(t, "it is refused and counted", func() bool { return c.count(a.Status().Counters) == 1 })
			eventually(t, "the health says so", func() bool { return (s.Status().Warning != "") == c.warned })
			if got := s.Status(); got.InForce != old || got.Coming != 0 {
				t.Errorf("status: %+v", got)
			}
			w.down(w.signed(wire.KindPolicy, 1, map[string]any{"version": 1})) // serial numbers of other kinds go on
			eventually(t, "the client goes on", func() bool { return len(a.versions()) == 1 })
		})
	}
}

func TestParseBundleRefuses(t *testing.T) {
	w := newWorld(t)
	good := wire.Bundle{Name: wire.BundleRules, Size: 1, Digest: wire.Digest(nil)}
	if b, err := transport.ParseBundle(w.signed(wire.KindBundle, 1, good), w.id); err != nil || b != good {
		t.Errorf("got %+v, %v", b, err)
	}
	for name, c := range map[string]struct {
		signed wire.Signed
		want   error
	}{
		"unsigned":    {wire.Signed{Message: []byte("{}")}, wire.ErrSignature},
		"a policy":    {w.signed(wire.KindPolicy, 1, good), wire.ErrMalformed},
		"no bundle":   {w.signed(wire.KindBundle, 1, 7), wire.ErrMalformed},
		"not a valid": {w.signed(wire.KindBundle, 1, wire.Bundle{Name: "/"}), wire.ErrMalformed},
		"of another":  {w.signed(wire.KindBundle, 1, good, func(s *wire.Statement) { s.Host = "hfedcba9876543210" }), wire.ErrAddressee},
	} {
		if _, err := transport.ParseBundle(c.signed, w.id); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
}
