package incident

import (
	"math"

	"github.com/holdfast-security/holdfast/incident/evidence"
)

// A rule that suddenly fires on a host many times as often as it ever did is
// worth more there: tools that try things are louder than what people and
// programs of that host get wrong. On a host that is scanned every day it is
// nothing new, and of one that was not watched for a day nobody can tell.
const (
	watched  = day
	maxBurst = 1e3 // times as often: more is worth no more

	maxCounted = 1 << 40 // signals of an hour
)

// burst counts signals of n at a time, and how they compare with the hours
// before. Late ones are not the present hour's.
func (e *Engine) burst(n *node, more uint64, at int64) {
	t := e.tallies[pair{n.rule, n.host}]
	if t == nil || at/hour != t.last {
		return
	}
	t.count = min(t.count+float64(more), maxCounted)
	if e.now-n.host.first >= watched {
		n.burst = max(n.burst, min(t.count/max(t.peak, 1), maxBurst))
	}
}

// loudness is what a burst multiplies the worth of a signal with: the number of
// its digits, so to speak, from ten times as often (1) to a thousand times (3).
func loudness(burst float64) float64 {
	return evidence.Within(math.Log10(burst), 1, math.Log10(maxBurst))
}

// loud reports whether a burst is worth a word.
func loud(burst float64) bool { return loudness(burst) > 1 }
