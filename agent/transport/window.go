package transport

import "time"

// Bounds of what is sent and not yet answered.
const (
	windowFrames = 32
	windowBytes  = 4 << 20
)

// window is which frames are under way. It does no I/O and knows no time but
// what it is given; it belongs to one goroutine.
//
// Frames go out in the order of the spool and are released in that order when
// they are settled: accepted, or refused for good. A rewind takes frames back
// to be sent again; those that were settled meanwhile are not.
type window struct {
	slots    []slot          // under way, ascending, the first one unsettled
	bytes    int             // of the slots
	released uint64          // the last frame that left the spool
	highest  uint64          // of the frames ever under way
	settled  map[uint64]bool // frames that were taken back, and settled by a late answer
	attempt  uint64          // grows with every rewind: tells late answers from those that count
	first    uint64          // attempt with which the epoch began
	stalls   int             // rewinds since a frame was last settled
}

type slot struct {
	sequence uint64
	attempt  uint64
	size     int
	sent     time.Time
	settled  bool
}

func newWindow() *window { return &window{settled: make(map[uint64]bool)} }

// after returns the frame behind which to go on.
func (w *window) after() uint64 {
	if n := len(w.slots); n > 0 {
		return w.slots[n-1].sequence
	}
	return w.released
}

// previous returns the frame before the next one that the spool still has.
func (w *window) previous() uint64 {
	if n := len(w.slots); n > 0 {
		return w.slots[n-1].sequence
	}
	return 0
}

// room reports whether one more frame may be sent.
func (w *window) room() bool { return len(w.slots) < windowFrames && w.bytes < windowBytes }

// add puts a frame under way. It reports false when the frame is settled
// already and need not be sent.
func (w *window) add(sequence uint64, size int, now time.Time) (send bool) {
	settled := w.settled[sequence]
	delete(w.settled, sequence)
	w.highest = max(w.highest, sequence)
	w.slots = append(w.slots, slot{sequence: sequence, attempt: w.attempt, size: size, sent: now, settled: settled})
	w.bytes += size
	return !settled
}

// restart begins anew with the frames of another epoch, whose numbers begin
// with 1. Answers to those of the epoch before say nothing any more.
func (w *window) restart() {
	*w = window{settled: make(map[uint64]bool), attempt: w.attempt + 1, first: w.attempt + 1}
}

// settle notes that a frame need not be sent again. It returns the last frame
// that can leave the spool now, if any can.
func (w *window) settle(sequence uint64) (release uint64, ok bool) {
	if sequence <= w.released || sequence > w.highest {
		return 0, false
	}
	w.stalls = 0
	if i := w.find(sequence); i >= 0 {
		w.slots[i].settled = true
	} else if len(w.settled) < windowFrames {
		w.settled[sequence] = true
	}
	return w.release()
}

// isSettled reports whether a frame that is still in the spool is settled.
func (w *window) isSettled(sequence uint64) bool {
	i := w.find(sequence)
	return w.settled[sequence] || i >= 0 && w.slots[i].settled
}

// release drops what is settled from the beginning of the window.
func (w *window) release() (release uint64, ok bool) {
	for len(w.slots) > 0 && w.slots[0].settled {
		w.released, ok = w.slots[0].sequence, true
		w.bytes -= w.slots[0].size
		w.slots = w.slots[1:]
	}
	return w.released, ok
}

// current reports whether an answer belongs to the latest time the frame was
// sent.
func (w *window) current(sequence, attempt uint64) bool {
	i := w.find(sequence)
	return i >= 0 && w.slots[i].attempt == attempt
}

// rewind takes back the frames from sequence on, to be sent again.
func (w *window) rewind(sequence uint64) {
	w.attempt++
	w.stalls++
	for n := len(w.slots); n > 0 && w.slots[n-1].sequence >= sequence; n-- {
		last := w.slots[n-1]
		if last.settled {
			w.settled[last.sequence] = true
		}
		w.bytes -= last.size
		w.slots = w.slots[:n-1]
	}
}

// oldest returns the frame that is unanswered for longest.
func (w *window) oldest() (sequence uint64, sent time.Time, ok bool) {
	for _, s := range w.slots {
		if !s.settled {
			return s.sequence, s.sent, true
		}
	}
	return 0, time.Time{}, false
}

func (w *window) find(sequence uint64) int {
	for i := range w.slots {
		if w.slots[i].sequence == sequence {
			return i
		}
	}
	return -1
}
