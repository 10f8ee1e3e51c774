package rules_test

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/holdfast-security/holdfast/rules"
)

// TestSequences holds the table of families against the rules: all ten are
// there, and every file that they name, which has samples both ways.
func TestSequences(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "docs", "sequences.md"))
	if err != nil {
		t.Fatal(err)
	}
	files := make(map[string]bool)
	for _, f := range rules.Files() {
		files[f.Name()] = true
	}
	row, name := regexp.MustCompile(`^\| [0-9]+ \|`), regexp.MustCompile("`([a-z0-9_]+)`")
	families := 0
	for line := range bytes.Lines(page) {
		if !row.Match(line) {
			continue
		}
		families++
		cells := strings.Split(string(line), "|")
		named := name.FindAllStringSubmatch(cells[3], -1)
		if len(named) == 0 {
			t.Errorf("no rule for%s", cells[2])
		}
		for _, n := range named {
			if !files[n[1]] {
				t.Errorf("there is no rule file %s, named for%s", n[1], cells[2])
			}
		}
	}
	if families != 10 {
		t.Errorf("%d families, want 10", families)
	}
}
