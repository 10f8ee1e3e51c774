package recent_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/holdfast-security/holdfast/detect/recent"
)

func TestCacheKnowsWhatItWasTold(t *testing.T) {
	var c recent.Cache
	told := make(map[string]int32)
	known := 0
	for round := range 3 {
		for n := range recent.MaxText + 1 {
			for _, letter := range "aaabc" {
				text := strings.Repeat(string(letter), n)
				f, ok := c.Of(text)
				if ok {
					known++
					if len(f.Literals) != 1 || f.Literals[0] != told[text] {
						t.Fatalf("round %d: %q has %v, was told %d", round, text, f.Literals, told[text])
					}
					continue
				}
				if len(f.Literals) > 0 {
					t.Fatalf("a new text has %v", f.Literals)
				}
				told[text] = int32(n)<<8 | letter
				f.Literals = append(f.Literals, told[text])
			}
		}
	}
	if known == 0 {
		t.Error("nothing was ever known")
	}
}

func TestLongTextsAreNotRemembered(t *testing.T) {
	var c recent.Cache
	if f, known := c.Of(strings.Repeat("a", recent.MaxText+1)); f != nil || known {
		t.Errorf("got %v, %t", f, known)
	}
}

// TestCacheRestsWhileNothingComesAgain asks for texts that are all different,
// and then for one again and again.
func TestCacheRestsWhileNothingComesAgain(t *testing.T) {
	var c recent.Cache
	const texts = 50_000
	looked := 0
	for n := range texts {
		if f, _ := c.Of(fmt.Sprint("text ", n)); f != nil {
			looked++
		}
	}
	if looked == 0 || looked > texts/4 {
		t.Errorf("%d of %d texts that do not come again were looked up", looked, texts)
	}
	looked = 0
	for range texts {
		if _, known := c.Of("again"); known {
			looked++
		}
	}
	if looked < texts*3/4 {
		t.Errorf("a text that came %d times was known %d times", texts, looked)
	}
}
