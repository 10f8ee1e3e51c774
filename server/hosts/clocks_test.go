package hosts

import (
	"testing"
	"time"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/fleet"
)

func TestClocks(t *testing.T) {
	const minute, second = time.Minute, time.Second
	for _, test := range []struct {
		name string
		said []time.Duration // ahead of the server's clock, by each heartbeat
		want time.Duration
	}{
		{"nothing", nil, 0},
		{"the same", []time.Duration{-20 * time.Millisecond, -1900 * time.Millisecond, 300 * time.Millisecond}, 0},
		{"ahead", []time.Duration{4 * minute}, 4 * minute},
		{"behind", []time.Duration{-7 * minute, -7*minute - second, -7*minute + second}, -7 * minute},
		{"a delay at first", []time.Duration{-30 * second, 0}, 0},
		{"a delay in between", []time.Duration{0, 0, 0, -30 * second, 0}, 0},
		{"set in between", []time.Duration{-7 * minute, -7 * minute, -7 * minute, 0, 0}, 0},
		{"never set", []time.Duration{-50 * 365 * 24 * time.Hour}, 0},
	} {
		var c Clocks
		heard := time.Now()
		for i, ahead := range test.said {
			at := heard.Add(time.Duration(i) * 15 * second)
			c.Note(testHost, at.Add(ahead), at)
		}
		if got := c.Ahead(testHost); got != test.want {
			t.Errorf("%s: %v ahead, want %v", test.name, got, test.want)
		}
	}
}

// TestHeartbeatsTellTheTime takes heartbeats as they come, and those that are
// in the database when the server starts.
func TestHeartbeatsTellTheTime(t *testing.T) {
	st := openState(t)
	h := NewHeartbeats(st, quiet, func(event.HostID) {}, func() {})
	h.Add(testHost, fleet.Heartbeat{Hostname: "a", Time: time.Now().Add(-time.Hour)})
	near := func(d time.Duration) bool { return (d + time.Hour).Abs() < 10*time.Minute }
	if got := h.Ahead(testHost); !near(got) {
		t.Errorf("the clock is %v ahead", got)
	}
	h.flush(t.Context())
	again := NewHeartbeats(st, quiet, func(event.HostID) {}, func() {})
	if err := again.Recall(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := again.Ahead(testHost); !near(got) {
		t.Errorf("after a start the clock is %v ahead", got)
	}
}
