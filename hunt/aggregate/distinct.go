package aggregate

import (
	"hash/maphash"
	"math"
	"math/bits"

	"github.com/holdfast-security/holdfast/hunt/value"
)

// ExactDistinct is up to how many different values [Distinct] counts exactly.
// Beyond, it estimates by HyperLogLog (Flajolet and others, 2007) with 2^14
// registers, whose standard error is 0.8 %.
const ExactDistinct = 4096

const (
	registerBits = 14
	registers    = 1 << registerBits
)

// seed is the same for all states, so that values have one hash.
var seed = maphash.MakeSeed()

// Distinct returns a state that counts different values.
func Distinct() State { return &distinct{seen: make(map[uint64]struct{})} }

type distinct struct {
	seen   map[uint64]struct{} // hashes of the values; nil once there are too many
	sketch []uint8             // for each register the longest run of zeros, and one
}

func (d *distinct) Add(v value.Value) int64 {
	if v.IsAbsent() {
		return 0
	}
	h := v.Hash(seed)
	if d.sketch != nil {
		d.note(h)
		return 0
	}
	if _, ok := d.seen[h]; ok {
		return 0
	}
	const perHash = 16
	if d.seen[h] = struct{}{}; len(d.seen) <= ExactDistinct {
		return perHash
	}
	d.sketch = make([]uint8, registers)
	for h := range d.seen {
		d.note(h)
	}
	d.seen = nil
	return registers - perHash*ExactDistinct
}

func (d *distinct) note(h uint64) {
	at := &d.sketch[h>>(64-registerBits)]
	*at = max(*at, uint8(bits.LeadingZeros64(h<<registerBits|1<<(registerBits-1)))+1)
}

func (d *distinct) Result() value.Value {
	if d.sketch == nil {
		return value.OfInt(int64(len(d.seen)))
	}
	const m = float64(registers)
	inverse, empty := 0.0, 0
	for _, r := range d.sketch {
		inverse += math.Ldexp(1, -int(r))
		if r == 0 {
			empty++
		}
	}
	estimate := 0.7213 / (1 + 1.079/m) * m * m / inverse
	if estimate <= 2.5*m && empty > 0 {
		estimate = m * math.Log(m/float64(empty)) // few values: count the registers that none has met
	}
	return value.OfInt(int64(math.Round(estimate)))
}
