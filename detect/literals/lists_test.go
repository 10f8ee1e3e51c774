package literals

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-security/holdfast/detect/sigma"
)

// someTexts returns up to n different texts of few letters, so that some are
// part of others.
func someTexts(r *rand.Rand, n int) (texts []string) {
	for range r.IntN(n) + 1 {
		var b strings.Builder
		for range r.IntN(5) {
			b.WriteString([]string{"a", "b", "/", "\n", "k"}[r.IntN(5)])
		}
		texts = append(texts, b.String())
	}
	slices.Sort(texts)
	return slices.Compact(texts)
}

// leastOf is what [least] is for, word for word: the texts that have no other
// one at a place.
func leastOf(place sigma.Place, texts []string) (kept []string) {
	for _, text := range texts {
		if !slices.ContainsFunc(texts, func(other string) bool {
			return other != text && At(place, []byte(text), []byte(other))
		}) {
			kept = append(kept, text)
		}
	}
	return kept
}

func TestLeast(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 3000 {
		texts := someTexts(r, 20)
		for _, place := range []sigma.Place{sigma.PlaceStart, sigma.PlaceEnd, sigma.PlaceAnywhere} {
			got := least(place, texts)
			if want := leastOf(place, texts); !slices.Equal(slices.Sorted(slices.Values(got)), want) {
				t.Fatalf("place %d: of %q %q is left, want %q", place, texts, got, want)
			}
		}
	}
}

// TestClosest holds the choice against one that is made of all texts anew.
func TestClosest(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 1))
	var room pair
	several := 0
	for range 3000 {
		c, _ := choiceOf(someTexts(r, 60))
		var others []choice
		for range r.IntN(5) {
			if other, ok := choiceOf(someTexts(r, 60)); ok {
				others = append(others, other)
			}
		}
		var want choice
		found := false
		for _, other := range others {
			both, ok := choiceOf(union(c.texts(), other.texts()))
			if ok && (!found || both.rank < want.rank) {
				want, found = both, true
			}
		}
		got, ok := room.closest(c, others)
		if ok != found || !slices.Equal(got.texts(), want.texts()) || ok && got.rank != want.rank {
			t.Fatalf("%q with %v: got %v, want %v", c.texts(), others, got, want)
		}
		if len(want.parts) > 1 {
			several++
		}
	}
	if several < 100 {
		t.Errorf("only %d choices of several texts", several)
	}
}

func TestClosestOfTooMany(t *testing.T) {
	var a, b choice
	for i := range maxTexts {
		a.parts = append(a.parts, part{text: fmt.Sprintf("a%d.", i)})
		b.parts = append(b.parts, part{text: fmt.Sprintf("b%d.", i)})
	}
	var room pair
	if _, ok := room.closest(a, []choice{b}); ok {
		t.Errorf("%d texts are chosen from, more than %d", 2*maxTexts, maxTexts)
	}
	if got, ok := room.closest(a, []choice{a}); !ok || len(got.parts) != maxTexts {
		t.Errorf("of the same %d texts twice, %d are left", maxTexts, len(got.parts))
	}
}

func TestIsEveryday(t *testing.T) {
	for at := 0; at < len(Everyday); at += 7 {
		for _, length := range []int{1, 2, 5, 30} {
			text := Everyday[at:min(at+length, len(Everyday))]
			if !isEveryday(text) {
				t.Errorf("%q is everyday text", text)
			}
			if changed := text + "~"; isEveryday(changed) != strings.Contains(Everyday, changed) {
				t.Errorf("%q: got %t", changed, isEveryday(changed))
			}
		}
	}
	if strings.ContainsFunc(Everyday, func(r rune) bool { return unusual(string(r)) }) {
		t.Error("there is unusual text among it, which nobody looks for")
	}
}
