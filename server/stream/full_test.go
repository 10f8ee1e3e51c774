package stream

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/fleet"
	"github.com/holdfast-security/holdfast/wire"
)

// largeFrame is a frame of one event that cannot be compressed, of about 128
// KiB.
func largeFrame(t testing.TB, sequence uint64) []byte {
	t.Helper()
	text := make([]byte, 128<<10)
	rand.Read(text)
	e := &event.Event{Time: time.Unix(1_700_000_000, 0), Process: &event.Process{CommandLine: base64.StdEncoding.EncodeToString(text)}}
	h := wire.Header{Epoch: epoch1, Sequence: sequence, First: sequence, Count: 1, Made: e.Time}
	data, err := wire.NewEncoder().AppendFrame(nil, h, []*event.Event{e})
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// sendUntilBusy sends large frames from a sequence number on until one has to
// wait, and returns its number.
func (a *agent) sendUntilBusy(t testing.TB, sequence uint64) (uint64, wire.Ack) {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); sequence++ {
		ack, err := a.trySend(largeFrame(t, sequence))
		switch {
		case errors.Is(err, nats.ErrTimeout):
			sequence-- // an agent would send it again, too
		case err != nil:
			t.Fatal(err)
		case ack.Code == wire.Busy:
			return sequence, ack
		case ack.Code != wire.Accepted:
			t.Fatalf("frame %d: %+v", sequence, ack)
		}
	}
	t.Fatalf("%d frames were accepted and none has to wait", sequence)
	return 0, wire.Ack{}
}

// warned reports whether the stream says that something is wrong.
func (f *fixture) warned(code string) bool {
	return slices.ContainsFunc(f.Warnings(), func(w fleet.Warning) bool { return w.Code == code && w.Text != "" })
}

// holds checks that the log has the frames up to last, each once, and in order.
func (f *fixture) holds(t testing.TB, first, last uint64) {
	t.Helper()
	want := first
	for _, m := range f.read(t, 0, 1) {
		h, err := wire.ParseHeader(m.Frame)
		if err != nil {
			t.Fatal(err)
		}
		if h.Sequence != want {
			t.Fatalf("the log has frame %d where %d should be", h.Sequence, want)
		}
		want++
	}
	if want != last+1 {
		t.Errorf("the log ends before frame %d, not after %d", want, last)
	}
}

func TestFullStreamAsksToWait(t *testing.T) {
	c, client := config(t)
	c.MaxBytes = 16 * wire.MaxFrame
	f := startWith(t, c, client, nil)
	a := f.enrol(t, 1)
	next, ack := a.sendUntilBusy(t, 1)
	if ack.RetryMS < retryFull || ack.Reason == "" || ack.Sequence != next {
		t.Errorf("answer: %+v", ack)
	}
	if !f.warned("stream_full") || f.Stats().Busy == 0 {
		t.Errorf("warnings: %v, counts: %+v", f.Warnings(), f.Stats())
	}
	f.holds(t, 1, next-1)
	other := f.enrol(t, 2)
	if ack, err := other.trySend(largeFrame(t, 1)); err != nil || ack.Code != wire.Busy {
		t.Errorf("another host: %+v, %v", ack, err)
	}
	if err := f.Purge(t.Context(), 0, next/2); err != nil {
		t.Fatal(err)
	}
	if ack := a.send(t, largeFrame(t, next)); ack.Code != wire.Accepted {
		t.Errorf("after the purge: %+v", ack)
	}
	if f.warned("stream_full") {
		t.Errorf("the warning stays: %v", f.Warnings())
	}
	f.holds(t, next/2+1, next)
}
