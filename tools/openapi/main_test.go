package main

import (
	"go/ast"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFilesAreFresh(t *testing.T) {
	for step, output := range outputs {
		t.Run(step, func(t *testing.T) {
			want, err := output.text()
			if err != nil {
				t.Fatal(err)
			}
			got, err := os.ReadFile(output.path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("run make generate (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSentence(t *testing.T) {
	for comment, want := range map[string]string{
		"// of the host, see [Host.ID]":             "of the host, see Host.ID.",
		"// Alert is a threat. It stays.\n//\n// X": "Alert is a threat. It stays.",
		"//": "",
	} {
		var group ast.CommentGroup
		for line := range strings.SplitSeq(comment, "\n") {
			group.List = append(group.List, &ast.Comment{Text: line})
		}
		if got := sentence(&group); got != want {
			t.Errorf("sentence(%q) = %q, want %q", comment, got, want)
		}
	}
}
