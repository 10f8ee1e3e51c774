package correlation

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/holdfast-security/holdfast/detect/sigma"
)

// This file is about what is measured of many events: sums, means, percentiles
// and shares.

// measured is what a group remembers of the values of a field.
type measured struct {
	count   int // of events or values
	sum     float64
	samples []sample       // in order of time, for value_sum; else in any
	shares  map[uint64]int // how often each value came, by hash
}

// sample is a number, or the sum of several, and when the last of them came.
type sample struct {
	at time.Time
	n  float64
}

// number returns the measured field of a match as a number.
func (s *State[E]) number(t *table[E], member int, match Match[E]) (float64, bool) {
	text, ok := match.Field(t.members[member].Counted[0])
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(n) || math.IsInf(n, 0) {
		t.dropped++
		return 0, false
	}
	return n, true
}

// sum is complete when the numbers within the timespan satisfy the bounds
// together. When there are too many, neighbours are made one, which then counts
// a little too long.
func (s *State[E]) sum(t *table[E], g *group[E], member int, match Match[E]) (float64, bool) {
	n, ok := s.number(t, member, match)
	if !ok {
		return 0, false
	}
	m := &g.measured
	at, _ := slices.BinarySearchFunc(m.samples, s.now, func(a sample, b time.Time) int {
		if a.at.After(b) {
			return 1
		}
		return -1
	})
	m.samples = slices.Insert(m.samples, at, sample{s.now, n * float64(match.Repeats())})
	oldest := m.samples[len(m.samples)-1].at.Add(-t.spec.Timespan)
	m.samples = slices.DeleteFunc(m.samples, func(one sample) bool { return one.at.Before(oldest) })
	if len(m.samples) > t.values {
		m.samples = merged(m.samples)
	}
	g.start = m.samples[0].at
	total := 0.0
	for _, one := range m.samples {
		total += one.n
	}
	return total, t.spec.Holds(total)
}

// merged makes one sample of every two.
func merged(samples []sample) []sample {
	half := samples[:0]
	for i := 0; i < len(samples); i += 2 {
		one := samples[i]
		if i+1 < len(samples) {
			one = sample{samples[i+1].at, one.n + samples[i+1].n}
		}
		half = append(half, one)
	}
	return half
}

// collect remembers a match until the window is over.
func (s *State[E]) collect(t *table[E], g *group[E], member int, match Match[E]) {
	g.captured = match.Capture(g.captured[:0], t.number)
	m := &g.measured
	switch {
	case t.spec.Type == sigma.EventCount:
		m.count += match.Repeats()
	case t.spec.Type == sigma.ValueCount:
		s.addValue(t, g, member, match)
	case t.byShare():
		s.addShare(t, m, member, match)
	default:
		if n, ok := s.number(t, member, match); ok {
			m.add(n, match.Repeats(), t.room())
		}
	}
}

// byShare reports whether it is the share of values that is measured.
func (t *table[E]) byShare() bool {
	return t.spec.Type == sigma.ValuePercentile && t.spec.Percentile == 0
}

func (s *State[E]) addShare(t *table[E], m *measured, member int, match Match[E]) {
	value, ok := s.hash(&t.members[member], match)
	if !ok {
		return
	}
	if m.shares == nil {
		m.shares = make(map[uint64]int)
	}
	m.count += match.Repeats()
	if _, known := m.shares[value]; !known && len(m.shares) >= t.values {
		t.dropped++
		return
	}
	m.shares[value] += match.Repeats()
}

// add remembers a number that came several times, as long as there is room, and
// then in the place of a random one, so that those that are remembered stand for
// all.
func (m *measured) add(n float64, repeats, room int) {
	m.sum += n * float64(repeats)
	m.count += repeats
	for range min(repeats, room) {
		if len(m.samples) < room {
			m.samples = append(m.samples, sample{n: n})
		} else if place := rand.IntN(m.count); place < room {
			m.samples[place].n = n
		}
	}
}

// room returns how many numbers of a group are remembered one by one.
func (t *table[E]) room() int {
	if t.spec.Type == sigma.ValueAvg || t.spec.Type == sigma.ValueSum {
		return 0
	}
	return t.values
}

// measure judges a window that is over. Of shares it returns the first that
// satisfies the bounds.
func (t *table[E]) measure(g *group[E]) (float64, bool) {
	m := &g.measured
	value := float64(max(m.count, len(g.distinct)))
	switch {
	case t.byShare():
		return t.anyShare(m)
	case t.spec.Type == sigma.ValueSum:
		value = m.sum
	case t.spec.Counts():
	case m.count == 0:
		return 0, false
	case t.spec.Type == sigma.ValueAvg:
		value = m.sum / float64(m.count)
	default:
		value = percentile(m.samples, t.spec)
	}
	return value, t.spec.Holds(value)
}

func (t *table[E]) anyShare(m *measured) (float64, bool) {
	for _, times := range m.shares {
		if share := 100 * float64(times) / float64(m.count); t.spec.Holds(share) {
			return share, true
		}
	}
	return 0, false
}

// percentile returns the number that as many per cent of all do not exceed; the
// median is the mean of the two in the middle.
func percentile(samples []sample, spec *sigma.Correlation) float64 {
	slices.SortFunc(samples, func(a, b sample) int { return cmp.Compare(a.n, b.n) })
	n := len(samples)
	if spec.Type == sigma.ValueMedian {
		return (samples[(n-1)/2].n + samples[n/2].n) / 2
	}
	return samples[max(0, int(math.Ceil(spec.Percentile/100*float64(n)))-1)].n
}

// rounded returns a measure as a whole number, within bounds.
func rounded(n float64) int {
	return int(math.Round(max(-1<<53, min(n, 1<<53))))
}
