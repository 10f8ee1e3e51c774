package rulefiles_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-security/holdfast/internal/hosttest"
	"github.com/holdfast-security/holdfast/rules/rulefiles"
)

const good = `title: Good rule
id: 0b8f5f0a-1111-4222-8333-444455556666
logsource: {product: linux, category: process_creation}
detection:
  selection: {Image|endswith: /nc}
  condition: selection
level: medium
holdfast: {alert_type: VM_Good}
`

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestABrokenRuleDoesNotSpoilTheOthers(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "sub/good.yml", good)
	write(t, dir, "good.txt", "not a rule")
	broken := write(t, dir, "broken.yaml", "title: Broken\nlogsource: {product: linux}\ndetection:\n  selection: {a|nonsense: b}\n  condition: selection\n")
	notYAML := write(t, dir, "not.yml", "{{{")
	var s rulefiles.Set
	if err := s.Add(dir); err != nil {
		t.Fatal(err)
	}
	if len(s.Rules) != 1 || s.Files != 3 {
		t.Errorf("got %d rules of %d files, want 1 of 3", len(s.Rules), s.Files)
	}
	var places []string
	for _, r := range s.Refused {
		places = append(places, r.Path)
		if r.Reason == "" {
			t.Errorf("%s is refused without a reason", r.Path)
		}
	}
	if diff := cmp.Diff([]string{broken, notYAML}, places); diff != "" {
		t.Errorf("refused (-want +got):\n%s", diff)
	}
	if r := s.Refused[0]; r.Line == 0 || !strings.HasPrefix(r.String(), broken+":") {
		t.Errorf("the refusal does not name the line: %s", r)
	}
}

func TestAddSaysWhatIsMissing(t *testing.T) {
	dir := t.TempDir()
	for path, want := range map[string]string{filepath.Join(dir, "none"): "no such file", dir: "ends in .yml"} {
		var s rulefiles.Set
		if err := s.Add(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestAnUnreadableFileIsRefused(t *testing.T) {
	if !hosttest.Unprivileged(t) { // root reads everything
		return
	}
	path := write(t, t.TempDir(), "secret.yml", good)
	if err := os.Chmod(path, 0); err != nil {
		t.Fatal(err)
	}
	var s rulefiles.Set
	if err := s.Add(path); err != nil || len(s.Refused) != 1 {
		t.Errorf("got %v, %v", err, s.Refused)
	}
}

func TestFind(t *testing.T) {
	var s rulefiles.Set
	path := write(t, t.TempDir(), "Good_File.yml", good)
	if err := s.Add(path); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"0B8F5F0A-1111-4222-8333-444455556666", "0b8f", "good RULE", "vm_good", "good_file", path} {
		if got := s.Find(name); len(got) != 1 {
			t.Errorf("%q finds %d rules, want 1", name, len(got))
		}
	}
	for _, name := range []string{"", "0b8", "other"} {
		if got := s.Find(name); len(got) != 0 {
			t.Errorf("%q finds %d rules, want none", name, len(got))
		}
	}
}

func TestEmbeddedRulesCompile(t *testing.T) {
	s := rulefiles.Embedded()
	set := s.Compile()
	for _, r := range s.Refused {
		t.Error(r)
	}
	if len(set.Rules()) == 0 {
		t.Error("there are no rules")
	}
}

const expanding = `title: Logons of %s
logsource: {product: linux, category: authentication}
detection:
  selection: {User|expand: '%%admins%%'}
  condition: selection
`

func TestPipelinesAreForTheirDirectoryAndBelow(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a/x.yml", fmt.Sprintf(expanding, "a"))
	write(t, dir, "a/pipeline.yml", "vars: {admins: [eve, bob]}")
	write(t, dir, "a/b/y.yml", fmt.Sprintf(expanding, "b"))
	write(t, dir, "a/b/more.pipeline.yaml", "vars: {admins: [zoe]}")
	other := write(t, dir, "c/z.yml", fmt.Sprintf(expanding, "c"))
	write(t, dir, "a/.git/w.yml", "on: push")
	write(t, dir, "a/regression_data/r/info.yml", "id: x")
	var s rulefiles.Set
	if err := s.Add(dir); err != nil {
		t.Fatal(err)
	}
	checkExpanded(t, &s)
	if len(s.Refused) != 1 || s.Refused[0].Path != other || !strings.Contains(s.Refused[0].Reason, "%admins% has no values") {
		t.Errorf("refused %+v, want %s", s.Refused, other)
	}
}

// checkExpanded holds that the rules see the values of their pipelines.
func checkExpanded(t *testing.T, s *rulefiles.Set) {
	t.Helper()
	values := make(map[string]string)
	for _, r := range s.Rules {
		for _, v := range r.Detection.Selections[0].Groups[0][0].Values {
			values[r.Title] += v.Text + " "
		}
	}
	if diff := cmp.Diff(map[string]string{"Logons of a": "eve bob ", "Logons of b": "zoe "}, values); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}
}

func TestPipelinesComeFirstAmongFilesToo(t *testing.T) {
	var s rulefiles.Set
	s.AddFiles("bundle:", map[string][]byte{
		"a/x.yml": []byte(fmt.Sprintf(expanding, "a")), "a/pipeline.yml": []byte("vars: {admins: [eve, bob]}"),
		"a/b/y.yml": []byte(fmt.Sprintf(expanding, "b")), "a/b/z.pipeline.yml": []byte("vars: {admins: [zoe]}"),
	})
	checkExpanded(t, &s)
	if len(s.Refused) != 0 || s.Files != 4 {
		t.Errorf("refused %+v of %d files", s.Refused, s.Files)
	}
}

func TestBrokenPipelinesAreRefused(t *testing.T) {
	dir := t.TempDir()
	broken := write(t, dir, "pipeline.yml", "vars: {admins: eve}\ntransformations: [{type: magic}]")
	write(t, dir, "x.yml", good)
	var s rulefiles.Set
	if err := s.Add(dir); err != nil || len(s.Rules) != 1 {
		t.Fatalf("%d rules, %v", len(s.Rules), err)
	}
	if len(s.Refused) != 1 || s.Refused[0].Path != broken || s.Refused[0].Line != 2 {
		t.Errorf("refused %+v", s.Refused)
	}
}
