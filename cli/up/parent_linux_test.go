package up_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/holdfast-security/holdfast/cli/up"
	"github.com/holdfast-security/holdfast/internal/hosttest"
)

// parentMark tells the test program to be the parent that is killed. It holds
// the file that its child writes.
const parentMark = "HOLDFAST_TEST_UP_PARENT"

// TestKilledParentTakesItsChildAlong runs itself as the parent and kills that.
func TestKilledParentTakesItsChildAlong(t *testing.T) {
	shell := hosttest.Program(t, "sh")
	script := `trap 'echo ended >>"$0"; exit 0' TERM; echo ready >>"$0"; while :; do sleep 0.05; done`
	if path := os.Getenv(parentMark); path != "" {
		if _, err := up.Start(t.Context(), shell, []string{"-c", script, path}, &buffer{}, func(string) {}); err != nil {
			t.Fatal(err)
		}
		select {}
	}
	path := filepath.Join(t.TempDir(), "said")
	parent := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	parent.Env = append(os.Environ(), parentMark+"="+path)
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	awaitFile(t, path, "ready\n")
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait() // it was killed
	awaitFile(t, path, "ready\nended\n")
}

// awaitFile waits until the file at path holds text.
func awaitFile(t *testing.T, path, text string) {
	t.Helper()
	var data []byte
	for range 6000 {
		if data, _ = os.ReadFile(path); string(data) == text {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("%s holds %q, not %q", path, data, text)
}
