package syslogline

import "testing"

// TestTrackerKeepsTheLatest compares the table with what it must hold.
func TestTrackerKeepsTheLatest(t *testing.T) {
	tracker := newTracker()
	held := make(map[attemptKey]*attempt)
	var order []attemptKey
	for i := range 3 * maxAttempts {
		key := attemptKey{host: []string{"a", "b"}[i%2], service: "sshd", pid: uint32(i % (maxAttempts + maxAttempts/2))}
		if known := tracker.find(key); known != held[key] {
			t.Fatalf("%d: found %p for %+v, want %p", i, known, key, held[key])
		}
		if held[key] == nil {
			order = append(order, key)
			if len(order) > maxAttempts {
				delete(held, order[0])
				order = order[1:]
			}
		}
		a, _ := tracker.get(nil, key)
		if a.key != key || held[key] != nil && held[key] != a || tracker.find(key) != a {
			t.Fatalf("%d: got %+v for %+v", i, a, key)
		}
		held[key] = a
	}
}
