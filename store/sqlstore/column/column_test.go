package column

import (
	"math"
	"testing"
	"time"
	"unicode/utf8"
)

func TestTimesComeBack(t *testing.T) {
	tests := []struct {
		name     string
		in, want time.Time
	}{
		{"none", time.Time{}, time.Time{}},
		{"now", time.Date(2026, 11, 23, 1, 2, 3, 4, time.UTC), time.Date(2026, 11, 23, 1, 2, 3, 4, time.UTC)},
		{"other zone", time.Date(2026, 11, 23, 1, 0, 0, 0, time.FixedZone("", 3600)), time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)},
		{"before all", time.Date(1, 2, 1, 0, 0, 0, 0, time.UTC), time.Unix(0, math.MinInt64).UTC()},
		{"after all", time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), time.Unix(0, math.MaxInt64).UTC()},
	}
	for _, test := range tests {
		if got := Moment(Nanos(test.in)); got != test.want {
			t.Errorf("%s: got %v, want %v", test.name, got, test.want)
		}
	}
}

func TestPatternsAreEscaped(t *testing.T) {
	if got, want := Contains("50%_Off!"), "%50!%!_off!!%"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func FuzzClean(f *testing.F) {
	f.Add("a\x00\xff")
	f.Fuzz(func(t *testing.T, text string) {
		got := Clean(text)
		if !utf8.ValidString(got) || Clean(got) != got {
			t.Errorf("%q became %q", text, got)
		}
		for _, r := range got {
			if r == 0 {
				t.Errorf("%q keeps a NUL", text)
			}
		}
	})
}
