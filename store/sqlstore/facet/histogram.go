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

func newHistogram(width time.Duration) *histogram {
	return &histogram{width: int64(max(width, 0)), counts: make(map[int64]*severityCounts)}
}

func (h *histogram) add(nanos int64, severity uint8) {
	if h.width == 0 {
		return
	}
	if n := floorDivide(nanos, h.width); h.current == nil || n != h.number {
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
	for n := first; n <= last; n++ {
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
		first = floorDivide(since.UnixNano(), h.width)
	}
	if until.IsZero() {
		last = slices.Max(slices.Collect(maps.Keys(h.counts)))
	} else {
		last = floorDivide(max(until.UnixNano(), math.MinInt64+1)-1, h.width)
	}
	return first, last
}

func floorDivide(n, by int64) int64 {
	quotient := n / by
	if n%by < 0 {
		quotient--
	}
	return quotient
}
