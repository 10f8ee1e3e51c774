package e2e_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/internal/hosttest"
)

// nobody is the account without any rights, see nobody in Debian's base-passwd.
const nobody = 65534

// asNobody returns a command that runs without any privilege, with a home of
// its own.
func asNobody(t *testing.T, name string, args ...string) *exec.Cmd {
	t.Helper()
	home, err := os.MkdirTemp("", "holdfast-nobody")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(home) }) // temporary anyway
	if err := os.Chown(home, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(name, args...)
	cmd.Dir = home
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "XDG_RUNTIME_DIR=" + home}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	return cmd
}

// TestWithoutRoot runs the command as nobody: it says what it cannot see, and
// shows the processes that it can.
func TestWithoutRoot(t *testing.T) {
	hosttest.Root(t) // to become nobody
	p := build(t)
	watch := launch(t, asNobody(t, p.holdfast, "watch", "-o", "json", "--severity", "informational"))
	watch.notes.await(t, "what is missing", holding("not root"))
	watch.notes.await(t, "the end of the opening", holding("Ctrl-C"))
	events := launch(t, asNobody(t, p.holdfast, "events", "-o", "json", "--class", "process/launch"))
	awaitAgent(t, filepath.Join(watch.cmd.Dir, "holdfast"))
	awaitAgent(t, filepath.Join(events.cmd.Dir, "holdfast"))

	miner := filepath.Join(t.TempDir(), "xmrig")
	sleep, err := os.ReadFile(hosttest.Program(t, "sleep"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(miner, sleep, 0o755); err != nil {
		t.Fatal(err)
	}
	execute(t, miner, "3.25")
	shown := events.out.await(t, "a process that lasts", holding(`"cmd_line":"`+miner+` 3.25"`))
	watch.out.await(t, "the miner", holding("VM_DigitalCurrencyMining", miner))
	events.stop(t, syscall.SIGINT)
	watch.stop(t, syscall.SIGINT)

	var e event.Event
	if err := json.Unmarshal(shown.text, &e); err != nil {
		t.Fatal(err)
	}
	if len(e.Process.Lineage()) < 2 || e.Process.Parent.PID != uint32(os.Getpid()) {
		t.Errorf("the process has no lineage: %s", shown.text)
	}
}

// TestHealthWithoutRoot wants each sensor that cannot work to say why.
func TestHealthWithoutRoot(t *testing.T) {
	hosttest.Root(t) // to become nobody
	out, err := asNobody(t, build(t).holdfast, "health", "-o", "json").Output()
	if err != nil {
		t.Fatalf("health: %v", err)
	}
	var report struct {
		Agent    string
		Features []struct {
			Name, State, Detail string
			Warnings            []struct {
				Text  string
				Since time.Time
			}
		}
	}
	if err := json.Unmarshal(out, &report); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	if report.Agent != "probe" {
		t.Errorf("nobody asked the agent %q", report.Agent)
	}
	states := make(map[string]string)
	for _, f := range report.Features {
		states[f.Name] = f.State
		if f.State != "running" && f.State != "stopped" && f.State != "off" && f.Detail == "" && len(f.Warnings) == 0 {
			t.Errorf("%s is %s and does not say why", f.Name, f.State)
		}
	}
	if states["audit"] != "unsupported" || states["procfs"] != "degraded" {
		t.Errorf("audit is %q and procfs %q, want unsupported and degraded: %v", states["audit"], states["procfs"], states)
	}
}
