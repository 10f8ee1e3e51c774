package headless

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseConfig(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want Config
	}{
		"empty":    {"", Config{}},
		"comment":  {"# nothing\n", Config{}},
		"YAML":     {"output: /var/log/holdfast.json\nevents: true\nrules: [/etc/holdfast/rules]\n", Config{Output: "/var/log/holdfast.json", Events: true, Rules: []string{"/etc/holdfast/rules"}}},
		"JSON":     {`{"severity": "medium", "disable": ["perf"]}`, Config{Severity: "medium", Disable: []string{"perf"}}},
		"rotation": {"output_max_bytes: 1048576\noutput_max_files: 1\n", Config{OutputMaxBytes: 1 << 20, OutputMaxFiles: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ParseConfig([]byte(c.text))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseConfigRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"outptu: x":                  "outptu",
		"severity: grave":            "severity",
		"output_max_bytes: 5":        "output_max_bytes",
		"output_max_files: -1":       "output_max_files",
		"events_window_seconds: -2":  "events_window_seconds",
		"events_window_seconds: 1e9": "events_window_seconds",
		"state_dir: var":             "state_dir",
		"run_dir: ./x":               "run_dir",
		"events: perhaps":            "true or false",
		"a: 1\n---\nb: 2":            `no setting "a"`,
		"events: true\n---\nb: 2":    "more than one document",
		strings.Repeat("#", 1<<20+1): "larger",
		"{":                          "line 1",
	} {
		_, err := ParseConfig([]byte(text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: got %v, want an error with %q", text, err, want)
		}
	}
}

func TestLoadConfigNamesTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "agent.yaml")
	if err := os.WriteFile(path, []byte("nonsense: 1"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{path, path + ".missing"} {
		if _, err := LoadConfig(p); err == nil || !strings.Contains(err.Error(), p) {
			t.Errorf("got %v, want the name of the file", err)
		}
	}
}

func FuzzParseConfig(f *testing.F) {
	f.Add([]byte("output: x\nevents: true\n"))
	f.Add([]byte(`{"rules": ["a"]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		cfg, err := ParseConfig(data)
		if err == nil && cfg.Validate() != nil {
			t.Error("an accepted configuration is not valid")
		}
	})
}

func TestRotation(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out.json")
	r, err := newRotating(path, 10, 3)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 9 {
		if _, err := fmt.Fprintf(r, "line%d\n", i); err != nil { // 6 bytes: one fits
			t.Fatal(err)
		}
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	got := make(map[string]string)
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(filepath.Dir(path), e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		got[e.Name()] = string(data)
	}
	want := map[string]string{"out.json": "line8\n", "out.json.1": "line7\n", "out.json.2": "line6\n"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestRotationGoesOnWithWhatIsThere(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out.json")
	for range 2 {
		r, err := newRotating(path, 100, 1)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Write([]byte("line\n")); err != nil {
			t.Fatal(err)
		}
		r.Close()
	}
	if data, _ := os.ReadFile(path); string(data) != "line\nline\n" {
		t.Errorf("got %q", data)
	}
	r, err := newRotating(path, 12, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := r.Write([]byte("new\n")); err != nil {
		t.Fatal(err)
	}
	if data, _ := os.ReadFile(path); string(data) != "new\n" {
		t.Errorf("one file is kept, but it holds %q", data)
	}
}

func TestOutputRefusesLinks(t *testing.T) {
	dir := t.TempDir()
	link := filepath.Join(dir, "link")
	if err := os.Symlink(filepath.Join(dir, "target"), link); err != nil {
		t.Skip(err)
	}
	if _, err := newRotating(link, 100, 1); err == nil {
		t.Error("a symbolic link was followed")
	}
	if _, err := newRotating(filepath.Join(dir, "none", "x"), 100, 1); err == nil {
		t.Error("a missing directory was made")
	}
}
