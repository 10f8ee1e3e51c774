// Package hash reads what the state of a path is made of beyond its metadata:
// the SHA-256 of a file, the target of a link, extended attributes.
//
// A file may be written while it is read, and by ways that leave no trace in
// its times. So its state is taken before and after, and read again when it
// moved; and where somebody has the file open for writing or mapped it so, or
// where it was changed in the very moment before, the result is marked as
// unsettled, to be read again later.
//
// Reading is paced by a budget of bytes a second, and does not push what the
// host's own programs use out of the system's cache of files.
//
// Files are the host's and hostile: a file may have any size, may be nothing
// but a hole, and may turn into something else when it is opened.
package hash

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/holdfast-security/holdfast/agent/fim/walk"
	"github.com/holdfast-security/holdfast/fim"
)

// ErrGone says that what was to be read is not there any more, or has become
// something else. The next walk tells what.
var ErrGone = errors.New("no longer there")

// DefaultWhole is the size up to which files are read whole.
const DefaultWhole = 1 << 30

// Config says how files are read. The zero value reads up to DefaultWhole at
// full speed.
type Config struct {
	// Whole is the size in bytes up to which a file is read whole. Of larger
	// ones the beginning, the end and the layout on the disk are.
	Whole int64
	// Rate bounds the bytes read in a second over all readers; 0 means none.
	Rate int64
}

// Hasher reads files. It is safe for concurrent use; each call reads one file,
// so that callers choose how many are read at once.
type Hasher struct {
	whole   int64
	budget  budget
	cache   cache
	buffers sync.Pool // of *buffer

	files, bytes atomic.Int64
}

// New returns a hasher.
func New(c Config) *Hasher {
	h := &Hasher{whole: c.Whole, budget: budget{rate: c.Rate}}
	if h.whole <= 0 {
		h.whole = DefaultWhole
	}
	h.buffers.New = func() any { return &buffer{sum: sha256.New(), data: make([]byte, bufferSize)} }
	return h
}

// Done returns how many files and bytes of content were read so far.
func (h *Hasher) Done() (files, bytes int64) { return h.files.Load(), h.bytes.Load() }

// Request says what to read.
type Request struct {
	// Stat is what the walk saw.
	Stat fim.Stat
	// Known, unless nil, is what was kept of the file: for growing logs the
	// result says whether they still begin with it.
	Known *fim.State
	// Growing says that the file is a log that others may be writing.
	Growing bool
	// NoContent leaves the content out.
	NoContent bool
}

// Result is what was read.
type Result struct {
	State fim.State
	Log   fim.Log
}

// tries is how often a file is read that changes while it is read.
const tries = 3

// Read reads what lies at name in the directory, "" meaning what the directory
// stands for itself. With an error that wraps [ErrGone], or when ctx ends,
// there is no result; with any other one the result is good, but says that the
// content is unreadable.
func (h *Hasher) Read(ctx context.Context, d *walk.Directory, name string, r Request) (Result, error) {
	at := locate(d, name)
	if r.Stat.Kind != fim.KindFile {
		return h.other(at, r.Stat)
	}
	f, err := at.open()
	if err != nil {
		return unreadable(r.Stat, err)
	}
	defer f.close()
	for try := 1; ; try++ {
		result, moved, err := h.attempt(ctx, f, r)
		if err != nil && (ctx.Err() != nil || errors.Is(err, ErrGone)) {
			return Result{}, err
		}
		if err != nil {
			return unreadable(result.State.Stat, err)
		}
		if !moved || try == tries {
			h.files.Add(1)
			result.State.Unsettled = result.State.Unsettled || moved
			return result, nil
		}
	}
}

// other reads what is no file.
func (h *Hasher) other(at location, stat fim.Stat) (Result, error) {
	result := Result{State: fim.State{Stat: stat}}
	var err error
	if stat.Kind == fim.KindLink {
		if result.State.Target, err = at.target(); err != nil {
			return unreadable(stat, err)
		}
	}
	if result.State.Xattrs, err = at.xattrs(); err != nil {
		return unreadable(stat, err)
	}
	return result, nil
}

// unreadable is the result for what cannot be read.
func unreadable(stat fim.Stat, err error) (Result, error) {
	if errors.Is(err, ErrGone) {
		return Result{}, err
	}
	if gone(err) {
		return Result{}, fmt.Errorf("%w: %w", ErrGone, err)
	}
	return Result{State: fim.State{Stat: stat, Detail: fim.Detail{Content: fim.ContentUnreadable}}}, err
}

// racy is how long before it was read a file may have been changed so that
// another change would not have moved its ctime: two ticks of the slowest
// clock that Linux is built with, which is what ctime counts in before 6.13.
const racy = 20 * time.Millisecond

// attempt reads a file once. moved says that it changed meanwhile.
func (h *Hasher) attempt(ctx context.Context, f *file, r Request) (result Result, moved bool, err error) {
	var before, after fim.Stat
	if err := f.stat(&before); err != nil {
		return result, false, err
	}
	if before.Kind != fim.KindFile {
		return result, false, fmt.Errorf("%w: it is a %s now", ErrGone, before.Kind)
	}
	if before.Device == r.Stat.Device {
		before.Volume = r.Stat.Volume
	}
	result.State.Stat = before
	began := time.Now()
	written := !r.Growing && !r.NoContent && f.written()
	if !r.NoContent {
		if err := h.content(ctx, f, r, &result); err != nil {
			return result, false, err
		}
	}
	if result.State.Xattrs, err = f.xattrs(); err != nil {
		return result, false, err
	}
	written = written || !r.Growing && !r.NoContent && f.written()
	if err := f.stat(&after); err != nil {
		return result, false, err
	}
	after.Volume = before.Volume
	if r.Growing && after.Size >= before.Size {
		return result, false, nil
	}
	result.State.Unsettled = written || began.Sub(time.Unix(0, before.Changed)).Abs() < racy
	return result, !before.Same(after), nil
}

// bufferSize is a compromise between calls of the system and the processor's
// cache.
const bufferSize = 128 << 10

// buffer is what one reader needs.
type buffer struct {
	sum  hash.Hash
	data []byte
}

// content reads the file's content as large as it was when it was looked at.
func (h *Hasher) content(ctx context.Context, f *file, r Request, result *Result) error {
	b := h.buffers.Get().(*buffer)
	defer h.buffers.Put(b)
	b.sum.Reset()
	size := result.State.Size
	f.begin(&h.cache, size)
	defer f.end()
	if size > h.whole {
		result.State.Content = fim.ContentSample
		if err := h.sample(ctx, f, b, size); err != nil {
			return err
		}
		b.sum.Sum(result.State.Digest[:0])
		return nil
	}
	result.State.Content = fim.ContentWhole
	from := int64(0)
	if k := r.Known; r.Growing && k != nil && k.Content == fim.ContentWhole && k.Inode == result.State.Inode && k.Size <= size {
		if err := h.span(ctx, f, b, 0, k.Size); err != nil {
			return err
		}
		result.Log = fim.LogRewritten
		if fim.Digest(b.sum.Sum(nil)) == k.Digest {
			result.Log = fim.LogExtended
		}
		from = k.Size
	}
	if err := h.span(ctx, f, b, from, size); err != nil {
		return err
	}
	b.sum.Sum(result.State.Digest[:0])
	return nil
}

// span hashes the bytes of a file from one offset to another. A file that ends
// before has been cut, which shows when its state is taken again.
func (h *Hasher) span(ctx context.Context, f *file, b *buffer, from, to int64) error {
	for from < to {
		part := b.data[:min(int64(len(b.data)), to-from)]
		if err := h.budget.take(ctx, len(part)); err != nil {
			return err
		}
		n, err := f.readAt(part, from)
		b.sum.Write(part[:n])
		h.bytes.Add(int64(n))
		from += int64(n)
		if errors.Is(err, io.EOF) || err == nil && n == 0 {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// What a sample covers of a large file.
const (
	sampleEdge = 1 << 20 // bytes at the beginning and at the end
	maxExtents = 4096
)

// sample hashes the size of a file, where it has data, and its edges. What is
// hashed begins with a name, so that it is never taken for a content's hash.
func (h *Hasher) sample(ctx context.Context, f *file, b *buffer, size int64) error {
	head := binary.BigEndian.AppendUint64([]byte("holdfast sample 1\x00"), uint64(size))
	for _, e := range f.extents(size, maxExtents) {
		head = binary.BigEndian.AppendUint64(head, uint64(e))
	}
	b.sum.Write(head)
	edge := min(sampleEdge, size)
	if err := h.span(ctx, f, b, 0, edge); err != nil {
		return err
	}
	return h.span(ctx, f, b, max(edge, size-sampleEdge), size)
}

// budget paces readers. The zero value does not.
type budget struct {
	rate int64 // bytes a second

	mu   sync.Mutex // guards free
	free time.Time  // when what was taken so far has been paid for
}

// take waits until n bytes may be read.
func (b *budget) take(ctx context.Context, n int) error {
	if b.rate <= 0 {
		return ctx.Err()
	}
	b.mu.Lock()
	now := time.Now()
	if b.free.Before(now) {
		b.free = now
	}
	wait := b.free.Sub(now)
	b.free = b.free.Add(time.Duration(float64(n) / float64(b.rate) * float64(time.Second)))
	b.mu.Unlock()
	if wait == 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
