package stream

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/fleet"
	"github.com/holdfast-security/holdfast/wire"
)

func TestAcceptedSaysHowFarHostsAre(t *testing.T) {
	c, client := config(t)
	stored := map[event.HostID]fleet.Intake{hostID(2): {Epoch: "0200000000000000", Sequence: 5, Events: 40}}
	f := startWith(t, c, client, stored)
	empty, err := f.Usage(t.Context())
	if err != nil || empty.Messages != 0 || empty.Limit != uint64(c.MaxBytes) {
		t.Errorf("the empty log: %+v, %v", empty, err)
	}
	a := f.enrol(t, 1)
	epoch := wire.Epoch{1}
	if ack := a.send(t, frame(t, wire.Header{Epoch: epoch, Sequence: 1, First: 1, Count: 3})); ack.Code != wire.Accepted {
		t.Fatalf("first frame: %+v", ack)
	}
	if ack := a.send(t, frame(t, wire.Header{Epoch: epoch, Sequence: 2, First: 4, Count: 2})); ack.Code != wire.Accepted {
		t.Fatalf("second frame: %+v", ack)
	}
	if ack := a.send(t, frame(t, wire.Header{Epoch: epoch, Sequence: 4, First: 9, Count: 2})); ack.Code != wire.Unordered {
		t.Fatalf("a frame before its turn: %+v", ack)
	}
	want := map[event.HostID]Accepted{
		hostID(1): {Epoch: "0100000000000000", Frames: 2, Events: 5},
		hostID(2): {Epoch: "0200000000000000", Frames: 5, Events: 40},
	}
	if diff := cmp.Diff(want, f.Accepted()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if u, err := f.Usage(t.Context()); err != nil || u.Messages != 2 || u.Bytes == 0 {
		t.Errorf("the log holds %+v, %v", u, err)
	}
}
