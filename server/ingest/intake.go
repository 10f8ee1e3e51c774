package ingest

import (
	"encoding/hex"
	"maps"

	"github.com/holdfast-security/holdfast/fleet"
	"github.com/holdfast-security/holdfast/wire"
)

// verdict says what a frame is to the ledger of its host.
type verdict int

const (
	next       verdict = iota // it goes on where the host was, or behind a gap
	repeated                  // it is stored already
	impossible                // its numbers contradict what the host sent before
)

// maxNumber bounds the numbers of events, so that no host can make a sum over
// hosts overflow. It is far beyond what a host produces, and the largest
// number that every reader of JSON takes.
const maxNumber = 1 << 53

// judge says what the frame is to the intake.
func judge(in *fleet.Intake, h wire.Header) verdict {
	last := h.First + uint64(h.Count) - 1
	switch {
	case h.Sequence == 0 || h.First == 0 || h.Count == 0 || h.First < h.Sequence || last > maxNumber || last < h.First:
		return impossible
	case in.Epoch != hex.EncodeToString(h.Epoch[:]):
		return next // the first of another epoch
	case h.Sequence <= in.Sequence:
		return repeated
	case h.First <= in.Events || h.First-in.Events < h.Sequence-in.Sequence:
		return impossible // fewer event numbers than frames lie between
	}
	return next
}

// accept brings the intake forward to the frame, of whose events so many are
// kept and the others dropped for the given reason. It returns how many events
// before it are missing, which are counted as lost. The frame is one that judge
// calls next.
//
// After it, Events = Stored + the sum of Dropped.
func accept(in *fleet.Intake, h wire.Header, kept uint64, reason fleet.Reason) (missing uint64) {
	if epoch := hex.EncodeToString(h.Epoch[:]); in.Epoch != epoch {
		*in = fleet.Intake{Epoch: epoch, Earlier: in.Earlier + in.Stored, Repeated: in.Repeated}
	}
	missing = h.First - in.Events - 1
	drop(in, fleet.MissingFrame, missing)
	drop(in, reason, uint64(h.Count)-kept)
	in.Sequence = h.Sequence
	in.Events = h.First + uint64(h.Count) - 1
	in.Stored += kept
	return missing
}

func drop(in *fleet.Intake, reason fleet.Reason, events uint64) {
	if events == 0 {
		return
	}
	if in.Dropped == nil {
		in.Dropped = make(map[fleet.Reason]uint64)
	}
	in.Dropped[reason] += events
}

// cloned returns a copy that shares nothing.
func cloned(in *fleet.Intake) fleet.Intake {
	c := *in
	c.Dropped = maps.Clone(in.Dropped)
	return c
}
