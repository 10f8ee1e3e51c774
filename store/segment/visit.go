package segment

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/store"
	"github.com/holdfast-security/holdfast/store/segment/parquetfile"
	"github.com/holdfast-security/holdfast/store/segment/parquetfile/choice"
)

var _ store.EventScanner = (*Store)(nil)

// ScanEvents visits the events of a scan: what is in memory and then the
// segments, the latest first, several at once. A part is a segment, or what is
// in memory. Segments that cannot be read are named by a [DamagedError].
func (s *Store) ScanEvents(ctx context.Context, scan store.EventScan) (store.Scanned, error) {
	visit, err := newVisit(&scan)
	if err != nil {
		return store.Scanned{}, err
	}
	q := choice.New(scan.Filter)
	snap, err := s.snapshot(ctx, segmentFilter(scan.Filter))
	if err != nil {
		return store.Scanned{}, err
	}
	defer snap.release()
	snap.segments = slices.DeleteFunc(snap.segments, func(seg store.Segment) bool { return !q.Overlaps(&seg) })
	slices.SortFunc(snap.segments, func(a, b store.Segment) int { return cmp.Or(b.Last.Compare(a.Last), cmp.Compare(b.ID, a.ID)) })
	done := store.Scanned{Parts: 1 + len(snap.segments)}
	if err := visitMemory(ctx, q, snap, visit); err != nil {
		return done, unwrapped(err)
	}
	var bad damages
	var read atomic.Int64
	err = inParallel(ctx, len(snap.segments), func(i int) error {
		seg := &snap.segments[i]
		if !visit.Worth(nanosecondsOf(seg)) {
			read.Add(1)
			return nil
		}
		err := s.reading(seg, func(f *parquetfile.File) error { return f.Visit(ctx, q, visit) })
		if err == nil {
			read.Add(1)
		}
		return damage(&bad, seg, err)
	})
	done.Read = 1 + int(read.Load())
	return done, cmp.Or(unwrapped(err), bad.err())
}

// newVisit returns a scan as files have it. What the scan's functions return
// is told from damage.
func newVisit(scan *store.EventScan) (*parquetfile.Visit, error) {
	first, err := parquetfile.NewColumns(scan.ChooseColumns)
	if err != nil {
		return nil, fmt.Errorf("choose events: %w", err)
	}
	then, err := parquetfile.NewColumns(scan.TakeColumns)
	if err != nil {
		return nil, fmt.Errorf("take events: %w", err)
	}
	v := &parquetfile.Visit{First: first, Then: then, Worth: func(parquetfile.Span[int64]) bool { return true }}
	if worth := scan.Worth; worth != nil {
		v.Worth = func(t parquetfile.Span[int64]) bool { return worth(time.Unix(0, t.Most).UTC()) }
	}
	if choose := scan.Choose; choose != nil {
		v.Choose = func(ctx context.Context, events []event.Event, keep []bool) error {
			return wrapped(choose(ctx, events, keep))
		}
	}
	v.Take = func(ctx context.Context, events []event.Event, sequences []int64) error {
		return wrapped(scan.Take(ctx, events, sequences))
	}
	return v, nil
}

func wrapped(err error) error {
	if err == nil {
		return nil
	}
	return stopped{err}
}

func unwrapped(err error) error {
	if stop := (stopped{}); errors.As(err, &stop) {
		return stop.err
	}
	return err
}

// visitMemory visits the events that are not in a segment.
func visitMemory(ctx context.Context, q *choice.Query, snap snapshot, v *parquetfile.Visit) error {
	events, seqs := make([]event.Event, 0, parquetfile.PageRows), make([]int64, 0, parquetfile.PageRows)
	for end := len(snap.events); end > 0; {
		start := max(0, end-parquetfile.PageRows)
		events, seqs = events[:0], seqs[:0]
		for i := start; i < end; i++ {
			if e := snap.events[i]; q.Matches(e) {
				events, seqs = append(events, *e), append(seqs, snap.first+int64(i))
			}
		}
		end = start
		if err := visitBatch(ctx, events, seqs, v); err != nil {
			return err
		}
	}
	return nil
}

func visitBatch(ctx context.Context, events []event.Event, seqs []int64, v *parquetfile.Visit) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if v.Choose != nil && len(events) > 0 {
		keep := make([]bool, len(events))
		if err := v.Choose(ctx, events, keep); err != nil {
			return err
		}
		n := 0
		for i, k := range keep {
			if k {
				events[n], seqs[n] = events[i], seqs[i]
				n++
			}
		}
		events, seqs = events[:n], seqs[:n]
	}
	if len(events) == 0 {
		return nil
	}
	return v.Take(ctx, events, seqs)
}
