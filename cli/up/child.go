package up

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"time"
)

const (
	firstRestart = time.Second
	lastRestart  = time.Minute
	// settled is how long a program has to run for its next end to count as
	// the first again.
	settled = 30 * time.Second
	// stopPatience is how long a program has to end when asked; then it is
	// killed. An agent removes its audit rules in this time.
	stopPatience = 30 * time.Second
	maxSaid      = 4 << 10 // bytes of output kept for an error
)

// Program returns the path of a program of Holdfast: it lies beside this one.
func Program(name string) (string, error) {
	self, err := os.Executable()
	if err == nil {
		self, err = filepath.EvalSymlinks(self)
	}
	if err != nil {
		return "", fmt.Errorf("find %s: %w", name, err)
	}
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	path := filepath.Join(filepath.Dir(self), name)
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("find %s, which belongs beside this program: %w", name, err)
	}
	return path, nil
}

// Child is a program to keep running. Make it with [Start].
type Child struct {
	name   string
	path   string
	args   []string
	log    io.Writer
	notice func(string)

	cancel context.CancelFunc
	ended  chan struct{} // closed when it will not run again

	mu       sync.Mutex // guards what follows
	last     tail       // of the present or latest run
	restarts int
}

// Start keeps the program at path running with args until [Child.Stop] or the
// end of ctx. Its output goes to log. Notice is called, from another goroutine,
// with a sentence when it ended by itself and is started again. On Linux a
// program whose parent was killed is asked to end by the kernel.
func Start(ctx context.Context, path string, args []string, log io.Writer, notice func(string)) (*Child, error) {
	ctx, cancel := context.WithCancel(ctx)
	c := &Child{
		name: filepath.Base(path), path: path, args: args, log: log, notice: notice,
		cancel: cancel, ended: make(chan struct{}),
	}
	begun := make(chan error, 1)
	go c.keep(ctx, begun)
	if err := <-begun; err != nil {
		cancel()
		return nil, err
	}
	return c, nil
}

// begin starts the program once. When ctx ends it is asked to end, and killed
// when it does not.
func (c *Child) begin(ctx context.Context) (*exec.Cmd, error) {
	c.mu.Lock()
	c.last = tail{}
	c.mu.Unlock()
	cmd := exec.CommandContext(ctx, c.path, c.args...)
	cmd.Stdout = c
	cmd.Stderr = c
	cmd.Cancel = func() error { return askToEnd(cmd.Process) }
	cmd.WaitDelay = stopPatience
	detach(cmd)
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", c.name, err)
	}
	return cmd, nil
}

// keep starts the program, says on begun how that went, waits for it and starts
// it again until ctx ends. The kernel takes the end of the thread that started a
// program for the end of its parent, so the goroutine keeps its thread.
func (c *Child) keep(ctx context.Context, begun chan<- error) {
	defer close(c.ended)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd, err := c.begin(ctx)
	if begun <- err; err != nil {
		return
	}
	for wait := firstRestart; ; wait = min(2*wait, lastRestart) {
		began := time.Now()
		err = errors.New("it could not be started")
		if cmd != nil {
			err = cmd.Wait()
		}
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) > settled {
			wait = firstRestart
		}
		c.mu.Lock()
		c.restarts++
		c.mu.Unlock()
		c.notice(fmt.Sprintf("%s; it is started again in %s", c.ending(err), wait))
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		cmd, _ = c.begin(ctx) // its error is that of the next round
	}
}

// ending says how the program ended and what it said last.
func (c *Child) ending(err error) string {
	how := "ended"
	if err != nil {
		how = "ended: " + err.Error()
	}
	if said := c.Said(); said != "" {
		return c.name + " " + how + ": " + said
	}
	return c.name + " " + how
}

// Write takes the program's output.
func (c *Child) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last.add(p)
	if _, err := c.log.Write(p); err != nil {
		return len(p), nil // a full disk must not stop what it logs
	}
	return len(p), nil
}

// Said returns the last line of the program's output, "" for none.
func (c *Child) Said() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	lines := bytes.Split(bytes.TrimSpace(c.last.data), []byte("\n"))
	return string(lines[len(lines)-1])
}

// Restarts returns how often the program ended by itself.
func (c *Child) Restarts() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.restarts
}

// Ended returns a channel that is closed when the program will not run again.
func (c *Child) Ended() <-chan struct{} { return c.ended }

// Stop asks the program to end, waits, and kills it when it does not end in
// time.
func (c *Child) Stop() {
	c.cancel()
	<-c.ended
}

// Once runs the program at path to its end with the given standard input, nil
// for none. An error carries its last line.
func Once(ctx context.Context, input io.Reader, path string, args ...string) error {
	var out tail
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = input, &out, &out
	err := cmd.Run()
	if err == nil {
		return nil
	}
	if said := bytes.TrimSpace(out.data); len(said) > 0 {
		lines := bytes.Split(said, []byte("\n"))
		return fmt.Errorf("%s", lines[len(lines)-1])
	}
	return fmt.Errorf("run %s: %w", filepath.Base(path), err)
}

// tail keeps the end of what is written to it.
type tail struct{ data []byte }

func (t *tail) add(p []byte) {
	t.data = append(t.data, p...)
	if over := len(t.data) - maxSaid; over > 0 {
		t.data = append(t.data[:0], t.data[over:]...)
	}
}

func (t *tail) Write(p []byte) (int, error) {
	t.add(p)
	return len(p), nil
}
