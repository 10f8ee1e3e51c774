package e2e_test

import (
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-security/holdfast/agent/control"
	"github.com/holdfast-security/holdfast/internal/hosttest"
)

// TestNothingIsLeft ends both programs in the ways people end programs, and
// wants the host as it was.
func TestNothingIsLeft(t *testing.T) {
	hosttest.Root(t)
	p := build(t)
	hosttest.LockAudit(t)
	before := auditctl(t, "-l") + settings(t)
	check := func(t *testing.T, run, state string) {
		t.Helper()
		if diff := cmp.Diff(before, auditctl(t, "-l")+settings(t)); diff != "" {
			t.Errorf("the audit system is not as it was (-before +after):\n%s", diff)
		}
		if _, err := os.Lstat(filepath.Join(run, control.SocketName)); !os.IsNotExist(err) {
			t.Errorf("the control socket is still there (%v)", err)
		}
		for _, dir := range []string{state, "/run/holdfast-audit"} {
			if left := leftovers(t, dir); len(left) > 0 {
				t.Errorf("%s holds %v", dir, left)
			}
		}
	}
	for name, signal := range map[string]syscall.Signal{"interrupt": syscall.SIGINT, "terminate": syscall.SIGTERM, "hangup": syscall.SIGHUP} {
		t.Run("watch/"+name, func(t *testing.T) {
			w := watch(t, p)
			awaitAgent(t, runDir)
			if len(ourRules(t)) == 0 {
				t.Error("it watches without rules")
			}
			w.stop(t, signal)
			check(t, runDir, stateDir)
		})
	}
	for name, signal := range map[string]syscall.Signal{"interrupt": syscall.SIGINT, "terminate": syscall.SIGTERM, "hangup": syscall.SIGHUP} {
		t.Run("agent/"+name, func(t *testing.T) {
			dir := t.TempDir()
			agent := start(t, dir, p.agent)
			if len(ourRules(t)) == 0 {
				t.Error("it watches without rules")
			}
			agent.end(t, signal)
			check(t, dir, dir)
		})
	}
	t.Run("agent/while it starts", func(t *testing.T) {
		dir := t.TempDir()
		agent := begin(t, dir, p.agent)
		for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
			if control.Ask(t.Context(), dir, new(struct{})) == nil {
				break
			}
		}
		agent.stop(t)
		check(t, dir, dir)
	})
}

// kept are the files that outlive a run on purpose: the agent's configuration
// and output, how far the logs were read, when audit was first on in this boot,
// and two empty files that carry locks (removing one that another instance is
// about to lock would make two of it).
var kept = []string{"agent.yaml", "events.jsonl", "authlog-position.json", "audit.first", "audit.lock", "audit.users"}

// leftovers returns the files that say what a run has changed on the host.
func leftovers(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		if !slices.Contains(kept, e.Name()) {
			names = append(names, e.Name())
		}
	}
	return names
}
