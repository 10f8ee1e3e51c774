package trigram

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestAll(t *testing.T) {
	for text, want := range map[string][]string{"": nil, "ab": nil, "abc": {"abc"}, "ä€x": {"ä€x"}, "aaaa": {"aaa"}, "abab": {"aba", "bab"}} {
		if got := All(text); !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func TestQuery(t *testing.T) {
	for want, seqs := range map[string][]string{"": nil, `"abc"`: {"abc"}, `"a""b" AND """bc"`: {`a"b`, `"bc`}} {
		if got := Query(seqs); got != want {
			t.Errorf("%q: got %s, want %s", seqs, got, want)
		}
	}
}

func texts() []string {
	texts := make([]string, 1000)
	for i := range texts {
		texts[i] = fmt.Sprintf("the program tool%03d connected", i)
	}
	return texts
}

func TestSequencesThatNearlyAllHaveAreLeftOut(t *testing.T) {
	sample := NewSample(texts())
	for text, want := range map[string][]string{
		"tool123":         {"123", "l12"},                             // ol1 is held by a tenth
		"no such program": {"no ", "o s", " su", "suc", "uch", "ch "}, // which none holds
		"the program":     {"the", "he "},                             // all do, and something must be asked
		"12":              nil,
	} {
		got := sample.Rarest(text)
		if strings.HasPrefix(text, "tool") {
			slices.Sort(got)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func TestShare(t *testing.T) {
	sample := NewSample(texts())
	for text, want := range map[string]float64{"connected": 1, "tool1": 0.1, "tool123": 0.001, "absent": 0} {
		if got := sample.Share(text); got != want {
			t.Errorf("%q: got %v, want %v", text, got, want)
		}
	}
}

func TestAnEmptySampleStillChooses(t *testing.T) {
	for _, sample := range []*Sample{{}, NewSample(nil)} {
		if got := sample.Rarest("some text"); len(got) != atLeast || sample.Share("some text") != 0 {
			t.Errorf("chose %q of a text whose share is %v", got, sample.Share("some text"))
		}
	}
}

func FuzzRarest(f *testing.F) {
	sample := NewSample(texts())
	f.Add("tool123 \"x\" ä")
	f.Fuzz(func(t *testing.T, text string) {
		for _, seq := range sample.Rarest(text) {
			if !strings.Contains(text, seq) {
				t.Errorf("%q does not occur in %q", seq, text)
			}
		}
	})
}
