package recent_test

import (
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
			for _, letter := range "abc" {
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
