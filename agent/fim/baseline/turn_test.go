package baseline_test

import (
	"fmt"
	"testing"

	"github.com/holdfast-security/holdfast/agent/fim/baseline"
)

func TestEveryFileHasItsTurn(t *testing.T) {
	var most int
	turns := make(map[string]int)
	for number := range uint64(7) {
		due, n := baseline.Turn(number+1000, 7), 0
		for i := range 7000 {
			path := fmt.Sprintf("/usr/lib/%d", i)
			if due(path) {
				turns[path]++
				n++
			}
		}
		most = max(most, n)
	}
	if len(turns) != 7000 || most > 1500 {
		t.Errorf("%d files had a turn, %d in one", len(turns), most)
	}
	for path, n := range turns {
		if n != 1 {
			t.Errorf("%s had %d turns", path, n)
		}
	}
	if !baseline.Turn(3, 0)("/x") {
		t.Error("without turns a file is left out")
	}
}
