// Package e2e_test runs the built programs on the real kernel as their users
// do, and looks at the host before and after.
package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-security/holdfast/agent/control"
	"github.com/holdfast-security/holdfast/internal/hosttest"
)

// auditctl runs auditctl and returns what it prints.
func auditctl(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command(hosttest.Program(t, "auditctl"), args...).CombinedOutput()
	if err != nil {
		t.Fatalf("auditctl %v: %v\n%s", args, err, out)
	}
	return string(out)
}

// settings returns auditctl -s without what counts or names a process.
func settings(t *testing.T) string {
	t.Helper()
	var kept []string
	for line := range strings.Lines(auditctl(t, "-s")) {
		name, _, _ := strings.Cut(line, " ")
		if !slices.Contains([]string{"pid", "lost", "backlog", "backlog_wait_time_actual"}, name) {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "")
}

// ourRules returns the rules of auditctl -l that carry our keys.
func ourRules(t *testing.T) []string {
	t.Helper()
	var rules []string
	for line := range strings.Lines(auditctl(t, "-l")) {
		if strings.Contains(line, "holdfast-") {
			rules = append(rules, strings.TrimSpace(line))
		}
	}
	return rules
}

// running is a running agent.
type running struct {
	cmd    *exec.Cmd
	dir    string
	errors bytes.Buffer
}

// start runs the agent with its directories in dir and waits until it answers.
// command is the agent's program, possibly behind one that executes it.
func start(t *testing.T, dir string, command ...string) *running {
	t.Helper()
	r := begin(t, dir, command...)
	awaitAgent(t, dir)
	return r
}

// begin does what start does, and does not wait.
func begin(t *testing.T, dir string, command ...string) *running {
	t.Helper()
	r := &running{dir: dir}
	config := filepath.Join(dir, "agent.yaml")
	text := "events: true\nevents_window_seconds: -1\noutput: " + r.output() + "\nstate_dir: " + dir + "\nrun_dir: " + dir + "\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	r.cmd = exec.Command(command[0], append(command[1:len(command):len(command)], "run", "--config", config)...)
	r.cmd.Stderr = &r.errors
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if r.cmd.ProcessState == nil { // a test that failed must not leave it or its rules behind
			_ = r.cmd.Process.Signal(syscall.SIGTERM)
			_ = r.cmd.Wait()
		}
	})
	return r
}

func (r *running) output() string { return filepath.Join(r.dir, "events.jsonl") }

// stop ends the agent as an administrator does.
func (r *running) stop(t *testing.T) {
	t.Helper()
	r.end(t, syscall.SIGTERM)
}

func (r *running) signal(t *testing.T, signal syscall.Signal) {
	t.Helper()
	if err := r.cmd.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
}

// end ends the agent with a signal; it must end well.
func (r *running) end(t *testing.T, signal syscall.Signal) {
	t.Helper()
	r.signal(t, signal)
	if err := r.cmd.Wait(); err != nil {
		t.Errorf("the agent ended with %v\n%s", err, r.errors.String())
	}
}

// starts returns the numbers of the storm's starts that the agent recorded.
func (r *running) starts(t *testing.T, run string) map[string]bool {
	t.Helper()
	data, err := os.ReadFile(r.output())
	if err != nil {
		t.Fatal(err)
	}
	start := regexp.MustCompile(`"args":\["[^"]*","` + regexp.QuoteMeta(run) + `","([0-9]+)"\]`)
	found := make(map[string]bool)
	for _, m := range start.FindAllSubmatch(data, -1) {
		found[string(m[1])] = true
	}
	return found
}

// awaitRecorded waits until the agent has recorded want starts of the storm.
// Where it never has, what the kernel and the agent say tells why.
func (r *running) awaitRecorded(t *testing.T, run string, want int) {
	t.Helper()
	var found map[string]bool
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		if found = r.starts(t, run); len(found) == want {
			return
		}
	}
	var report json.RawMessage
	err := control.Ask(t.Context(), r.dir, &report)
	t.Fatalf("the agent recorded %d of %d starts: %v\nit said:\n%s\nit reports (%v):\n%s\nand the kernel:\n%s",
		len(found), want, slices.Sorted(maps.Keys(found)), r.errors.String(), err, report, auditctl(t, "-s"))
}

// storm starts rate programs per second for the given time.
func storm(ctx context.Context, p programs, run string, rate int, length time.Duration) *exec.Cmd {
	return exec.CommandContext(ctx, p.storm, "-run", run, "-rate", strconv.Itoa(rate), "-for", length.String())
}

// TestEveryScenarioRaisesItsAlert is the product's promise: every kind of
// attack is seen, on this kernel, by the programs as they are built.
func TestEveryScenarioRaisesItsAlert(t *testing.T) {
	hosttest.Root(t)
	p := build(t)
	hosttest.LockAudit(t)
	rules, status := auditctl(t, "-l"), settings(t)
	cmd := exec.Command(p.holdfast, "simulate", "--all", "-o", "json")
	var notes bytes.Buffer
	cmd.Stderr = &notes
	out, err := cmd.Output()
	var results []struct {
		Scenario, AlertType, Result, Reason string
	}
	if jsonErr := json.Unmarshal(out, &results); jsonErr != nil {
		t.Fatalf("simulate: %v; its output: %v\n%s\n%s", err, jsonErr, out, notes.String())
	}
	if len(results) < 90 {
		t.Errorf("%d scenarios, want at least 90", len(results))
	}
	for _, r := range results {
		if r.Result != "pass" {
			t.Errorf("%s (%s): %s: %s", r.Scenario, r.AlertType, r.Result, r.Reason)
		}
	}
	if t.Failed() {
		t.Logf("simulate said:\n%s", notes.String())
	}
	if diff := cmp.Diff(rules+status, auditctl(t, "-l")+settings(t)); diff != "" {
		t.Errorf("simulate changed the audit system (-before +after):\n%s", diff)
	}
}

// TestKilledInAStorm kills the agent while it works: the rules stay, the next
// start takes over exactly those, and its end leaves the host as it was.
func TestKilledInAStorm(t *testing.T) {
	hosttest.Root(t)
	p, dir := build(t), t.TempDir()
	hosttest.LockAudit(t)
	rules, status := auditctl(t, "-l"), settings(t)

	first := start(t, dir, p.agent)
	loaded := ourRules(t)
	if len(loaded) == 0 {
		t.Fatal("the agent loaded no rules")
	}
	wild := storm(t.Context(), p, "first", 500, 3*time.Second)
	if err := wild.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Second)
	if err := first.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_, _ = first.cmd.Process.Wait()
	if diff := cmp.Diff(loaded, ourRules(t)); diff != "" {
		t.Errorf("rules after the kill (-before +after):\n%s", diff)
	}

	second := start(t, dir, p.agent)
	if err := wild.Wait(); err != nil {
		t.Errorf("the storm was disturbed: %v", err)
	}
	if diff := cmp.Diff(loaded, ourRules(t)); diff != "" {
		t.Errorf("rules after the second start (-first +second):\n%s", diff)
	}
	if out, err := storm(t.Context(), p, "second", 50, time.Second).CombinedOutput(); err != nil {
		t.Fatalf("storm: %v\n%s", err, out)
	}
	second.awaitRecorded(t, "second", 50)
	second.stop(t)
	if diff := cmp.Diff(rules+status, auditctl(t, "-l")+settings(t)); diff != "" {
		t.Errorf("the audit system is not as it was (-before +after):\n%s", diff)
	}
}

// TestBesideAuditd runs the agent while auditd owns the audit system and has
// rules of its owner's: both see everything, and neither notices the other.
func TestBesideAuditd(t *testing.T) {
	hosttest.Root(t)
	p, dir := build(t), t.TempDir()
	miner := filepath.Join(dir, "xmrig")
	copyOfTrue(t, miner)
	hosttest.LockAudit(t)
	log := startAuditd(t)
	before, receiver := auditctl(t, "-l")+settings(t), owner(t)

	agent := start(t, dir, p.agent)
	if out, err := storm(t.Context(), p, "both", 50, time.Second).CombinedOutput(); err != nil {
		t.Fatalf("storm: %v\n%s", err, out)
	}
	execute(t, miner)
	if got := owner(t); got != receiver {
		t.Errorf("the audit records went to %q, now to %q", receiver, got)
	}
	agent.awaitRecorded(t, "both", 50)
	agent.stop(t)
	output, err := os.ReadFile(agent.output())
	if err != nil {
		t.Fatal(err)
	}
	if got := types(alerts(t, output, miner)); !slices.Contains(got, "VM_DigitalCurrencyMining") {
		t.Errorf("the attack raised the alerts %v", got)
	}
	for deadline := time.Now().Add(time.Minute); recorded(t, log, "both") != 50; time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("auditd recorded %d of 50 starts", recorded(t, log, "both"))
		}
	}
	if diff := cmp.Diff(before, auditctl(t, "-l")+settings(t)); diff != "" {
		t.Errorf("the owner's audit system changed (-before +after):\n%s", diff)
	}
}

// owner returns the line of auditctl -s that says which process receives the
// audit records.
func owner(t *testing.T) string {
	t.Helper()
	return regexp.MustCompile(`(?m)^pid [0-9]+$`).FindString(auditctl(t, "-s"))
}

// recorded returns how many of the storm's starts are in an audit.log.
func recorded(t *testing.T, log, run string) int {
	t.Helper()
	data, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	start := regexp.MustCompile(`type=EXECVE .* a1="` + regexp.QuoteMeta(run) + `" a2="([0-9]+)"`)
	numbers := make(map[string]bool)
	for _, m := range start.FindAllSubmatch(data, -1) {
		numbers[string(m[1])] = true
	}
	return len(numbers)
}

// startAuditd runs Debian's auditd with one rule of its owner's until the test
// ends, and returns its log.
func startAuditd(t *testing.T) string {
	t.Helper()
	program := hosttest.Program(t, "auditd")
	dir := t.TempDir()
	log := filepath.Join(dir, "audit.log")
	config := "local_events = yes\nwrite_logs = yes\nlog_file = " + log + "\nlog_format = RAW\nflush = NONE\nmax_log_file = 100\n" +
		"max_log_file_action = IGNORE\nspace_left = 2\nspace_left_action = IGNORE\nadmin_space_left = 1\n" +
		"admin_space_left_action = IGNORE\nplugin_dir = " + dir + "/plugins\n"
	if err := os.Mkdir(filepath.Join(dir, "plugins"), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "auditd.conf"), []byte(config), 0o640); err != nil {
		t.Fatal(err)
	}
	enabled := regexp.MustCompile(`(?m)^enabled ([0-9])`).FindStringSubmatch(auditctl(t, "-s"))[1]
	cmd := exec.Command(program, "-n", "-c", dir)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	rule := []string{"always,exit", "-F", "arch=b64", "-S", "execve", "-k", "owner"}
	t.Cleanup(func() {
		auditctl(t, append([]string{"-d"}, rule...)...)
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_, _ = cmd.Process.Wait()
		auditctl(t, "-e", enabled)
	})
	want := "pid " + strconv.Itoa(cmd.Process.Pid) + "\n"
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if strings.Contains(auditctl(t, "-s"), want) {
			auditctl(t, append([]string{"-a"}, rule...)...)
			return log
		}
	}
	t.Fatal("auditd did not take the audit system")
	return ""
}
