package record

import "math/bits"

// windowSize is how many serial numbers back a late record is still told from
// a missing one.
const windowSize = 4096

// graceSerials are the newest numbers, which may still be on their way.
const graceSerials = 64

// maxJump is the largest forward step that counts as missing numbers. Beyond
// it the stream is another one: a log with a hole, or a restart.
const maxJump = 1 << 24

// serialWindow finds serial numbers that were never seen. The kernel takes
// them from one counter (audit_serial in kernel/audit.c), so that a hole is an
// event that was lost on the way.
type serialWindow struct {
	seen     [windowSize / 64]uint64 // bit serial%windowSize, for the numbers in [low, high]
	started  bool
	low      uint64 // everything before is settled
	high     uint64 // the newest seen
	lost     uint64 // settled numbers that were never seen
	restarts uint64
	suspect  uint64 // an old number that may be the start of a new count
}

// add notes that serial was seen.
func (w *serialWindow) add(serial uint64) {
	switch {
	case !w.started:
		w.restart(serial)
	case serial > w.high+maxJump:
		w.settle()
		w.restart(serial)
		w.restarts++
	case serial > w.high:
		w.slide(serial)
	case serial < w.low && w.high-serial >= windowSize:
		// One stray old record is late; a second one that follows it
		// means that the numbers began again.
		if w.suspect != 0 && serial >= w.suspect && serial-w.suspect < graceSerials {
			first := w.suspect
			w.settle()
			w.restart(first)
			w.restarts++
			w.slide(max(serial, first))
			w.mark(serial)
			return
		}
		w.suspect = max(serial, 1)
		return
	case serial < w.low:
		return // settled before; counted missing only if a restart fell between
	}
	w.suspect = 0
	w.mark(serial)
}

// missing returns the numbers that are missing by now.
func (w *serialWindow) missing() uint64 {
	if !w.started || w.high < w.low+graceSerials {
		return w.lost
	}
	return w.lost + w.holes(w.low, w.high-graceSerials)
}

// settle counts all holes and forgets the window.
func (w *serialWindow) settle() {
	if w.started {
		w.lost += w.holes(w.low, w.high)
		w.low = w.high + 1
	}
}

func (w *serialWindow) restart(serial uint64) {
	w.started, w.low, w.high, w.suspect = true, serial, serial, 0
	clear(w.seen[:])
	w.mark(serial)
}

// slide makes serial the newest number; what falls out of the window without
// having been seen is lost.
func (w *serialWindow) slide(serial uint64) {
	if serial >= w.low+windowSize {
		low := serial - windowSize + 1
		if low > w.high {
			w.lost += w.holes(w.low, w.high) + (low - w.high - 1)
		} else {
			w.lost += w.holes(w.low, low-1)
		}
		w.low = low
	}
	if serial-w.high >= windowSize {
		clear(w.seen[:])
	} else {
		for s := w.high + 1; s < serial; s++ {
			w.seen[s%windowSize/64] &^= 1 << (s % 64)
		}
	}
	w.high = max(w.high, serial)
}

func (w *serialWindow) mark(serial uint64) {
	w.seen[serial%windowSize/64] |= 1 << (serial % 64)
}

// holes counts the numbers in [from, to] that were not seen; both lie in the
// window.
func (w *serialWindow) holes(from, to uint64) uint64 {
	var seen uint64
	if to < from {
		return 0
	}
	for s := from; s <= to; {
		word := w.seen[s%windowSize/64] >> (s % 64)
		n := min(64-s%64, to-s+1)
		if n < 64 {
			word &= 1<<n - 1
		}
		seen += uint64(bits.OnesCount64(word))
		s += n
	}
	return to - from + 1 - seen
}
