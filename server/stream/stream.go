// Package stream is where agents and server meet: a NATS server inside this
// process, or an outside cluster by setting, and behind it the log of all
// frames that were accepted and not yet stored.
//
// The gateway ([Stream.Serve]) takes frames from agents, gives each host a
// bounded queue of its own, checks what can be checked without unpacking, and
// writes them to the log in the order of their numbers. A frame is answered
// "accepted" when the log has it; with the embedded server that means written
// and synced to disk, unless [Config.SyncInterval] says otherwise. Ingest reads
// the log in order with [Stream.Read] and purges what it has stored.
//
// Identity is NATS's own: each agent holds a credential, signed by the server's
// key, that admits it to the subjects of its own host and nothing else. What an
// agent sends is hostile all the same: sizes, numbers, reply subjects and rates
// are checked, and everything refused is counted with its reason.
package stream

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/fleet"
	"github.com/holdfast-security/holdfast/wire"
)

// Signer is a private nkey that can sign. It must be safe for concurrent use.
type Signer interface {
	PublicKey() string
	Sign(data []byte) ([]byte, error)
}

// Config says where the stream is and how much it may hold. Either Keys and
// Dir are set, for the embedded server, or Outside is.
type Config struct {
	// Dir is where the embedded server keeps its files.
	Dir string
	// Listen is the host:port for agents; port 0 takes a free one, see
	// [Stream.Addr]. Empty serves this process only.
	Listen string
	// TLS is how agents are served. It is required with Listen.
	TLS *tls.Config
	// Keys are the embedded server's.
	Keys Keys
	// MaxConnections bounds connected agents; zero means 12,000.
	MaxConnections int
	// SyncInterval, when positive, lets the embedded server answer before a
	// frame is on disk: a power failure then loses up to this much. Zero syncs
	// every frame before it is answered. A killed process loses nothing either
	// way.
	SyncInterval time.Duration
	// MinFree is how many bytes of the disk stay free: below, agents are asked
	// to wait. Zero means 256 MiB, negative none.
	MinFree int64

	// Outside is a NATS cluster to use instead; nil for the embedded server.
	Outside *Outside

	// Partitions divide the hosts, by a hash of their ids, into logs that can
	// be read apart; zero means 1, at most 64. It cannot change while the log
	// holds frames.
	Partitions int
	// MaxBytes bounds the log, all partitions together; zero means 8 GiB.
	// When it is full, agents are asked to wait: nothing is overwritten.
	MaxBytes int64
	// Log receives what the embedded server has to say; nil discards it.
	Log *slog.Logger
}

// Keys are what the embedded server is set up with, all nkeys: the operator
// vouches for the accounts, Account and System name them, and Signing issues
// credentials for Account.
type Keys struct{ Operator, Account, System, Signing Signer }

const (
	defaultConnections = 12_000
	defaultMinFree     = 256 << 20
	defaultMaxBytes    = 8 << 30
	maxPartitions      = 64
)

// complete fills in the defaults and checks the rest.
func (c *Config) complete() error {
	setDefault(&c.MaxConnections, defaultConnections)
	setDefault(&c.Partitions, 1)
	setDefault(&c.MinFree, defaultMinFree)
	setDefault(&c.MaxBytes, defaultMaxBytes)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	switch {
	case c.Partitions < 0 || c.Partitions > maxPartitions:
		return fmt.Errorf("the stream has %d partitions, not 1 to %d", c.Partitions, maxPartitions)
	case c.MaxBytes < 16*wire.MaxFrame:
		return fmt.Errorf("the stream's bound of %d bytes is less than %d", c.MaxBytes, 16*wire.MaxFrame)
	case c.MaxConnections < 1:
		return fmt.Errorf("the stream's bound of %d connections lets nobody in", c.MaxConnections)
	case c.Outside != nil:
		return c.Outside.validate()
	case c.Dir == "":
		return errors.New("the embedded stream needs a directory")
	case c.Keys.Operator == nil || c.Keys.Account == nil || c.Keys.System == nil || c.Keys.Signing == nil:
		return errors.New("the embedded stream needs its keys")
	case c.Listen != "" && c.TLS == nil:
		return errors.New("the stream does not listen without TLS")
	}
	return nil
}

func setDefault[T int | int64](value *T, normal T) {
	if *value == 0 {
		*value = normal
	}
}

// backend is what embedded server and outside cluster do differently.
type backend interface {
	// connect returns the server's own connection.
	connect() (*nats.Conn, error)
	// issuer returns who signs credentials, and for which account.
	issuer() (signer Signer, account string)
	// revoke puts the whole list in force; lifted are keys that were on it.
	revoke(ctx context.Context, revoked map[string]time.Time, lifted []string) error
	// room reports whether there is disk space for more.
	room() bool
	// fault reports that the log takes nothing more until it is revived.
	fault() error
	// revive repairs the log after writing failed, as far as it can.
	revive() error
	// replicas is how many copies the log has.
	replicas() int
	// addr returns the address for agents, "" where there is none.
	addr() string
	// disconnect ends the connections of a host, where it can.
	disconnect(host event.HostID)
	// connections returns how many there are, or -1 when it cannot know.
	connections() int
	close()
}

// Stream is the open stream. Its methods may be called from any goroutine.
type Stream struct {
	config   Config
	log      *slog.Logger
	backend  backend
	nc       *nats.Conn
	js       jetstream.JetStream
	logs     []jetstream.Stream // by partition
	counters counters
	health   conditions
	heads    heads

	mu      sync.Mutex // guards what follows
	revoked map[string]time.Time
	heard   map[event.HostID]time.Time
}

// Open starts the embedded server or connects to the outside cluster, and
// makes the log where it is missing. Close ends what it started.
func Open(ctx context.Context, c Config) (_ *Stream, err error) {
	if err := c.complete(); err != nil {
		return nil, err
	}
	s := &Stream{config: c, log: c.Log, heard: make(map[event.HostID]time.Time)}
	s.heads.init(c.Partitions)
	if c.Outside != nil {
		s.backend, err = openOutside(c)
	} else {
		s.backend, err = openEmbedded(c, s.counters.refuse)
	}
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.Close()
		}
	}()
	if s.nc, err = s.backend.connect(); err != nil {
		return nil, err
	}
	if s.js, err = jetstream.New(s.nc); err != nil {
		return nil, fmt.Errorf("use the stream: %w", err)
	}
	return s, s.openLogs(ctx)
}

// Close ends the connection and the embedded server. Call it after Serve has
// returned; frames that were accepted are in the log.
func (s *Stream) Close() {
	if s.nc != nil {
		s.nc.Close()
	}
	s.backend.close()
}

// Addr returns the address that the embedded server listens on for agents,
// and "" where it does not.
func (s *Stream) Addr() string { return s.backend.addr() }

// Partition returns the partition of a host. It depends on the id and the
// number of partitions alone.
func (s *Stream) Partition(host event.HostID) int {
	h := fnv.New32a()
	h.Write([]byte(host))
	return int(h.Sum32() % uint32(s.config.Partitions))
}

// Partitions returns how many partitions there are; they are numbered from 0.
func (s *Stream) Partitions() int { return s.config.Partitions }

// LastHeard returns when each host was last heard of by this gateway.
func (s *Stream) LastHeard() map[event.HostID]time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	heard := make(map[event.HostID]time.Time, len(s.heard))
	for host, at := range s.heard {
		heard[host] = at
	}
	return heard
}

// Send delivers a signed message to a host that is connected; a host that is
// not never gets it and asks for what it missed by itself. The error wraps
// [wire.ErrOversized] when the message is too large to be delivered this way.
func (s *Stream) Send(_ context.Context, host event.HostID, signed wire.Signed) error {
	data, err := encode(signed)
	if err != nil {
		return fmt.Errorf("send to host %s: %w", host, err)
	}
	if err := s.nc.Publish(wire.Down(host), data); err != nil {
		return fmt.Errorf("send to host %s: %w", host, err)
	}
	return nil
}

// Warnings returns what is wrong with the stream now, empty when nothing is.
func (s *Stream) Warnings() []fleet.Warning { return s.health.list() }

// Ready reports why the stream cannot take frames now, nil when it can.
func (s *Stream) Ready() error {
	if s.nc.Status() != nats.CONNECTED {
		return errors.New("the stream is not connected")
	}
	if g := s.counters.gateway.Load(); g == nil || !g.receiving.Load() {
		return errors.New("agents are not taken yet; the server is starting")
	}
	return nil
}
