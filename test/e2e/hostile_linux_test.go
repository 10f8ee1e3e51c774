package e2e_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/internal/hosttest"
)

// hostileText would write the clipboard (OSC 52), clear the screen, fake a
// line, set the title, turn the reading direction and break UTF-8.
const hostileText = "\x1b]52;c;aGVsbG8=\x07\x1b[2J\x1b[1;1H\nALERT  nothing happened\r\x1b]0;title\x1b\\\u202e\u2066\u200b\u009b31m\xff\xc3("

// hostileArguments are more than a megabyte: many of the largest that the
// kernel takes, MAX_ARG_STRLEN in linux/binfmts.h.
func hostileArguments() []string {
	args := []string{hostileText, "-o", "stratum+tcp://pool.invalid:1", ""}
	for i := range 9 {
		args = append(args, strings.Repeat(strconv.Itoa(i)+"\x1b\n\xfe", 30000))
	}
	return append(args, "the last\x07")
}

// TestHostileValues runs a program whose name, directory and arguments are
// made to hurt, and looks at what every output makes of them.
func TestHostileValues(t *testing.T) {
	hosttest.Root(t)
	p, dir := build(t), t.TempDir()
	cwd := filepath.Join(dir, "d"+hostileText)
	if err := os.Mkdir(cwd, 0o755); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(cwd, "xmrig"+hostileText)
	copyOfTrue(t, program)

	hosttest.LockAudit(t)
	screen := openTerminal(t, exec.Command(p.holdfast, "watch"))
	table := launch(t, exec.Command(p.holdfast, "events", "--class", "process"))
	recorder := launch(t, exec.Command(p.holdfast, "events", "-o", "json"))
	table.awaitSight(t, "/bin/true", "first-look")
	recorder.awaitSight(t, "/bin/true", "second-look")
	cmd := exec.Command(program, hostileArguments()...)
	cmd.Dir = cwd
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	screen.out.await(t, "the miner", holding("pool.invalid"))
	table.out.await(t, "the miner's start", holding("xmrig"))
	recorder.out.await(t, "the miner's start", holding("pool.invalid"))
	table.stop(t, syscall.SIGTERM)
	recorder.stop(t, syscall.SIGTERM)
	screen.stop(t)

	checkTame(t, "watch on a terminal", withoutDrawing(screen.out.text()))
	checkTame(t, "events", table.out.text())
	checkTame(t, "messages of events", table.notes.text())
	checkHostileEvents(t, recorder.out.text(), uint32(cmd.Process.Pid))
	recorded := filepath.Join(dir, "events.jsonl")
	if err := os.WriteFile(recorded, recorder.out.text(), 0o600); err != nil {
		t.Fatal(err)
	}
	checkTame(t, "replay", []byte(execute(t, p.holdfast, "replay", recorded)))
	checkHostileAlert(t, execute(t, p.holdfast, "replay", "-o", "json", recorded))
}

// checkHostileEvents wants JSON with the start of the program, bounded.
func checkHostileEvents(t *testing.T, output []byte, pid uint32) {
	t.Helper()
	started := false
	for l := range bytes.Lines(output) {
		var e event.Event
		if err := json.Unmarshal(l, &e); err != nil || !utf8.Valid(l) {
			t.Fatalf("no valid JSON (%v): %.500q", err, l)
		}
		if e.Name() == "process_activity/launch" && e.Process.PID == pid {
			started = true
			checkBounded(t, e.Process)
		}
	}
	if !started {
		t.Error("the start of the program is missing")
	}
}

// checkHostileAlert wants the alert among the JSON lines, bounded.
func checkHostileAlert(t *testing.T, output string) {
	t.Helper()
	for l := range strings.Lines(output) {
		if !utf8.ValidString(l) || !json.Valid([]byte(l)) {
			t.Fatalf("no valid JSON: %.500q", l)
		}
		if strings.Contains(l, `"alert_type":"VM_DigitalCurrencyMining"`) && strings.Contains(l, "pool.invalid") {
			if len(l) > 1<<20 {
				t.Errorf("the alert takes %d bytes", len(l))
			}
			return
		}
	}
	t.Error("the recorded events gave no alert")
}

// checkBounded wants the beginning and the end of the arguments, and no more
// than the bound. Bytes that JSON cannot carry have become U+FFFD by now,
// which takes three bytes.
func checkBounded(t *testing.T, proc *event.Process) {
	t.Helper()
	size := 0
	for _, a := range proc.Arguments {
		size += len(a)
	}
	if size > 3*event.MaxArguments || !proc.Truncated {
		t.Errorf("%d bytes of arguments arrived, truncated: %t", size, proc.Truncated)
	}
	if len(proc.Arguments) < 3 {
		t.Fatalf("%d arguments arrived", len(proc.Arguments))
	}
	if want := string([]rune(hostileText)); proc.Arguments[1] != want { // each stray byte a U+FFFD
		t.Errorf("the first argument is %q, want %q", proc.Arguments[1], want)
	}
	if last := proc.Arguments[len(proc.Arguments)-1]; last != "the last\x07" {
		t.Errorf("the last argument is %.100q", last)
	}
}

// drawing is what the command itself sends to a terminal: colours, the start
// of the line, and erasing to its end (ECMA-48 SGR and EL).
var drawing = regexp.MustCompile(`\x1b\[[0-9;]*m|\r\n|\r\x1b\[K`)

// withoutDrawing leaves the text. A terminal turns each newline into CR LF.
func withoutDrawing(text []byte) []byte {
	return drawing.ReplaceAllFunc(text, func(m []byte) []byte {
		if string(m) == "\r\n" {
			return []byte("\n")
		}
		return nil
	})
}

// checkTame wants text without anything that a terminal would act on.
func checkTame(t *testing.T, name string, text []byte) {
	t.Helper()
	if len(text) == 0 {
		t.Errorf("%s: there is nothing", name)
	}
	if !utf8.Valid(text) {
		t.Errorf("%s: invalid UTF-8", name)
	}
	for i, r := range string(text) {
		if r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r)) {
			t.Errorf("%s: raw %U in %q", name, r, text[max(0, i-60):min(len(text), i+60)])
			return
		}
	}
}

// terminal is a program that runs on a terminal.
type terminal struct {
	cmd *exec.Cmd
	out *transcript
}

// openTerminal starts cmd with a pseudo-terminal of 120 columns as its
// standard streams, see pty(7), and waits until it watches.
func openTerminal(t *testing.T, cmd *exec.Cmd) *terminal {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { master.Close() })
	fd := int(master.Fd())
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 40, Col: 120}); err != nil {
		t.Fatal(err)
	}
	slave, err := os.OpenFile("/dev/pts/"+strconv.Itoa(number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.Env = append(os.Environ(), "TERM=xterm-256color", "NO_COLOR=")
	err = cmd.Start()
	slave.Close()
	if err != nil {
		t.Fatal(err)
	}
	term := &terminal{cmd: cmd, out: follow(master)}
	t.Cleanup(func() {
		if cmd.ProcessState == nil {
			_ = cmd.Process.Signal(syscall.SIGTERM)
			_ = cmd.Wait()
		}
	})
	term.out.await(t, "the end of the opening", holding("Ctrl-C"))
	return term
}

func (term *terminal) stop(t *testing.T) {
	t.Helper()
	if err := term.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := term.cmd.Wait(); err != nil {
		t.Errorf("%v ended with %v\n%s", term.cmd.Args, err, term.out.text())
	}
	<-term.out.done
}
