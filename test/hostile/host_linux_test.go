package hostile_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/holdfast-security/holdfast/api/client"
	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/fleet"
	fleettest "github.com/holdfast-security/holdfast/test/fleet"
	"github.com/holdfast-security/holdfast/wire"
)

// TestHostWithARealCredential does what somebody who took over one host can do
// to the server and to the other hosts.
func TestHostWithARealCredential(t *testing.T) {
	s := fleettest.NewServer(t, fleettest.ServerOptions{})
	victim := connect(t, enrol(t, s), 1)
	if ack := victim.ask(wire.Events, victim.frame(1, 1, 3, nil)); ack.Code != wire.Accepted {
		t.Fatalf("the victim's frame: %+v", ack)
	}
	r := connect(t, enrol(t, s), 2)
	t.Run("another host's subjects", func(t *testing.T) { anothersSubjects(t, s, r, victim) })
	t.Run("malformed messages", func(t *testing.T) { malformed(t, s, r) })
	t.Run("frames out of order", func(t *testing.T) { outOfOrder(t, s, r) })
	t.Run("events of another host", func(t *testing.T) { anothersEvents(t, s, r, victim) })
	t.Run("too large for the stream", func(t *testing.T) { tooLarge(t, s, r) })
	b := stored(t, s, victim.id.Host, 3)
	if len(b.Dropped) > 0 {
		t.Errorf("the victim lost %v", b.Dropped)
	}
}

// refusal returns the counter of messages refused for a reason.
func refusal(s *fleettest.Server, reason string) func() float64 {
	return func() float64 { return float64(s.Refused(reason)) }
}

func anothersSubjects(t *testing.T, s *fleettest.Server, r, victim *rogue) {
	frame := victim.frame(2, 4, 1, nil)
	publish := []string{
		wire.Up(victim.id.Host, wire.Events), wire.Up(victim.id.Host, wire.Heartbeat), wire.Down(victim.id.Host), wire.Down(r.id.Host),
		wire.Inbox(victim.id.Host) + ".ack.1.1", "holdfast.v1.log.0." + string(victim.id.Host), "$JS.API.STREAM.LIST", "$SYS.REQ.SERVER.PING",
	}
	subscribe := []string{
		wire.Down(victim.id.Host), wire.Inbox(victim.id.Host) + ".>", wire.Up(victim.id.Host, ">"), "holdfast.v1.down.>", "_INBOX.>", ">", "$SYS.>",
	}
	grows(t, "what the stream forbids", refusal(s, "subject"), func() {
		before := r.denied()
		for _, subject := range publish {
			if err := r.Publish(subject, frame); err != nil {
				t.Error(err)
			}
		}
		for _, subject := range subscribe {
			if _, err := r.Subscribe(subject, func(m *nats.Msg) { t.Errorf("heard %s", m.Subject) }); err != nil {
				t.Error(err)
			}
		}
		fleettest.Await(t, "all of it is forbidden", func() bool { return r.denied()-before >= len(publish)+len(subscribe) })
	})
	grows(t, "an answer that shall go to another host", refusal(s, "reply"), func() {
		if err := r.PublishRequest(wire.Up(r.id.Host, wire.Fetch), wire.Inbox(victim.id.Host)+".ack.1.1", nil); err != nil {
			t.Error(err)
		}
	})
}

func malformed(t *testing.T, s *fleettest.Server, r *rogue) {
	whole := r.frame(1, 1, 1, nil)
	otherVersion := slices.Clone(whole)
	otherVersion[4]++
	damaged := slices.Clone(whole)
	damaged[len(damaged)-1] ^= 1
	for _, c := range []struct {
		name, kind, reason string
		data               []byte
	}{
		{"nothing", wire.Events, "malformed", nil},
		{"no frame", wire.Events, "malformed", []byte("a frame, believe me, with a header that is long enough for one")},
		{"a cut frame", wire.Events, "malformed", whole[:len(whole)-1]},
		{"a damaged frame", wire.Events, "malformed", damaged},
		{"another version", wire.Events, "version", otherVersion},
		{"an oversized frame", wire.Events, "oversized", make([]byte, wire.MaxFrame+1)},
		{"an oversized heartbeat", wire.Heartbeat, "oversized", make([]byte, wire.MaxMessage+1)},
		{"a heartbeat that is none", wire.Heartbeat, "malformed", []byte(`{"time":12}`)},
		{"a result that is none", wire.Results, "malformed", []byte(`[]`)},
	} {
		grows(t, c.name, refusal(s, c.reason), func() {
			if ack := r.ask(c.kind, c.data); ack.Code != wire.Refused || ack.Reason == "" {
				t.Errorf("%s: answered with %+v", c.name, ack)
			}
		})
	}
	grows(t, "a kind that there is not", refusal(s, "kind"), func() {
		if err := r.Publish(wire.Up(r.id.Host, "orders"), whole); err != nil {
			t.Error(err)
		}
	})
}

func outOfOrder(t *testing.T, s *fleettest.Server, r *rogue) {
	first := r.frame(1, 1, 10, nil)
	if ack := r.ask(wire.Events, first); ack.Code != wire.Accepted {
		t.Fatalf("a good frame: %+v", ack)
	}
	grows(t, "a replayed frame", func() float64 { return metric(s, "holdfast_gateway_repeated_frames_total") }, func() {
		if ack := r.ask(wire.Events, first); ack.Code != wire.Accepted {
			t.Errorf("a replayed frame: %+v", ack)
		}
	})
	grows(t, "a frame before its turn", func() float64 { return metric(s, "holdfast_gateway_unordered_frames_total") }, func() {
		if ack := r.ask(wire.Events, r.frame(5, 51, 10, nil)); ack.Code != wire.Unordered || ack.Next != 2 {
			t.Errorf("a frame before its turn: %+v", ack)
		}
	})
	grows(t, "numbers that were given before", refusal(s, "malformed"), func() {
		if ack := r.ask(wire.Events, r.frame(2, 5, 10, nil)); ack.Code != wire.Refused {
			t.Errorf("numbers that were given before: %+v", ack)
		}
	})
	grows(t, "a gap", func() float64 { return metric(s, "holdfast_gateway_gaps_total") }, func() {
		if ack := r.askAfter(wire.Events, r.frame(5, 51, 10, nil), "0"); ack.Code != wire.Accepted {
			t.Errorf("a frame behind a gap: %+v", ack)
		}
	})
	b := stored(t, s, r.id.Host, 20)
	if b.Dropped[fleet.MissingFrame] != 40 {
		t.Errorf("40 events are missing; dropped are %v", b.Dropped)
	}
	// Another epoch begins anew; what went before cannot be sent once more.
	other := r.in(3)
	if ack := other.ask(wire.Events, other.frame(1, 1, 5, nil)); ack.Code != wire.Accepted {
		t.Errorf("another epoch: %+v", ack)
	}
	_ = r.ask(wire.Events, first)
	if ack := other.ask(wire.Events, other.frame(2, 6, 5, nil)); ack.Code != wire.Accepted && ack.Code != wire.Unordered {
		t.Errorf("the other epoch goes on: %+v", ack)
	}
}

func anothersEvents(t *testing.T, s *fleettest.Server, r, victim *rogue) {
	liar := r.in(4)
	frame := liar.frame(1, 1, 7, func(e *event.Event) { e.Host = victim.id.Host })
	if ack := liar.ask(wire.Events, frame); ack.Code != wire.Accepted {
		t.Fatalf("events of another host: %+v", ack)
	}
	name := `holdfast_ingest_dropped_events_total{reason="wrong_host"}`
	fleettest.Await(t, "events of another host are dropped", func() bool { return metric(s, name) == 7 })
}

// tooLarge sends what the stream does not even read.
func tooLarge(t *testing.T, s *fleettest.Server, r *rogue) {
	own := connect(t, r.id, 5)
	raw := make([]byte, 2<<20)
	if err := own.Publish(wire.Up(r.id.Host, wire.Events), raw); err == nil {
		_ = own.FlushTimeout(time.Minute)
		fleettest.Await(t, "the connection is cut", own.IsClosed)
	}
}

// stored waits until so many events of a host are stored, and not more.
func stored(t *testing.T, s *fleettest.Server, host event.HostID, want uint64) (b fleet.Balance) {
	t.Helper()
	fleettest.Await(t, "the host's events are stored", func() bool {
		var err error
		b, err = s.Balance(host)
		return err == nil && b.Stored >= want
	})
	events, err := s.Events(context.Background(), client.ListEventsQuery{Host: string(host)})
	if err != nil {
		t.Fatal(err)
	}
	if b.Stored != want || uint64(len(events)) != want {
		t.Errorf("%d events of host %s are stored, the ledger says %d, want %d", len(events), host, b.Stored, want)
	}
	return b
}

// TestFloodDelaysNobodyElse floods the server with one host's credential, from
// many connections: another host's frames are answered all the same.
func TestFloodDelaysNobodyElse(t *testing.T) {
	s := fleettest.NewServer(t, fleettest.ServerOptions{})
	good := connect(t, enrol(t, s), 1)
	sequence := uint64(0)
	median := func() time.Duration {
		var took []time.Duration
		for range 30 {
			sequence++
			frame := good.frame(sequence, sequence, 1, nil)
			began := time.Now()
			if ack := good.ask(wire.Events, frame); ack.Code != wire.Accepted {
				t.Fatalf("frame %d: %+v", sequence, ack)
			}
			took = append(took, time.Since(began))
		}
		slices.Sort(took)
		return took[len(took)/2]
	}
	alone := median()
	stop := flood(t, s)
	fleettest.Await(t, "the flood is felt", func() bool {
		return metric(s, "holdfast_gateway_busy_frames_total")+metric(s, "holdfast_gateway_cut_connections_total") > 0
	})
	flooded := median()
	stop()
	t.Logf("a frame takes %v, and %v in the flood", alone, flooded)
	if flooded > max(100*alone, 2*time.Second) {
		t.Errorf("a frame takes %v, and %v in another host's flood", alone, flooded)
	}
	if metric(s, "holdfast_gateway_busy_frames_total") == 0 {
		t.Error("no frame of the flood was put off")
	}
}

// flood sends frames of one host from several connections as fast as they go,
// until stopped.
func flood(t *testing.T, s *fleettest.Server) (stop func()) {
	t.Helper()
	id := enrol(t, s)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{}, 4)
	for n := range cap(ended) {
		first := connect(t, id, byte(10+n))
		frame := first.frame(1, 1, 200, nil)
		go func() {
			defer func() { ended <- struct{}{} }()
			for now := first; ctx.Err() == nil; {
				err := now.PublishRequest(wire.Up(id.Host, wire.Events), wire.Inbox(id.Host)+".flood", frame)
				if err == nil {
					continue
				}
				time.Sleep(10 * time.Millisecond) // it was cut off, and comes again
				if again, err := tryConnect(t, id, 9); err == nil {
					now = again
				}
			}
		}()
	}
	return func() {
		cancel()
		for range cap(ended) {
			<-ended
		}
	}
}
