package ingest

import (
	"math"
	"testing"

	"github.com/holdfast-security/holdfast/fleet"
	"github.com/holdfast-security/holdfast/wire"
)

func TestJudge(t *testing.T) {
	epoch := wire.Epoch{1}
	in := fleet.Intake{Epoch: "0100000000000000", Sequence: 10, Events: 100, Stored: 100}
	for name, c := range map[string]struct {
		h    wire.Header
		want verdict
	}{
		"the next":                    {wire.Header{Epoch: epoch, Sequence: 11, First: 101, Count: 5}, next},
		"behind a gap":                {wire.Header{Epoch: epoch, Sequence: 13, First: 120, Count: 5}, next},
		"the last again":              {wire.Header{Epoch: epoch, Sequence: 10, First: 90, Count: 11}, repeated},
		"the first again":             {wire.Header{Epoch: epoch, Sequence: 1, First: 1, Count: 1}, repeated},
		"another epoch":               {wire.Header{Epoch: wire.Epoch{2}, Sequence: 1, First: 1, Count: 1}, next},
		"events that came already":    {wire.Header{Epoch: epoch, Sequence: 11, First: 100, Count: 5}, impossible},
		"fewer events than frames":    {wire.Header{Epoch: epoch, Sequence: 14, First: 102, Count: 5}, impossible},
		"a number that is too large":  {wire.Header{Epoch: epoch, Sequence: 11, First: maxNumber, Count: 2}, impossible},
		"a number that overflows":     {wire.Header{Epoch: epoch, Sequence: 11, First: math.MaxUint64, Count: 2}, impossible},
		"no events":                   {wire.Header{Epoch: epoch, Sequence: 11, First: 101}, impossible},
		"nothing":                     {wire.Header{}, impossible},
		"another epoch, large number": {wire.Header{Epoch: wire.Epoch{2}, Sequence: 1, First: 1 << 60, Count: 1}, impossible},
	} {
		t.Run(name, func(t *testing.T) {
			if got := judge(&in, c.h); got != c.want {
				t.Errorf("got %d, want %d", got, c.want)
			}
		})
	}
}

func FuzzIntakeAddsUp(f *testing.F) {
	f.Add(uint64(1), uint64(1), uint32(3), uint64(2), uint64(4), uint32(1), uint32(1), false)
	f.Add(uint64(5), uint64(50), uint32(3), uint64(1), uint64(1), uint32(9), uint32(0), true)
	f.Fuzz(func(t *testing.T, seq1, first1 uint64, count1 uint32, seq2, first2 uint64, count2, kept uint32, other bool) {
		var in fleet.Intake
		second := wire.Epoch{1}
		if other {
			second[0] = 2
		}
		for _, h := range []wire.Header{
			{Epoch: wire.Epoch{1}, Sequence: seq1, First: first1, Count: count1},
			{Epoch: second, Sequence: seq2, First: first2, Count: count2},
		} {
			if judge(&in, h) != next {
				continue
			}
			accept(&in, h, uint64(min(kept, h.Count)), fleet.MalformedFrame)
			sum := in.Stored
			for _, n := range in.Dropped {
				sum += n
			}
			if sum != in.Events || in.Events != h.First+uint64(h.Count)-1 || in.Sequence != h.Sequence {
				t.Errorf("after %+v the intake is %+v", h, in)
			}
		}
	})
}
