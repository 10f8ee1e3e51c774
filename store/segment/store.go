package segment

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/store"
)

// Catalogue names the segments that count.
type Catalogue interface {
	SegmentList(ctx context.Context, f store.SegmentFilter) ([]store.Segment, error)
}

// Options bound a [Store]. Zero fields take the default.
type Options struct {
	// MaxRows and MaxBytes bound what is held in memory: a full batch is
	// written by the Append that finds it full. 128 Ki rows and 96 MiB by
	// default.
	MaxRows  int
	MaxBytes int64
	// MergeRows is how many rows [Store.Compact] puts into a segment at most,
	// 2 Mi by default.
	MergeRows int
	// OrphanAge is how old a file that the catalogue does not name must be
	// before it is rubbish and not the work of a server that is just ending;
	// one hour by default.
	OrphanAge time.Duration
	// Now is the clock, time.Now by default.
	Now func() time.Time
}

func (o *Options) defaults() {
	if o.MaxRows <= 0 {
		o.MaxRows = 128 << 10
	}
	if o.MaxBytes <= 0 {
		o.MaxBytes = 96 << 20
	}
	if o.MergeRows <= 0 {
		o.MergeRows = 2 << 20
	}
	if o.OrphanAge <= 0 {
		o.OrphanAge = time.Hour
	}
	if o.Now == nil {
		o.Now = time.Now
	}
}

// Store keeps telemetry in segments. One goroutine appends and commits; all
// other methods may be called from any.
type Store struct {
	blobs     Blob
	catalogue Catalogue
	opts      Options
	files     *files

	writing sync.Mutex   // held by what appends and writes
	listing sync.RWMutex // held for writing while segments are merged in the catalogue

	mu       sync.RWMutex // guards what follows
	active   *batch
	written  []store.Segment // that the catalogue does not name yet
	returned int             // of written, by the last Commit
	since    time.Time       // of the oldest event in written
	next     int64           // sequence number of the next event
}

var _ store.Telemetry = (*Store)(nil)

// batch is what is in memory. Events are only ever added, so that readers may
// look at those that were there when they came.
type batch struct {
	id     string
	first  int64          // sequence number of the first event; the others follow
	events []*event.Event // where Append was given them: they are large to move
	images *interner
	bytes  int64
	since  time.Time
}

func (b *batch) size() int64 { return b.bytes + b.images.bytes }

// Open returns the store of the segments in blobs that the catalogue names.
// Files that it does not name are what a crash left, and are removed once they
// are older than Options.OrphanAge.
func Open(ctx context.Context, blobs Blob, catalogue Catalogue, o Options) (*Store, error) {
	o.defaults()
	s := &Store{blobs: blobs, catalogue: catalogue, opts: o, files: newFiles(blobs), next: o.Now().UnixNano()}
	s.active = s.newBatch()
	if _, err := s.RemoveOrphans(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// Close closes open segments. What is not committed is lost, as after a crash;
// the stream still holds it. The Blob stays open.
func (s *Store) Close() error { return s.files.close() }

// newBatch returns a batch with room for as many events as the one before had.
func (s *Store) newBatch() *batch {
	b := &batch{id: s.newID(), images: newInterner(), first: s.next}
	if s.active != nil {
		b.events = make([]*event.Event, 0, len(s.active.events))
	}
	return b
}

// newID returns an id for segments that no other has; for people it begins
// with the time.
func (s *Store) newID() string {
	var unique [6]byte
	rand.Read(unique[:])
	return s.opts.Now().UTC().Format("20060102T150405") + "-" + hex.EncodeToString(unique[:])
}

// Append takes over the events of one frame, which become the host's whatever
// they say. When the batch in memory is full it writes that first, and takes
// nothing where that fails.
func (s *Store) Append(ctx context.Context, host event.HostID, events []event.Event) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	if len(s.active.events)+len(events) > s.opts.MaxRows && len(s.active.events) > 0 || s.active.size() >= s.opts.MaxBytes {
		if err := s.write(ctx); err != nil {
			return err
		}
	}
	b := s.active
	b.images.frame()
	var bytes int64
	for i := range events {
		e := &events[i]
		e.Host = host
		e.Process, e.Target = b.images.intern(host, e.Process), b.images.intern(host, e.Target)
		bytes += bytesOf(e)
	}
	b.images.frame()

	s.mu.Lock()
	defer s.mu.Unlock()
	if len(b.events) == 0 {
		b.since = s.opts.Now()
	}
	b.events = slices.Grow(b.events, len(events))
	for i := range events {
		b.events = append(b.events, &events[i])
	}
	b.bytes += bytes
	s.next += int64(len(events))
	return nil
}

// Uncommitted returns the rows that are not committed, the bytes of those that
// are in memory, and when the oldest was appended; zero when there are none.
func (s *Store) Uncommitted() (rows, bytes int64, since time.Time) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, w := range s.written {
		rows += w.Rows
	}
	since = s.since
	if len(s.active.events) > 0 && len(s.written) == 0 {
		since = s.active.since
	}
	return rows + int64(len(s.active.events)), s.active.size(), since
}

// Commit writes what is in memory and returns the segments that the catalogue
// does not name yet. Partition, FromSeq and ToSeq are for the caller to fill.
func (s *Store) Commit(ctx context.Context) ([]store.Segment, error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	if err := s.write(ctx); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.returned = len(s.written)
	return append([]store.Segment(nil), s.written...), nil
}

// Committed tells the store that the catalogue names the segments of the last
// Commit.
func (s *Store) Committed() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.written = append([]store.Segment(nil), s.written[s.returned:]...)
	s.returned = 0
	if len(s.written) == 0 {
		s.since = time.Time{}
	}
}

// Aborted tells the store that the catalogue does not name them; the next
// Commit returns them again.
func (s *Store) Aborted() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.returned = 0
}

// write makes segments of the active batch and starts a new one.
func (s *Store) write(ctx context.Context) error {
	if len(s.active.events) == 0 {
		return nil
	}
	segments, err := s.writeBatch(ctx, s.active)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.written) == 0 {
		s.since = s.active.since
	}
	s.written = append(s.written, segments...)
	s.active = s.newBatch()
	return nil
}

// snapshot is what a query reads: each event once.
type snapshot struct {
	events   []*event.Event // in memory
	first    int64          // sequence number of the first
	segments []store.Segment
	release  func()
}

// snapshot returns what is there now, and keeps the files from being deleted
// until release is called. Memory is looked at first: what is written
// meanwhile is known by the name of its batch, and not read twice.
func (s *Store) snapshot(ctx context.Context, f store.SegmentFilter) (snapshot, error) {
	s.files.pin()
	s.listing.RLock()
	defer s.listing.RUnlock()
	s.mu.RLock()
	b := s.active
	snap := snapshot{events: b.events, first: b.first, segments: append([]store.Segment(nil), s.written...), release: s.files.unpin}
	s.mu.RUnlock()
	listed, err := s.catalogue.SegmentList(ctx, f)
	if err != nil {
		s.files.unpin()
		return snapshot{}, fmt.Errorf("list segments: %w", err)
	}
	seen := make(map[string]bool)
	for _, w := range snap.segments {
		seen[w.ID] = true
	}
	for _, l := range listed {
		if !seen[l.ID] && !strings.HasPrefix(l.ID, b.id) {
			snap.segments = append(snap.segments, l)
		}
	}
	return snap, nil
}

// maxDays bounds the segments that one batch makes: a host whose clock is
// wrong can claim any day for each event. Rows of further days go into one
// more segment.
const maxDays = 7
