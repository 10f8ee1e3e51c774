package stream

import (
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/holdfast-security/holdfast/wire"
)

// TestRefusalsOfTheEmbeddedServerAreCounted keeps the counters true when the
// embedded server words its log otherwise: it tells of them nowhere else.
func TestRefusalsOfTheEmbeddedServerAreCounted(t *testing.T) {
	f := start(t)
	a := f.enrol(t, 1)
	stranger := &agent{host: hostID(3), key: newSigner(t, nkeys.CreateUser)}
	stranger.jwt = a.jwt // which is for another key
	for name, c := range map[string]struct {
		reason string
		do     func() error
	}{
		"publish":            {ReasonSubject, func() error { return a.Publish(wire.Up(hostID(2), wire.Events), nil) }},
		"subscribe":          {ReasonSubject, func() error { _, err := a.SubscribeSync(wire.Down(hostID(2))); return err }},
		"subscribe in queue": {ReasonSubject, func() error { _, err := a.QueueSubscribeSync(">", "queue"); return err }},
		"stolen credential":  {ReasonCredential, func() error { return refused(f.dial(stranger)) }},
		"no credential":      {ReasonCredential, func() error { return refused(nats.Connect("tls://"+f.Addr(), nats.Secure(f.client))) }},
	} {
		before := f.Stats().Refused[c.reason]
		if err := c.do(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		eventually(t, name+" is counted once", func() bool { return f.Stats().Refused[c.reason] == before+1 })
	}
	if before, n := f.Stats().Refused, len(Reasons()); len(before) != n {
		t.Errorf("%d reasons are shown, want %d", len(before), n)
	}
}

// refused expects that a connection did not come about.
func refused(nc *nats.Conn, err error) error {
	if err != nil {
		return nil
	}
	nc.Close()
	return nats.ErrInvalidConnection
}
