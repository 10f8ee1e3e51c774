// Package rarity judges how telling a thing is that signals share, by how many
// hosts have it, and how telling a signal is, by how often its rule fires.
package rarity

import (
	"math"

	"github.com/holdfast-security/holdfast/incident/evidence"
)

const (
	hour = int64(3600e9) // nanoseconds, as times are kept
	day  = 24 * hour

	// MaxHosts is how many hosts of a thing are told apart: with more it is a
	// hub anyway.
	MaxHosts = 64

	// hubHosts is on how many hosts a thing may occur and still bind, until
	// the fleet's own distribution is known; beyond it things that most keys
	// do not reach are hubs.
	hubHosts    = 8
	hubQuantile = 0.995
	minLearned  = 1000 // keys before the distribution counts

)

// Spreads counts things by how many hosts they are on, to learn what is unusual.
type Spreads struct {
	Counts [MaxHosts + 1]int
	Total  int
}

// Move counts a thing that was on so many hosts, zero for none, as being on more.
func (s *Spreads) Move(from, to int) {
	from, to = min(from, MaxHosts), min(to, MaxHosts)
	if from == to {
		return
	}
	if from > 0 {
		s.Counts[from]--
		s.Total--
	}
	if to > 0 {
		s.Counts[to]++
		s.Total++
	}
}

// Limit returns on how many hosts a thing may be before it is a hub.
func (s *Spreads) Limit() int {
	if s.Total < minLearned {
		return hubHosts
	}
	seen, need := 0, int(math.Ceil(hubQuantile*float64(s.Total)))
	for n, count := range s.Counts {
		if seen += count; seen >= need {
			return max(n, hubHosts)
		}
	}
	return MaxHosts
}

// Commonness returns 1 for a thing of a single host and tends to 0 for one
// that all of the fleet has: log(N/df) against its largest value. In a small
// fleet a value on every host still says something, as N counts hosts that
// nobody has told us about.
func Commonness(spread, fleet int) float64 {
	const unknown = 100
	n := float64(fleet + unknown)
	return evidence.Within(math.Log(n/float64(spread))/math.Log(n), 0, 1)
}

// Chance returns how likely a signal of that rate falls within a gap by
// accident. Rates have a resolution of an hour.
func Chance(rate float64, gap int64) float64 {
	return evidence.Within(rate*float64(max(gap, hour))/float64(day), 1e-6, 1)
}

// Surprise is what a signal of a rate is worth as evidence: the logarithm of
// how many days one has to wait for it.
func Surprise(rate float64) float64 { return evidence.Within(math.Log10(1/rate), 0, 4) }
