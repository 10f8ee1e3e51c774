package hunt

import (
	"math"
	"slices"
	"sync"
	"time"

	"github.com/holdfast-security/holdfast/hunt/expr"
	"github.com/holdfast-security/holdfast/hunt/value"
)

// maxBuckets is about how many buckets a histogram has at most.
const maxBuckets = 100

// widths are those of buckets, each a multiple of the one before.
var widths = []time.Duration{
	time.Millisecond, 10 * time.Millisecond, 100 * time.Millisecond, time.Second, 5 * time.Second, 10 * time.Second, 30 * time.Second,
	time.Minute, 5 * time.Minute, 10 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 6 * time.Hour, 12 * time.Hour,
	24 * time.Hour, 7 * 24 * time.Hour, 28 * 24 * time.Hour, 364 * 24 * time.Hour, 3640 * 24 * time.Hour,
}

// Histogram counts moments over time, in buckets that grow with the time that
// they span. It may be used by several goroutines.
type Histogram struct {
	mu          sync.Mutex // guards what follows
	width       int        // in widths
	counts      map[int64]int64
	first, last int64 // buckets; first is above last when there are none
}

// Bucket is how many moments there are from Start to the next bucket.
type Bucket struct {
	Start time.Time
	Count int64
}

// NewHistogram returns an empty histogram. Where both ends of the time are
// known, the buckets span that.
func NewHistogram(since, until time.Time) *Histogram {
	h := &Histogram{counts: make(map[int64]int64), first: math.MaxInt64, last: math.MinInt64}
	if !since.IsZero() && until.After(since) {
		h.span(value.OfTime(since).Int())
		h.span(value.OfTime(until).Int() - 1)
	}
	return h
}

// Add counts moments.
func (h *Histogram) Add(times []time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, t := range times {
		if v := value.OfTime(t); !v.IsAbsent() {
			h.span(v.Int())
			h.counts[h.bucket(v.Int())]++
		}
	}
}

// bucket returns the start of the bucket of a moment. Those of the first years
// that there are go into one that begins within 64 bits.
func (h *Histogram) bucket(ns int64) int64 {
	earliest := math.MinInt64 + int64(widths[len(widths)-1])
	return expr.Floor(max(ns, earliest), int64(widths[h.width]))
}

// span makes room for a moment.
func (h *Histogram) span(ns int64) {
	b := h.bucket(ns)
	if b >= h.first && b <= h.last {
		return
	}
	h.first, h.last = min(h.first, b), max(h.last, b)
	for h.width < len(widths)-1 && uint64(h.last-h.first)/uint64(widths[h.width]) >= maxBuckets {
		h.widen()
	}
}

func (h *Histogram) widen() {
	h.width++
	wider := make(map[int64]int64, len(h.counts))
	for b, n := range h.counts {
		wider[h.bucket(b)] += n
	}
	h.counts, h.first, h.last = wider, h.bucket(h.first), h.bucket(h.last)
}

// Buckets returns the buckets, oldest first and without gaps.
func (h *Histogram) Buckets() []Bucket {
	h.mu.Lock()
	defer h.mu.Unlock()
	buckets := []Bucket{}
	width := int64(widths[h.width])
	for b := h.first; b <= h.last && len(buckets) <= maxBuckets; b += width {
		buckets = append(buckets, Bucket{time.Unix(0, b).UTC(), h.counts[b]})
		if b > math.MaxInt64-width {
			break
		}
	}
	return slices.Clip(buckets)
}
