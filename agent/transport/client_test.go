package transport_test

import (
	"encoding/json"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	natsd "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/holdfast-security/holdfast/agent/identity"
	"github.com/holdfast-security/holdfast/agent/transport"
	"github.com/holdfast-security/holdfast/fleet"
	"github.com/holdfast-security/holdfast/policy"
	"github.com/holdfast-security/holdfast/wire"
)

func TestFramesArriveOnceInOrder(t *testing.T) {
	w := newWorld(t)
	var g gateway
	w.serve(&g)
	a := w.start(newSpool(500))
	eventually(t, "the spool is empty", func() bool { return a.spool.len() == 0 })
	a.spool.append(1)
	eventually(t, "a late frame arrives", func() bool { return a.spool.len() == 0 })
	if g.taken() != 501 || g.repeats() != 0 || g.lost != 0 {
		t.Errorf("%d frames taken, %d repeated, %d lost", g.taken(), g.repeats(), g.lost)
	}
	if !slices.IsSorted(a.spool.acked) {
		t.Errorf("the spool was told %v", a.spool.acked)
	}
	s := a.Status()
	if s.State != transport.Connected || s.Counters.Sent != 501 || s.Counters.Accepted != 501 || s.Counters.Resent != 0 || s.LastAck.IsZero() {
		t.Errorf("status: %+v", s)
	}
}

func TestWindowBoundsWhatIsUnanswered(t *testing.T) {
	w := newWorld(t)
	var g gateway
	var silent atomic.Bool
	silent.Store(true)
	g.meddle = func(uint64, int) (*wire.Ack, bool) { return nil, silent.Load() }
	w.serve(&g)
	a := w.start(newSpool(100), func(o *transport.Options) { o.AckTimeout = 2 * time.Second })
	eventually(t, "the window is full", func() bool { return a.Status().Counters.Sent == 32 && g.seen() == 32 })
	silent.Store(false)
	eventually(t, "the rest follows", func() bool { return a.spool.len() == 0 })
	if n := g.repeats(); n < 32 {
		t.Errorf("%d frames were sent again after 32 lost answers", n)
	}
	if g.taken() != 100 || g.lost != 0 {
		t.Errorf("%d frames taken, %d lost", g.taken(), g.lost)
	}
}

func TestTroubleIsOvercome(t *testing.T) {
	ack := func(sequence uint64, code wire.AckCode) *wire.Ack {
		return &wire.Ack{Sequence: sequence, Code: code, RetryMS: 1, Reason: "because"}
	}
	for name, c := range map[string]struct {
		meddle  func(sequence uint64, times int) (*wire.Ack, bool)
		repeats int // at most
		check   func(transport.Counters) bool
	}{
		"busy": {
			func(n uint64, times int) (*wire.Ack, bool) { return ack(n, wire.Busy), n == 40 && times <= 3 }, 4 * 32,
			func(c transport.Counters) bool { return c.Busy == 3 && c.Accepted == 100 },
		},
		"refused": {
			func(n uint64, _ int) (*wire.Ack, bool) { return ack(n, wire.Refused), n == 40 }, 0,
			func(c transport.Counters) bool { return c.Refused == 1 && c.Accepted == 99 },
		},
		"lost on the way up": {
			// As if it had not come: those behind it are out of order.
			func(n uint64, times int) (*wire.Ack, bool) { return nil, n == 40 && times == 1 }, 2 * 32,
			func(c transport.Counters) bool { return c.Accepted == 100 },
		},
		"answered with nonsense": {
			func(n uint64, times int) (*wire.Ack, bool) { return ack(n+1, wire.Accepted), n == 40 && times == 1 }, 2 * 32,
			func(c transport.Counters) bool { return c.Malformed >= 1 && c.Accepted == 100 },
		},
		"answered in an unknown way": {
			func(n uint64, times int) (*wire.Ack, bool) { return ack(n, "perhaps"), n == 40 && times == 1 }, 2 * 32,
			func(c transport.Counters) bool { return c.Malformed >= 1 && c.Accepted == 100 },
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			g := gateway{meddle: c.meddle}
			if name == "refused" { // the server's numbers go on behind what it refused
				g.meddle = func(n uint64, times int) (*wire.Ack, bool) {
					a, mine := c.meddle(n, times)
					if mine {
						g.last = n
					}
					return a, mine
				}
			}
			w.serve(&g)
			a := w.start(newSpool(100), func(o *transport.Options) { o.AckTimeout = time.Second })
			eventually(t, "the spool is empty", func() bool { return a.spool.len() == 0 })
			if g.taken() != 100 || g.lost != 0 || g.repeats() > c.repeats {
				t.Errorf("%d frames taken, %d lost, %d repeated of at most %d", g.taken(), g.lost, g.repeats(), c.repeats)
			}
			if s := a.Status(); !c.check(s.Counters) {
				t.Errorf("counters: %+v", s.Counters)
			}
		})
	}
}

func TestLostAnswersAreMendedBySendingAgain(t *testing.T) {
	w := newWorld(t)
	var g gateway
	g.meddle = func(n uint64, times int) (*wire.Ack, bool) {
		if n != 10 || times > 1 {
			return nil, false
		}
		g.last = n // taken, but the answer is lost
		return nil, true
	}
	w.serve(&g)
	a := w.start(newSpool(20), func(o *transport.Options) { o.AckTimeout = time.Second })
	eventually(t, "the spool is empty", func() bool { return a.spool.len() == 0 })
	if n := g.repeats(); n != 1 {
		t.Errorf("%d frames were sent again, one was needed", n)
	}
}

func TestFramesThatNoLongerExistAreLeftOut(t *testing.T) {
	w := newWorld(t)
	var g gateway
	w.serve(&g)
	s := newSpool(20)
	for _, n := range []uint64{1, 2, 9, 20} {
		s.lose(n)
	}
	a := w.start(s)
	eventually(t, "the spool is empty", func() bool { return a.spool.len() == 0 })
	if g.taken() != 19 || g.lost != 3 {
		t.Errorf("%d was the last, %d frames lost", g.taken(), g.lost)
	}
}

func TestNewEpochBeginsWithOne(t *testing.T) {
	w := newWorld(t)
	var g gateway
	g.meddle = func(n uint64, times int) (*wire.Ack, bool) {
		if n == 1 && times == 2 { // of the new epoch: the numbers are others now
			g.last = 0
		}
		return nil, false
	}
	w.serve(&g)
	s := newSpool(40)
	s.anew = true
	a := w.start(s)
	eventually(t, "both epochs have arrived", func() bool { return a.Status().Counters.Accepted == 43 && a.spool.len() == 0 })
	if n := a.Status().Counters; n.Sent != 43 || n.Resent != 0 || g.taken() != 3 {
		t.Errorf("counters: %+v; %d was the last", n, g.taken())
	}
}

func TestNobodyToTakeFrames(t *testing.T) {
	w := newWorld(t)
	a := w.start(newSpool(3))
	eventually(t, "the lack is noticed", func() bool { return a.Status().Counters.Busy > 0 })
	var g gateway
	w.serve(&g)
	eventually(t, "the spool is empty", func() bool { return a.spool.len() == 0 })
}

func TestConnectionIsMadeAgain(t *testing.T) {
	w := newWorld(t)
	port := w.port()
	var first gateway
	var mute atomic.Bool
	first.meddle = func(n uint64, _ int) (*wire.Ack, bool) { return nil, mute.Load() }
	w.serve(&first)
	a := w.start(newSpool(10))
	eventually(t, "the spool is empty", func() bool { return a.spool.len() == 0 })
	mute.Store(true) // these are under way when the server dies
	a.spool.append(5)
	eventually(t, "frames are under way", func() bool { return a.Status().Counters.Sent == 15 })
	w.stream.Shutdown()
	w.stream.WaitForShutdown()
	eventually(t, "the end is noticed", func() bool { return a.Status().State == transport.Connecting })
	if detail := a.Status().Detail; detail == "" {
		t.Error("nothing says why there is no connection")
	}
	a.spool.append(5)
	w.startStream(&natsd.Options{Port: port})
	w.conn = w.connect()
	second := gateway{last: 10}
	w.serve(&second)
	eventually(t, "the spool is empty again", func() bool { return a.spool.len() == 0 })
	if second.taken() != 20 || second.lost != 0 || second.repeats() != 0 {
		t.Errorf("%d frames taken, %d lost, %d repeated", second.taken(), second.lost, second.repeats())
	}
	if n := a.Status().Counters; n.Connects != 2 || n.Resent < 5 {
		t.Errorf("counters: %+v", n)
	}
}

func TestHeartbeats(t *testing.T) {
	w := newWorld(t)
	beats := make(chan fleet.Heartbeat, 100)
	if _, err := w.conn.Subscribe(wire.Up(host, wire.Heartbeat), func(m *nats.Msg) {
		var b fleet.Heartbeat
		if json.Unmarshal(m.Data, &b) == nil {
			beats <- b
		}
	}); err != nil {
		t.Fatal(err)
	}
	_ = w.conn.Flush()
	a := w.start(newSpool(0))
	for range 3 {
		if b := receive(t, beats); b.Hostname != "test" {
			t.Errorf("heartbeat: %+v", b)
		}
	}
	a.stop()
	_ = w.conn.Flush()
	for len(beats) > 0 { // the farewell is among them; nothing comes after
		<-beats
	}
}

func receive[T any](t *testing.T, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatal("waited in vain")
		panic("unreachable")
	}
}

func TestPolicyIsFetchedAndFollowed(t *testing.T) {
	w := newWorld(t)
	current := w.signed(wire.KindPolicy, 3, policy.Policy{Version: 3})
	if _, err := w.conn.Subscribe(wire.Up(host, wire.Fetch), func(m *nats.Msg) {
		data, _ := json.Marshal(current)
		_ = m.Respond(data)
	}); err != nil {
		t.Fatal(err)
	}
	_ = w.conn.Flush()
	a := w.start(newSpool(0))
	eventually(t, "the policy is fetched", func() bool { return slices.Equal(a.versions(), []uint64{3}) })
	w.down(w.signed(wire.KindPolicy, 4, policy.Policy{Version: 4}))
	eventually(t, "a new policy arrives", func() bool { return slices.Equal(a.versions(), []uint64{3, 4}) })
	a.stop()
	current = w.signed(wire.KindPolicy, 4, policy.Policy{Version: 4})
	a = w.start(newSpool(0))
	eventually(t, "the policy in force is welcome again", func() bool { return slices.Equal(a.versions(), []uint64{4}) })
	if n := a.Status().Counters; n.Replayed != 0 {
		t.Errorf("counters: %+v", n)
	}
}

func TestOrdersAreObeyedOnce(t *testing.T) {
	w := newWorld(t)
	a := w.start(newSpool(0))
	eventually(t, "connected", func() bool { return a.Status().State == transport.Connected })
	first := w.signed(wire.KindOrder, 1, wire.Order{ID: "a", Action: "simulate"})
	w.down(first)
	w.down(w.signed(wire.KindOrder, 2, wire.Order{ID: "b"}))
	w.down(first) // known: its answer is to be repeated
	eventually(t, "three were handed over", func() bool { return slices.Equal(a.orders.list(), []string{"a", "b", "a"}) })
	w.down(w.signed(wire.KindOrder, 2, wire.Order{ID: "c"})) // never seen, and old
	eventually(t, "the old one is refused", func() bool { return a.Status().Counters.Replayed == 1 })
}

func TestHostileMessagesAreRefused(t *testing.T) {
	stranger, _ := nkeys.CreateAccount()
	for name, c := range map[string]struct {
		message func(w *world) any
		count   func(transport.Counters) uint64
	}{
		"forged": {func(w *world) any {
			w.account = stranger
			return w.signed(wire.KindPolicy, 9, policy.Policy{Version: 9})
		}, func(c transport.Counters) uint64 { return c.Forged }},
		"unsigned": {func(w *world) any {
			s := w.signed(wire.KindPolicy, 9, policy.Policy{Version: 9})
			s.Signature = nil
			return s
		}, func(c transport.Counters) uint64 { return c.Forged }},
		"changed": {func(w *world) any {
			s := w.signed(wire.KindPolicy, 9, policy.Policy{Version: 9})
			s.Message = []byte(strings.Replace(string(s.Message), "policy", "order", 1))
			return s
		}, func(c transport.Counters) uint64 { return c.Forged }},
		"for another host": {func(w *world) any {
			return w.signed(wire.KindPolicy, 9, policy.Policy{Version: 9}, func(s *wire.Statement) { s.Host = "hfedcba9876543210" })
		}, func(c transport.Counters) uint64 { return c.Misdirected }},
		"expired": {func(w *world) any {
			return w.signed(wire.KindOrder, 9, wire.Order{ID: "x"}, func(s *wire.Statement) { s.Expires = time.Now().Add(-6 * time.Minute) })
		}, func(c transport.Counters) uint64 { return c.Expired }},
		"older than the policy in force": {func(w *world) any {
			return w.signed(wire.KindPolicy, 4, policy.Policy{Version: 9})
		}, func(c transport.Counters) uint64 { return c.Replayed }},
		"an order for ever": {func(w *world) any {
			return w.signed(wire.KindOrder, 9, wire.Order{ID: "x"}, func(s *wire.Statement) { s.Expires = time.Time{} })
		}, func(c transport.Counters) uint64 { return c.Malformed }},
		"an order without id": {func(w *world) any {
			return w.signed(wire.KindOrder, 9, wire.Order{})
		}, func(c transport.Counters) uint64 { return c.Malformed }},
		"a policy that is not valid": {func(w *world) any {
			return w.signed(wire.KindPolicy, 9, policy.Policy{Version: 9, HeartbeatSeconds: 1})
		}, func(c transport.Counters) uint64 { return c.Malformed }},
		"a bundle": {func(w *world) any {
			return w.signed(wire.KindBundle, 9, wire.Bundle{Name: "rules"})
		}, func(c transport.Counters) uint64 { return c.Unsupported }},
		"no message":    {func(*world) any { return 7 }, func(c transport.Counters) uint64 { return c.Malformed }},
		"a huge string": {func(*world) any { return strings.Repeat("x", 500<<10) }, func(c transport.Counters) uint64 { return c.Malformed }},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			a := w.start(newSpool(0))
			eventually(t, "connected", func() bool { return a.Status().State == transport.Connected })
			w.down(w.signed(wire.KindPolicy, 5, policy.Policy{Version: 5}))
			eventually(t, "the first policy is taken", func() bool { return len(a.versions()) == 1 })
			w.down(c.message(w))
			eventually(t, "the message is refused and counted", func() bool { return c.count(a.Status().Counters) == 1 })
			if !slices.Equal(a.versions(), []uint64{5}) || len(a.orders.list()) > 0 {
				t.Errorf("obeyed: policies %v, orders %v", a.versions(), a.orders.list())
			}
			serials, err := identity.OpenSerials(w.dir)
			if err != nil || serials.Last(wire.KindPolicy) != 5 || serials.Last(wire.KindOrder) != 0 {
				t.Errorf("a refused message moved the serial numbers: %+v, %v", serials, err)
			}
		})
	}
}

// withAccounts starts a stream that checks credentials, enrols the agent there,
// and returns how to revoke it.
func withAccounts(t *testing.T) (w *world, revoke func()) {
	t.Helper()
	w = &world{t: t, ca: newAuthority(t), dir: t.TempDir()}
	operator, _ := nkeys.CreateOperator()
	operatorKey, _ := operator.PublicKey()
	w.account, _ = nkeys.CreateAccount()
	accountKey, _ := w.account.PublicKey()
	claims := jwt.NewAccountClaims(accountKey)
	encode := func() string {
		text, err := claims.Encode(operator)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	resolver := &natsd.MemAccResolver{}
	if err := resolver.Store(accountKey, encode()); err != nil {
		t.Fatal(err)
	}
	operatorClaims := jwt.NewOperatorClaims(operatorKey)
	w.startStream(&natsd.Options{TrustedOperators: []*jwt.OperatorClaims{operatorClaims}, AccountResolver: resolver})
	seed, err := identity.NewSeed()
	if err != nil {
		t.Fatal(err)
	}
	public, _ := identity.PublicKey(seed)
	user := jwt.NewUserClaims(public)
	user.Pub.Allow.Add(wire.Up(host, ">"))
	user.Sub.Allow.Add(wire.Down(host), wire.Inbox(host)+".>")
	token, err := user.Encode(w.account)
	if err != nil {
		t.Fatal(err)
	}
	w.enroll(seed, token)
	server, _ := nkeys.CreateUser()
	serverKey, _ := server.PublicKey()
	serverToken, err := jwt.NewUserClaims(serverKey).Encode(w.account)
	if err != nil {
		t.Fatal(err)
	}
	w.conn = w.connect(nats.UserJWT(func() (string, error) { return serverToken, nil }, server.Sign))
	return w, func() {
		claims.Revoke(public)
		text := encode()
		if err := resolver.Store(accountKey, text); err != nil {
			t.Fatal(err)
		}
		account, err := w.stream.LookupAccount(accountKey)
		if err != nil {
			t.Fatal(err)
		}
		decoded, err := jwt.DecodeAccountClaims(text)
		if err != nil {
			t.Fatal(err)
		}
		w.stream.UpdateAccountClaims(account, decoded)
	}
}

func TestRevokedAgentIsCutAndKeepsItsEvents(t *testing.T) {
	w, revoke := withAccounts(t)
	// Addresses of the same server that this host cannot reach must not hide
	// the refusal.
	w.id.Streams = append([]string{"tls://127.0.0.1:1"}, append(w.id.Streams, "tls://[::1]:1", "tls://name.invalid:1")...)
	var g gateway
	w.serve(&g)
	a := w.start(newSpool(10))
	eventually(t, "the spool is empty", func() bool { return a.spool.len() == 0 })
	revoke()
	eventually(t, "the agent says so", func() bool { return a.Status().State == transport.Revoked })
	if detail := a.Status().Detail; !strings.Contains(detail, "revoked") || !strings.Contains(detail, "enrol again") {
		t.Errorf("detail: %q", detail)
	}
	a.spool.append(5)
	time.Sleep(100 * time.Millisecond) // several more attempts
	if a.spool.len() != 5 || g.taken() != 10 {
		t.Errorf("%d frames are left, %d were taken", a.spool.len(), g.taken())
	}
	if s := a.Status(); s.State != transport.Revoked {
		t.Errorf("status: %+v", s)
	}
}

func TestServerOfAnotherCAIsRefused(t *testing.T) {
	w := newWorld(t)
	w.id.CA = newAuthority(t).pem()
	a := w.start(newSpool(1))
	eventually(t, "the agent says why", func() bool {
		return strings.Contains(a.Status().Detail, "not signed by the CA that this host was enrolled with")
	})
	if n := a.Status().Counters; n.Connects != 0 || n.Sent != 0 {
		t.Errorf("counters: %+v", n)
	}
}
