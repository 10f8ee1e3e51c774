package transport

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// numbers are the sequence numbers under way.
func numbers(w *window) []uint64 {
	var n []uint64
	for _, s := range w.slots {
		n = append(n, s.sequence)
	}
	return n
}

func filled(t *testing.T, n uint64) *window {
	t.Helper()
	w := newWindow()
	for i := uint64(1); i <= n; i++ {
		if !w.add(i, 100, time.Now()) {
			t.Fatalf("frame %d counts as settled", i)
		}
	}
	return w
}

func TestWindowIsBounded(t *testing.T) {
	w := newWindow()
	for i := uint64(1); w.room(); i++ {
		w.add(i, 1, time.Now())
	}
	if len(w.slots) != windowFrames {
		t.Errorf("%d frames under way", len(w.slots))
	}
	w = newWindow()
	for i := uint64(1); w.room(); i++ {
		w.add(i, 1<<20, time.Now())
	}
	if w.bytes != windowBytes {
		t.Errorf("%d bytes under way", w.bytes)
	}
}

func TestWindowReleasesInOrder(t *testing.T) {
	w := filled(t, 3)
	if _, ok := w.settle(2); ok {
		t.Error("released a frame behind one that is not settled")
	}
	if release, ok := w.settle(1); !ok || release != 2 {
		t.Errorf("released %d, %v; want 2", release, ok)
	}
	if release, ok := w.settle(3); !ok || release != 3 || w.bytes != 0 || w.after() != 3 || w.previous() != 0 {
		t.Errorf("released %d, %v; %d bytes, after %d, previous %d", release, ok, w.bytes, w.after(), w.previous())
	}
	for _, odd := range []uint64{1, 3, 4, 1 << 60} { // long gone, or never sent
		if _, ok := w.settle(odd); ok || len(w.settled) > 0 {
			t.Errorf("an answer to frame %d counts", odd)
		}
	}
}

func TestRewindKeepsWhatIsBefore(t *testing.T) {
	w := filled(t, 5)
	w.settle(4)
	w.rewind(3)
	if got := numbers(w); !slices.Equal(got, []uint64{1, 2}) || w.after() != 2 || w.previous() != 2 || w.bytes != 200 {
		t.Fatalf("under way: %v, after %d, previous %d, %d bytes", got, w.after(), w.previous(), w.bytes)
	}
	if !w.current(2, 0) || w.current(3, 0) {
		t.Error("answers are told apart wrongly")
	}
	if !w.add(3, 100, time.Now()) || w.add(4, 100, time.Now()) || !w.add(5, 100, time.Now()) {
		t.Error("frame 4 is settled and alone need not be sent again")
	}
	if w.current(3, 0) || !w.current(3, 1) {
		t.Error("an answer from before the rewind counts for the frame sent after it")
	}
	w.settle(2)
	w.settle(1)
	if release, ok := w.settle(3); !ok || release != 4 {
		t.Errorf("released %d, %v", release, ok)
	}
}

// TestWindowLosesNothing plays random answers and rewinds: every frame is
// released once, in order, and only when it was settled.
func TestWindowLosesNothing(t *testing.T) {
	const frames = 500
	random := rand.New(rand.NewPCG(1, 2))
	w := newWindow()
	settled := make(map[uint64]bool)
	var last uint64
	check := func(release uint64, ok bool) {
		if !ok {
			return
		}
		for ; last < release; last++ {
			if !settled[last+1] {
				t.Fatalf("frame %d left the spool without an answer", last+1)
			}
		}
	}
	for range 1_000_000 {
		if last == frames {
			return
		}
		if next := w.after() + 1; w.room() && next <= frames {
			if !w.add(next, 10, time.Now()) {
				check(w.release())
			}
		}
		switch pick := last + 1 + random.Uint64N(windowFrames); {
		case random.IntN(20) == 0:
			w.rewind(pick)
		case pick <= w.highest:
			settled[pick] = true
			check(w.settle(pick))
		}
		if len(w.settled) > windowFrames {
			t.Fatalf("%d late answers are kept", len(w.settled))
		}
	}
	t.Fatalf("stuck at frame %d", last)
}

func TestDelays(t *testing.T) {
	for n := range 100 {
		if d := connectDelay(n, false); d < 0 || d > lastRetry {
			t.Errorf("attempt %d waits %v", n, d)
		}
		if d := connectDelay(n, true); d < firstRefusedRetry || d > lastRefusedRetry*3/2 {
			t.Errorf("refused attempt %d waits %v", n, d)
		}
		if d := stallDelay(n); d < 0 || d > lastStall*3/2 {
			t.Errorf("stall %d waits %v", n, d)
		}
	}
	if stallDelay(1) != 0 {
		t.Error("one lost answer costs a pause")
	}
	for asked, most := range map[time.Duration]time.Duration{-1: 3 * time.Second / 2, 0: 3 * time.Second / 2, time.Hour: lastBusyRetry * 3 / 2} {
		if d := busyDelay(asked); d < min(busyRetry, most) || d > most {
			t.Errorf("asked for %v: %v", asked, d)
		}
	}
}
