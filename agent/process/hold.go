package process

import (
	"github.com/holdfast-security/holdfast/event"
)

// hold puts an event aside until its process's birth is reported.
func (t *Table) hold(ev *event.Event, at int64) {
	t.stats.Held++
	t.held = append(t.held, &held{event: *ev, at: at, deadline: t.clock.boot + birthWait})
	t.waiting[ev.Process.PID]++
}

// release applies the events that waited for the birth of a process.
func (t *Table) release(pid uint32) {
	if t.waiting[pid] == 0 {
		return
	}
	kept := t.held[:0]
	for _, h := range t.held {
		if h.event.Process.PID != pid {
			kept = append(kept, h)
			continue
		}
		t.applyHeld(h)
	}
	clear(t.held[len(kept):])
	t.held = kept
	delete(t.waiting, pid)
}

func (t *Table) applyHeld(h *held) {
	if t.apply(&h.event, h.at, true) {
		t.ready = append(t.ready, h.event)
	}
}

// expireHeld applies the events that waited long enough.
func (t *Table) expireHeld(now int64) {
	for len(t.held) > 0 && t.held[0].deadline <= now {
		h := t.held[0]
		t.held[0], t.held = nil, t.held[1:]
		pid := h.event.Process.PID
		if t.waiting[pid]--; t.waiting[pid] == 0 {
			delete(t.waiting, pid)
		}
		t.stats.HeldExpired++
		t.applyHeld(h)
	}
	if len(t.held) == 0 {
		t.held = nil
	}
}
