package ruletest_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-security/holdfast/cli/ruletest"
	"github.com/holdfast-security/holdfast/internal/hosttest"
	"github.com/holdfast-security/holdfast/rules/rulefiles"
)

const rule = `title: A netcat
id: 0b8f5f0a-1111-4222-8333-444455556666
logsource: {product: linux, category: process_creation}
detection:
  selection: {Image|endswith: /nc}
  condition: selection
`

const samples = `What was done.

-- match-object.json --
{"Image": "/bin/nc"}
{"Image":
 "/bin/sh"}
-- match-line.log --
{"Image": "/bin/nc"}
-- nomatch-other-source.json --
{"Image": "/bin/nc", "product": "windows"}
-- nomatch-that-does.json --
{"Image": "/bin/nc"}
-- match-not.json --
{"Image": "/bin/sh"}
-- match-empty.json --
-- match-broken.json --
{"Image"
-- match-no-event.log --
nothing
-- other.json --
{}
`

func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// run returns why the samples below a directory failed, "" for those that
// passed, by their names.
func run(t *testing.T, dir string) map[string]string {
	t.Helper()
	set := &rulefiles.Set{}
	if err := set.Add(dir); err != nil {
		t.Fatal(err)
	}
	results, err := ruletest.Run(set.Compile(), dir)
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string]string)
	for _, r := range results {
		if r.Passed != (r.Reason == "") {
			t.Errorf("%+v passed and failed", r)
		}
		name, err := filepath.Rel(dir, r.Sample)
		if err != nil {
			t.Fatal(err)
		}
		got[filepath.ToSlash(name)] = r.Reason
	}
	return got
}

func TestArchives(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"x.yml": rule, "x.txtar": samples, "y.txtar": samples})
	want := map[string]string{
		"x.txtar:match-object.json":         "",
		"x.txtar:match-line.log":            "",
		"x.txtar:nomatch-other-source.json": "",
		"x.txtar:nomatch-that-does.json":    "a rule of the file matches",
		"x.txtar:match-not.json":            "no rule of the file matches",
		"x.txtar:match-empty.json":          "the sample holds no event",
		"x.txtar:match-broken.json":         "not JSON: unexpected EOF",
		"x.txtar:match-no-event.log":        "1 lines tell of no event",
		"x.txtar:other.json":                "the name begins neither with match- nor with nomatch-",
		"y.txtar":                           "no rule of that file can be used",
	}
	if diff := cmp.Diff(want, run(t, dir)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestRegressionData(t *testing.T) {
	dir := t.TempDir()
	info := func(id, path, count string) string {
		return "rule_metadata:\n  - id: " + id + "\nregression_tests_info:\n  - {type: evtx, match_count: " + count + ", path: " + path + "}\n"
	}
	const id = "0b8f5f0a-1111-4222-8333-444455556666"
	write(t, dir, map[string]string{
		"rules/x.yml":                        rule,
		"regression_data/one/info.yml":       info(id, "regression_data/one/e.evtx", "1"),
		"regression_data/one/e.json":         `{"Image": "/bin/nc"} {"Image": "/sbin/nc"}`,
		"regression_data/few/info.yml":       info(id, "regression_data/few/e.json", "2"),
		"regression_data/few/e.json":         `{"Image": "/bin/nc"}`,
		"regression_data/raw/info.yml":       info(id, "regression_data/raw/e.raw", "1"),
		"regression_data/raw/e.raw":          "one line\n",
		"regression_data/away/info.yml":      info(id, "../../../etc/away.json", "1"),
		"regression_data/missing/info.yml":   info("0b8f5f0a-0000-4222-8333-444455556666", "e.json", "1"),
		"regression_data/unrelated/info.yml": "a: b",
	})
	got := run(t, dir)
	if reason := got["regression_data/away/away.json"]; !strings.Contains(reason, filepath.Join("regression_data", "away", "away.json")) {
		t.Errorf("a file elsewhere was looked for: %q", reason)
	}
	delete(got, "regression_data/away/away.json")
	want := map[string]string{
		"regression_data/one/e.json":       "",
		"regression_data/few/e.json":       "1 matches, want 2",
		"regression_data/raw/e.raw":        "no rule of the file matches",
		"regression_data/missing/info.yml": "rule 0b8f5f0a-0000-4222-8333-444455556666 is not there, or cannot be used",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestNoSamples(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"x.yml": rule})
	set := &rulefiles.Set{}
	if err := set.Add(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := ruletest.Run(set.Compile(), dir); err == nil || !strings.Contains(err.Error(), "put NAME.txtar beside NAME.yml") {
		t.Errorf("error is %v", err)
	}
}

// TestPublicRegressionData runs SigmaHQ's samples. The rule of one of them is
// not part of the collection.
func TestPublicRegressionData(t *testing.T) {
	missing := "regression_data/rules/windows/process_creation/proc_creation_win_lolbin_sftp_indirect_cmd_execution/info.yml"
	failed := make(map[string]string)
	results := run(t, hosttest.Data(t, "sigma-regression"))
	for sample, reason := range results {
		if reason != "" {
			failed[sample] = reason
		}
	}
	want := map[string]string{missing: "rule 762bb580-79b4-40f4-8b9e-9349ce1710f4 is not there, or cannot be used"}
	if diff := cmp.Diff(want, failed); diff != "" || len(results) != 141 {
		t.Errorf("of %d samples failed (-want +got):\n%s", len(results), diff)
	}
}
