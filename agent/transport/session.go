package transport

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/holdfast-security/holdfast/internal/termtext"
	"github.com/holdfast-security/holdfast/wire"
)

// Last tokens of the subjects below the host's inbox.
const (
	answerToken = ".ack."    // attempt and sequence follow
	fetchToken  = ".fetch"   // the answer to a question for something signed
	chunkToken  = ".bundle." // the bundle's name follows
	resultToken = ".result." // the number of the part follows
)

const (
	fetchPatience   = 15 * time.Second // before the policy is asked for again
	noRespondersFor = 2 * time.Second  // how long to wait when nobody takes frames at the server
	longestNap      = 30 * time.Second // after which to look whether the interval of heartbeats is another
)

// session is one connection. Its fields belong to the goroutine of [Client.Run]
// save for what is said of them.
type session struct {
	client  *Client
	conn    *nats.Conn
	answers chan *nats.Msg // to frames
	signed  chan *nats.Msg
	chunks  chan *nats.Msg // of bundles
	settled chan *nats.Msg // answers to results
	closed  chan struct{}  // closed by the library when the connection has ended
	errs    chan error     // capacity 1: the first trouble that explains the end

	paused time.Time // nothing is sent before
	beaten time.Time // when the last heartbeat was sent; zero before the first
	spread float64   // by how much of the interval the next comes earlier or later
	fetch  time.Time // when to ask for the policy again; zero when it has come

	bundles   map[string]*asking // by name
	answering uint64             // number of the part of an answer that was sent last
	reanswer  time.Time          // when it is sent again
}

func newSession(c *Client) *session {
	s := &session{
		client: c, answers: make(chan *nats.Msg, answerRoom), signed: make(chan *nats.Msg, signedRoom),
		chunks: make(chan *nats.Msg, chunkRoom), settled: make(chan *nats.Msg, chunkRoom),
		closed: make(chan struct{}), errs: make(chan error, 1), bundles: make(map[string]*asking),
	}
	for name := range c.opts.Bundles {
		s.bundles[name] = &asking{announcement: time.Now()}
	}
	return s
}

// trouble is called by the library, from a goroutine of its own.
func (s *session) trouble(err error) {
	s.client.log.Warn("trouble on the connection", "error", termBound(err))
	if !refusedCredential(err) {
		return // the connection goes on, or ends and says why itself
	}
	select {
	case s.errs <- err:
	default:
	}
}

func (s *session) subscribe() error {
	host := s.client.opts.Identity.Host
	for subject, channel := range map[string]chan *nats.Msg{
		s.client.inbox + answerToken + ">": s.answers,
		s.client.inbox + fetchToken:        s.signed,
		s.client.inbox + chunkToken + "*":  s.chunks,
		s.client.inbox + resultToken + "*": s.settled,
		wire.Down(host):                    s.signed,
	} {
		if _, err := s.conn.ChanSubscribe(subject, channel); err != nil {
			return err
		}
	}
	return s.conn.FlushTimeout(dialTimeout) // nothing may be missed of what comes from now on
}

// run uses the connection until it ends, which is an error, or ctx does.
func (s *session) run(ctx context.Context) error {
	w := s.client.window
	w.rewind(0)
	w.stalls = 0
	s.fetch = time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	ended, leave := ctx.Done(), make(<-chan time.Time)
	for {
		if err := s.turn(time.Now()); err != nil {
			return s.reason(err)
		}
		if ended == nil && s.idle() {
			s.farewell()
			return ctx.Err()
		}
		timer.Reset(time.Until(s.due()))
		select {
		case <-ended:
			ended, leave = nil, time.After(s.client.opts.Linger)
		case <-leave:
			s.farewell()
			return ctx.Err()
		case <-s.closed:
			return s.reason(s.conn.LastError())
		case <-s.client.opts.Spool.Wake():
		case <-timer.C:
		case m := <-s.answers:
			s.answer(m, time.Now())
			s.restOfAnswers()
		case m := <-s.signed:
			s.client.takeSigned(m.Data, strings.HasSuffix(m.Subject, fetchToken), s)
		case m := <-s.chunks:
			s.takeChunk(m, time.Now())
		case <-s.client.opts.Orders.Wake():
		case m := <-s.settled:
			s.resultAnswered(m, time.Now())
		}
	}
}

// idle reports whether the server has all that it can be given now.
func (s *session) idle() bool {
	if s.client.opts.Linger <= 0 {
		return true
	}
	if _, _, waiting := s.client.window.oldest(); waiting {
		return false
	}
	if _, _, waiting := s.client.opts.Orders.Answer(); waiting {
		return false
	}
	_, _, waiting := s.client.opts.Spool.Next(s.client.window.after())
	return !waiting
}

// restOfAnswers takes what else has come, so that a turn sees it all.
func (s *session) restOfAnswers() {
	for {
		select {
		case m := <-s.answers:
			s.answer(m, time.Now())
		default:
			return
		}
	}
}

// reason prefers what explains the end of a connection to what was noticed.
func (s *session) reason(err error) error {
	if errors.Is(err, nats.ErrConnectionClosed) || err == nil {
		err = errors.New("the connection was closed")
	}
	select {
	case <-s.closed: // every callback has been called
	case <-time.After(time.Second):
	}
	select {
	case cause := <-s.errs:
		return cause
	default:
		return fmt.Errorf("the connection to the server ended: %w", err)
	}
}

// farewell gives the server a last heartbeat, and what is written a moment to
// leave.
func (s *session) farewell() {
	_ = s.publish(wire.Heartbeat, s.client.opts.Heartbeat()) // if it cannot be sent, the server notices the silence
	_ = s.conn.FlushTimeout(time.Second)
}

// turn does what is due.
func (s *session) turn(now time.Time) error {
	if !now.Before(s.nextBeat()) {
		if err := s.beat(now); err != nil {
			return err
		}
	}
	if !s.fetch.IsZero() && !now.Before(s.fetch) {
		s.fetch = now.Add(halfJitter(fetchPatience))
		if err := s.conn.PublishRequest(wire.Up(s.client.opts.Identity.Host, wire.Fetch), s.client.inbox+fetchToken, nil); err != nil {
			return err
		}
	}
	if err := errors.Join(s.askForBundles(now), s.sendResult(now)); err != nil {
		return err
	}
	w := s.client.window
	if sequence, sent, ok := w.oldest(); ok && now.Sub(sent) >= s.client.opts.AckTimeout {
		w.rewind(sequence)
		s.pause(now, stallDelay(w.stalls))
	}
	return s.send(now)
}

// due returns when the next turn has to come if nothing happens before.
func (s *session) due() time.Time {
	next := time.Now().Add(longestNap)
	consider := func(t time.Time) {
		if !t.IsZero() && t.Before(next) {
			next = t
		}
	}
	consider(s.nextBeat())
	consider(s.fetch)
	consider(s.reanswer)
	for name, a := range s.bundles {
		consider(a.due(s.client.opts.Bundles[name]))
	}
	if time.Now().Before(s.paused) {
		consider(s.paused)
	}
	if _, sent, ok := s.client.window.oldest(); ok {
		consider(sent.Add(s.client.opts.AckTimeout))
	}
	return next
}

// nextBeat returns when the next heartbeat is due, zero before the first. The
// interval may change at any time.
func (s *session) nextBeat() time.Time {
	if s.beaten.IsZero() {
		return time.Time{}
	}
	return s.beaten.Add(time.Duration((1 + s.spread) * float64(s.client.opts.Interval())))
}

func (s *session) beat(now time.Time) error {
	s.beaten, s.spread = now, rand.Float64()*0.1-0.05
	s.client.state.count(func(n *Counters) { n.Heartbeats++ })
	return s.publish(wire.Heartbeat, s.client.opts.Heartbeat())
}

// publish sends a message of a kind as JSON. One that is too large is left out
// and logged: that is a fault of this program and must not end the connection.
func (s *session) publish(kind string, v any) error {
	data, err := json.Marshal(v)
	if err != nil || len(data) > wire.MaxMessage {
		s.client.log.Error("message left out", "kind", kind, "bytes", len(data), "error", err)
		return nil
	}
	return s.conn.Publish(wire.Up(s.client.opts.Identity.Host, kind), data)
}

// send fills the window from the spool.
func (s *session) send(now time.Time) error {
	w := s.client.window
	for w.room() && !now.Before(s.paused) {
		sequence, frame, ok := s.client.opts.Spool.Next(w.after())
		if !ok {
			return nil
		}
		if sequence <= w.after() {
			w.restart()
		}
		previous, again := w.previous(), sequence <= w.highest
		if !w.add(sequence, len(frame), now) {
			s.client.forget(w.release())
			continue
		}
		if err := s.sendFrame(sequence, previous, frame); err != nil {
			return err
		}
		s.client.state.count(func(n *Counters) {
			if again {
				n.Resent++
			} else {
				n.Sent++
			}
		})
	}
	return nil
}

func (s *session) sendFrame(sequence, previous uint64, frame []byte) error {
	m := nats.NewMsg(wire.Up(s.client.opts.Identity.Host, wire.Events))
	m.Reply = s.client.inbox + answerToken + strconv.FormatUint(s.client.window.attempt, 10) + "." + strconv.FormatUint(sequence, 10)
	m.Header.Set(wire.PreviousHeader, strconv.FormatUint(previous, 10))
	m.Data = frame
	return s.conn.PublishMsg(m)
}

func (s *session) pause(now time.Time, d time.Duration) {
	if until := now.Add(d); until.After(s.paused) {
		s.paused = until
	}
}

// answer takes the server's answer to a frame.
func (s *session) answer(m *nats.Msg, now time.Time) {
	attempt, sequence, ok := s.client.answered(m.Subject)
	if !ok {
		s.client.state.count(func(n *Counters) { n.Malformed++ })
		return
	}
	if attempt < s.client.window.first {
		return
	}
	if nobody(m) {
		s.back(wire.Ack{Sequence: sequence, Code: wire.Busy, RetryMS: int(noRespondersFor.Milliseconds())}, attempt, now)
		return
	}
	var ack wire.Ack
	if len(m.Data) > wire.MaxMessage || json.Unmarshal(m.Data, &ack) != nil || ack.Sequence != sequence {
		s.client.state.count(func(n *Counters) { n.Malformed++ })
		return
	}
	switch ack.Code {
	case wire.Accepted:
		s.client.settle(sequence, func(n *Counters) { n.Accepted++ })
		s.client.state.change(func(st *Status) { st.LastAck = now })
	case wire.Refused:
		s.client.log.Error("the server refuses a frame for good", "sequence", sequence, "reason", termtext.Bound(ack.Reason, maxServerWords))
		s.client.settle(sequence, func(n *Counters) { n.Refused++ })
	case wire.Busy, wire.Unordered:
		s.back(ack, attempt, now)
	default:
		s.client.state.count(func(n *Counters) { n.Malformed++ })
	}
}

// nobody reports the answer of the stream that nobody takes such messages,
// nats.io/reference/headers: no responders.
func nobody(m *nats.Msg) bool { return len(m.Data) == 0 && m.Header.Get("Status") == "503" }

// back goes back in the spool as the server asks. Answers to what was sent
// before an earlier step back say nothing new.
func (s *session) back(ack wire.Ack, attempt uint64, now time.Time) {
	w := s.client.window
	if !w.current(ack.Sequence, attempt) {
		return
	}
	if ack.Code == wire.Busy {
		s.client.state.count(func(n *Counters) { n.Busy++ })
		w.rewind(ack.Sequence)
		s.pause(now, busyDelay(time.Duration(ack.RetryMS)*time.Millisecond))
		return
	}
	w.rewind(min(ack.Sequence, max(ack.Next, 1)))
	s.pause(now, stallDelay(w.stalls))
}

// answered reads attempt and sequence number from the subject of an answer.
func (c *Client) answered(subject string) (attempt, sequence uint64, ok bool) {
	rest, ok := strings.CutPrefix(subject, c.inbox+answerToken)
	if !ok {
		return 0, 0, false
	}
	first, second, _ := strings.Cut(rest, ".")
	attempt, err1 := strconv.ParseUint(first, 10, 64)
	sequence, err2 := strconv.ParseUint(second, 10, 64)
	return attempt, sequence, err1 == nil && err2 == nil
}

// settle notes and counts, once, that a frame need not be sent again.
func (c *Client) settle(sequence uint64, count func(*Counters)) {
	if sequence <= c.window.released || c.window.isSettled(sequence) {
		return
	}
	c.state.count(count)
	c.forget(c.window.settle(sequence))
}

// forget lets the spool forget what the window released.
func (c *Client) forget(release uint64, ok bool) {
	if !ok {
		return
	}
	if err := c.opts.Spool.Ack(release); err != nil {
		c.log.Error("the spool cannot forget frames", "sequence", release, "error", err)
	}
}

func termBound(err error) string {
	if err == nil {
		return ""
	}
	return termtext.Bound(strings.ReplaceAll(err.Error(), "\n", "; "), maxServerWords)
}
