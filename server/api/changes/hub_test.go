package changes

import (
	"fmt"
	"testing"
)

func TestSlowClientsAreCutOff(t *testing.T) {
	h := NewHub()
	slow, _, _, err := h.Join("slow", "")
	if err != nil {
		t.Fatal(err)
	}
	quick, _, _, err := h.Join("quick", "")
	if err != nil {
		t.Fatal(err)
	}
	for range clientQueue + 1 {
		h.Ledger()
		<-quick.Changes
	}
	n := 0
	for range slow.Changes {
		n++
	}
	if got := h.Stats(); n != clientQueue || got.Clients != 1 || got.Dropped != 1 {
		t.Errorf("%d changes before the cut, %+v", n, got)
	}
	h.Leave(slow) // a second end does nothing
	h.Leave(quick)
	if got := h.Stats(); got.Clients != 0 {
		t.Errorf("%d clients left", got.Clients)
	}
}

func TestStreamsAreBounded(t *testing.T) {
	h := NewHub()
	for i := range maxPerUser {
		if _, _, _, err := h.Join("one", ""); err != nil {
			t.Fatal(i, err)
		}
	}
	if _, _, _, err := h.Join("one", ""); err != ErrTooMany {
		t.Errorf("one more of one user: %v", err)
	}
	for i := range maxClients - maxPerUser {
		if _, _, _, err := h.Join(fmt.Sprint("user", i), ""); err != nil {
			t.Fatal(i, err)
		}
	}
	if _, _, _, err := h.Join("late", ""); err != ErrTooMany {
		t.Errorf("one more of all: %v", err)
	}
	h.Close()
	if _, _, _, err := h.Join("later", ""); err != ErrClosed {
		t.Errorf("after the end: %v", err)
	}
}

func TestResuming(t *testing.T) {
	h := NewHub()
	for range remembered + 10 {
		h.Ledger()
	}
	last := h.last
	for _, test := range []struct {
		name, id string
		missed   int
		lost     bool
	}{
		{"from the start", "", 0, false},
		{"up to date", h.id(Change{number: last}), 0, false},
		{"three behind", h.id(Change{number: last - 3}), 3, false},
		{"too far behind", h.id(Change{number: 1}), 0, true},
		{"from the future", h.id(Change{number: last + 1}), 0, true},
		{"of another run", "00000000-5", 0, true},
		{"rubbish", "x", 0, true},
	} {
		missed, lost := h.since(test.id)
		if len(missed) != test.missed || lost != test.lost {
			t.Errorf("%s: %d missed, lost %v", test.name, len(missed), lost)
		}
	}
}
