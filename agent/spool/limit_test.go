package spool

import (
	"errors"
	"testing"

	"github.com/holdfast-security/holdfast/event"
)

// offer appends an event of about 300 KiB and reports whether it was kept.
func offer(t *testing.T, s *Spool) bool {
	t.Helper()
	s.AddProduced(1)
	_, err := s.Append([]*event.Event{noise(300 << 10)})
	if err != nil && !errors.Is(err, ErrFull) {
		t.Fatal(err)
	}
	return err == nil
}

// offerAll appends events until one finds no room, and returns how many did.
func offerAll(t *testing.T, s *Spool) (kept int) {
	t.Helper()
	for offer(t, s) {
		kept++
	}
	return kept
}

func TestSetLimit(t *testing.T) {
	s := open(t, t.TempDir(), Options{Limit: smallestLimit, SegmentBytes: 1 << 20})
	kept := offerAll(t, s)
	s.SetLimit(2 * smallestLimit)
	if got := s.Ledger().SpoolLimit; got != 2*smallestLimit {
		t.Errorf("the ledger tells of a limit of %d bytes", got)
	}
	more := offerAll(t, s)
	if more == 0 {
		t.Error("a greater limit gives no room")
	}
	s.SetLimit(smallestLimit)
	if offer(t, s) {
		t.Error("a smaller limit still leaves room")
	}
	if l := s.Ledger(); l.Spooled != uint64(kept+more) || l.SpoolBytes <= smallestLimit {
		t.Errorf("a smaller limit discards what is kept: %d of %d events in %d bytes", l.Spooled, kept+more, l.SpoolBytes)
	}
	var last uint64
	for sequence, _, ok := s.Next(0); ok; sequence, _, ok = s.Next(sequence) {
		last = sequence
	}
	ack(t, s, last)
	if !offer(t, s) {
		t.Error("there is no room when all is acknowledged")
	}
}

func TestSetLimitHasAFloor(t *testing.T) {
	s := open(t, t.TempDir(), Options{Limit: 4 * smallestLimit})
	for _, bytes := range []int64{1, 0, -1, smallestLimit - 1} {
		s.SetLimit(bytes)
		if got := s.Stats().Limit; int64(got) != smallestLimit {
			t.Errorf("a limit of %d bytes becomes %d", bytes, got)
		}
	}
	if offerAll(t, s) == 0 {
		t.Error("the smallest limit leaves no room at all")
	}
}
