package rulebook

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// rule is a rule with a title that matches nothing real.
func rule(title string) []byte {
	return []byte("title: " + title + `
logsource: {product: linux, category: process_creation}
detection:
  selection: {Image|endswith: /no-such-program}
  condition: selection
level: low
`)
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestFilesOfRules(t *testing.T) {
	dir := t.TempDir()
	first, second, single := filepath.Join(dir, "a", "rules"), filepath.Join(dir, "b", "rules"), filepath.Join(dir, "one.yml")
	write(t, filepath.Join(first, "linux", "x.yml"), rule("X"))
	write(t, filepath.Join(first, "readme.txt"), []byte("no rule"))
	write(t, filepath.Join(second, "linux", "x.yml"), rule("Y"))
	write(t, single, rule("Z"))
	_, files, err := Load([]string{first, second, single})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]byte{"rules/linux/x.yml": rule("X"), "rules-2/linux/x.yml": rule("Y"), "one.yml": rule("Z")}
	if len(files) != len(want) {
		t.Errorf("got %d files, want %d", len(files), len(want))
	}
	for path, data := range want {
		if string(files[path]) != string(data) {
			t.Errorf("%s holds %q", path, files[path])
		}
	}
	if names := bundleNames([]string{"/", ".", "..", "x/"}); !slices.Equal([]string{names["/"], names["."], names[".."], names["x/"]}, []string{"rules", "rules-2", "rules-3", "x"}) {
		t.Errorf("names: %v", names)
	}
}

func TestLoad(t *testing.T) {
	own, files, err := Load(nil)
	if err != nil || len(files) != 0 {
		t.Fatalf("our own rules: %d files, %v", len(files), err)
	}
	dir := t.TempDir()
	write(t, filepath.Join(dir, "good.yml"), rule("Good"))
	if set, _, err := Load([]string{dir}); err != nil || len(set.Rules()) != len(own.Rules())+1 {
		t.Errorf("with one more: %v", err)
	}
	write(t, filepath.Join(dir, "bad.yml"), []byte("title: x\n"))
	write(t, filepath.Join(dir, "worse.yml"), []byte("{"))
	var refused *RefusedError
	if _, _, err := Load([]string{dir}); !errors.As(err, &refused) || len(refused.Refused) != 2 {
		t.Errorf("with two broken ones: %v", err)
	}
	if _, _, err := Load([]string{filepath.Join(dir, "none")}); err == nil {
		t.Error("a path that is not there is taken")
	}
}
