package main

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReferencesAreFresh(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the documents describe the Linux build")
	}
	for _, r := range references {
		t.Run(r.name, func(t *testing.T) {
			want, err := r.text()
			if err != nil {
				t.Fatal(err)
			}
			got, err := os.ReadFile(filepath.Join(root, "docs", r.name))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("run make generate (-want +got):\n%s", diff)
			}
			again, err := r.text()
			if err != nil || !bytes.Equal(again, want) {
				t.Errorf("the document changes from one run to the next: %v", err)
			}
		})
	}
}

func TestCell(t *testing.T) {
	if got, want := cell(" a|b\n<c "), `a\|b &lt;c`; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAttack(t *testing.T) {
	tactics, techniques := attack([]string{"attack.defense-evasion", "attack.t1059.004", "cve.2021-1", "attack.t"})
	if !slices.Equal(tactics, []string{"defense-evasion", "t"}) || !slices.Equal(techniques, []string{"T1059.004"}) {
		t.Errorf("got %v, %v", tactics, techniques)
	}
}

func TestSubcommands(t *testing.T) {
	const begins, ends = "What it is for.\n\nUsage:\n  x [command]\n", "\nFlags:\n  -h, --help\n\nUse \"x [command] --help\".\n"
	for name, c := range map[string]struct {
		between string
		want    []string
	}{
		"none":     {"", nil},
		"a list":   {"\nAvailable Commands:\n  events      Show\n  help        Help\n  watch       Watch\n", []string{"events", "watch"}},
		"groups":   {"\nHere:\n  events      Show\n\nThere:\n  hosts  List\n\nAdditional Commands:\n  help  Help\n", []string{"events", "hosts"}},
		"no names": {"\nAliases:\n  x, y\n\nExamples:\n  x all\n", nil},
	} {
		if got := subcommands(begins + c.between + ends); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %v", name, got)
		}
	}
}
