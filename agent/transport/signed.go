package transport

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/holdfast-security/holdfast/agent/identity"
	"github.com/holdfast-security/holdfast/policy"
	"github.com/holdfast-security/holdfast/wire"
)

// maxOrderID bounds the id of an order.
const maxOrderID = 128

// ParsePolicy returns the policy that a message holds if it is signed for the
// host of id, and valid. It looks at no serial number: it is for the message
// that was kept, and part of taking a new one.
func ParsePolicy(signed wire.Signed, id identity.Identity) (policy.Policy, error) {
	statement, err := signed.Verify(id.SigningKey, id.Host, time.Now(), anySerial)
	if err != nil {
		return policy.Policy{}, err
	}
	return policyOf(statement)
}

func policyOf(statement wire.Statement) (policy.Policy, error) {
	var p policy.Policy
	if statement.Kind != wire.KindPolicy {
		return p, fmt.Errorf("a %s where a policy is due: %w", statement.Kind, wire.ErrMalformed)
	}
	if err := json.Unmarshal(statement.Body, &p); err != nil {
		return p, fmt.Errorf("policy: %w: %w", wire.ErrMalformed, err)
	}
	if err := p.Validate(); err != nil {
		return p, fmt.Errorf("policy %d: %w: %w", p.Version, wire.ErrMalformed, err)
	}
	return p, nil
}

func anySerial(wire.Kind) uint64 { return 0 }

// takeSigned obeys a message of the server, or refuses and counts it. fetched
// says that it is the answer to a question of this session.
func (c *Client) takeSigned(data []byte, fetched bool, s *session) {
	err := c.obey(data, fetched, s)
	if err == nil {
		return
	}
	c.state.count(func(n *Counters) { *counterOf(n, err)++ })
	c.log.Warn("a message of the server is not obeyed", "reason", termBound(err))
}

// errUnsupported is returned for what this agent cannot be asked.
var errUnsupported = errors.New("not supported by this agent")

// counterOf returns the counter for a reason not to obey.
func counterOf(n *Counters, err error) *uint64 {
	switch {
	case errors.Is(err, wire.ErrSignature):
		return &n.Forged
	case errors.Is(err, wire.ErrExpired):
		return &n.Expired
	case errors.Is(err, wire.ErrReplayed):
		return &n.Replayed
	case errors.Is(err, wire.ErrAddressee):
		return &n.Misdirected
	case errors.Is(err, errUnsupported):
		return &n.Unsupported
	}
	return &n.Malformed
}

func (c *Client) obey(data []byte, fetched bool, s *session) error {
	if fetched && len(data) == 0 {
		return nil // nobody answers there yet, or there is no policy; asked again later
	}
	if len(data) > 2*wire.MaxMessage { // base64 makes it longer
		return fmt.Errorf("a signed message of %d bytes: %w", len(data), wire.ErrOversized)
	}
	var signed wire.Signed
	if err := json.Unmarshal(data, &signed); err != nil {
		return fmt.Errorf("a signed message: %w: %w", wire.ErrMalformed, err)
	}
	id := c.opts.Identity
	statement, err := signed.Verify(id.SigningKey, id.Host, time.Now(), anySerial)
	if err != nil {
		return err
	}
	switch statement.Kind {
	case wire.KindPolicy:
		return c.obeyPolicy(statement, signed, s)
	case wire.KindBundle:
		return c.obeyBundle(statement, signed, fetched, s)
	case wire.KindOrder:
		return c.obeyOrder(statement)
	}
	return fmt.Errorf("a message of kind %.40q: %w", statement.Kind, errUnsupported)
}

// obeyPolicy hands a policy on. The one taken last is welcome again: the server
// sends it at every connection, and it changes nothing.
func (c *Client) obeyPolicy(statement wire.Statement, signed wire.Signed, s *session) error {
	p, err := policyOf(statement)
	if err != nil {
		return err
	}
	if statement.Serial != c.opts.Serials.Last(wire.KindPolicy) {
		if err := c.opts.Serials.Take(wire.KindPolicy, statement.Serial); err != nil {
			return err
		}
	}
	s.fetch = time.Time{}
	c.state.count(func(n *Counters) { n.Taken++ })
	c.opts.Policy(p, signed)
	return nil
}

// obeyOrder hands an order on. An order that comes again is not carried out
// again; if it is known, its answer is repeated.
func (c *Client) obeyOrder(statement wire.Statement) error {
	var order wire.Order
	if err := json.Unmarshal(statement.Body, &order); err != nil {
		return fmt.Errorf("order: %w: %w", wire.ErrMalformed, err)
	}
	if order.ID == "" || len(order.ID) > maxOrderID {
		return fmt.Errorf("order with an id of %d bytes: %w", len(order.ID), wire.ErrMalformed)
	}
	if statement.Expires.IsZero() {
		return fmt.Errorf("order that never expires: %w", wire.ErrMalformed)
	}
	err := c.opts.Serials.Take(wire.KindOrder, statement.Serial)
	if err != nil && (!errors.Is(err, wire.ErrReplayed) || !c.opts.Orders.Knows(order.ID)) {
		return err
	}
	c.state.count(func(n *Counters) { n.Taken++ })
	c.opts.Orders.Give(order)
	return nil
}
