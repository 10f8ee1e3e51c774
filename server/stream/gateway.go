package stream

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/fleet"
	"github.com/holdfast-security/holdfast/server/stream/fairqueue"
	"github.com/holdfast-security/holdfast/store"
	"github.com/holdfast-security/holdfast/wire"
)

// Handler is what the gateway asks of the rest of the server. Its methods are
// called from several goroutines.
type Handler interface {
	// Known reports whether the host is enrolled and not revoked. It is asked
	// for every message and must answer from memory.
	Known(host event.HostID) bool
	// Heartbeat takes what an agent says of itself, within bounds.
	Heartbeat(host event.HostID, beat fleet.Heartbeat)
	// Fetch returns the policy that a host shall have.
	Fetch(host event.HostID) (wire.Signed, error)
	// Bundle returns the announcement of a bundle that a host asks for, and
	// Chunk a part of its content. The error wraps [store.ErrNotFound] when
	// there is no bundle of that name.
	Bundle(host event.HostID, name string) (wire.Signed, error)
	Chunk(host event.HostID, r wire.FetchRequest) (wire.Chunk, error)
	// Result takes an answer to an order and returns nil when it is on disk, or
	// of no use to anybody. It may come again, and does after an error.
	Result(host event.HostID, result wire.Result) error
}

// Bounds of the gateway. A host that keeps 32 frames under way never meets its
// own; what meets them waits in the agent's spool.
const (
	hostFrames     = 64
	hostFrameBytes = 16 << 20
	allFrameBytes  = 256 << 20
	hostMessages   = 32
	hostMsgBytes   = 512 << 10
	allMsgBytes    = 32 << 20

	frameWorkers   = 64 // publishes under way
	messageWorkers = 4

	// What NATS holds for the subscription before messages are lost; the
	// agents send them again. Routing does not wait, so little gathers.
	pendingMessages = 1 << 16
	pendingBytes    = 256 << 20
)

// Times that agents are asked to wait, in milliseconds, and the drain's.
const (
	retryQueue  = 500
	retryFull   = 5_000
	retryTold   = 60_000 // the host is unknown: people have to act
	drainTime   = 10 * time.Second
	watchEvery  = time.Second
	reviveEvery = 10 * time.Second
	reviveAfter = 3 // failed publishes in a row
)

// Rates of messages of one host: a second, and at once.
const (
	beatRate, beatBurst       = 1, 10
	messageRate, messageBurst = 20, 100
	// Who has frames refused faster than this is no longer answered: a flood
	// must cost the goroutine that routes less than it costs to receive.
	refusalRate, refusalBurst = 10, 100
	// Who goes on regardless is cut off: no agent that waits for answers does.
	excessRate, excessBurst = 200, 2000
	// heardEvery is how exact the time of the last message is.
	heardEvery = time.Second
)

// gateway takes messages from agents while Serve runs.
type gateway struct {
	*Stream
	handler  Handler
	progress progresses
	frames   *fairqueue.Queue[*nats.Msg]
	messages *fairqueue.Queue[*nats.Msg]
	limits   map[event.HostID]*hostLimits // used by the subscription's goroutine alone

	sub       *nats.Subscription
	receiving atomic.Bool  // agents find somebody who answers
	failures  atomic.Int32 // publishes that failed in a row
	full      atomic.Bool  // the disk is, as of the last look
	broken    atomic.Bool  // the log is, as of the last look
	writes    writes
	cutting   sync.WaitGroup
}

// hostLimits is what routing knows of a host.
type hostLimits struct {
	beats, messages bucket
	refusals        bucket // answers to frames that found no room
	excess          bucket // what found no room or was refused unread
	heard           time.Time
}

// Serve takes messages from agents until ctx ends, then finishes what it has
// taken and returns nil. intakes are what the store has of each host: hosts go
// on from there and from what the log holds. One Serve may run at a time.
func (s *Stream) Serve(ctx context.Context, h Handler, intakes map[event.HostID]fleet.Intake) error {
	g := &gateway{
		Stream: s, handler: h,
		progress: progresses{hosts: make(map[event.HostID]*progress)},
		frames:   fairqueue.New(fairqueue.Limits{HostMessages: hostFrames, HostBytes: hostFrameBytes, AllBytes: allFrameBytes}, size),
		messages: fairqueue.New(fairqueue.Limits{HostMessages: hostMessages, HostBytes: hostMsgBytes, AllBytes: allMsgBytes}, size),
		limits:   make(map[event.HostID]*hostLimits),
	}
	if err := g.learn(ctx, intakes); err != nil {
		if ctx.Err() != nil {
			return nil // ended before it began
		}
		return err
	}
	s.counters.gateway.Store(g)
	working, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var workers sync.WaitGroup
	for range frameWorkers {
		workers.Go(func() { g.work(working, g.frames, g.frame) })
	}
	for range messageWorkers {
		workers.Go(func() { g.work(working, g.messages, g.message) })
	}
	err := g.run(ctx)
	g.frames.Close()
	g.messages.Close()
	time.AfterFunc(drainTime, stop)
	workers.Wait()
	g.cutting.Wait()
	if err == nil {
		err = s.nc.FlushTimeout(requestTimeout) // the last answers
	}
	return err
}

// learn finds out how far each host had come.
func (g *gateway) learn(ctx context.Context, intakes map[event.HostID]fleet.Intake) error {
	if err := g.progress.learnIntakes(intakes); err != nil {
		return err
	}
	for p := range g.config.Partitions {
		if err := g.eachLast(ctx, p, g.progress.learn); err != nil {
			return err
		}
	}
	return nil
}

// run receives until ctx ends, and then until what was under way has come.
func (g *gateway) run(ctx context.Context) error {
	var err error
	if g.sub, err = g.nc.QueueSubscribe(strings.TrimSuffix(wire.Up("", ""), ".")+">", "gateway", g.receive); err != nil {
		return fmt.Errorf("receive from agents: %w", err)
	}
	if err := g.sub.SetPendingLimits(pendingMessages, pendingBytes); err != nil {
		return fmt.Errorf("receive from agents: %w", err)
	}
	if err := g.nc.FlushTimeout(requestTimeout); err != nil { // agents find somebody who answers from here on
		return fmt.Errorf("receive from agents: %w", err)
	}
	g.receiving.Store(true)
	ended := make(chan struct{})
	g.sub.SetClosedHandler(func(string) { close(ended) })
	g.watch(ctx)
	if err := g.sub.Drain(); err != nil {
		return fmt.Errorf("stop receiving from agents: %w", err)
	}
	select {
	case <-ended:
	case <-time.After(drainTime):
	}
	return nil
}

// watch looks after the log until ctx ends.
func (g *gateway) watch(ctx context.Context) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	var revived time.Time
	for {
		g.look()
		if (g.broken.Load() || g.failures.Load() >= reviveAfter) && !g.full.Load() && time.Since(revived) > reviveEvery {
			revived = time.Now()
			if err := g.backend.revive(); err != nil {
				g.log.Error("the stream's log could not be opened again", "error", err)
			}
			g.failures.Store(0)
			g.look()
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

const textUnavailable = "The stream does not take frames: agents keep their events until it does. See the server's log."

// look brings the health up to date.
func (g *gateway) look() {
	g.full.Store(!g.backend.room())
	g.health.set("stream_disk_full", g.full.Load(),
		"The disk that holds the stream is nearly full: agents keep their events until there is space again. Free some, or shorten the retention.")
	fault := g.backend.fault()
	if was := g.broken.Swap(fault != nil); was != (fault != nil) {
		g.health.set("stream_unavailable", fault != nil, textUnavailable)
	}
	if fault != nil {
		g.log.Error("the stream's log takes no frames", "error", fault)
		g.writes.interrupt()
	}
	if dropped, err := g.sub.Dropped(); err == nil {
		g.counters.overrun.Store(uint64(max(0, dropped)))
	}
}

// receive routes a message of an agent. It is called for one message after the
// other and never waits. Who goes on sending what finds no room is cut off.
func (g *gateway) receive(msg *nats.Msg) {
	host, kind, ok := wire.Sender(msg.Subject)
	if !ok {
		g.counters.refuse(ReasonKind)
		return
	}
	own := ownInbox(host, msg.Reply)
	if !g.handler.Known(host) {
		g.counters.refuse(ReasonHost)
		if own {
			g.answer(msg, wire.Ack{Code: wire.Busy, Reason: "this host is revoked or not enrolled at this server", RetryMS: retryTold})
		}
		return
	}
	now := time.Now()
	limits := g.hear(host, now)
	if own && g.route(host, kind, msg, limits, now) {
		return
	}
	if !own {
		g.counters.refuse(ReasonReply)
	}
	if !limits.excess.take(now) {
		limits.excess = newBucket(excessRate, excessBurst)
		g.cut(host)
	}
}

// route puts a message into the line of its host, or refuses it and returns
// false.
func (g *gateway) route(host event.HostID, kind string, msg *nats.Msg, limits *hostLimits, now time.Time) bool {
	switch kind {
	case wire.Events:
		if g.frames.Push(host, msg) {
			return true
		}
		g.counters.busy.Add(1)
		if limits.refusals.take(now) {
			g.answer(msg, busy(retryQueue, "too many frames of this host are waiting"))
		}
		return false
	case wire.Heartbeat, wire.Fetch, wire.Results:
		return g.routeMessage(host, kind, msg, limits, now)
	}
	g.counters.refuse(ReasonKind)
	return false
}

// ownInbox reports whether a reply would go to the host itself. The server may
// publish everywhere, so an agent must not choose where.
func ownInbox(host event.HostID, reply string) bool {
	return reply == "" || strings.HasPrefix(reply, wire.Inbox(host)+".") && !strings.ContainsAny(reply, "*>")
}

// hear notes that a host is there and returns its limits.
func (g *gateway) hear(host event.HostID, now time.Time) *hostLimits {
	limits := g.limits[host]
	if limits == nil {
		limits = &hostLimits{
			beats: newBucket(beatRate, beatBurst), messages: newBucket(messageRate, messageBurst), refusals: newBucket(refusalRate, refusalBurst),
			excess: newBucket(excessRate, excessBurst),
		}
		g.limits[host] = limits
	}
	if now.Sub(limits.heard) >= heardEvery {
		limits.heard = now
		g.mu.Lock()
		g.heard[host] = now
		g.mu.Unlock()
	}
	return limits
}

// cut ends the connection of a host that floods, aside from routing. What the
// agent of a host has not been answered it sends again.
func (g *gateway) cut(host event.HostID) {
	g.counters.cut.Add(1)
	g.log.Warn("a host that floods was disconnected", "host", host)
	g.cutting.Go(func() { g.backend.disconnect(host) })
}

// routeMessage is route for what is no frame.
func (g *gateway) routeMessage(host event.HostID, kind string, msg *nats.Msg, limits *hostLimits, now time.Time) bool {
	limit := &limits.messages
	if kind == wire.Heartbeat {
		limit = &limits.beats
	}
	switch {
	case !limit.take(now):
		g.counters.refuse(ReasonRate)
		return false
	case len(msg.Data) > wire.MaxMessage:
		g.counters.refuse(ReasonOversized)
		g.answer(msg, wire.Ack{Code: wire.Refused, Reason: wire.ErrOversized.Error()})
		return false
	case !g.messages.Push(host, msg):
		g.counters.refuse(ReasonRate)
		g.answer(msg, busy(retryQueue, "too many messages of this host are waiting"))
		return false
	}
	return true
}

// size is the bytes that a message counts for in a queue.
func size(msg *nats.Msg) int { return len(msg.Data) }

// work takes messages out of a queue until it is closed and empty.
func (g *gateway) work(ctx context.Context, q *fairqueue.Queue[*nats.Msg], do func(context.Context, event.HostID, *nats.Msg)) {
	for {
		host, msg, ok := q.Pop()
		if !ok {
			return
		}
		do(ctx, host, msg)
		q.Done(host, msg)
	}
}

// message handles a heartbeat, a result or a request.
func (g *gateway) message(_ context.Context, host event.HostID, msg *nats.Msg) {
	_, kind, _ := wire.Sender(msg.Subject)
	var err error
	switch kind {
	case wire.Heartbeat:
		var beat fleet.Heartbeat
		if beat, err = wire.ParseHeartbeat(msg.Data); err == nil {
			g.counters.heartbeats.Add(1)
			g.handler.Heartbeat(host, beat)
		}
	case wire.Results:
		var result wire.Result
		if result, err = wire.ParseResult(msg.Data); err == nil {
			g.counters.results.Add(1)
			if err := g.handler.Result(host, result); err != nil {
				g.log.Warn("an answer to an order could not be kept; the host sends it again", "host", host, "error", err)
				g.answer(msg, busy(retryFull, "the server cannot keep the answer now"))
				return
			}
		}
	case wire.Fetch:
		var request wire.FetchRequest
		if request, err = wire.ParseFetch(msg.Data); err == nil {
			g.fetch(host, request, msg)
			return
		}
	}
	if err != nil {
		g.counters.refuse(ReasonMalformed)
		g.answer(msg, wire.Ack{Code: wire.Refused, Reason: wire.ErrMalformed.Error()})
		return
	}
	g.answer(msg, wire.Ack{Code: wire.Accepted})
}

// fetch answers a request. Where there is no answer now, the agent asks again.
func (g *gateway) fetch(host event.HostID, r wire.FetchRequest, msg *nats.Msg) {
	g.counters.fetches.Add(1)
	var answer any
	var err error
	switch {
	case r.Kind == wire.KindPolicy:
		answer, err = g.handler.Fetch(host)
	case r.Digest == "":
		answer, err = g.handler.Bundle(host, r.Name)
	default:
		answer, err = g.handler.Chunk(host, r)
	}
	switch {
	case err == nil:
		g.answer(msg, answer)
	case r.Kind == wire.KindBundle && errors.Is(err, store.ErrNotFound):
		g.counters.refuse(ReasonKind)
	default:
		g.log.Warn("no answer for a host that asks", "host", host, "kind", string(r.Kind), "error", err)
	}
}

// frame handles a frame: the answer says what became of it.
func (g *gateway) frame(ctx context.Context, host event.HostID, msg *nats.Msg) {
	h, err := wire.ParseHeader(msg.Data)
	if err != nil {
		g.counters.refuse(reasonOf(err))
		g.answer(msg, wire.Ack{Code: wire.Refused, Reason: err.Error()})
		return
	}
	ack := g.accept(ctx, host, h, msg)
	ack.Sequence = h.Sequence
	g.answer(msg, ack)
}

// accept puts a frame into the log if its turn has come.
func (g *gateway) accept(ctx context.Context, host event.HostID, h wire.Header, msg *nats.Msg) wire.Ack {
	if g.broken.Load() {
		g.counters.busy.Add(1)
		return busy(retryFull, "the server's stream takes no frames")
	}
	p := g.progress.of(host)
	if err := g.settle(ctx, host, p); err != nil {
		return g.failed(err)
	}
	previous, err := strconv.ParseUint(msg.Header.Get(wire.PreviousHeader), 10, 64)
	switch p.judge(h, previous, err == nil) {
	case repeats:
		g.counters.repeated.Add(1)
		return wire.Ack{Code: wire.Accepted}
	case early:
		g.counters.unordered.Add(1)
		return wire.Ack{Code: wire.Unordered, Next: p.next(h.Epoch)}
	case overlaps:
		g.counters.refuse(ReasonMalformed)
		return wire.Ack{Code: wire.Refused, Reason: "the numbers of the frame's events were given before"}
	case skips:
		g.counters.gaps.Add(1)
	case follows:
	}
	if g.full.Load() {
		g.counters.busy.Add(1)
		return busy(retryFull, "the server's disk is full")
	}
	writing, end := g.writes.begin(ctx)
	defer end()
	repeated, err := g.publish(writing, host, h, msg.Data)
	if err != nil {
		p.unsure = true
		if cause := context.Cause(writing); cause != nil {
			err = cause
		}
		return g.failed(err)
	}
	g.succeeded(p, h, len(msg.Data), repeated)
	return wire.Ack{Code: wire.Accepted}
}

// settle asks the log how far a host has come, where that is in doubt.
func (g *gateway) settle(ctx context.Context, host event.HostID, p *progress) error {
	if !p.unsure {
		return nil
	}
	found, ok, err := g.lastProgress(ctx, host)
	if err != nil {
		return err
	}
	if ok && (found.epoch != p.epoch || found.sequence > p.sequence) {
		g.progress.set(p, found)
	}
	p.unsure = false
	return nil
}

func (g *gateway) succeeded(p *progress, h wire.Header, size int, repeated bool) {
	g.progress.set(p, progress{epoch: h.Epoch, sequence: h.Sequence, event: lastOf(h)})
	g.failures.Store(0)
	g.health.set("stream_full", false, "")
	g.health.set("stream_unavailable", false, "")
	if repeated {
		g.counters.repeated.Add(1)
		return
	}
	g.counters.frames.Add(1)
	g.counters.events.Add(uint64(h.Count))
	g.counters.bytes.Add(uint64(size))
}

// Error codes of JetStream, see its errors.json: there is no room.
const (
	codeAccountLimit jetstream.ErrorCode = 10002
	codeResources    jetstream.ErrorCode = 10023
	codeStorage      jetstream.ErrorCode = 10047
	codeStoreFailed  jetstream.ErrorCode = 10077 // with "maximum bytes exceeded"
)

// failed answers a frame that could not be written and notes why.
func (g *gateway) failed(err error) wire.Ack {
	g.counters.busy.Add(1)
	var api *jetstream.APIError
	if errors.As(err, &api) {
		switch api.ErrorCode {
		case codeAccountLimit, codeResources, codeStorage, codeStoreFailed:
			g.health.set("stream_full", true,
				"The stream has reached its bound: agents keep their events until the server has stored what is in it. If this lasts, see whether storing fails, or raise the bound.")
			return busy(retryFull, "the server's stream is full")
		}
	}
	g.failures.Add(1)
	g.log.Warn("a frame could not be written to the stream", "error", err)
	g.health.set("stream_unavailable", true, textUnavailable)
	return busy(retryFull, "the server's stream does not answer")
}

// busy asks an agent to try again after about retry milliseconds; agents that
// were refused together shall not come back together.
func busy(retry int, reason string) wire.Ack {
	return wire.Ack{Code: wire.Busy, Reason: reason, RetryMS: retry + rand.IntN(retry)}
}

// answer replies to a message whose reply subject was checked.
func (g *gateway) answer(msg *nats.Msg, v any) {
	if msg.Reply == "" {
		return
	}
	data, err := encode(v)
	if err == nil {
		err = g.nc.Publish(msg.Reply, data)
	}
	if err != nil {
		g.log.Warn("an answer to an agent could not be sent", "error", err)
	}
}
