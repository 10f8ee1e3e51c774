package statement

import (
	"context"
	"fmt"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/store"
	"github.com/holdfast-security/holdfast/wire"
)

// bundle is a set of files that hosts may have: what is announced, and the
// content that they fetch. It is not changed.
type bundle struct {
	wire.Bundle
	content []byte
}

// toHost names a bundle of a host.
type toHost struct {
	host event.HostID
	name string
}

// signedBundle is the announcement that a host was given.
type signedBundle struct {
	digest string
	signed wire.Signed
}

// SetBundle makes content, which the caller does not change any more, the
// bundle of that name from now on. An error wraps what [wire.Bundle.Validate]
// says, and leaves the bundle as it was.
func (s *Speaker) SetBundle(name string, content []byte) error {
	b := bundle{wire.Bundle{Name: name, Size: int64(len(content)), Digest: wire.Digest(content)}, content}
	if err := b.Validate(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bundles[name] = b
	return nil
}

// Bundle returns the signed announcement of a bundle for a host. It is signed
// anew only when the bundle changed. The error wraps [store.ErrNotFound] when
// there is no bundle of that name.
func (s *Speaker) Bundle(ctx context.Context, host event.HostID, name string) (wire.Signed, error) {
	s.mu.Lock()
	b, found := s.bundles[name]
	given := s.announced[toHost{host, name}]
	s.mu.Unlock()
	if !found {
		return wire.Signed{}, fmt.Errorf("bundle %s for host %s: %w", name, host, store.ErrNotFound)
	}
	if given.digest == b.Digest {
		return given.signed, nil
	}
	signed, err := s.sign(ctx, wire.KindBundle, host, 0, func(uint64) any { return b.Bundle })
	if err != nil {
		return wire.Signed{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.announced[toHost{host, name}] = signedBundle{b.Digest, signed}
	return signed, nil
}

// Announce tells the hosts that asked for a bundle before that it is another
// now. Those that cannot be told ask again when they connect.
func (s *Speaker) Announce(ctx context.Context, name string) {
	for _, host := range s.outdated(name) {
		signed, err := s.Bundle(ctx, host, name)
		if err == nil {
			err = s.send(ctx, host, signed)
		}
		if err != nil {
			s.log.Error("a bundle could not be announced; the host asks for it when it connects", "host", host, "bundle", name, "error", err)
		}
	}
}

// outdated returns the hosts that know another content of a bundle.
func (s *Speaker) outdated(name string) []event.HostID {
	s.mu.Lock()
	defer s.mu.Unlock()
	var hosts []event.HostID
	for to, given := range s.announced {
		if to.name == name && given.digest != s.bundles[name].Digest {
			hosts = append(hosts, to.host)
		}
	}
	return hosts
}

// Chunk returns the part of a bundle's content that is asked for. The error
// wraps [store.ErrNotFound] when there is no bundle of that name.
func (s *Speaker) Chunk(r wire.FetchRequest) (wire.Chunk, error) {
	s.mu.Lock()
	b, found := s.bundles[r.Name]
	s.mu.Unlock()
	c := wire.Chunk{Digest: r.Digest, Offset: r.Offset}
	switch {
	case !found:
		return c, fmt.Errorf("bundle %s: %w", r.Name, store.ErrNotFound)
	case b.Digest != r.Digest || r.Offset < 0 || r.Offset >= b.Size:
		c.Gone = true
	default:
		c.Data = b.content[r.Offset:min(b.Size, r.Offset+wire.MaxChunk)]
	}
	return c, nil
}
