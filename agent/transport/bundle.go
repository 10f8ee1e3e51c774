package transport

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/holdfast-security/holdfast/agent/bundle"
	"github.com/holdfast-security/holdfast/agent/identity"
	"github.com/holdfast-security/holdfast/wire"
)

const (
	announcementPatience = time.Minute      // before an announcement is asked for again
	chunkPatience        = 15 * time.Second // before a chunk is
	bundleRetry          = 10 * time.Minute // after a transfer that failed
	bundleSpread         = 10 * time.Second // over which hosts begin to fetch what they are told of at once
)

// asking is when to ask for what of a bundle.
type asking struct {
	announcement time.Time // zero when it has come
	chunk        time.Time
}

// due returns when there is something to ask for, zero when there is nothing.
func (a *asking) due(b Bundle) time.Time {
	if _, missing := b.Next(); missing {
		return a.chunk
	}
	return a.announcement
}

// ParseBundle returns the announcement that a message holds if it is signed for
// the host of id, and valid. Like [ParsePolicy] it looks at no serial number.
func ParseBundle(signed wire.Signed, id identity.Identity) (wire.Bundle, error) {
	statement, err := signed.Verify(id.SigningKey, id.Host, time.Now(), anySerial)
	if err != nil {
		return wire.Bundle{}, err
	}
	if statement.Kind != wire.KindBundle {
		return wire.Bundle{}, fmt.Errorf("a %s where a bundle is due: %w", statement.Kind, wire.ErrMalformed)
	}
	b, err := bundleOf(statement)
	if err != nil {
		return wire.Bundle{}, err
	}
	return b, b.Validate()
}

// bundleOf decodes an announcement, which may not be valid.
func bundleOf(statement wire.Statement) (b wire.Bundle, err error) {
	if err := json.Unmarshal(statement.Body, &b); err != nil {
		return b, fmt.Errorf("bundle: %w: %w", wire.ErrMalformed, err)
	}
	return b, nil
}

// obeyBundle hands an announcement on. As with policies, the one taken last is
// welcome again.
func (c *Client) obeyBundle(statement wire.Statement, signed wire.Signed, fetched bool, s *session) error {
	b, err := bundleOf(statement)
	if err != nil {
		return err
	}
	store, known := c.opts.Bundles[b.Name]
	if !known {
		return fmt.Errorf("bundle %.40q: %w", b.Name, errUnsupported)
	}
	s.bundles[b.Name].announcement = time.Time{}
	if err = b.Validate(); err == nil {
		err = c.takeBundleSerial(b.Name, statement.Serial)
	}
	if err != nil {
		store.RefuseAnnouncement(err)
		return err
	}
	if !fetched {
		s.bundles[b.Name].chunk = time.Now().Add(c.bounded(fullJitter(bundleSpread)))
	}
	c.state.count(func(n *Counters) { n.Taken++ })
	store.Announce(b, signed)
	return nil
}

// takeBundleSerial remembers a serial number: each bundle has its own, so that
// one that did not change is not older than another that did.
func (c *Client) takeBundleSerial(name string, serial uint64) error {
	kind := wire.KindBundle + wire.Kind("/"+name)
	if serial == c.opts.Serials.Last(kind) {
		return nil
	}
	return c.opts.Serials.Take(kind, serial)
}

// askForBundles asks for what is due: chunks while some are missing, otherwise
// what the bundle should be.
func (s *session) askForBundles(now time.Time) error {
	for name, a := range s.bundles {
		request, missing := s.client.opts.Bundles[name].Next()
		reply := s.client.inbox + chunkToken + name
		switch {
		case missing && now.Before(a.chunk):
			continue
		case missing:
			a.chunk = now.Add(halfJitter(chunkPatience))
		case a.announcement.IsZero() || now.Before(a.announcement):
			continue
		default:
			a.announcement = now.Add(halfJitter(announcementPatience))
			request, reply = wire.FetchRequest{Kind: wire.KindBundle, Name: name}, s.client.inbox+fetchToken
		}
		data, err := json.Marshal(request)
		if err == nil {
			err = s.conn.PublishRequest(wire.Up(s.client.opts.Identity.Host, wire.Fetch), reply, data)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// takeChunk takes a part of a bundle.
func (s *session) takeChunk(m *nats.Msg, now time.Time) {
	name := strings.TrimPrefix(m.Subject, s.client.inbox+chunkToken)
	a, known := s.bundles[name]
	if known && nobody(m) {
		a.chunk = now.Add(halfJitter(noRespondersFor))
		return
	}
	var c wire.Chunk
	if !known || len(m.Data) > 2*wire.MaxChunk || json.Unmarshal(m.Data, &c) != nil {
		s.client.state.count(func(n *Counters) { n.Malformed++ })
		return
	}
	err := s.client.opts.Bundles[name].Put(c)
	if errors.Is(err, bundle.ErrUnexpected) {
		s.client.state.count(func(n *Counters) { n.Malformed++ })
		return // what was asked for may still come
	}
	a.chunk = now
	switch {
	case errors.Is(err, bundle.ErrGone):
		a.announcement = now
	case err != nil:
		a.announcement = now.Add(s.client.bounded(halfJitter(bundleRetry)))
	}
}
