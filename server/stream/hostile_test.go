package stream

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/fleet"
	"github.com/holdfast-security/holdfast/wire"
)

func TestAgentReachesItsOwnSubjectsOnly(t *testing.T) {
	f := start(t)
	var mu sync.Mutex
	denied := 0
	a := f.enrol(t, 1, nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
		if errors.Is(err, nats.ErrPermissionViolation) {
			mu.Lock()
			denied++
			mu.Unlock()
		}
	}))
	other := hostID(2)
	publish := []string{
		wire.Up(other, wire.Events), wire.Down(a.host), wire.Down(other), "_INBOX." + string(other) + ".x",
		"$JS.API.STREAM.DELETE." + logStream(0), logSubject + "0." + string(a.host), "$SYS.REQ.SERVER.PING", "x",
	}
	subscribe := []string{
		wire.Up(a.host, ">"), wire.Up(other, ">"), wire.Down(other), "holdfast.v1.down.>", "_INBOX.>", "_INBOX." + string(other) + ".>", ">",
	}
	for _, subject := range publish {
		if err := a.Publish(subject, numbered(t, epoch1, 1)); err != nil {
			t.Errorf("publish %s: %v", subject, err)
		}
	}
	for _, subject := range subscribe {
		if _, err := a.Subscribe(subject, func(*nats.Msg) {}); err != nil {
			t.Errorf("subscribe %s: %v", subject, err)
		}
	}
	eventually(t, "all are denied", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return denied == len(publish)+len(subscribe)
	})
	if got := f.Stats().Frames; got != 0 {
		t.Errorf("%d frames were accepted", got)
	}
}

func TestBadCredentialsAreRefused(t *testing.T) {
	f := start(t)
	signing, account := f.backend.issuer()
	forger := newSigner(t, nkeys.CreateAccount)
	for name, o := range map[string]struct {
		change func(*jwt.UserClaims)
		signer Signer
		theft  bool // the private key is another one
	}{
		"expired":                    {func(c *jwt.UserClaims) { c.Expires = time.Now().Add(-time.Hour).Unix() }, signing, false},
		"not yet valid":              {func(c *jwt.UserClaims) { c.NotBefore = time.Now().Add(time.Hour).Unix() }, signing, false},
		"forged":                     {func(*jwt.UserClaims) {}, forger, false},
		"forged, of its own account": {func(c *jwt.UserClaims) { c.IssuerAccount = forger.public }, forger, false},
		"stolen":                     {func(*jwt.UserClaims) {}, signing, true},
	} {
		t.Run(name, func(t *testing.T) {
			a := &agent{host: hostID(1), key: newSigner(t, nkeys.CreateUser)}
			claims := agentClaims(a.host, a.key.public, account)
			o.change(claims)
			var err error
			if a.jwt, err = encodeUser(claims, o.signer); err != nil {
				t.Fatal(err)
			}
			if o.theft {
				a.key = newSigner(t, nkeys.CreateUser)
			}
			if nc, err := f.dial(a); err == nil {
				nc.Close()
				t.Error("let in")
			} else if !errors.Is(err, nats.ErrAuthorization) {
				t.Errorf("refused with %v", err)
			}
		})
	}
	nc, err := nats.Connect("tls://"+f.Addr(), nats.Secure(f.client))
	if err == nil {
		nc.Close()
		t.Error("let in without a credential")
	}
	for _, bad := range []struct {
		host event.HostID
		key  string
	}{{"h*", newSigner(t, nkeys.CreateUser).public}, {"x", "U"}, {hostID(1), forger.public}, {hostID(1), ""}} {
		if _, err := f.Credential(bad.host, bad.key); err == nil {
			t.Errorf("a credential for %q, %q", bad.host, bad.key)
		}
	}
}

func TestRevocation(t *testing.T) {
	c, client := config(t)
	f := startWith(t, c, client, nil)
	gone := make(chan struct{})
	a := f.enrol(t, 1, nats.NoReconnect(), nats.ClosedHandler(func(*nats.Conn) { close(gone) }))
	other := f.enrol(t, 2)
	a.send(t, numbered(t, epoch1, 1))
	begin := time.Now()
	if err := f.Revoke(t.Context(), a.host, a.key.public); err != nil {
		t.Fatal(err)
	}
	select {
	case <-gone:
		t.Logf("cut after %s", time.Since(begin))
	case <-time.After(patience):
		t.Fatal("a revoked agent stays connected")
	}
	if nc, err := f.dial(a); err == nil {
		nc.Close()
		t.Error("a revoked agent is let in")
	}
	if ack := other.send(t, numbered(t, epoch1, 1)); ack.Code != wire.Accepted {
		t.Errorf("another agent: %+v", ack)
	}
	f.stop()

	f = startWith(t, c, client, nil)
	if err := f.SetRevoked(t.Context(), map[string]time.Time{a.key.public: time.Now()}); err != nil {
		t.Fatal(err)
	}
	if nc, err := f.dial(a); err == nil {
		nc.Close()
		t.Error("a revoked agent is let in after a restart")
	}
	if err := f.Allow(t.Context(), a.key.public); err != nil {
		t.Fatal(err)
	}
	nc, err := f.dial(a)
	if err != nil {
		t.Fatalf("an allowed agent: %v", err)
	}
	nc.Close()
	if len(f.Warnings()) != 0 {
		t.Errorf("warnings: %v", f.Warnings())
	}
}

// TestAnswersGoToTheAskerOnly holds the gateway, which may publish
// everywhere, to answering the host that asked.
func TestAnswersGoToTheAskerOnly(t *testing.T) {
	f := start(t)
	victim := f.enrol(t, 2)
	box, err := victim.SubscribeSync(wire.Inbox(victim.host) + ".>")
	if err != nil {
		t.Fatal(err)
	}
	if err := victim.Flush(); err != nil {
		t.Fatal(err)
	}
	a := f.enrol(t, 1)
	replies := []string{
		wire.Inbox(victim.host) + ".x", wire.Up(victim.host, wire.Events), wire.Inbox(a.host), wire.Inbox(a.host) + ".*", "$JS.API.STREAM.PURGE." + logStream(0),
	}
	for _, reply := range replies {
		if err := a.PublishRequest(wire.Up(a.host, wire.Events), reply, numbered(t, epoch1, 1)); err != nil {
			t.Fatal(err)
		}
	}
	a.send(t, numbered(t, epoch1, 1))
	if got := f.Stats().Refused[ReasonReply]; got != uint64(len(replies)) {
		t.Errorf("%d refused, want %d", got, len(replies))
	}
	if n, _, err := box.Pending(); n != 0 || err != nil {
		t.Errorf("another host got %d answers, %v", n, err)
	}
}

func TestMessagesOfUnknownHostsAndKinds(t *testing.T) {
	f := start(t)
	a := f.enrol(t, 1)
	if err := a.Publish(wire.Up(a.host, "invented"), nil); err != nil {
		t.Fatal(err)
	}
	if err := a.Publish(wire.Up(a.host, "events.more"), nil); err != nil {
		t.Fatal(err)
	}
	eventually(t, "both are refused", func() bool { return f.Stats().Refused[ReasonKind] == 2 })
	f.hub.mu.Lock()
	f.hub.unknown[a.host] = true
	f.hub.mu.Unlock()
	ack, err := a.trySend(numbered(t, epoch1, 1))
	if err != nil || ack.Code != wire.Busy || ack.Reason == "" || ack.RetryMS < retryTold {
		t.Errorf("an unknown host: %+v, %v", ack, err)
	}
	stats := f.Stats()
	if stats.Refused[ReasonKind] != 2 || stats.Refused[ReasonHost] != 1 || stats.Frames != 0 {
		t.Errorf("counts: %+v", stats)
	}
}

func TestMessages(t *testing.T) {
	f := start(t)
	a := f.enrol(t, 1)
	ask := func(kind string, data []byte) wire.Ack {
		t.Helper()
		reply, err := a.Request(wire.Up(a.host, kind), data, patience)
		if err != nil {
			t.Fatal(err)
		}
		var ack wire.Ack
		if err := json.Unmarshal(reply.Data, &ack); err != nil {
			t.Fatal(err)
		}
		return ack
	}
	encoded := func(v any) []byte {
		data, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	f.hub.policy = wire.Signed{Message: []byte("{}"), Signature: []byte("s")}
	reply, err := a.Request(wire.Up(a.host, wire.Fetch), nil, patience)
	if want := string(encoded(f.hub.policy)); err != nil || string(reply.Data) != want {
		t.Errorf("fetch: %v, %v", reply, err)
	}
	checkBundles(t, f, a, encoded, ask)
	f.hub.full = true
	if ack := ask(wire.Results, encoded(wire.Result{Order: "o"})); ack.Code != wire.Busy || ack.RetryMS == 0 {
		t.Errorf("a result that cannot be kept: %+v", ack)
	}
	f.hub.full = false
	if ack := ask(wire.Results, encoded(wire.Result{Order: "o", Detail: strings.Repeat("x", 5000)})); ack.Code != wire.Accepted {
		t.Errorf("result: %+v", ack)
	}
	if ack := ask(wire.Results, []byte("{")); ack.Code != wire.Refused {
		t.Errorf("a damaged result: %+v", ack)
	}
	if ack := ask(wire.Heartbeat, make([]byte, wire.MaxMessage+1)); ack.Code != wire.Refused {
		t.Errorf("a huge heartbeat: %+v", ack)
	}
	if ack := ask(wire.Heartbeat, encoded(fleet.Heartbeat{Hostname: strings.Repeat("é", 5000)})); ack.Code != wire.Accepted {
		t.Errorf("heartbeat: %+v", ack)
	}
	for range 10 * beatBurst {
		if err := a.Publish(wire.Up(a.host, wire.Heartbeat), []byte("{}")); err != nil {
			t.Fatal(err)
		}
	}
	ask(wire.Results, encoded(wire.Result{}))
	stats := f.Stats()
	if stats.Heartbeats > 5*beatBurst || stats.Refused[ReasonRate] < 5*beatBurst {
		t.Errorf("a flood of heartbeats: %d taken, %d refused", stats.Heartbeats, stats.Refused[ReasonRate])
	}
	if got := f.hub.results[0].Detail; len(got) != 1<<10 {
		t.Errorf("a detail of %d bytes", len(got))
	}
	if f.LastHeard()[a.host].IsZero() {
		t.Error("the host was not heard")
	}

	box, err := a.SubscribeSync(wire.Down(a.host))
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := f.Send(t.Context(), a.host, f.hub.policy); err != nil {
		t.Fatal(err)
	}
	if _, err := box.NextMsg(patience); err != nil {
		t.Errorf("a signed message: %v", err)
	}
	if err := f.Send(t.Context(), a.host, wire.Signed{Message: make([]byte, maxServerPayload)}); !errors.Is(err, wire.ErrOversized) {
		t.Errorf("a huge signed message: %v", err)
	}
}

// checkBundles asks for bundles, also in ways that no agent does.
func checkBundles(t *testing.T, f *fixture, a *agent, encoded func(any) []byte, ask func(string, []byte) wire.Ack) {
	t.Helper()
	reply, err := a.Request(wire.Up(a.host, wire.Fetch), encoded(wire.FetchRequest{Kind: wire.KindBundle, Name: testBundle}), patience)
	if want := string(encoded(f.hub.policy)); err != nil || string(reply.Data) != want {
		t.Errorf("an announcement: %v, %v", reply, err)
	}
	request := wire.FetchRequest{Kind: wire.KindBundle, Name: testBundle, Digest: wire.Digest(nil), Offset: 5}
	var c wire.Chunk
	if reply, err = a.Request(wire.Up(a.host, wire.Fetch), encoded(request), patience); err == nil {
		err = json.Unmarshal(reply.Data, &c)
	}
	if err != nil || len(c.Data) != wire.MaxChunk || c.Digest != request.Digest || c.Offset != 5 {
		t.Errorf("a chunk: %d bytes at %d of %s, %v", len(c.Data), c.Offset, c.Digest, err)
	}
	request.Offset = -1
	for _, data := range [][]byte{[]byte("{"), encoded(request), make([]byte, 2000)} {
		if ack := ask(wire.Fetch, data); ack.Code != wire.Refused {
			t.Errorf("request %.80s: %+v", data, ack)
		}
	}
	unknown := wire.FetchRequest{Kind: wire.KindBundle, Name: "other"}
	if err := a.PublishRequest(wire.Up(a.host, wire.Fetch), wire.Inbox(a.host)+".x", encoded(unknown)); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(patience); f.Stats().Refused[ReasonKind] != 1; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("a request for a bundle that is not there is not counted")
		}
	}
}

func FuzzMessageHeaders(f *testing.F) {
	f.Add("h00000000000000000000000001:0100000000000000:7", "9")
	f.Add("::", "")
	f.Fuzz(func(_ *testing.T, id, last string) {
		progressOf(nats.Header{nats.MsgIdHdr: {id}, lastEvent: {last}})
	})
}

// flood sends frames without waiting for answers until ctx ends, 50 and then a
// pause.
func flood(ctx context.Context, t *testing.T, a *agent, pause time.Duration) {
	data := frame(t, wire.Header{Epoch: epoch1, Sequence: 1, First: 1, Count: 1000})
	for ctx.Err() == nil {
		for range 50 {
			if err := a.PublishRequest(wire.Up(a.host, wire.Events), wire.Inbox(a.host)+".x", data); err != nil {
				time.Sleep(10 * time.Millisecond) // disconnected
			}
		}
		time.Sleep(pause)
	}
}

// TestFloodDelaysNobodyElse compares how long a quiet host waits beside one
// that sends without end with how long it waits alone.
func TestFloodDelaysNobodyElse(t *testing.T) {
	f := start(t)
	quiet, loud := f.enrol(t, 1), f.enrol(t, 2)
	const frames = 20
	measure := func(from uint64) time.Duration {
		begin := time.Now()
		for n := range uint64(frames) {
			quiet.send(t, numbered(t, epoch1, from+n))
		}
		return time.Since(begin)
	}
	alone := measure(1)
	ctx, cancel := context.WithCancel(t.Context())
	var flooding sync.WaitGroup
	flooding.Go(func() { flood(ctx, t, loud, 10*time.Millisecond) })
	beside := measure(frames + 1)
	cancel()
	flooding.Wait()
	t.Logf("%d frames: alone %s, beside a flood %s; %d of the flood refused", frames, alone, beside, f.Stats().Busy)
	if beside > 20*alone+10*time.Second {
		t.Errorf("a quiet host took %s beside a flood, %s alone", beside, alone)
	}
}

// TestFloodsOfAnyKindAreCutOff sends what is refused without end.
func TestFloodsOfAnyKindAreCutOff(t *testing.T) {
	f := start(t)
	for number, flood := range []struct {
		name string
		send func(a *agent) error
	}{
		{"heartbeats", func(a *agent) error { return a.Publish(wire.Up(a.host, wire.Heartbeat), nil) }},
		{"requests", func(a *agent) error { return a.Publish(wire.Up(a.host, wire.Fetch), nil) }},
		{"unknown kinds", func(a *agent) error { return a.Publish(wire.Up(a.host, "invented"), nil) }},
		{"foreign inboxes", func(a *agent) error { return a.PublishRequest(wire.Up(a.host, wire.Events), "_INBOX.other", nil) }},
	} {
		t.Run(flood.name, func(t *testing.T) {
			a := f.enrol(t, number+1, nats.NoReconnect())
			before := f.Stats().Cut
			eventually(t, "the host is disconnected", func() bool {
				for range 1000 {
					_ = flood.send(a) // fails once it is disconnected
				}
				return a.IsClosed()
			})
			if f.Stats().Cut == before {
				t.Error("that is not counted")
			}
		})
	}
}

func TestDisconnectEndsOneHostOnly(t *testing.T) {
	f := start(t)
	quiet, loud := f.enrol(t, 1, nats.NoReconnect()), f.enrol(t, 2, nats.NoReconnect())
	f.backend.disconnect(loud.host)
	eventually(t, "the host is disconnected", loud.IsClosed)
	if ack := quiet.send(t, numbered(t, epoch1, 1)); ack.Code != wire.Accepted {
		t.Errorf("another host: %+v", ack)
	}
}
