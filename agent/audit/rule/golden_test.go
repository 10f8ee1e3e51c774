package rule_test

import (
	"encoding/base64"
	"os"
	"strings"
	"testing"
)

type golden struct {
	line  string
	bytes []byte
}

// readGolden reads the rules of a golden file: YAML of one fixed shape, a list
// of flags (the line) and bytes (base64 over several lines).
func readGolden(t *testing.T, file string) []golden {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var rules []golden
	for block := range strings.SplitSeq(string(data), "- flags: ") {
		line, encoded, found := strings.Cut(block, "bytes: !!binary |")
		if !found {
			continue
		}
		line = strings.Join(strings.Fields(line), " ")
		raw, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(encoded), ""))
		if err != nil {
			t.Fatalf("%s: %s: %v", file, line, err)
		}
		rules = append(rules, golden{line, raw})
	}
	if len(rules) == 0 {
		t.Fatalf("%s holds no rules", file)
	}
	return rules
}
