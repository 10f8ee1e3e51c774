package segment

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/store"
	"github.com/holdfast-security/holdfast/store/segment/parquetfile"
	"github.com/holdfast-security/holdfast/store/segment/parquetfile/choice"
)

// DamagedError says which segments could not be read. What was returned
// beside it comes from all others.
type DamagedError struct {
	Segments []Damage // by name
}

// Damage is a segment that cannot be read, and why.
type Damage struct {
	Name string // of the blob
	Err  error
}

// Error names the segments.
func (e *DamagedError) Error() string {
	var b strings.Builder
	b.WriteString(store.ErrPartial.Error())
	for i, d := range e.Segments {
		if i == 3 {
			fmt.Fprintf(&b, "; and %d more", len(e.Segments)-i)
			break
		}
		fmt.Fprintf(&b, "; segment %q: %v", d.Name, d.Err)
	}
	return b.String()
}

// Unwrap returns store.ErrPartial.
func (e *DamagedError) Unwrap() error { return store.ErrPartial }

// damages collects what is damaged while segments are read in parallel.
type damages struct {
	mu   sync.Mutex
	list []Damage // guarded by mu
}

func (d *damages) add(s *store.Segment, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.list = append(d.list, Damage{Name: blobName(s.Day, s.ID), Err: err})
}

func (d *damages) err() error {
	if len(d.list) == 0 {
		return nil
	}
	slices.SortFunc(d.list, func(a, b Damage) int { return cmp.Compare(a.Name, b.Name) })
	d.list = slices.CompactFunc(d.list, func(a, b Damage) bool { return a.Name == b.Name })
	return &DamagedError{Segments: d.list}
}

// Limits of a list of events.
const (
	defaultLimit = 100
	maxLimit     = 10_000
)

// position puts events in order: by time, then arrival.
type position struct{ time, seq int64 }

func (p position) compare(q position) int {
	return cmp.Or(cmp.Compare(p.time, q.time), cmp.Compare(p.seq, q.seq))
}

// hit is where an event that fits lies.
type hit struct {
	position

	segment    int // in the list of the query, or inMemory
	group, row int32
}

const inMemory = -1

// Events returns the events that fit, newest first unless asked otherwise.
// Segments that cannot be read are named by a [DamagedError] beside the list
// of what the others hold.
func (s *Store) Events(ctx context.Context, f store.EventFilter) (store.List[event.Event], error) {
	var list store.List[event.Event]
	best, err := newBest(f)
	if err != nil {
		return list, err
	}
	q := choice.New(f)
	snap, err := s.snapshot(ctx, segmentFilter(f))
	if err != nil {
		return list, err
	}
	defer snap.release()
	snap.segments = slices.DeleteFunc(snap.segments, func(seg store.Segment) bool { return !q.Overlaps(&seg) })
	if f.OldestFirst {
		slices.SortFunc(snap.segments, func(a, b store.Segment) int { return cmp.Or(a.First.Compare(b.First), cmp.Compare(a.ID, b.ID)) })
	} else {
		slices.SortFunc(snap.segments, func(a, b store.Segment) int { return cmp.Or(b.Last.Compare(a.Last), cmp.Compare(b.ID, a.ID)) })
	}
	if err := best.memory(ctx, q, snap); err != nil {
		return list, err
	}
	var bad damages
	err = inParallel(ctx, len(snap.segments), func(i int) error {
		seg := &snap.segments[i]
		if !best.worth(nanosecondsOf(seg)) {
			return nil
		}
		return damage(&bad, seg, s.reading(seg, func(f *parquetfile.File) error { return best.segment(ctx, f, q, i) }))
	})
	if err != nil {
		return list, err
	}
	hits, more := best.result()
	if list.Items, err = s.load(ctx, snap, hits, &bad); err != nil {
		return list, err
	}
	if more && len(hits) > 0 {
		list.Next = best.cursor(hits[len(hits)-1].position)
	}
	return list, bad.err()
}

func segmentFilter(f store.EventFilter) store.SegmentFilter {
	return store.SegmentFilter{Since: f.Since, Until: f.Until, Host: f.Host}
}

// nanosecondsOf returns the times of a segment, a little wider than they are:
// the catalogue may keep them to the microsecond.
func nanosecondsOf(s *store.Segment) parquetfile.Span[int64] {
	least, most := choice.Nanoseconds(s.First), choice.Nanoseconds(s.Last)
	const slack = int64(time.Millisecond)
	return parquetfile.Span[int64]{Least: max(least, choice.NoTime+slack) - slack, Most: min(most, math.MaxInt64-slack) + slack}
}

// damage notes an error of a segment, and returns those of the query.
func damage(bad *damages, seg *store.Segment, err error) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, errStopped) {
		return err
	}
	bad.add(seg, err)
	return nil
}

// errStopped wraps what a caller's function returned: not the segment's fault.
var errStopped = errors.New("stopped by the caller")

// reading calls fn with an open segment.
func (s *Store) reading(seg *store.Segment, fn func(*parquetfile.File) error) error {
	o, err := s.files.get(seg)
	if err != nil {
		return err
	}
	defer s.files.put(o)
	return fn(o.File)
}

// inParallel calls fn for 0 to n-1, in that order but several at once, until
// one fails.
func inParallel(ctx context.Context, n int, fn func(i int) error) error {
	var mu sync.Mutex // guards next and first
	var first error
	next := 0
	take := func() int {
		mu.Lock()
		defer mu.Unlock()
		if first == nil {
			first = ctx.Err()
		}
		if first != nil || next == n {
			return -1
		}
		next++
		return next - 1
	}
	var wg sync.WaitGroup
	for range min(n, runtime.GOMAXPROCS(0)) {
		wg.Go(func() {
			for i := take(); i >= 0; i = take() {
				if err := fn(i); err != nil {
					mu.Lock()
					first = cmp.Or(first, err)
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	return first
}

// best keeps the first events of the order that was asked for, one more than
// the limit, so that it is known whether there are more.
type best struct {
	limit  int
	oldest bool
	after  *position // where the list continues

	mu   sync.Mutex // guards hits
	hits []hit      // a heap, the last of the order on top
}

func newBest(f store.EventFilter) (*best, error) {
	b := &best{limit: f.Limit, oldest: f.OldestFirst}
	switch {
	case f.Limit == 0:
		b.limit = defaultLimit
	case f.Limit < 0 || f.Limit > maxLimit:
		return nil, fmt.Errorf("limit %d is not between 1 and %d", f.Limit, maxLimit)
	}
	if f.After == "" {
		return b, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(f.After)
	if err != nil || len(raw) != 17 || (raw[0] == 1) != f.OldestFirst || raw[0] > 1 {
		return nil, fmt.Errorf("events after %q: %w", f.After, store.ErrCursor)
	}
	b.after = &position{int64(binary.BigEndian.Uint64(raw[1:])), int64(binary.BigEndian.Uint64(raw[9:]))}
	return b, nil
}

// cursor makes the text from which newBest continues behind p.
func (b *best) cursor(p position) string {
	raw := make([]byte, 1, 17)
	if b.oldest {
		raw[0] = 1
	}
	raw = binary.BigEndian.AppendUint64(raw, uint64(p.time))
	return base64.RawURLEncoding.EncodeToString(binary.BigEndian.AppendUint64(raw, uint64(p.seq)))
}

// order compares two positions in the order that was asked for.
func (b *best) order(p, q position) int {
	if b.oldest {
		return p.compare(q)
	}
	return q.compare(p)
}

// worth reports whether something of these times can be among the best.
func (b *best) worth(t parquetfile.Span[int64]) bool {
	front, back := position{t.Most, math.MaxInt64}, position{t.Least, math.MinInt64}
	if b.oldest {
		front, back = back, front
	}
	if b.after != nil && b.order(back, *b.after) <= 0 {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.hits) <= b.limit || b.order(front, b.hits[0].position) < 0
}

// offer keeps h where it is among the best.
func (b *best) offer(h hit) {
	if b.after != nil && b.order(h.position, *b.after) <= 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.hits) <= b.limit {
		b.hits = append(b.hits, h)
		b.up(len(b.hits) - 1)
		return
	}
	if b.order(h.position, b.hits[0].position) < 0 {
		b.hits[0] = h
		b.down()
	}
}

func (b *best) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if b.order(b.hits[i].position, b.hits[parent].position) <= 0 {
			return
		}
		b.hits[i], b.hits[parent] = b.hits[parent], b.hits[i]
		i = parent
	}
}

func (b *best) down() {
	for i := 0; ; {
		child := 2*i + 1
		if child >= len(b.hits) {
			return
		}
		if child+1 < len(b.hits) && b.order(b.hits[child+1].position, b.hits[child].position) > 0 {
			child++
		}
		if b.order(b.hits[i].position, b.hits[child].position) >= 0 {
			return
		}
		b.hits[i], b.hits[child] = b.hits[child], b.hits[i]
		i = child
	}
}

// result returns the best in order, and whether there are more.
func (b *best) result() (hits []hit, more bool) {
	slices.SortFunc(b.hits, func(x, y hit) int { return b.order(x.position, y.position) })
	if len(b.hits) > b.limit {
		return b.hits[:b.limit], true
	}
	return b.hits, false
}

// memory offers the events that are not in a segment.
func (b *best) memory(ctx context.Context, q *choice.Query, snap snapshot) error {
	for i := range snap.events {
		if i%parquetfile.PageRows == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if e := snap.events[i]; q.Matches(e) {
			b.offer(hit{position: position{choice.Nanoseconds(e.Time), snap.first + int64(i)}, segment: inMemory, row: int32(i)})
		}
	}
	return nil
}

// segment offers the events of a segment that fit.
func (b *best) segment(ctx context.Context, f *parquetfile.File, q *choice.Query, number int) error {
	return f.Search(ctx, q, b.worth, func(group int, rows []int32, times, seqs []int64) error {
		last, full := b.last()
		for i, row := range rows {
			p := position{times[i], seqs[i]}
			if full && b.order(p, last) >= 0 {
				continue
			}
			b.offer(hit{position: p, segment: number, group: int32(group), row: row})
		}
		return nil
	})
}

// last returns the last of the best, if there are as many as can be.
func (b *best) last() (position, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.hits) <= b.limit {
		return position{}, false
	}
	return b.hits[0].position, true
}

// load reads the events behind hits. Those of a segment that turns out to be
// damaged are left out.
func (s *Store) load(ctx context.Context, snap snapshot, hits []hit, bad *damages) ([]event.Event, error) {
	events := make([]*event.Event, len(hits))
	bySegment := make(map[int][]int) // indexes of hits
	for i, h := range hits {
		if h.segment == inMemory {
			events[i] = snap.events[h.row]
		} else {
			bySegment[h.segment] = append(bySegment[h.segment], i)
		}
	}
	for number, mine := range bySegment {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		slices.SortFunc(mine, func(x, y int) int {
			return cmp.Or(cmp.Compare(hits[x].group, hits[y].group), cmp.Compare(hits[x].row, hits[y].row))
		})
		seg := &snap.segments[number]
		if err := s.reading(seg, func(f *parquetfile.File) error { return loadHits(f, hits, mine, events) }); err != nil {
			bad.add(seg, err)
			for _, i := range mine {
				events[i] = nil
			}
		}
	}
	list := make([]event.Event, 0, len(events))
	for _, e := range events {
		if e != nil {
			list = append(list, *e)
		}
	}
	return list, nil
}

// loadHits reads those hits that mine, ordered by row group and row, index.
func loadHits(f *parquetfile.File, hits []hit, mine []int, events []*event.Event) error {
	const kept = 4 << 20
	loader := f.NewLoader(kept)
	defer loader.Close()
	for start := 0; start < len(mine); {
		group := hits[mine[start]].group
		var rows []int32
		end := start
		for ; end < len(mine) && hits[mine[end]].group == group; end++ {
			rows = append(rows, hits[mine[end]].row)
		}
		loaded, _, err := loader.Load(int(group), rows)
		if err != nil {
			return err
		}
		for i := range loaded {
			events[mine[start+i]] = &loaded[i]
		}
		start = end
	}
	return nil
}
