package transport

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/holdfast-security/holdfast/agent/bundle"
	"github.com/holdfast-security/holdfast/agent/identity"
	"github.com/holdfast-security/holdfast/fleet"
	"github.com/holdfast-security/holdfast/policy"
	"github.com/holdfast-security/holdfast/wire"
)

// Spool is where frames wait for the server. The client calls it from one
// goroutine.
type Spool interface {
	// Next returns the first frame whose sequence number is greater than after.
	// When the spool began a new epoch and all before it are acknowledged, it is
	// the first of that epoch, whose number is not greater. The frame is the
	// client's until the next call.
	Next(after uint64) (sequence uint64, frame []byte, ok bool)
	// Ack forgets the frames up to sequence, which the server has taken.
	Ack(sequence uint64) error
	// Wake returns a channel that holds a token when frames were added.
	Wake() <-chan struct{}
}

// Orders carries out what the server orders. Its methods return at once.
type Orders interface {
	// Knows reports whether an order with this id was given before.
	Knows(id string) bool
	// Give hands over an order. One that is known is answered as before.
	Give(order wire.Order)
	// Answer returns the first part of an answer that the server has not
	// acknowledged, with a number that no other part ever had.
	Answer() (number uint64, part wire.Result, ok bool)
	// Acknowledged forgets the part with a number, which need not be there any
	// more.
	Acknowledged(number uint64)
	// Wake returns a channel that holds a token when there are new parts.
	Wake() <-chan struct{}
}

// Bundle keeps a set of files that the server sends. Its methods are called
// from one goroutine and may use the disk.
type Bundle interface {
	// Announce takes a verified announcement, with the message that holds it.
	Announce(b wire.Bundle, signed wire.Signed)
	// RefuseAnnouncement is told of one that was not obeyed.
	RefuseAnnouncement(why error)
	// Next returns what to ask for next, false when nothing is missing.
	Next() (wire.FetchRequest, bool)
	// Put takes the answer to it. See [bundle.Store.Put] for the errors.
	Put(c wire.Chunk) error
}

var _ Bundle = (*bundle.Store)(nil)

// Options are what a client is made from. All but Bundles, Log and the times
// must be set.
type Options struct {
	Identity identity.Identity
	Serials  *identity.Serials
	Spool    Spool
	Orders   Orders
	// Heartbeat says how the agent is doing, and Interval how often that is to
	// be told. Both must return at once.
	Heartbeat func() fleet.Heartbeat
	Interval  func() time.Duration
	// Policy takes a verified policy, the one in force included, with the
	// message that holds it. It must return at once.
	Policy func(policy.Policy, wire.Signed)
	// Bundles are those that this agent has a use for, by name; others are not
	// fetched.
	Bundles map[string]Bundle
	Log     *slog.Logger // nil discards

	AckTimeout time.Duration // for the answer to a frame; 0 means 10 s
	Linger     time.Duration // after the end, to send what waits while there is a connection; 0 for none
	RetryFloor time.Duration // replaced by tests: bound of every wait between attempts; 0 for none
}

const (
	ackTimeout     = 10 * time.Second
	dialTimeout    = 10 * time.Second
	writeTimeout   = 10 * time.Second
	pingInterval   = 30 * time.Second // a dead connection is noticed after two
	steady         = 30 * time.Second // a connection that lasted this long was a good one
	answerRoom     = 4 * windowFrames
	signedRoom     = 64
	chunkRoom      = 16
	maxServerWords = 300 // columns shown of what the server says
)

// Client is the agent's connection to the stream.
type Client struct {
	opts   Options
	log    *slog.Logger
	roots  *x509.CertPool
	inbox  string
	window *window
	state  condition
}

// New checks the options and makes a client. Nothing is connected yet.
func New(opts Options) (*Client, error) {
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	if opts.AckTimeout == 0 {
		opts.AckTimeout = ackTimeout
	}
	if err := opts.Identity.Validate(); err != nil {
		return nil, err
	}
	roots, err := opts.Identity.Roots()
	if err != nil {
		return nil, err
	}
	c := &Client{
		opts: opts, log: opts.Log, roots: roots, inbox: wire.Inbox(opts.Identity.Host), window: newWindow(),
	}
	c.state.set(Connecting, "", "")
	return c, nil
}

// Status may be called at any time, from any goroutine.
func (c *Client) Status() Status { return c.state.get() }

// Run keeps the agent connected until ctx ends, and then, while there is a
// connection, until all that waits was taken or the time to linger is over. It
// is called once.
func (c *Client) Run(ctx context.Context) {
	failures := 0
	for {
		began := time.Now()
		err := c.connect(ctx)
		if ctx.Err() != nil {
			c.state.set(Connecting, "", "stopped")
			return
		}
		if time.Since(began) >= steady {
			failures = 0
		}
		delay := c.failed(err, failures)
		failures++
		select {
		case <-ctx.Done():
		case <-time.After(delay):
		}
	}
}

// failed notes why there is no connection and returns how long to wait.
func (c *Client) failed(err error, failures int) time.Duration {
	refused := refusedCredential(err)
	detail := termBound(err)
	state := Connecting
	if refused {
		state = Revoked
		detail = "the server refuses this host's credential: the host was revoked, or the server does not know it any more; " +
			"allow it there, or run `holdfast-agent unenroll` and enrol again"
	}
	if c.state.get().Detail != detail {
		c.log.Warn("not connected to the server", "state", string(state), "reason", detail)
	}
	c.state.set(state, "", detail)
	return c.bounded(connectDelay(failures, refused))
}

// bounded is a wait, as far as tests let it.
func (c *Client) bounded(d time.Duration) time.Duration {
	if floor := c.opts.RetryFloor; floor > 0 {
		return min(d, floor)
	}
	return d
}

func refusedCredential(err error) bool {
	for _, refusal := range []error{nats.ErrAuthorization, nats.ErrAuthRevoked, nats.ErrAuthExpired, nats.ErrAccountAuthExpired} {
		if errors.Is(err, refusal) {
			return true
		}
	}
	return false
}

// dial connects to the first of the server's addresses that takes this host,
// in random order, as they may be several servers. Each is tried by itself: in
// a list the library keeps the last error alone, and an address that cannot be
// reached would hide that another one refused the credential.
func (c *Client) dial() (*session, error) {
	var refused error
	var errs []error
	streams := c.opts.Identity.Streams
	for _, i := range rand.Perm(len(streams)) {
		s := newSession(c)
		conn, err := nats.Connect(streams[i], s.options()...)
		if err == nil {
			s.conn = conn
			return s, nil
		}
		err = explain("the stream "+streams[i], err)
		if refusedCredential(err) {
			refused = err
		}
		errs = append(errs, err)
	}
	if refused != nil {
		return nil, refused
	}
	return nil, errors.Join(errs...)
}

// connect makes one connection and uses it until it ends.
func (c *Client) connect(ctx context.Context) error {
	s, err := c.dial()
	if err != nil {
		return err
	}
	conn := s.conn
	defer func() {
		conn.Close()
		<-s.closed
	}()
	if err := s.subscribe(); err != nil {
		return fmt.Errorf("subscribe at %s: %w", conn.ConnectedUrl(), err)
	}
	c.state.count(func(n *Counters) { n.Connects++ })
	c.state.set(Connected, conn.ConnectedUrl(), "")
	c.log.Info("connected to the server", "server", conn.ConnectedUrl(), "host", string(c.opts.Identity.Host))
	return s.run(ctx)
}

// options are those of one connection. The client of the library would connect
// again by itself; that is left to [Client.Run], so that nothing is in two
// places: what was under way is in the spool, and no buffer holds it as well.
func (s *session) options() []nats.Option {
	id := s.client.opts.Identity
	return []nats.Option{
		nats.Name("holdfast-agent " + string(id.Host)),
		nats.Secure(&tls.Config{MinVersion: tls.VersionTLS13, RootCAs: s.client.roots}),
		nats.UserJWT(
			func() (string, error) { return id.Credential, nil },
			func(nonce []byte) ([]byte, error) { return identity.Sign(id.Seed, nonce) },
		),
		nats.CustomInboxPrefix(s.client.inbox),
		nats.NoReconnect(),
		nats.Timeout(dialTimeout),
		nats.FlusherTimeout(writeTimeout),
		nats.PingInterval(pingInterval),
		nats.ClosedHandler(func(*nats.Conn) { close(s.closed) }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { s.trouble(err) }),
	}
}
