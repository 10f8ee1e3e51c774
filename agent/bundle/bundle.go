// Package bundle keeps the sets of files that the server sends for a feature,
// such as the operator's detection rules.
//
// A [Store] keeps one bundle in a directory of its own, for its owner alone:
// the content in force with the signed announcement that it belongs to, and the
// content that is on its way. Content comes in chunks, which are on disk as
// they come, so that an interrupted transfer goes on where it ended. It is
// looked at only when all of it is there and has the digest that the server
// signed. The one before stays, on disk and in force, until the new one is.
//
// Chunks are hostile until the digest is right, and content still is then: its
// bounds and paths are checked by [wire.DecodeBundle]. Files of a bundle are
// never written under their own names; content stays one file, checked again
// whenever it is read.
package bundle

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/holdfast-security/holdfast/internal/atomicfile"
	"github.com/holdfast-security/holdfast/internal/bounded"
	"github.com/holdfast-security/holdfast/wire"
)

// Errors of [Store.Put].
var (
	ErrUnexpected = errors.New("a part of a bundle that was not asked for")
	ErrGone       = errors.New("the server has another content by now")
)

const (
	directory     = "bundles" // below the state directory
	announcedFile = "announcement.json"
	partSuffix    = ".part" // of content that is not whole
	maxAnnounced  = 2 * wire.MaxMessage
)

// Content is a bundle that is whole: all of what was announced, checked against
// its digest.
type Content struct {
	wire.Bundle
	Files  map[string][]byte // by slash-separated relative path
	signed wire.Signed
}

// Status is how a bundle is doing. Its JSON form is API.
type Status struct {
	InForce string `json:"in_force,omitempty"` // digest of the content; "" for none
	Warning string `json:"warning,omitempty"`  // why what the server announced is not in force
	Coming  int64  `json:"coming_bytes"`       // fetched of the content on its way; zero for none
	Taken   uint64 `json:"taken"`              // contents put in force since the start
	Refused uint64 `json:"refused"`            // announcements and contents, since the start
}

// Store keeps one bundle. Make it with [Open]; its methods are safe for
// concurrent use.
type Store struct {
	name  string
	dir   string
	log   *slog.Logger
	ready chan Content // capacity 1: the newest that was not looked at

	mu      sync.Mutex // guards what follows, and the files
	coming  *transfer  // nil when nothing is on its way
	offered string     // digest of what is in ready, or is being looked at
	useless string     // digest of what was refused for what is in it
	status  Status
}

// transfer is content on its way.
type transfer struct {
	wire.Bundle
	signed  wire.Signed
	have    int64 // bytes
	resumed bool  // some of it is from an earlier run
}

// Open opens the bundle of a name below stateDir and makes its directory where
// it is missing. Nothing is in force until [Store.Accept]. Log may be nil.
func Open(stateDir, name string, log *slog.Logger) (*Store, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	s := &Store{name: name, dir: filepath.Join(stateDir, directory, name), log: log, ready: make(chan Content, 1)}
	for _, dir := range []string{filepath.Dir(s.dir), s.dir} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("make the directory of bundles: %w", err)
		}
		if err := os.Chmod(dir, 0o700); err != nil {
			return nil, fmt.Errorf("make the directory of bundles: %w", err)
		}
	}
	return s, nil
}

// Remove forgets all bundles below stateDir. Without any it does nothing.
func Remove(stateDir string) error {
	if err := os.RemoveAll(filepath.Join(stateDir, directory)); err != nil {
		return fmt.Errorf("remove the bundles: %w", err)
	}
	return nil
}

// Status returns how the bundle is doing.
func (s *Store) Status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	status := s.status
	if s.coming != nil {
		status.Coming = s.coming.have
	}
	return status
}

// Ready returns the channel on which contents come that are whole, for whoever
// uses them: each is to be answered by [Store.Accept] or [Store.Refuse]. It is
// never closed.
func (s *Store) Ready() <-chan Content { return s.ready }

// Kept reads the content that was accepted last. Verify checks the signature of
// its announcement. Found is false when there is none; the error says why one
// that is there cannot be used, and the server will send it again.
func (s *Store) Kept(verify func(wire.Signed) (wire.Bundle, error)) (c Content, found bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	data, err := s.readFile(announcedFile, maxAnnounced)
	if errors.Is(err, fs.ErrNotExist) {
		return Content{}, false, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &c.signed)
	}
	if err == nil {
		c.Bundle, err = verify(c.signed)
	}
	if err == nil && c.Name != s.name {
		err = fmt.Errorf("it is for bundle %.40q", c.Name)
	}
	if err == nil {
		c.Files, err = s.read(c.Digest, c.Bundle)
	}
	if err != nil {
		err = fmt.Errorf("bundle %s, as it was kept: %w", s.name, err)
		s.status.Warning = err.Error()
		return Content{}, false, err
	}
	return c, true, nil
}

// Accept notes that a content is in force now, also after a restart, and lets
// go of the one before.
func (s *Store) Accept(c Content) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle(c)
	s.status.InForce, s.status.Warning = c.Digest, ""
	s.status.Taken++
	data, err := json.Marshal(c.signed)
	if err == nil {
		err = atomicfile.Write(filepath.Join(s.dir, announcedFile), append(data, '\n'))
	}
	if err != nil {
		return fmt.Errorf("keep bundle %s for the next start: %w", s.name, err)
	}
	return s.tidy(c.Digest)
}

// Refuse notes that a content cannot be used and why. What is in force stays,
// and the refused content is not fetched again before the next start.
func (s *Store) Refuse(c Content, why error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle(c)
	s.useless = c.Digest
	s.refuse(why)
	if c.Digest != s.status.InForce {
		s.remove(c.Digest)
	}
}

// RefuseAnnouncement notes that an announcement of the server was not obeyed.
func (s *Store) RefuseAnnouncement(why error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuse(why)
}

func (s *Store) settle(c Content) {
	if s.offered == c.Digest {
		s.offered = ""
	}
}

// refuse counts and warns. It needs mu.
func (s *Store) refuse(why error) {
	s.status.Refused++
	s.status.Warning = fmt.Sprintf("bundle %s is refused and the one before stays in force: %v", s.name, why)
	s.log.Warn("bundle refused", "bundle", s.name, "error", why)
}

// readFile reads a file of at most limit bytes. It needs mu.
func (s *Store) readFile(name string, limit int64) ([]byte, error) {
	return bounded.ReadFile(filepath.Join(s.dir, name), limit)
}

// errDigest says that content is not what was announced.
var errDigest = errors.New("the content does not have the digest that the server signed")

// read returns the files in the content that a file holds, if it is that of b.
// It needs mu.
func (s *Store) read(name string, b wire.Bundle) (map[string][]byte, error) {
	data, err := s.readFile(name, b.Size)
	if err != nil {
		return nil, err
	}
	if int64(len(data)) != b.Size || wire.Digest(data) != b.Digest {
		return nil, errDigest
	}
	return wire.DecodeBundle(data)
}

// tidy removes all content but that of the digests. It needs mu.
func (s *Store) tidy(keep ...string) error {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return fmt.Errorf("tidy up bundle %s: %w", s.name, err)
	}
	if s.coming != nil {
		keep = append(keep, s.coming.Digest+partSuffix)
	}
	keep = append(keep, s.offered, announcedFile)
	for _, e := range entries {
		if !slices.Contains(keep, e.Name()) {
			s.remove(e.Name())
		}
	}
	return nil
}

// remove removes a file, which nothing depends on. It needs mu.
func (s *Store) remove(name string) {
	if err := os.Remove(filepath.Join(s.dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.log.Warn("a file of a bundle cannot be removed", "bundle", s.name, "error", err)
	}
}
