package facet

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/store"
)

func row(seq int64) Row {
	return Row{
		Seq: seq, LastTime: seq * int64(time.Minute), Count: uint32(seq % 3), Severity: finding.Severity(seq % 4),
		Status: finding.Open, Type: "t", Host: "h", Tactics: "execution\nimpact",
	}
}

func seqs(x *Index, o store.AlertOrder, after *Key, n int) []int64 {
	list := []int64{}
	for _, h := range x.Select(Filter{}, o, after, n) {
		list = append(list, h.Seq)
	}
	return list
}

// TestRowsComeAndGo compares the index with a plain map through random puts,
// in any order, and drops.
func TestRowsComeAndGo(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	x, there := New(), make(map[int64]bool)
	for range 2000 {
		seq := random.Int64N(200)
		if random.IntN(3) == 0 {
			x.Drop(seq, -1)
			delete(there, seq)
		} else {
			x.Put(row(seq))
			there[seq] = true
		}
		if x.Len() != len(there) {
			t.Fatalf("%d rows, want %d", x.Len(), len(there))
		}
	}
	got := seqs(x, store.OldestFirst, nil, 1000)
	if !slices.IsSorted(got) || len(got) != len(there) {
		t.Errorf("got %d of %d rows: %v", len(got), len(there), got)
	}
	for _, seq := range got {
		if !there[seq] {
			t.Errorf("%d was dropped", seq)
		}
	}
}

func TestPagesMeet(t *testing.T) {
	x := New()
	for seq := range int64(100) {
		x.Put(row(seq))
	}
	for _, o := range []store.AlertOrder{store.NewestFirst, store.OldestFirst, store.SevereFirst, store.MildFirst, store.MostFirst, store.FewestFirst} {
		whole := seqs(x, o, nil, 1000)
		var parts []int64
		var after *Key
		for {
			hits := x.Select(Filter{}, o, after, 7)
			if len(hits) == 0 {
				break
			}
			for _, h := range hits {
				parts = append(parts, h.Seq)
			}
			after = &hits[len(hits)-1].Key
		}
		if !slices.Equal(parts, whole) || len(whole) != 100 {
			t.Errorf("%s: pages are %v, the whole is %v", o, parts, whole)
		}
	}
	newest, oldest := seqs(x, store.MostFirst, nil, 1000), seqs(x, store.FewestFirst, nil, 1000)
	slices.Reverse(oldest)
	if !slices.Equal(newest, oldest) {
		t.Error("the reverse order is not the reverse")
	}
	if got := seqs(x, store.NewestFirst, nil, 0); len(got) != 0 {
		t.Errorf("none asked for, got %v", got)
	}
}

func TestBuckets(t *testing.T) {
	hour := func(n int) time.Time { return time.Unix(0, 0).Add(time.Duration(n) * time.Hour).UTC() }
	x := New()
	for _, at := range []time.Time{hour(-2), hour(3), hour(3).Add(time.Minute), hour(5)} {
		x.Put(Row{Seq: int64(x.Len()), LastTime: at.UnixNano(), Severity: finding.High, Status: finding.Open})
	}
	tests := []struct {
		name         string
		since, until time.Time
		first        time.Time
		want         []int64
	}{
		{"all", time.Time{}, time.Time{}, hour(-2), []int64{1, 0, 0, 0, 0, 2, 0, 1}},
		{"since", hour(2), time.Time{}, hour(2), []int64{0, 2, 0, 1}},
		{"until", time.Time{}, hour(3), hour(-2), []int64{1, 0, 0, 0, 0}},
		{"both, unaligned", hour(3).Add(30 * time.Second), hour(4).Add(1), hour(3), []int64{1, 0}},
		{"without rows", hour(10), hour(12), hour(10), []int64{0, 0}},
		{"reversed", hour(12), hour(10), time.Time{}, nil},
		{"open, without rows", hour(10), time.Time{}, time.Time{}, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			counts := x.Count(Filter{AlertFilter: store.AlertFilter{Since: test.since, Until: test.until}}, time.Hour)
			var got []int64
			for _, b := range counts.Over {
				got = append(got, b.BySeverity["high"])
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
			if len(got) > 0 && !counts.Over[0].Start.Equal(test.first) {
				t.Errorf("the first begins at %v, want %v", counts.Over[0].Start, test.first)
			}
		})
	}
}

// TestBucketsAreBounded has a host with a broken clock.
func TestBucketsAreBounded(t *testing.T) {
	x := New()
	x.Put(Row{Seq: 1, LastTime: math.MinInt64, Status: finding.Open}, Row{Seq: 2, LastTime: math.MaxInt64, Status: finding.Open})
	for _, width := range []time.Duration{1, time.Second, time.Hour, math.MaxInt64} {
		counts := x.Count(Filter{}, width)
		if n := len(counts.Over); n == 0 || n > MaxBuckets || counts.Total != 2 {
			t.Errorf("width %v: %d buckets for %d alerts", width, n, counts.Total)
		}
	}
}
