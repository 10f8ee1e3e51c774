package headless

import (
	"log/slog"
	"sync"
	"testing"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/fleet"
)

// slowDisk is a spool whose disk does not answer until it is let go.
type slowDisk struct {
	gate    chan struct{}
	mu      sync.Mutex // guards what follows
	serials []uint64
	dropped uint64
}

func (d *slowDisk) Append(events []*event.Event) (int, error) {
	<-d.gate
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, e := range events {
		d.serials = append(d.serials, e.Serial)
	}
	return 0, nil
}

func (d *slowDisk) AddDropped(why fleet.Reason, n uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if why == fleet.QueueFull {
		d.dropped += n
	}
}

func TestBatcherNeverWaitsForTheDisk(t *testing.T) {
	d := &slowDisk{gate: make(chan struct{})}
	b := newBatcher(d, slog.New(slog.DiscardHandler))
	const events = 3 * heldEvents
	for i := range uint64(events) {
		b.handle([]*event.Event{{Serial: i + 1}})
	}
	close(d.gate)
	b.close()
	if n := uint64(len(d.serials)); n+d.dropped != events || d.dropped == 0 || n > 2*heldEvents {
		t.Errorf("%d written, %d dropped of %d", n, d.dropped, events)
	}
	for i := 1; i < len(d.serials); i++ {
		if d.serials[i] <= d.serials[i-1] {
			t.Fatalf("event %d after %d", d.serials[i], d.serials[i-1])
		}
	}
}
