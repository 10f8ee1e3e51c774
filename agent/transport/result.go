package transport

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/holdfast-security/holdfast/internal/termtext"
	"github.com/holdfast-security/holdfast/wire"
)

// sendResult sends the first part of an answer that the server has not
// acknowledged, one at a time, and again when no acknowledgement comes.
func (s *session) sendResult(now time.Time) error {
	number, part, ok := s.client.opts.Orders.Answer()
	if !ok {
		s.reanswer = time.Time{}
		return nil
	}
	if number == s.answering && now.Before(s.reanswer) {
		return nil
	}
	data, err := json.Marshal(part)
	if err != nil || len(data) > wire.MaxMessage { // a fault of this program, which must not end the connection
		s.client.log.Error("an answer to an order is left out", "order", part.Order, "bytes", len(data), "error", err)
		s.client.opts.Orders.Acknowledged(number)
		s.reanswer = now
		return nil
	}
	s.answering, s.reanswer = number, now.Add(halfJitter(s.client.opts.AckTimeout))
	reply := s.client.inbox + resultToken + strconv.FormatUint(number, 10)
	return s.conn.PublishRequest(wire.Up(s.client.opts.Identity.Host, wire.Results), reply, data)
}

// resultAnswered takes the server's answer to a part.
func (s *session) resultAnswered(m *nats.Msg, now time.Time) {
	number, err := strconv.ParseUint(strings.TrimPrefix(m.Subject, s.client.inbox+resultToken), 10, 64)
	wait := noRespondersFor
	var ack wire.Ack
	if !nobody(m) {
		if err != nil || len(m.Data) > wire.MaxMessage || json.Unmarshal(m.Data, &ack) != nil {
			s.client.state.count(func(n *Counters) { n.Malformed++ })
			return
		}
		wait = time.Duration(ack.RetryMS) * time.Millisecond
	}
	switch ack.Code {
	case wire.Accepted:
		s.client.state.count(func(n *Counters) { n.Answers++ })
		s.client.opts.Orders.Acknowledged(number)
	case wire.Refused:
		s.client.log.Error("the server refuses an answer to an order for good", "reason", termtext.Bound(ack.Reason, maxServerWords))
		s.client.opts.Orders.Acknowledged(number)
	case wire.Busy, "":
		if number == s.answering {
			s.reanswer = now.Add(s.client.bounded(busyDelay(wait)))
		}
	default:
		s.client.state.count(func(n *Counters) { n.Malformed++ })
	}
}
