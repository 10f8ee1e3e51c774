package segment

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/store"
	"github.com/holdfast-security/holdfast/store/segment/parquetfile"
	"github.com/holdfast-security/holdfast/store/segment/parquetfile/choice"
)

// Merger replaces segments of the catalogue by others that hold the same rows:
// the part of [store.Segments] that [Store.Compact] needs.
type Merger interface {
	MergeSegments(ctx context.Context, old []string, merged []store.Segment) error
}

// Dropper removes segments from the catalogue: the part of [store.Segments]
// that [Store.Drop] needs.
type Dropper interface {
	DropSegments(ctx context.Context, ids []string) error
}

// RemoveOrphans deletes files that the catalogue does not name, older than
// Options.OrphanAge, and returns how many there were. Files that are no
// segments are left alone.
func (s *Store) RemoveOrphans(ctx context.Context) (int, error) {
	s.writing.Lock() // nothing is written meanwhile that the catalogue cannot know
	defer s.writing.Unlock()
	blobs, err := s.blobs.List()
	if err != nil {
		return 0, err
	}
	named, err := s.catalogue.SegmentList(ctx, store.SegmentFilter{})
	if err != nil {
		return 0, fmt.Errorf("list segments: %w", err)
	}
	s.mu.RLock()
	named = append(named, s.written...)
	s.mu.RUnlock()
	keep := make(map[string]bool)
	for _, n := range named {
		keep[blobName(n.Day, n.ID)] = true
	}
	var rubbish []string
	for _, b := range blobs {
		if isSegment(b.Name) && !keep[b.Name] && s.opts.Now().Sub(b.Modified) > s.opts.OrphanAge {
			rubbish = append(rubbish, b.Name)
		}
	}
	return len(rubbish), s.files.remove(rubbish...)
}

// Drop removes the segments of days that end before the given time, at most
// limit of them, from the catalogue and then the files, and returns how many.
// Queries that run keep what they see.
func (s *Store) Drop(ctx context.Context, d Dropper, before time.Time, limit int) (int, error) {
	segments, err := s.catalogue.SegmentList(ctx, store.SegmentFilter{})
	if err != nil {
		return 0, fmt.Errorf("list segments: %w", err)
	}
	first := before.UTC().Format(time.DateOnly) // the first day to stay
	var ids, names []string
	for _, seg := range segments {
		if seg.Day < first && len(ids) < limit {
			ids, names = append(ids, seg.ID), append(names, blobName(seg.Day, seg.ID))
		}
	}
	if len(ids) == 0 {
		return 0, nil
	}
	if err := d.DropSegments(ctx, ids); err != nil {
		return 0, fmt.Errorf("drop %d segments: %w", len(ids), err)
	}
	return len(ids), s.files.remove(names...)
}

// Bounds of a merge.
const (
	minMerge = 4 // segments that are worth it
	maxMerge = 8 // segments read at once, for the sake of memory
)

// Compact merges small segments whose events are all before a time into larger
// ones of the same day and partition, until none is left that is worth it, and
// returns how many it replaced. It runs beside everything else. Segments that
// cannot be read are left as they are and named by a [DamagedError].
func (s *Store) Compact(ctx context.Context, m Merger, before time.Time) (int, error) {
	var bad damages
	skip := make(map[string]bool)
	replaced := 0
	for {
		old, err := s.mergeable(ctx, before, skip)
		if err != nil || len(old) == 0 {
			return replaced, cmp.Or(err, bad.err())
		}
		switch culprit, err := s.merge(ctx, m, old); {
		case err == nil:
			replaced += len(old)
		case culprit != nil:
			bad.add(culprit, err)
			skip[culprit.ID] = true
		default:
			return replaced, err
		}
	}
}

// mergeable returns segments that belong together and are small, at most
// maxMerge; none when there is nothing to do.
func (s *Store) mergeable(ctx context.Context, before time.Time, skip map[string]bool) ([]store.Segment, error) {
	segments, err := s.catalogue.SegmentList(ctx, store.SegmentFilter{})
	if err != nil {
		return nil, fmt.Errorf("list segments: %w", err)
	}
	s.mu.RLock()
	for _, w := range s.written { // its caller has not heard yet that it counts
		skip[w.ID] = true
	}
	s.mu.RUnlock()
	segments = slices.DeleteFunc(segments, func(seg store.Segment) bool {
		return skip[seg.ID] || !seg.Last.Before(before) || seg.Rows > int64(s.opts.MergeRows)/2
	})
	slices.SortFunc(segments, func(a, b store.Segment) int {
		return cmp.Or(cmp.Compare(a.Day, b.Day), cmp.Compare(a.Partition, b.Partition), magnitude(a)-magnitude(b), a.First.Compare(b.First))
	})
	for start := 0; start < len(segments); {
		end, rows := start, int64(0)
		for end < len(segments) && end-start < maxMerge && together(segments[start], segments[end]) && rows+segments[end].Rows <= int64(s.opts.MergeRows) {
			rows += segments[end].Rows
			end++
		}
		if end-start >= minMerge {
			return segments[start:end], nil
		}
		start = max(end, start+1)
	}
	return nil, nil
}

func together(a, b store.Segment) bool {
	return a.Day == b.Day && a.Partition == b.Partition && magnitude(a) == magnitude(b)
}

// magnitude keeps large segments from being written again for the sake of
// small ones: only segments of one magnitude are merged, so that a row is
// written as often as there are magnitudes.
func magnitude(s store.Segment) int {
	m := 0
	for rows := s.Rows; rows >= 4096; rows /= maxMerge {
		m++
	}
	return m
}

// merge writes the segments as one. When one of them cannot be read it is the
// culprit.
func (s *Store) merge(ctx context.Context, m Merger, old []store.Segment) (culprit *store.Segment, err error) {
	s.files.pin()
	defer s.files.unpin()
	sources, culprit, err := s.sources(old)
	defer func() {
		for _, src := range sources {
			src.loader.Close()
			s.files.put(src.open)
		}
	}()
	if err != nil {
		return culprit, err
	}
	sum := newSummary(s.newID()+"-m", old[0].Day)
	size, err := s.blobs.Put(ctx, blobName(old[0].Day, sum.seg.ID), func(out io.Writer) error {
		w := parquetfile.NewWriter(out)
		if culprit, err = mergeInto(ctx, w, sources, sum); err != nil {
			return err
		}
		return w.Close()
	})
	if err != nil {
		return culprit, err
	}
	merged := sum.segment(size)
	merged.Partition, merged.FromSeq = old[0].Partition, old[0].FromSeq
	var ids, names []string
	var rows int64
	for _, o := range old {
		rows += o.Rows
		merged.FromSeq, merged.ToSeq = min(merged.FromSeq, o.FromSeq), max(merged.ToSeq, o.ToSeq)
		ids, names = append(ids, o.ID), append(names, blobName(o.Day, o.ID))
	}
	if rows != merged.Rows {
		err = fmt.Errorf("merge of %d segments of %s has %d rows and should have %d", len(old), merged.Day, merged.Rows, rows)
		return nil, errors.Join(err, s.blobs.Delete(blobName(merged.Day, merged.ID)))
	}
	s.listing.Lock()
	err = m.MergeSegments(ctx, ids, []store.Segment{merged})
	s.listing.Unlock()
	if err != nil {
		// Whether it took place is not known: the file of the loser is an
		// orphan, and removed as such.
		return nil, fmt.Errorf("merge %d segments: %w", len(old), err)
	}
	return nil, s.files.remove(names...)
}

// source is a segment that is read in the order of its rows.
type source struct {
	segment *store.Segment
	open    *openSegment
	loader  *parquetfile.Loader
	page    int           // the next
	events  []event.Event // that are still to come of the present page
	seqs    []int64       // their sequence numbers
}

func (s *Store) sources(old []store.Segment) ([]*source, *store.Segment, error) {
	var sources []*source
	for i := range old {
		o, err := s.files.get(&old[i])
		if err != nil {
			return sources, &old[i], err
		}
		sources = append(sources, &source{segment: &old[i], open: o, loader: o.NewLoader(keptImages)})
	}
	return sources, nil, nil
}

// more makes sure that there is a next event, and reports whether there is.
func (s *source) more() (bool, error) {
	if len(s.events) > 0 {
		return true, nil
	}
	var err error
	s.events, s.seqs, err = s.loader.Page(s.page)
	s.page++
	return len(s.events) > 0, err
}

// keptImages bounds the images that are kept of each segment that is merged, in
// bytes.
const keptImages = 4 << 20

// maxMergeImages bounds the memory for images that a merge compares new ones
// with, in bytes. Beyond it a process may be stored twice.
const maxMergeImages = 32 << 20

// mergeInto writes the rows of all sources in order. When one cannot be read
// it is returned.
func mergeInto(ctx context.Context, w *parquetfile.Writer, sources []*source, sum *summary) (*store.Segment, error) {
	images := newInterner()
	var host event.HostID
	for n := 0; ; n++ {
		if n%parquetfile.PageRows == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		var next *source
		for _, s := range sources {
			more, err := s.more()
			if err != nil {
				return s.segment, err
			}
			if more && (next == nil || compareHeads(s, next) < 0) {
				next = s
			}
		}
		if next == nil {
			return nil, nil
		}
		e := &next.events[0]
		if e.Host != host || images.bytes > maxMergeImages {
			host, images = e.Host, newInterner()
			w.Forget()
		}
		e.Process, e.Target = images.intern(host, e.Process), images.intern(host, e.Target)
		sum.add(e.Host, choice.Nanoseconds(e.Time))
		if err := w.Add(e, next.seqs[0], bytesOf(e)); err != nil {
			return nil, err
		}
		next.events, next.seqs = next.events[1:], next.seqs[1:]
	}
}

func compareHeads(a, b *source) int {
	x, y := &a.events[0], &b.events[0]
	return cmp.Or(cmp.Compare(x.Host, y.Host), cmp.Compare(choice.Nanoseconds(x.Time), choice.Nanoseconds(y.Time)), cmp.Compare(a.seqs[0], b.seqs[0]))
}
