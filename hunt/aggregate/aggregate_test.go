package aggregate

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/holdfast-security/holdfast/hunt/value"
)

func TestStates(t *testing.T) {
	ints := []value.Value{value.OfInt(3), {}, value.OfInt(-5), value.OfInt(3)}
	texts := []value.Value{value.OfText("b"), value.OfText("a"), {}, value.OfText("b"), value.OfList([]string{"c", "a"})}
	for name, c := range map[string]struct {
		state State
		in    []value.Value
		want  value.Value
	}{
		"count":               {Count(), ints, value.OfInt(4)},
		"countif":             {CountIf(), []value.Value{value.OfBool(true), value.OfBool(false), {}}, value.OfInt(1)},
		"min":                 {Min(), ints, value.OfInt(-5)},
		"max":                 {Max(), ints, value.OfInt(3)},
		"max of texts":        {Max(), texts[:4], value.OfText("b")},
		"min of nothing":      {Min(), []value.Value{{}}, value.Value{}},
		"sum":                 {Sum(), ints, value.OfInt(1)},
		"sum of nothing":      {Sum(), nil, value.Value{}},
		"sum beyond 64 bits":  {Sum(), []value.Value{value.OfInt(math.MaxInt64), value.OfInt(math.MaxInt64)}, value.OfReal(2 * math.MaxInt64)},
		"sum there and back":  {Sum(), []value.Value{value.OfInt(math.MaxInt64), value.OfInt(5), value.OfInt(-math.MaxInt64)}, value.OfInt(5)},
		"sum of durations":    {Sum(), []value.Value{value.OfDuration(time.Hour), value.OfDuration(-time.Minute)}, value.OfDuration(59 * time.Minute)},
		"mean":                {Mean(), []value.Value{value.OfInt(1), value.OfReal(2)}, value.OfReal(1.5)},
		"mean of durations":   {Mean(), []value.Value{value.OfDuration(time.Hour), value.OfDuration(2 * time.Hour)}, value.OfDuration(90 * time.Minute)},
		"distinct":            {Distinct(), ints, value.OfInt(2)},
		"set":                 {Set(2), texts, value.OfList([]string{"a", "b"})},
		"set without bound":   {Set(9), texts, value.OfList([]string{"a", "b", "c"})},
		"set of what is none": {Set(9), []value.Value{{}}, value.Value{}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, v := range c.in {
				c.state.Add(v)
			}
			if got := c.state.Result(); !got.Equal(c.want) || got.Kind() != c.want.Kind() {
				t.Errorf("got %v %v, want %v %v", got.Kind(), got, c.want.Kind(), c.want)
			}
		})
	}
}

func TestDistinctIsCloseWhereItEstimates(t *testing.T) {
	for _, n := range []int64{ExactDistinct - 1, ExactDistinct, ExactDistinct + 1, 30_000, 60_000, 300_000} {
		d := Distinct()
		bytes := int64(0)
		for i := range n {
			bytes += d.Add(value.OfInt(i))
			d.Add(value.OfInt(i / 2))
		}
		got := d.Result().Int()
		if off := math.Abs(float64(got-n)) / float64(n); off > 0.06 || n <= ExactDistinct && got != n {
			t.Errorf("%d different values are counted as %d", n, got)
		}
		if bytes > 16*ExactDistinct || bytes < 0 {
			t.Errorf("%d values are said to take %d bytes", n, bytes)
		}
	}
}

// TestOrderDoesNotMatter feeds the same values in another order.
func TestOrderDoesNotMatter(t *testing.T) {
	var values []value.Value
	for i := range 10_000 {
		values = append(values, value.OfInt(int64(i*i)))
	}
	makers := []func() State{Count, Min, Max, Sum, Mean, Distinct, func() State { return Set(7) }}
	for n, make := range makers {
		one, two := make(), make()
		for _, i := range rand.Perm(len(values)) {
			one.Add(values[i])
		}
		for _, v := range values {
			two.Add(v)
		}
		if !one.Result().Equal(two.Result()) {
			t.Errorf("state %d: %v and %v", n, one.Result(), two.Result())
		}
	}
}
