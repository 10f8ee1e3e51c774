package facet

import (
	"maps"
	"math"
	"slices"
	"time"

	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/store"
)

type severityCounts = [finding.High + 1]int64

// histogram counts by severity in stretches of time that begin at multiples
// of its width since 1970.
type histogram struct {
	width   int64 // nanoseconds; zero counts nothing
	counts  map[int64]*severityCounts
	number  int64           // of the bucket of the row before: rows of one time come together
	current *severityCounts // its counts
}

// maxWidth keeps the borders of buckets within 64 bits.
const maxWidth = 10 * 365 * 24 * time.Hour

func newHistogram(width time.Duration) *histogram {
	return &histogram{width: int64(min(max(width, 0), maxWidth)), counts: make(map[int64]*severityCounts)}
}

// bucket returns the number of the bucket of a time.
func (h *histogram) bucket(nanos int64) int64 {
	nanos = min(max(nanos, math.MinInt64+h.width), math.MaxInt64-h.width)
	number := nanos / h.width
	if nanos%h.width < 0 {
		number--
	}
	return number
}

func (h *histogram) add(nanos int64, severity uint8) {
	if h.width == 0 {
		return
	}
	if n := h.bucket(nanos); h.current == nil || n != h.number {
		h.number, h.current = n, h.counts[n]
		if h.current == nil {
			h.current = new(severityCounts)
			h.counts[n] = h.current
		}
	}
	h.current[severity]++
}

// buckets returns the counts between the times, without gaps. A time that is
// zero is that of the first or last row.
func (h *histogram) buckets(since, until time.Time) []store.Bucket {
	if h.width == 0 {
		return nil
	}
	first, last := h.ends(since, until)
	if first > last {
		return []store.Bucket{}
	}
	if uint64(last)-uint64(first) >= MaxBuckets {
		first = last - MaxBuckets + 1
	}
	list := make([]store.Bucket, 0, last-first+1)
	for i := range last - first + 1 {
		n := first + i
		var counts severityCounts
		if c := h.counts[n]; c != nil {
			counts = *c
		}
		list = append(list, store.Bucket{Start: time.Unix(0, n*h.width).UTC(), BySeverity: bySeverity(counts)})
	}
	return list
}

func (h *histogram) ends(since, until time.Time) (first, last int64) {
	if len(h.counts) == 0 && (since.IsZero() || until.IsZero()) {
		return 0, -1
	}
	if since.IsZero() {
		first = slices.Min(slices.Collect(maps.Keys(h.counts)))
	} else {
		first = h.bucket(since.UnixNano())
	}
	if until.IsZero() {
		last = slices.Max(slices.Collect(maps.Keys(h.counts)))
	} else {
		last = h.bucket(max(until.UnixNano(), math.MinInt64+1) - 1)
	}
	return first, last
}
