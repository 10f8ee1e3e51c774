package e2e_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/holdfast-security/holdfast/agent/control"
	"github.com/holdfast-security/holdfast/agent/feature"
	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/internal/hosttest"
)

// patience is how long a test waits for what takes a moment, however slow the
// machine. How fast it is, the benchmarks say.
const patience = time.Minute

// runDir is where a command that runs as root has its control socket, stateDir
// what it keeps between runs.
const (
	runDir   = "/run/holdfast"
	stateDir = "/var/lib/holdfast"
)

// line is a line of output and when it came.
type line struct {
	at   time.Time
	text []byte
}

// transcript is what a program writes, line by line. It is safe for
// concurrent use.
type transcript struct {
	mu    sync.Mutex // guards lines
	lines []line
	done  chan struct{} // closed at the end of the output
}

// follow reads r to its end.
func follow(r io.Reader) *transcript {
	tr := &transcript{done: make(chan struct{})}
	go func() {
		defer close(tr.done)
		for in := bufio.NewReader(r); ; {
			text, err := in.ReadBytes('\n')
			if len(text) > 0 {
				tr.mu.Lock()
				tr.lines = append(tr.lines, line{time.Now(), text})
				tr.mu.Unlock()
			}
			if err != nil {
				return // the other end has closed, which for a terminal is EIO
			}
		}
	}()
	return tr
}

// all returns what has come so far.
func (tr *transcript) all() []line {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return slices.Clone(tr.lines)
}

// text returns what has come so far, as one.
func (tr *transcript) text() []byte {
	var b bytes.Buffer
	for _, l := range tr.all() {
		b.Write(l.text)
	}
	return b.Bytes()
}

// await returns the first line for which want holds. The test ends when none
// comes.
func (tr *transcript) await(t *testing.T, what string, want func(text []byte) bool) line {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		for _, l := range tr.all() {
			if want(l.text) {
				return l
			}
		}
	}
	t.Fatalf("no line with %s came; there were:\n%.4000s", what, tr.text())
	return line{}
}

// holding returns a condition for [transcript.await]: all texts occur.
func holding(texts ...string) func([]byte) bool {
	return func(l []byte) bool {
		return !slices.ContainsFunc(texts, func(s string) bool { return !bytes.Contains(l, []byte(s)) })
	}
}

// command is a running subcommand of holdfast.
type command struct {
	cmd        *exec.Cmd
	out, notes *transcript // what it writes to standard output and standard error
}

// launch starts a program with its output followed. Whatever happens to the
// test, it is stopped in order, so that the host is restored.
func launch(t *testing.T, cmd *exec.Cmd) *command {
	t.Helper()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	notes, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c := &command{cmd: cmd, out: follow(out), notes: follow(notes)}
	t.Cleanup(func() {
		if cmd.ProcessState == nil {
			_ = cmd.Process.Signal(syscall.SIGTERM)
			_ = cmd.Wait()
		}
		if t.Failed() {
			t.Logf("%v said:\n%.4000s", cmd.Args, c.notes.text())
		}
	})
	return c
}

// awaitSight runs a harmless program until the command shows it: from then on
// the command sees everything. The control socket cannot tell, for it belongs
// to the first of several commands.
func (c *command) awaitSight(t *testing.T, program, argument string) {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		execute(t, program, argument)
		if bytes.Contains(c.out.text(), []byte(argument)) {
			return
		}
	}
	t.Fatalf("%v does not show %s %s", c.cmd.Args, program, argument)
}

// stop ends the command with a signal; it must end well.
func (c *command) stop(t *testing.T, signal syscall.Signal) {
	t.Helper()
	if err := c.cmd.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
	<-c.out.done
	<-c.notes.done
	if err := c.cmd.Wait(); err != nil {
		t.Errorf("%v ended with %v\n%s", c.cmd.Args, err, c.notes.text())
	}
}

// awaitAgent returns when somebody answers on the control socket in dir, and
// all features have come up or said that they cannot.
func awaitAgent(t *testing.T, dir string) {
	t.Helper()
	var report struct{ Features []feature.Status }
	var err error
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		err = control.Ask(t.Context(), dir, &report)
		// An agent that answers and has no features yet is still starting.
		if err == nil && len(report.Features) > 0 && !slices.ContainsFunc(report.Features, starting) {
			return
		}
	}
	t.Fatalf("nobody watches in %s: %v, %+v", dir, err, report.Features)
}

func starting(s feature.Status) bool { return s.State == feature.Starting }

// watch runs `holdfast watch -o json` and returns when it watches.
func watch(t *testing.T, p programs) *command {
	t.Helper()
	c := launch(t, exec.Command(p.holdfast, "watch", "-o", "json", "--severity", "informational"))
	c.notes.await(t, "the end of the opening", holding("Ctrl-C"))
	return c
}

// alerts returns the alerts among JSON lines that mention text anywhere, in
// their order. Other processes of the machine may raise alerts of their own;
// tests therefore attack from directories with names of their own.
func alerts(t *testing.T, lines []byte, text string) []finding.Alert {
	t.Helper()
	var list []finding.Alert
	for l := range bytes.Lines(lines) {
		if !holding(`"alert_type":`, text)(l) {
			continue
		}
		var a finding.Alert
		if err := json.Unmarshal(l, &a); err != nil {
			t.Fatalf("%v in %.1000s", err, l)
		}
		list = append(list, a)
	}
	return list
}

// read returns the whole lines of a file that may be written at this moment.
func read(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return data[:bytes.LastIndexByte(data, '\n')+1]
}

// types returns the kinds of alerts, sorted, each once.
func types(list []finding.Alert) []string {
	var kinds []string
	for _, a := range list {
		kinds = append(kinds, string(a.Type))
	}
	slices.Sort(kinds)
	return slices.Compact(kinds)
}

// copyOfTrue puts a harmless program under another name.
func copyOfTrue(t *testing.T, path string) {
	t.Helper()
	program, err := os.ReadFile(hosttest.Program(t, "true"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, program, 0o755); err != nil {
		t.Fatal(err)
	}
}

// execute runs a program that must end well, and returns what it prints.
func execute(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", filepath.Base(name), strings.Join(args, " "), err, out)
	}
	return string(out)
}
