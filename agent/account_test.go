package agent

import (
	"context"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-security/holdfast/agent/feature"
	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/fleet"
)

// books is an account that adds up.
type books struct {
	mu                 sync.Mutex // guards the rest
	produced, combined uint64
	dropped            map[fleet.Reason]uint64
}

func (b *books) AddProduced(n uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.produced += n
}

func (b *books) AddCombined(n uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.combined += n
}

func (b *books) AddDropped(why fleet.Reason, n uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.dropped[why] += n
}

// logons emits n logons of one account as a sensor of the given name.
func logons(n int, source event.Source, lost uint64) sensor {
	return func(ctx context.Context, host feature.Host) error {
		host.Health.Set(feature.Running, "")
		for range n {
			host.Sink.Emit([]event.Event{{
				Time: time.Now(), Class: event.ClassAuthentication, Activity: event.AuthLogon, Source: source,
				User: &event.User{Name: "alice"}, Logon: &event.Logon{Service: "sshd"},
			}})
		}
		host.Health.CountDropped("kernel_lost", lost)
		host.Health.CountDropped("malformed", 2)
		host.Health.Count("seen", 1000) // no loss
		<-ctx.Done()
		host.Health.CountDropped("kernel_lost", lost+1)
		return nil
	}
}

func TestAccountBalances(t *testing.T) {
	b := &books{dropped: make(map[fleet.Reason]uint64)}
	var c collected
	const room = 30
	a := newAgent(t, Config{Handler: c.handle, Account: b, QueueEvents: room},
		entry("one", logons(100, "one", 5)), entry("two", logons(100, "two", 7)))
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	stop(t, a)
	var dropped uint64
	for n := range maps.Values(b.dropped) {
		dropped += n
	}
	if handled := uint64(c.len()); b.produced != b.combined+handled+dropped {
		t.Errorf("produced %d, combined %d, handed on %d, dropped %v", b.produced, b.combined, handled, b.dropped)
	}
	if b.dropped[fleet.KernelLost] != 6+8 || b.dropped[fleet.Unreadable] != 4 || b.produced != 200+14+4 {
		t.Errorf("produced %d, dropped %v", b.produced, b.dropped)
	}
}

func TestCountersThatBeginAnewAreBooked(t *testing.T) {
	b := &books{dropped: make(map[fleet.Reason]uint64)}
	keeper := bookkeeper{account: b, lost: make(map[string]uint64)}
	for _, value := range []uint64{3, 3, 5, 2, 2} {
		keeper.loss("one.kernel_lost", "kernel_lost", value)
	}
	if n := b.dropped[fleet.KernelLost]; n != 7 || b.produced != n {
		t.Errorf("%d lost of %d produced, want 7", n, b.produced)
	}
}
