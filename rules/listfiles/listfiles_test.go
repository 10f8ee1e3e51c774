package listfiles_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-security/holdfast/detect/indicator"
	"github.com/holdfast-security/holdfast/internal/hosttest"
	"github.com/holdfast-security/holdfast/rules/listfiles"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestListsAreReadAgain(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(t.TempDir(), "one")
	write(t, file, "one.example\n")
	write(t, filepath.Join(dir, "two.txt"), "two.example\n")
	write(t, filepath.Join(dir, ".hidden"), "hidden.example\n")
	lists, err := listfiles.Open([]string{file, dir}, nil)
	if err != nil {
		t.Fatal(err)
	}
	live := lists.Live()
	listed := func(name string) bool { return live.Set().Domain(name) }
	if !listed("one.example") || !listed("two.example") || listed("hidden.example") || !listed(indicator.TestDomain) {
		t.Error("not what the files hold")
	}

	write(t, filepath.Join(dir, "three.csv"), "three.example,2026\n")
	write(t, file, "uno.example\n")
	if err := os.Chtimes(file, time.Time{}, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	lists.Refresh()
	if !listed("three.example") || !listed("uno.example") || listed("one.example") {
		t.Error("not what the files hold now")
	}

	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	lists.Refresh()
	if !listed("uno.example") {
		t.Error("a file that is gone took what was in force with it")
	}
}

func TestOpenRefuses(t *testing.T) {
	if _, err := listfiles.Open([]string{filepath.Join(t.TempDir(), "none")}, nil); err == nil || !strings.Contains(err.Error(), "none") {
		t.Errorf("a path that is not there: %v", err)
	}
	if lists, err := listfiles.Open(nil, nil); err != nil || !lists.Live().Set().Domain(indicator.TestDomain) {
		t.Errorf("no paths: %v", err)
	}
}

// TestPublishedLists reads lists as they are published, and holds them against
// lists of what is known to be good.
func TestPublishedLists(t *testing.T) {
	root := hosttest.Data(t, "threat-intel")
	lists, err := listfiles.Open([]string{filepath.Join(root, "ipsum"), filepath.Join(root, "c2-tracker"), filepath.Join(root, "tor")}, nil)
	if err != nil {
		t.Fatal(err)
	}
	set := lists.Live().Set()
	t.Logf("%d entries", set.Len())
	if set.Len() < 1000 {
		t.Errorf("%d entries", set.Len())
	}
	for _, good := range []string{"deb.debian.org", "github.com", "www.example.org", "localhost"} {
		if set.Domain(good) {
			t.Errorf("%s is listed", good)
		}
	}
}
