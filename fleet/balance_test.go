package fleet

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestNewBalance(t *testing.T) {
	at := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	beat := func(l Ledger) *Heartbeat {
		l.Epoch = "e"
		return &Heartbeat{Time: at, Ledger: l}
	}
	// 100 produced: 10 combined, 5 lost, 5 queued, 20 in the spool, 60 handed over.
	ledger := Ledger{
		Produced: 100, Combined: 10, Dropped: map[Reason]uint64{KernelLost: 5}, Queued: 5,
		Sequenced: 80, Spooled: 20, Acknowledged: 60,
	}
	for name, c := range map[string]struct {
		beat     *Heartbeat
		intake   Intake
		accepted *uint64
		want     Balance
	}{
		"no heartbeat": {
			nil,
			Intake{Epoch: "e", Events: 7, Stored: 5, Dropped: map[Reason]uint64{MissingFrame: 2}},
			new(uint64(9)),
			Balance{Produced: 7, Stored: 5, Dropped: map[Reason]uint64{MissingFrame: 2}},
		},
		"nothing stored yet": {
			beat(ledger),
			Intake{},
			nil,
			Balance{Produced: 100, Combined: 10, Waiting: 85, Dropped: map[Reason]uint64{KernelLost: 5}, Time: at},
		},
		"some in the stream": {
			beat(ledger),
			Intake{Epoch: "e", Events: 40, Stored: 38, Dropped: map[Reason]uint64{MalformedFrame: 2}},
			new(uint64(60)),
			Balance{Produced: 100, Combined: 10, Waiting: 45, Stored: 38, Dropped: map[Reason]uint64{KernelLost: 5, MalformedFrame: 2}, Time: at},
		},
		"everything known is stored": {
			beat(ledger),
			Intake{Epoch: "e", Events: 60, Stored: 60},
			new(uint64(60)),
			Balance{Produced: 100, Combined: 10, Waiting: 25, Stored: 60, Dropped: map[Reason]uint64{KernelLost: 5}, Time: at},
		},
		"some arrived since": {
			beat(ledger),
			Intake{Epoch: "e", Events: 62, Stored: 62},
			new(uint64(70)),
			Balance{Produced: 100, Combined: 10, Waiting: 23, Stored: 62, Dropped: map[Reason]uint64{KernelLost: 5}, Time: at},
		},
		"more arrived than was reported": {
			beat(ledger),
			Intake{Epoch: "e", Events: 90, Stored: 90},
			new(uint64(90)),
			Balance{Produced: 105, Combined: 10, Stored: 90, Dropped: map[Reason]uint64{KernelLost: 5}, Time: at},
		},
		"handed over and gone": {
			beat(ledger),
			Intake{Epoch: "e", Events: 40, Stored: 40},
			new(uint64(50)),
			Balance{Produced: 100, Combined: 10, Waiting: 35, Stored: 40, Dropped: map[Reason]uint64{KernelLost: 5}, Unaccounted: 10, Time: at},
		},
		"handed over and gone, and more arrived than was reported": {
			beat(Ledger{Produced: 103, Combined: 10, Dropped: ledger.Dropped, Queued: 5, Sequenced: 80, Spooled: 20, Acknowledged: 60}),
			Intake{Epoch: "e", Events: 90, Stored: 90},
			new(uint64(90)),
			Balance{Produced: 108, Combined: 10, Stored: 90, Dropped: map[Reason]uint64{KernelLost: 5}, Unaccounted: 3, Time: at},
		},
		"a new epoch": {
			beat(ledger),
			Intake{Epoch: "old", Events: 500, Stored: 500},
			nil,
			Balance{Produced: 100, Combined: 10, Waiting: 85, Dropped: map[Reason]uint64{KernelLost: 5}, Time: at},
		},
		"a new epoch, handed over and gone": {
			beat(ledger),
			Intake{Epoch: "old", Events: 500, Stored: 500},
			new(uint64(0)),
			Balance{Produced: 100, Combined: 10, Waiting: 25, Dropped: map[Reason]uint64{KernelLost: 5}, Unaccounted: 60, Time: at},
		},
	} {
		t.Run(name, func(t *testing.T) {
			c.want.Host, c.want.Name = "h", "web"
			if c.want.Dropped == nil {
				c.want.Dropped = map[Reason]uint64{}
			}
			got := NewBalance(Host{ID: "h", Name: "web", Heartbeat: c.beat, Intake: c.intake}, c.accepted)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestTotal(t *testing.T) {
	at := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	got := Total([]Balance{
		{Host: "a", Produced: 10, Stored: 7, Waiting: 1, Dropped: map[Reason]uint64{QueueFull: 2}, Time: at.Add(time.Minute)},
		{Host: "b", Produced: 5, Combined: 1, Dropped: map[Reason]uint64{QueueFull: 1}, Unaccounted: 3, Time: at},
		{Host: "c"},
	})
	want := Balance{Produced: 15, Combined: 1, Stored: 7, Waiting: 1, Dropped: map[Reason]uint64{QueueFull: 3}, Unaccounted: 3, Time: at}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
