package stream

import (
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// bridge passes on what the embedded server logs. Anybody who reaches the port
// can make it log, so lines are limited; what it logs holds no credential,
// because tracing stays off.
type bridge struct {
	log    *slog.Logger
	refuse func(reason string) // counts what the embedded server refuses before the gateway sees it

	mu         sync.Mutex // guards what follows
	limit      bucket
	suppressed int
	fatalText  string
}

// Lines of the embedded server that are passed on.
const (
	linesPerSecond = 2
	lineBurst      = 50
	maxLine        = 1 << 10
)

func newBridge(log *slog.Logger, refuse func(reason string)) *bridge {
	return &bridge{log: log, refuse: refuse, limit: newBucket(linesPerSecond, lineBurst)}
}

// fatal returns why the server could not start, "" when it could.
func (b *bridge) fatal() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.fatalText
}

func (b *bridge) pass(level func(string, ...any), format string, args []any) {
	b.mu.Lock()
	if !b.limit.take(time.Now()) {
		b.suppressed++
		b.mu.Unlock()
		return
	}
	suppressed := b.suppressed
	b.suppressed = 0
	b.mu.Unlock()
	text := fmt.Sprintf(format, args...)
	attributes := []any{"text", text[:min(len(text), maxLine)]}
	if suppressed > 0 {
		attributes = append(attributes, "suppressed_before", suppressed)
	}
	level("embedded stream", attributes...)
}

// Noticef, Warnf, Errorf, Fatalf, Debugf and Tracef make it a logger of NATS.
func (b *bridge) Noticef(format string, args ...any) { b.pass(b.log.Debug, format, args) }

func (b *bridge) Warnf(format string, args ...any) { b.pass(b.log.Warn, format, args) }

// Errorf also counts refusals: there is no other place where the embedded server
// tells of them.
func (b *bridge) Errorf(format string, args ...any) {
	if reason := refusal(format, args); reason != "" {
		b.refuse(reason)
	}
	b.pass(b.log.Error, format, args)
}

// refusal returns why the embedded server refused something of which it logs a
// line, or "" when the line says something else. Whoever is refused can name
// itself like another refusal: it counts one way or the other.
func refusal(format string, args []any) string {
	switch {
	case strings.Contains(format, "Publish Violation - "), strings.Contains(format, "Subscription Violation - "):
		return ReasonSubject
	case strings.HasSuffix(format, " - "+server.ErrAuthentication.Error()), len(args) > 0 && args[0] == error(server.ErrAuthentication):
		return ReasonCredential
	}
	return ""
}

// Fatalf does not end the process: the caller of Open decides.
func (b *bridge) Fatalf(format string, args ...any) {
	b.mu.Lock()
	if b.fatalText == "" {
		b.fatalText = fmt.Sprintf(format, args...)
	}
	b.mu.Unlock()
	b.pass(b.log.Error, format, args)
}

func (b *bridge) Debugf(string, ...any) {}

func (b *bridge) Tracef(string, ...any) {}

// connectionOptions are those of all of this process's connections.
func connectionOptions(log *slog.Logger) []nats.Option {
	return []nats.Option{
		nats.Name("holdfast-server"),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(500 * time.Millisecond),
		nats.ReconnectJitter(500*time.Millisecond, time.Second),
		nats.Timeout(requestTimeout),
		nats.DisconnectErrHandler(func(nc *nats.Conn, err error) {
			if err != nil && !nc.IsClosed() {
				log.Warn("connection to the stream lost", "error", err)
			}
		}),
		nats.ReconnectHandler(func(*nats.Conn) { log.Info("connection to the stream is back") }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			log.Warn("trouble on the connection to the stream", "error", err)
		}),
	}
}

// bucket is a token bucket: rate a second, burst at once. The zero value lets
// nothing through.
type bucket struct {
	rate, burst, tokens float64
	last                time.Time
}

func newBucket(rate, burst float64) bucket { return bucket{rate: rate, burst: burst, tokens: burst} }

func (b *bucket) take(now time.Time) bool {
	if passed := now.Sub(b.last).Seconds(); passed > 0 {
		b.tokens = min(b.burst, b.tokens+passed*b.rate)
	}
	b.last = now
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}
