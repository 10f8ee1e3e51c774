package sigma_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holdfast-security/holdfast/detect/sigma"
	"github.com/holdfast-security/holdfast/detect/sigma/pipeline"
	"github.com/holdfast-security/holdfast/internal/hosttest"
)

// without are the public rules that cannot be read as they are, with the
// reason, which the specification gives: a rule with placeholders is refused
// where they have no values.
var without = map[string]string{
	"rules-emerging-threats/2026/Exploits/CVE-2026-54121/win_security_adcs_certighost_cdc_chase_request.yml":     "placeholder %known_cdcs% has no values",
	"rules-emerging-threats/2026/Exploits/CVE-2026-54121/win_security_adcs_certighost_cert_issued_via_chase.yml": "placeholder %known_cdcs% has no values",
}

// TestPublicRulesParse reads the whole SigmaHQ tree, as it is and with values
// for its placeholders.
func TestPublicRulesParse(t *testing.T) {
	values, err := pipeline.Parse("pipeline.yml", []byte("vars: {known_cdcs: [dc1, 'dc2.*']}"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name      string
		pipelines []*pipeline.Pipeline
		refused   map[string]string
	}{{"as it is", nil, without}, {"with values", []*pipeline.Pipeline{values}, nil}} {
		t.Run(c.name, func(t *testing.T) {
			files, rules, refused := readTree(t, c.pipelines)
			if files != 3757 || rules != 3757-len(c.refused) || len(refused) != len(c.refused) {
				t.Errorf("%d files gave %d rules and %d refusals, want %d refusals", files, rules, len(refused), len(c.refused))
			}
			for _, problem := range refused {
				if want := c.refused[problem.Path]; want == "" || !strings.Contains(problem.Reason, want) {
					t.Errorf("refused for another reason than %q: %v", want, problem)
				}
			}
		})
	}
}

func readTree(t *testing.T, pipelines []*pipeline.Pipeline) (files, rules int, refused []*sigma.Error) {
	t.Helper()
	root := hosttest.Data(t, "sigma-rules")
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".yml") {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files++
		parsed, err := sigma.Parse(strings.TrimPrefix(path, root+"/"), data, pipelines...)
		rules += len(parsed)
		refused = append(refused, sigma.Problems(err)...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files, rules, refused
}
