package agent

import (
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/holdfast-security/holdfast/agent/features"
	"github.com/holdfast-security/holdfast/internal/hosttest"
)

// An ordinary user has a home to write to, or the state goes with the agent.
func TestStateDirOfAnOrdinaryUser(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the homes of this system are elsewhere")
	}
	if !hosttest.Unprivileged(t) { // root has a directory of its own
		return
	}
	home := t.TempDir()
	closed := t.TempDir()
	if err := os.Chmod(closed, 0o500); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		home    string
		scratch bool
	}{
		"home":           {home, false},
		"home read-only": {closed, true},
		"no home":        {filepath.Join(closed, "none"), true},
		"no HOME":        {"", true},
	} {
		t.Run(name, func(t *testing.T) {
			temporary := t.TempDir()
			t.Setenv("TMPDIR", temporary)
			t.Setenv("XDG_CACHE_HOME", "")
			t.Setenv("HOME", c.home)
			a, err := New(Config{Log: slog.New(slog.DiscardHandler), Root: t.TempDir(), list: func(features.Options) []features.Entry { return nil }})
			if err != nil {
				t.Fatal(err)
			}
			dir := a.cfg.StateDir
			if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
				t.Fatalf("state directory %s: %v %v", dir, info, err)
			}
			if (filepath.Dir(dir) == temporary) != c.scratch {
				t.Errorf("the state is in %s", dir)
			}
			if err := a.Stop(t.Context()); err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(dir); os.IsNotExist(err) != c.scratch {
				t.Errorf("after the end: %v", err)
			}
		})
	}
}
