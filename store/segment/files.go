package segment

import (
	"errors"
	"fmt"
	"sync"

	"github.com/holdfast-security/holdfast/store"
	"github.com/holdfast-security/holdfast/store/segment/parquetfile"
)

// maxOpen bounds the segments that stay open between queries.
const maxOpen = 128

// files keeps segments open, of which a footer is dear to read, and deletes
// files only when no query is running that may still want them.
type files struct {
	blobs Blob

	mu      sync.Mutex // guards what follows
	open    map[string]*openSegment
	queries int      // that run
	doomed  []string // names to delete when none does
	clock   int64
}

// openSegment is a file with its content.
type openSegment struct {
	*parquetfile.File

	name    string
	content Content
	users   int
	used    int64 // by the clock of files
}

func newFiles(blobs Blob) *files { return &files{blobs: blobs, open: make(map[string]*openSegment)} }

// pin keeps all files until unpin.
func (f *files) pin() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.queries++
}

func (f *files) unpin() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.queries--
	_ = f.sweep() // what cannot be deleted now is an orphan at the next start
}

// get opens a segment, or returns it where it is open. The caller puts it back.
func (f *files) get(s *store.Segment) (*openSegment, error) {
	name := blobName(s.Day, s.ID)
	f.mu.Lock()
	o := f.open[name]
	if o != nil {
		o.users++
	}
	f.mu.Unlock()
	if o != nil {
		return o, nil
	}
	content, err := f.blobs.Open(name)
	if err != nil {
		return nil, err
	}
	parsed, err := parquetfile.OpenFile(content, content.Size())
	if err != nil {
		return nil, errors.Join(err, content.Close())
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if other := f.open[name]; other != nil { // opened by another query meanwhile
		other.users++
		return other, content.Close()
	}
	o = &openSegment{File: parsed, name: name, content: content, users: 1}
	f.open[name] = o
	return o, nil
}

func (f *files) put(o *openSegment) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.clock++
	o.users--
	o.used = f.clock
	if len(f.open) <= maxOpen {
		return
	}
	var oldest *openSegment
	for _, c := range f.open {
		if c.users == 0 && (oldest == nil || c.used < oldest.used) {
			oldest = c
		}
	}
	if oldest != nil {
		delete(f.open, oldest.name)
		_ = oldest.content.Close() // was only read
	}
}

// remove deletes files as soon as no query runs that began before.
func (f *files) remove(names ...string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.doomed = append(f.doomed, names...)
	return f.sweep()
}

// sweep is called with the lock held.
func (f *files) sweep() error {
	if f.queries > 0 {
		return nil
	}
	var errs []error
	for _, name := range f.doomed {
		if o := f.open[name]; o != nil {
			delete(f.open, name)
			errs = append(errs, o.content.Close())
		}
		if err := f.blobs.Delete(name); err != nil {
			errs = append(errs, fmt.Errorf("delete segment %q: %w", name, err))
		}
	}
	f.doomed = nil
	return errors.Join(errs...)
}

func (f *files) close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	var errs []error
	for name, o := range f.open {
		delete(f.open, name)
		errs = append(errs, o.content.Close())
	}
	return errors.Join(errs...)
}
