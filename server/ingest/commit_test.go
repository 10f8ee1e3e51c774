package ingest

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/store"
)

// slowTelemetry writes nothing before its gate is open.
type slowTelemetry struct {
	*fakeTelemetry
	gate chan struct{}
}

func (s *slowTelemetry) Commit(ctx context.Context) ([]store.Segment, error) {
	select {
	case <-s.gate:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return s.fakeTelemetry.Commit(ctx)
}

// slow lets the next process wait with its commits until the gate is closed.
func (r *rig) slow() (gate chan struct{}) {
	gate = make(chan struct{})
	r.adjust = func(c *Config) { c.Telemetry = &slowTelemetry{c.Telemetry.(*fakeTelemetry), gate} }
	return gate
}

// launches returns so many harmless events.
func launches(n int) []*event.Event {
	var events []*event.Event
	for range n {
		events = append(events, launch("/bin/true"))
	}
	return events
}

func TestDetectionGoesOnDuringACommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		gate := r.slow()
		_, stop := r.start(&fault{})
		a, b := newSender(t, hostA), newSender(t, hostB)
		r.stream.publish(a.message(launches(8)...)) // enough for a commit
		r.settle()
		r.stream.publish(a.message(launch("/tmp/tool")))
		time.Sleep(300 * time.Millisecond)
		synctest.Wait()
		if n := len(r.disk.counts()); n != 1 || len(r.disk.events(hostA)) != 0 {
			t.Errorf("during a commit there are %d alerts, and events %v", n, r.disk.events(hostA))
		}
		// What is held is bounded: then everything waits, as the stream can.
		r.stream.publish(a.message(launches(6)...))
		r.stream.publish(b.message(launch("/tmp/tool")))
		r.settle()
		if n := len(r.disk.counts()); n != 1 {
			t.Errorf("with all held that may be there are %d alerts", n)
		}
		close(gate)
		r.settle()
		stop()
		if got := r.disk.events(hostA); !slices.Equal(got, upTo(15)) {
			t.Errorf("stored events: %v", got)
		}
		if got := r.disk.events(hostB); !slices.Equal(got, upTo(1)) || len(r.disk.counts()) != 2 {
			t.Errorf("of the other host: events %v, in all %d alerts", got, len(r.disk.counts()))
		}
	})
}

func TestRulesAreExchangedDuringACommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		gate := r.slow()
		p, stop := r.start(&fault{})
		a := newSender(t, hostA)
		r.stream.publish(a.message(launches(8)...))
		r.settle()
		r.stream.publish(a.message(launch("/tmp/tool"), launch("/bin/true")))
		time.Sleep(time.Second)
		p.SetRules(compile(t, testRules))
		time.Sleep(time.Second)
		close(gate)
		r.settle()
		r.stream.publish(a.message(launches(1)...))
		r.settle()
		stop()
		if got := r.disk.events(hostA); !slices.Equal(got, upTo(11)) {
			t.Errorf("stored events: %v", got)
		}
		for id, n := range r.disk.counts() {
			if n != 1 {
				t.Errorf("alert %s counts %d", id, n)
			}
		}
	})
}

// TestWhatIsHeldOutlivesAProcess ends a process during a commit that has no end.
func TestWhatIsHeldOutlivesAProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.slow()
		_, stop := r.start(&fault{})
		a := newSender(t, hostA)
		r.stream.publish(a.message(launches(8)...))
		r.settle()
		r.stream.publish(a.message(launch("/tmp/tool"), launch("/bin/true")))
		r.settle()
		stop()
		if got := r.disk.events(hostA); len(got) != 0 {
			t.Errorf("stored events: %v", got)
		}
		r.adjust = nil
		_, stop = r.start(&fault{})
		r.settle()
		stop()
		if got := r.disk.events(hostA); !slices.Equal(got, upTo(10)) || r.disk.intake(hostA).Stored != 10 {
			t.Errorf("stored events: %v, intake %+v", got, r.disk.intake(hostA))
		}
		for id, n := range r.disk.counts() {
			if n != 1 {
				t.Errorf("alert %s counts %d", id, n)
			}
		}
	})
}
