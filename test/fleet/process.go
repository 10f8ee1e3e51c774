package fleet

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// tail keeps the end of what a program says. It is safe for concurrent use.
type tail struct {
	mu   sync.Mutex // guards text
	text []byte
}

const tailBytes = 256 << 10

// Write implements io.Writer.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	if extra := len(t.text) - tailBytes; extra > tailBytes {
		t.text = bytes.Clone(t.text[extra:])
	}
	return len(p), nil
}

// String returns what was kept.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.text[max(0, len(t.text)-tailBytes):])
}

// Process is a program that a test started. Its methods are for one goroutine.
type Process struct {
	tb      TB
	log     tail
	process *process
}

// Launch starts a command, whose output it keeps, until the test ends. What it
// said is shown when the test failed.
func Launch(tb TB, cmd *exec.Cmd) *Process {
	tb.Helper()
	p := &Process{tb: tb}
	var err error
	if p.process, err = launch(&p.log, cmd); err != nil {
		tb.Fatalf("start %s: %v", cmd.Path, err)
	}
	tb.Cleanup(func() {
		p.Kill()
		if tb.Failed() && p.Log() != "" {
			tb.Logf("%s said:\n%s", cmd.Path, p.Log())
		}
	})
	return p
}

// Running reports whether the program has not ended.
func (p *Process) Running() bool { return p.process.running() }

// Kill ends the program as kill -9 does.
func (p *Process) Kill() { p.process.kill() }

// Wait waits for the program to end, at most for [Patience], and returns how it
// ended.
func (p *Process) Wait() error {
	select {
	case <-p.process.ended:
		return p.process.err
	case <-time.After(Patience):
		return fmt.Errorf("it did not end within %v", Patience)
	}
}

// Log returns the end of what the program has said.
func (p *Process) Log() string { return p.log.String() }

// process is a running program.
type process struct {
	cmd   *exec.Cmd
	ended chan struct{} // closed when it has ended; then err is set
	err   error
}

// launch starts a program that writes to log.
func launch(log *tail, cmd *exec.Cmd) (*process, error) {
	p := &process{cmd: cmd, ended: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.WaitDelay = 10 * time.Second // for what it started and left
	p.cmd.SysProcAttr = bound()
	started := make(chan error, 1)
	go func() {
		// The kernel ends the program with the thread that started it.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			p.err = p.cmd.Wait()
		}
		close(p.ended)
	}()
	return p, <-started
}

// running reports whether the program has not ended.
func (p *process) running() bool {
	if p == nil {
		return false
	}
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// kill ends the program as kill -9 does, and waits for it. Without one it does
// nothing.
func (p *process) kill() {
	if !p.running() {
		return
	}
	_ = p.cmd.Process.Kill() // it may have ended just now
	<-p.ended
}

// stop asks the program to end, which it must do well and in time.
func (p *process) stop() error {
	if !p.running() {
		return errors.New("it does not run")
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-p.ended:
		return p.err
	case <-time.After(Patience):
		p.kill()
		return fmt.Errorf("it did not end within %v of being asked to", Patience)
	}
}
