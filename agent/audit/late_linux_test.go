package audit

import (
	"os"
	"testing"
	"time"

	"github.com/holdfast-security/holdfast/agent/hostfs"
)

func TestParseStat(t *testing.T) {
	for name, c := range map[string]struct {
		stat  string
		began time.Duration
		user  bool
	}{
		"program":       {"12 (a) b) S 1 12 12 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 250 9 9", 2500 * time.Millisecond, true},
		"kernel thread": {"2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0 0 0 0 0 20 0 1 0 3 0 0", 30 * time.Millisecond, false},
		"cut":           {"12 (a) S 1 12", 0, false},
		"empty":         {"", 0, false},
		"no numbers":    {"12 (a) S 1 12 12 0 -1 x 1 2 3 4 5 6 7 8 20 0 1 0 y 9 9", 0, false},
	} {
		if began, user := parseStat([]byte(c.stat)); began != c.began || user != c.user {
			t.Errorf("%s: %s %v, want %s %v", name, began, user, c.began, c.user)
		}
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add([]byte("12 (a) b) S 1 12 12 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 250 9 9"))
	f.Fuzz(func(t *testing.T, stat []byte) {
		if began, _ := parseStat(stat); began < 0 {
			t.Errorf("%q began at %s", stat, began)
		}
	})
}

func TestFirstOnIsRememberedForTheBoot(t *testing.T) {
	dir := t.TempDir()
	first := func(boot string, off bool) time.Duration {
		at, err := firstOn(dir, boot, off)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	if at := first("one", false); at != 0 {
		t.Errorf("audit that was on before us was switched on at %s", at)
	}
	at := first("one", true)
	if at == 0 || first("one", false) != at || first("one", true) != at {
		t.Errorf("the first time is not kept: %s", at)
	}
	if first("two", false) != 0 {
		t.Error("the first time outlives the boot")
	}
	fs := hostfs.FS{}
	if _, err := os.Stat("/proc/1/stat"); err != nil {
		t.Skip("no /proc")
	}
	if all, none := countOlder(fs, at+time.Hour), countOlder(fs, 0); all < 1 || none != 0 {
		t.Errorf("%d programs are older than the future, %d than the boot", all, none)
	}
}
