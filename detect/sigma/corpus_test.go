package sigma_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holdfast-security/holdfast/detect/sigma"
	"github.com/holdfast-security/holdfast/internal/hosttest"
)

// TestPublicRulesParse reads the whole SigmaHQ tree. What is refused is
// refused for a reason that the specification gives.
func TestPublicRulesParse(t *testing.T) {
	root := hosttest.Data(t, "sigma-rules")
	files, rules := 0, 0
	var refused []string
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".yml") {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files++
		parsed, err := sigma.Parse(strings.TrimPrefix(path, root+"/"), data)
		rules += len(parsed)
		for _, problem := range sigma.Problems(err) {
			refused = append(refused, problem.Error())
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d files, %d rules, %d refused:\n%s", files, rules, len(refused), strings.Join(refused, "\n"))
	if files != 3757 || rules != 3755 || len(refused) != 2 {
		t.Errorf("%d files gave %d rules and %d refusals, want 3757, 3755 and 2", files, rules, len(refused))
	}
	for _, reason := range refused {
		if !strings.Contains(reason, "placeholders (expand)") {
			t.Errorf("refused for another reason than placeholders: %s", reason)
		}
	}
}
