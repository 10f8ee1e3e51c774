package fim_test

import (
	"testing"

	"github.com/holdfast-security/holdfast/fim"
)

func TestPaths(t *testing.T) {
	for _, tt := range []struct {
		path, parent string
		absolute     bool
	}{
		{"/", "", true},
		{"/a", "/", true},
		{"/a/b", "/a", true},
		{"/a/", "/a", false},
		{"/a/../b", "/a/..", false},
		{"//a", "/", false},
		{"C:/", "", true},
		{"C:/a", "C:/", true},
		{"c:/a/b", "c:/a", true},
		{"C:", "", false},
		{"a/b", "", false},
		{"", "", false},
		{"1:/a", "", false},
	} {
		if got := fim.Absolute(tt.path); got != tt.absolute {
			t.Errorf("%q is absolute: %v", tt.path, got)
		}
		if got := fim.Parent(tt.path); got != tt.parent {
			t.Errorf("%q lies in %q, want %q", tt.path, got, tt.parent)
		}
		if tt.absolute && tt.parent != "" && (!fim.Holds(tt.parent, tt.path) || fim.Holds(tt.path, tt.parent)) {
			t.Errorf("%q and %q: which holds which", tt.parent, tt.path)
		}
	}
	if fim.Join("/", "a") != "/a" || fim.Join("C:/", "a") != "C:/a" || fim.Join("/a", "b") != "/a/b" {
		t.Error("joined wrongly")
	}
	if fim.Holds("/usr", "/usrlocal") || !fim.Holds("/", "/x") || !fim.Holds("/x", "/x") {
		t.Error("held wrongly")
	}
}
