package bundle

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/holdfast-security/holdfast/internal/atomicfile"
	"github.com/holdfast-security/holdfast/wire"
)

// Announce takes an announcement that was verified, valid and not older than
// the last, with the message that holds it. What is in force, on its way or
// known to be useless already is not fetched again. A new one takes the place
// of what is on its way.
func (s *Store) Announce(b wire.Bundle, signed wire.Signed) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case b.Digest == s.status.InForce:
		s.coming, s.status.Warning = nil, ""
	case b.Digest == s.offered, b.Digest == s.useless:
		s.coming = nil
	case s.coming != nil && s.coming.Digest == b.Digest:
		s.coming.signed = signed
	default:
		s.begin(b, signed)
	}
}

// begin begins a transfer, or goes on with one. It needs mu.
func (s *Store) begin(b wire.Bundle, signed wire.Signed) {
	s.coming = &transfer{Bundle: b, signed: signed}
	if err := s.tidy(s.status.InForce, b.Digest); err != nil {
		s.log.Warn("a bundle's directory cannot be tidied up", "error", err)
	}
	part := filepath.Join(s.dir, b.Digest+partSuffix)
	if err := os.Rename(filepath.Join(s.dir, b.Digest), part); err == nil {
		s.log.Info("a bundle is there that was not in force", "bundle", s.name)
	}
	info, err := os.Lstat(part)
	switch {
	case err != nil:
		return
	case !info.Mode().IsRegular() || info.Size() > b.Size:
		s.remove(b.Digest + partSuffix)
		return
	}
	s.coming.have, s.coming.resumed = info.Size(), info.Size() > 0
	if s.coming.have == b.Size {
		_ = s.finish() // it says why in the status
	}
}

// Next returns the request for what comes next of the content on its way, false
// when nothing is.
func (s *Store) Next() (wire.FetchRequest, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.coming == nil {
		return wire.FetchRequest{}, false
	}
	return wire.FetchRequest{Kind: wire.KindBundle, Name: s.name, Digest: s.coming.Digest, Offset: s.coming.have}, true
}

// Put takes an answer to the request of [Store.Next]. An error wrapping
// [ErrUnexpected] says that it is none, and changes nothing. One wrapping
// [ErrGone] says that the transfer ended and the announcement is to be asked
// for. After any other the transfer ended too; the status says why.
func (s *Store) Put(c wire.Chunk) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.coming
	switch {
	case t == nil || c.Digest != t.Digest:
		return ErrUnexpected
	case c.Gone:
		s.coming = nil
		s.remove(t.Digest + partSuffix)
		return ErrGone
	case c.Offset != t.have:
		return ErrUnexpected
	case len(c.Data) == 0 || len(c.Data) > wire.MaxChunk || int64(len(c.Data)) > t.Size-t.have:
		return s.abandon(fmt.Errorf("a chunk of %d bytes where %d are missing: %w", len(c.Data), t.Size-t.have, wire.ErrMalformed))
	}
	if err := s.write(t, c.Data); err != nil {
		return s.abandon(err)
	}
	if t.have += int64(len(c.Data)); t.have == t.Size {
		return s.finish()
	}
	return nil
}

// write appends data to what is there of a transfer. It needs mu.
func (s *Store) write(t *transfer, data []byte) error {
	file, err := os.OpenFile(filepath.Join(s.dir, t.Digest+partSuffix), os.O_WRONLY|os.O_CREATE, 0o600)
	if err == nil {
		_, err = file.WriteAt(data, t.have)
		if err == nil && t.have+int64(len(data)) == t.Size {
			err = file.Sync()
		}
		err = errors.Join(err, file.Close())
	}
	if err != nil {
		return fmt.Errorf("keep a part of bundle %s: %w", s.name, err)
	}
	return nil
}

// abandon ends the transfer; the next announcement begins it anew. It needs mu.
func (s *Store) abandon(why error) error {
	digest := s.coming.Digest
	s.coming = nil
	s.remove(digest + partSuffix)
	s.refuse(why)
	return why
}

// finish offers what has come, if it is what was announced. It needs mu.
func (s *Store) finish() error {
	t := s.coming
	files, err := s.read(t.Digest+partSuffix, t.Bundle)
	switch {
	case errors.Is(err, errDigest) && t.resumed: // what an earlier run left may be damaged: from the beginning, once
		s.remove(t.Digest + partSuffix)
		s.coming = &transfer{Bundle: t.Bundle, signed: t.signed}
		return nil
	case errors.Is(err, wire.ErrMalformed), errors.Is(err, wire.ErrOversized):
		s.useless = t.Digest
		return s.abandon(err)
	case err != nil:
		return s.abandon(err)
	}
	path := filepath.Join(s.dir, t.Digest)
	if err := os.Rename(path+partSuffix, path); err != nil {
		return s.abandon(fmt.Errorf("keep bundle %s: %w", s.name, err))
	}
	if err := atomicfile.SyncDir(s.dir); err != nil {
		return s.abandon(err)
	}
	s.coming = nil
	s.offer(Content{Bundle: t.Bundle, Files: files, signed: t.signed})
	return nil
}

// offer replaces what nobody has looked at. It needs mu.
func (s *Store) offer(c Content) {
	select {
	case <-s.ready:
	default:
	}
	s.offered = c.Digest
	s.ready <- c
}
