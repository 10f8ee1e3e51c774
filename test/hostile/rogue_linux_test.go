package hostile_test

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/holdfast-security/holdfast/agent/identity"
	"github.com/holdfast-security/holdfast/agent/transport"
	"github.com/holdfast-security/holdfast/api"
	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/test/fleet"
	"github.com/holdfast-security/holdfast/wire"
)

// rogue is a program that holds the credential of a host and does with it what
// it wants.
type rogue struct {
	*nats.Conn
	t       *testing.T
	id      identity.Identity
	encoder *wire.Encoder
	epoch   wire.Epoch

	mu      sync.Mutex // guards denials
	denials int        // what the stream forbade
}

// enrol makes a host and returns what its agent would keep.
func enrol(t *testing.T, s *fleet.Server) identity.Identity {
	t.Helper()
	text, _ := s.EnrolToken(api.NewEnrollToken{Note: "rogue", MaxUses: 1})
	id, err := enrolWith(t, text)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func enrolWith(t *testing.T, text string) (identity.Identity, error) {
	t.Helper()
	token, err := wire.ParseToken(text)
	if err != nil {
		t.Fatal(err)
	}
	return transport.Enroll(t.Context(), transport.Enrollment{Token: token, Hostname: "rogue", Agent: "test"})
}

// connect connects with the credential of id.
func connect(t *testing.T, id identity.Identity, epoch byte) *rogue {
	t.Helper()
	r, err := tryConnect(t, id, epoch)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func tryConnect(t *testing.T, id identity.Identity, epoch byte) (*rogue, error) {
	t.Helper()
	r := &rogue{t: t, id: id, encoder: wire.NewEncoder(), epoch: wire.Epoch{epoch}}
	roots, err := id.Roots()
	if err != nil {
		return nil, err
	}
	r.Conn, err = nats.Connect(id.Streams[0], nats.Secure(&tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS13}),
		nats.UserJWT(func() (string, error) { return id.Credential, nil }, func(nonce []byte) ([]byte, error) { return identity.Sign(id.Seed, nonce) }),
		nats.CustomInboxPrefix(wire.Inbox(id.Host)), nats.NoReconnect(), nats.Timeout(fleet.Patience),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			if errors.Is(err, nats.ErrPermissionViolation) {
				r.mu.Lock()
				defer r.mu.Unlock()
				r.denials++
			}
		}))
	if err != nil {
		return nil, err
	}
	t.Cleanup(r.Close)
	return r, nil
}

// in returns the same connection for frames of another epoch.
func (r *rogue) in(epoch byte) *rogue {
	return &rogue{Conn: r.Conn, t: r.t, id: r.id, encoder: wire.NewEncoder(), epoch: wire.Epoch{epoch}}
}

// denied returns how often the stream forbade something.
func (r *rogue) denied() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.denials
}

// frame makes a frame of events with ascending serial numbers from first on.
func (r *rogue) frame(sequence, first uint64, count int, change func(*event.Event)) []byte {
	r.t.Helper()
	events := make([]*event.Event, count)
	for i := range events {
		events[i] = &event.Event{
			Time: time.Now().UTC(), Class: event.ClassProcessActivity, Activity: event.ProcessLaunch, Status: event.StatusSuccess,
			Serial: first + uint64(i), Process: &event.Process{PID: 1, Name: "rogue", CommandLine: "rogue"},
		}
		if change != nil {
			change(events[i])
		}
	}
	data, err := r.encoder.AppendFrame(nil, wire.Header{Epoch: r.epoch, Sequence: sequence, First: first, Made: time.Now()}, events)
	if err != nil {
		r.t.Fatal(err)
	}
	return data
}

// ask sends a message of a kind and returns the answer.
func (r *rogue) ask(kind string, data []byte) wire.Ack {
	r.t.Helper()
	return r.askAfter(kind, data, "")
}

// askAfter does what ask does, and says which frame comes before.
func (r *rogue) askAfter(kind string, data []byte, previous string) wire.Ack {
	r.t.Helper()
	m := nats.NewMsg(wire.Up(r.id.Host, kind))
	m.Data = data
	if previous != "" {
		m.Header.Set(wire.PreviousHeader, previous)
	}
	answer, err := r.RequestMsg(m, fleet.Patience)
	if err != nil {
		r.t.Fatalf("no answer to a message of kind %s: %v", kind, err)
	}
	var ack wire.Ack
	if err := json.Unmarshal(answer.Data, &ack); err != nil {
		r.t.Fatal(err)
	}
	return ack
}

// metric returns a figure of /metrics, zero when it is not there.
func metric(s *fleet.Server, name string) float64 {
	for line := range strings.Lines(s.Metrics()) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), name+" "); ok {
			n, err := strconv.ParseFloat(value, 64)
			if err == nil {
				return n
			}
		}
	}
	return 0
}

// grows checks that something makes a figure larger.
func grows(t *testing.T, what string, figure func() float64, do func()) {
	t.Helper()
	before := figure()
	do()
	if !fleet.Within(fleet.Patience, func() bool { return figure() > before }) {
		t.Errorf("%s: not counted", what)
	}
}
