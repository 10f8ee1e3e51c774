package segment

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/store"
	"github.com/holdfast-security/holdfast/store/segment/parquetfile"
	"github.com/holdfast-security/holdfast/store/segment/parquetfile/choice"
)

// writeBatch writes one segment for each day of a batch. Where one fails, none
// stays.
func (s *Store) writeBatch(ctx context.Context, b *batch) ([]store.Segment, error) {
	var segments []store.Segment
	for i, d := range s.days(b) {
		seg, err := s.writeDay(ctx, b, d, b.id+"-"+strconv.Itoa(i))
		if err != nil {
			for _, done := range segments {
				err = errors.Join(err, s.blobs.Delete(blobName(done.Day, done.ID)))
			}
			return nil, err
		}
		segments = append(segments, seg)
	}
	return segments, nil
}

// day is the rows of a batch that go into one segment.
type day struct {
	name string
	rows []int32
}

// days parts a batch by day. No day is later than today, whatever the clocks
// of hosts say, so that retention reaches all.
func (s *Store) days(b *batch) []day {
	const length = int64(24 * time.Hour)
	today := floorDiv(s.opts.Now().UnixNano(), length)
	rows := make(map[int64][]int32)
	for i := range b.events {
		n := min(floorDiv(choice.Nanoseconds(b.events[i].Time), length), today)
		rows[n] = append(rows[n], int32(i))
	}
	numbers := slices.SortedFunc(maps.Keys(rows), func(x, y int64) int {
		return cmp.Or(cmp.Compare(len(rows[y]), len(rows[x])), cmp.Compare(y, x))
	})
	var days []day
	for i, n := range numbers {
		if i > maxDays {
			last := &days[maxDays]
			last.rows = append(last.rows, rows[n]...)
			continue
		}
		days = append(days, day{name: dayName(n * length), rows: rows[n]})
	}
	return days
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

func dayName(ns int64) string { return time.Unix(0, ns).UTC().Format(time.DateOnly) }

// writeDay writes the rows of one day, sorted by host, time and sequence.
func (s *Store) writeDay(ctx context.Context, b *batch, d day, id string) (store.Segment, error) {
	seg := newSummary(id, d.name)
	times := make([]int64, len(b.events))
	for _, row := range d.rows {
		times[row] = choice.Nanoseconds(b.events[row].Time)
	}
	hosts := ranks(b.events)
	slices.SortFunc(d.rows, func(x, y int32) int {
		return cmp.Or(cmp.Compare(hosts[x], hosts[y]), cmp.Compare(times[x], times[y]), cmp.Compare(x, y))
	})
	size, err := s.blobs.Put(ctx, blobName(d.name, id), func(out io.Writer) error {
		w := parquetfile.NewWriter(out)
		for i, row := range d.rows {
			if i%parquetfile.PageRows == 0 && ctx.Err() != nil {
				return ctx.Err()
			}
			e := b.events[row]
			seg.add(e.Host, times[row])
			if err := w.Add(e, b.first+int64(row), bytesOf(e)); err != nil {
				return err
			}
		}
		return w.Close()
	})
	if err != nil {
		return store.Segment{}, fmt.Errorf("store %d events of %s: %w", len(d.rows), d.name, err)
	}
	return seg.segment(size), nil
}

// ranks gives each event the rank of its host, which is faster to sort by.
func ranks(events []*event.Event) []int32 {
	rank := make(map[event.HostID]int32)
	for i := range events {
		rank[events[i].Host] = 0
	}
	for i, host := range slices.Sorted(maps.Keys(rank)) {
		rank[host] = int32(i)
	}
	list := make([]int32, len(events))
	for i := range events {
		list[i] = rank[events[i].Host]
	}
	return list
}

// summary gathers what the catalogue says of a segment.
type summary struct {
	seg         store.Segment
	first, last int64
}

func newSummary(id, day string) *summary {
	return &summary{seg: store.Segment{ID: id, Day: day}, first: math.MaxInt64, last: choice.NoTime}
}

// add counts a row; rows come in the order of hosts.
func (s *summary) add(host event.HostID, t int64) {
	if s.seg.Rows == 0 {
		s.seg.MinHost = host
	}
	s.seg.MaxHost = host
	s.seg.Rows++
	s.first, s.last = min(s.first, t), max(s.last, t)
}

func (s *summary) segment(size int64) store.Segment {
	seg := s.seg
	seg.First, seg.Last, seg.Bytes = time.Unix(0, s.first).UTC(), time.Unix(0, s.last).UTC(), size
	return seg
}
