package live

import (
	"maps"
	"sync"

	"github.com/holdfast-security/holdfast/finding"
)

// maxIDs bounds the memory of a [Tally].
const maxIDs = 1 << 18

// Tally counts alerts by type. An alert and its updates count as one with
// the highest count seen; to know updates it remembers a quarter of a million alerts and then
// begins anew. The zero value is empty and ready; it is safe for concurrent
// use.
type Tally struct {
	mu      sync.Mutex // guards what follows
	alerts  map[finding.AlertType]int
	matches map[finding.AlertType]uint64
	counted map[string]uint32 // alert id → count
	hidden  int
}

// Add counts a. Hidden says that it was not shown, being below the severity
// that was asked for. It reports whether the alert is new rather than an
// update.
func (t *Tally) Add(a finding.Alert, hidden bool) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.alerts == nil {
		t.alerts, t.matches = make(map[finding.AlertType]int), make(map[finding.AlertType]uint64)
		t.counted = make(map[string]uint32)
	}
	if len(t.counted) >= maxIDs {
		clear(t.counted)
	}
	before, known := t.counted[a.ID]
	known = known && a.ID != ""
	count := max(a.Count, 1)
	if !known {
		t.alerts[a.Type]++
		before = 0
		if hidden {
			t.hidden++
		}
	}
	if count > before {
		t.matches[a.Type] += uint64(count - before)
	}
	t.counted[a.ID] = count
	return !known
}

// Alerts returns how many alerts there were of each type; never nil.
func (t *Tally) Alerts() map[finding.AlertType]int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return copied(t.alerts)
}

// Matches returns how many matches the alerts of each type stand for; never
// nil.
func (t *Tally) Matches() map[finding.AlertType]uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return copied(t.matches)
}

func copied[V any](m map[finding.AlertType]V) map[finding.AlertType]V {
	out := make(map[finding.AlertType]V, len(m))
	maps.Copy(out, m)
	return out
}

// Total returns the number of alerts, and how many of them were hidden.
func (t *Tally) Total() (alerts, hidden int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, n := range t.alerts {
		alerts += n
	}
	return alerts, t.hidden
}
