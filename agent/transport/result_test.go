package transport_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	natsd "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/holdfast-security/holdfast/agent/transport"
	"github.com/holdfast-security/holdfast/wire"
)

// desk takes answers to orders.
type desk struct {
	mu   sync.Mutex // guards what follows
	came []string
	// reply returns what is answered to the part that came as the n-th, from 0;
	// nil for nothing.
	reply func(n int) any
}

func (d *desk) take(m *nats.Msg) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var r wire.Result
	if json.Unmarshal(m.Data, &r) != nil {
		r.Order = "damaged"
	}
	n := len(d.came)
	d.came = append(d.came, r.Order)
	if reply := d.reply(n); reply != nil {
		data, _ := json.Marshal(reply)
		_ = m.Respond(data)
	}
}

func (d *desk) list() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.came)
}

// take lets the desk take answers from now on.
func (w *world) take(d *desk) {
	w.t.Helper()
	if _, err := w.conn.Subscribe(wire.Up(host, wire.Results), d.take); err != nil {
		w.t.Fatal(err)
	}
	if err := w.conn.Flush(); err != nil {
		w.t.Fatal(err)
	}
}

func TestAnswersArriveInTheirOrder(t *testing.T) {
	for name, c := range map[string]struct {
		reply func(n int) any
		want  []string
	}{
		"accepted":   {func(int) any { return wire.Ack{Code: wire.Accepted} }, []string{"a", "b", "c"}},
		"refused":    {func(int) any { return wire.Ack{Code: wire.Refused} }, []string{"a", "b", "c"}},
		"busy first": {func(n int) any { return wire.Ack{Code: busyUntil(n, 2), RetryMS: 1} }, []string{"a", "a", "a", "b", "c"}},
		"no answer first": {func(n int) any {
			if n < 1 {
				return nil
			}
			return wire.Ack{Code: wire.Accepted}
		}, []string{"a", "a", "b", "c"}},
		"nonsense first": {func(n int) any {
			if n < 1 {
				return "nonsense"
			}
			return wire.Ack{Code: wire.Accepted}
		}, []string{"a", "a", "b", "c"}},
		"an unknown word first": {func(n int) any {
			if n < 1 {
				return wire.Ack{Code: "perhaps"}
			}
			return wire.Ack{Code: wire.Accepted}
		}, []string{"a", "a", "b", "c"}},
	} {
		t.Run(name, func(t *testing.T) {
			w, o := newWorld(t), &desk{reply: c.reply}
			w.take(o)
			a := w.start(newSpool(0), func(o *transport.Options) { o.AckTimeout = 300 * time.Millisecond })
			a.orders.answer(wire.Result{Order: "a"})
			a.orders.answer(wire.Result{Order: "huge", Detail: strings.Repeat("x", wire.MaxMessage)}) // left out
			a.orders.answer(wire.Result{Order: "b"})
			a.orders.answer(wire.Result{Order: "c"})
			eventually(t, "all are acknowledged", func() bool { return a.orders.waiting() == 0 })
			if got := slices.Compact(o.list()); !slices.Equal(got, slices.Compact(slices.Clone(c.want))) || len(o.list()) < len(c.want) {
				t.Errorf("got %v, want %v", o.list(), c.want)
			}
		})
	}
}

func busyUntil(n, last int) wire.AckCode {
	if n < last {
		return wire.Busy
	}
	return wire.Accepted
}

// TestAnswersWaitForTheServer gives answers while there is no server, and while
// one is there that nobody listens at.
func TestAnswersWaitForTheServer(t *testing.T) {
	w := newWorld(t)
	port := w.port()
	a := w.start(newSpool(0))
	eventually(t, "connected", func() bool { return a.Status().State == transport.Connected })
	for n := range 3 {
		a.orders.answer(wire.Result{Order: fmt.Sprint(n)}) // nobody listens
	}
	w.stream.Shutdown()
	w.stream.WaitForShutdown()
	a.orders.answer(wire.Result{Order: "3"})
	w.startStream(&natsd.Options{Port: port})
	w.conn = w.connect()
	o := &desk{reply: func(int) any { return wire.Ack{Code: wire.Accepted} }}
	w.take(o)
	eventually(t, "all are acknowledged", func() bool { return a.orders.waiting() == 0 })
	if got := slices.Compact(o.list()); !slices.Equal(got, []string{"0", "1", "2", "3"}) {
		t.Errorf("got %v", o.list())
	}
}

func TestWhatWaitsIsSentBeforeTheEnd(t *testing.T) {
	w := newWorld(t)
	var g gateway
	w.serve(&g)
	o := &desk{reply: func(int) any { return wire.Ack{Code: wire.Accepted} }}
	w.take(o)
	g.meddle = func(n uint64, times int) (*wire.Ack, bool) { // takes a while
		return &wire.Ack{Sequence: n, Code: wire.Busy, RetryMS: 1}, n == 50 && times < 3
	}
	a := w.start(newSpool(0), func(o *transport.Options) { o.Linger = patience })
	eventually(t, "connected", func() bool { return a.Status().State == transport.Connected })
	a.spool.append(100)
	a.orders.answer(wire.Result{Order: "last"})
	a.stop()
	if a.spool.len() != 0 || g.taken() != 100 || a.orders.waiting() != 0 {
		t.Errorf("%d frames are left, %d taken, %d answers left", a.spool.len(), g.taken(), a.orders.waiting())
	}
}

func TestTheEndIsNotPutOffForEver(t *testing.T) {
	for name, linger := range map[string]time.Duration{"at once": 0, "after a while": 50 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			g := gateway{meddle: func(uint64, int) (*wire.Ack, bool) { return nil, true }} // deaf
			w.serve(&g)
			a := w.start(newSpool(10), func(o *transport.Options) { o.Linger = linger })
			eventually(t, "frames are under way", func() bool { return a.Status().Counters.Sent > 0 })
			a.stop()
			if a.spool.len() != 10 {
				t.Errorf("%d frames are left", a.spool.len())
			}
		})
	}
}
