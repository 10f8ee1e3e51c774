package value

import (
	"encoding/json"
	"hash/maphash"
	"math"
	"net/netip"
	"slices"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 5, time.UTC)

// ascending are values in their order.
func ascending() []Value {
	return []Value{
		{},
		OfBool(false), OfBool(true), OfInt(math.MinInt64), OfReal(-1.5), OfInt(-1), OfInt(0), OfReal(0.5), OfInt(1), OfReal(1.25), OfInt(math.MaxInt64),
		OfDuration(-time.Second), OfDuration(time.Hour), OfTime(noon), OfTime(noon.Add(1)),
		OfAddress(netip.MustParseAddr("9.0.0.1")), OfAddress(netip.MustParseAddr("10.0.0.1")), OfAddress(netip.MustParseAddr("::1")),
		OfText("B"), OfText("a"), OfText("ab"), OfList([]string{"a"}), OfList([]string{"a", "b"}), OfList([]string{"ab"}),
	}
}

func TestOrderAndKeysTellValuesApart(t *testing.T) {
	seed := maphash.MakeSeed()
	all := ascending()
	keys := make(map[string]int)
	for i, v := range all {
		for j, w := range all {
			if got, want := v.Compare(w), min(max(i-j, -1), 1); got != want {
				t.Errorf("%v and %v: %d, want %d", v, w, got, want)
			}
			if v.Equal(w) != (i == j) || i == j && v.Hash(seed) != w.Hash(seed) {
				t.Errorf("%v and %v: equal %v", v, w, v.Equal(w))
			}
		}
		if other, twice := keys[string(v.AppendKey(nil))]; twice {
			t.Errorf("%v has the key of %v", v, all[other])
		}
		keys[string(v.AppendKey(nil))] = i
	}
	shuffled := slices.Clone(all)
	slices.Reverse(shuffled)
	slices.SortFunc(shuffled, Value.Compare)
	for i := range all {
		if !shuffled[i].Equal(all[i]) {
			t.Errorf("sorted: %v at %d, want %v", shuffled[i], i, all[i])
		}
	}
}

func TestNumbersOfBothKinds(t *testing.T) {
	if !OfInt(2).Equal(OfReal(2)) || OfInt(2).Equal(OfReal(2.5)) || OfInt(2).Equal(OfDuration(2)) {
		t.Error("numbers are equal by what they say, and only numbers")
	}
}

func TestWhatIsNone(t *testing.T) {
	for name, v := range map[string]Value{
		"text": OfText(""), "list": OfList(nil), "address": OfAddress(netip.Addr{}), "time": OfTime(time.Time{}),
		"not a number": OfReal(math.NaN()), "infinity": OfReal(math.Inf(1)),
	} {
		if !v.IsAbsent() || v.JSON() != nil || v.String() != "" {
			t.Errorf("%s: %v", name, v.JSON())
		}
	}
}

func TestForms(t *testing.T) {
	for want, v := range map[string]Value{
		`true`: OfBool(true), `-5`: OfInt(-5), `0.5`: OfReal(0.5), `0`: OfReal(math.Copysign(0, -1)), `"1h30m0s"`: OfDuration(90 * time.Minute),
		`"2026-11-23T12:00:00.000000005Z"`: OfTime(noon), `"2262-04-11T23:47:16.854775807Z"`: OfTime(time.Date(9000, 1, 1, 0, 0, 0, 0, time.UTC)),
		`"1677-09-21T00:12:43.145224193Z"`: OfTime(time.Date(1, 1, 1, 0, 0, 0, 1, time.UTC)),
		`"10.0.0.1"`:                       OfAddress(netip.MustParseAddr("::ffff:10.0.0.1")), `"fe80::1"`: OfAddress(netip.MustParseAddr("fe80::1%eth0")),
		`"a�"`: OfText("a\xff"), `["a","�"]`: OfList([]string{"a", "\xff"}), `9223372036854775807`: OfUint(math.MaxUint64),
	} {
		got, err := json.Marshal(v.JSON())
		if err != nil || string(got) != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
