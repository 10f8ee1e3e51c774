//go:build linux

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"syscall"
	"time"

	"github.com/holdfast-security/holdfast/agent/control"
)

// ours is the agent, whole: sensors, process table, detection.
type ours struct {
	program string // bin/holdfast-agent
	events  bool   // writes every event, not only alerts
	dir     string
	cmd     *exec.Cmd
	errors  bytes.Buffer
}

func (o *ours) name() string {
	if o.events {
		return "holdfast writing every event"
	}
	return "holdfast"
}

func (o *ours) output() string { return filepath.Join(o.dir, "output.jsonl") }

// agentConfig lets the output grow and writes each event in a line of its own,
// so that they can be counted.
const agentConfig = `output: %[1]s
output_max_bytes: 8000000000
events: %[2]v
events_window_seconds: -1
state_dir: %[3]s
run_dir: %[3]s
`

// start runs the agent with directories of its own; it returns when the agent
// answers.
func (o *ours) start(ctx context.Context) error {
	if err := o.makeDir(); err != nil {
		return err
	}
	return o.run(ctx, fmt.Sprintf(agentConfig, o.output(), o.events, o.dir))
}

func (o *ours) makeDir() (err error) {
	o.dir, err = os.MkdirTemp("", "holdfast")
	return err
}

// run starts the program and waits until it answers.
func (o *ours) run(ctx context.Context, text string) (err error) {
	config := filepath.Join(o.dir, "agent.yaml")
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return err
	}
	o.cmd = exec.Command(o.program, "run", "--config", config)
	o.cmd.Stderr = &o.errors
	if err := o.cmd.Start(); err != nil {
		return fmt.Errorf("start the agent: %w", err)
	}
	for range 200 {
		time.Sleep(50 * time.Millisecond)
		if _, err = o.report(ctx); err == nil {
			return nil
		}
	}
	return fmt.Errorf("the agent does not answer: %w; it said %q", err, o.errors.String())
}

func (o *ours) pid() int { return o.cmd.Process.Pid }

func (o *ours) stop(context.Context) error {
	defer os.RemoveAll(o.dir)
	if o.cmd == nil || o.cmd.Process == nil {
		return nil
	}
	if err := o.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	if err := o.cmd.Wait(); err != nil {
		return fmt.Errorf("agent: %w: %s", err, bytes.TrimSpace(o.errors.Bytes()))
	}
	return nil
}

// ledger is what the measurements need of the agent's report.
type ledger struct {
	Ledger struct {
		Dropped map[string]uint64 `json:"dropped"`
	} `json:"ledger"`
	Server struct { // of an enrolled host
		Connection struct {
			State string `json:"state"`
		} `json:"connection"`
		Ledger struct {
			Produced uint64 `json:"produced"`
		} `json:"ledger"`
	} `json:"server"`
}

// report asks the agent what it lost.
func (o *ours) report(ctx context.Context) (ledger, error) {
	var r ledger
	err := control.Ask(ctx, o.dir, &r)
	return r, err
}

// missing counts the run's different starts among the events. Where none are
// written it returns what the agent's own ledger says was dropped.
func (o *ours) missing(ctx context.Context, run string, started int) (int, error) {
	if !o.events {
		r, err := o.report(ctx)
		dropped := 0
		for _, n := range r.Ledger.Dropped {
			dropped += int(n)
		}
		return dropped, err
	}
	f, err := os.Open(o.output())
	if err != nil {
		return 0, err
	}
	defer f.Close()
	start := regexp.MustCompile(`"args":\["[^"]*","` + regexp.QuoteMeta(run) + `","([0-9]+)"\]`)
	found := make(map[string]struct{})
	reader := bufio.NewReaderSize(f, 1<<20)
	for {
		line, err := reader.ReadBytes('\n')
		if m := start.FindSubmatch(line); m != nil {
			found[string(m[1])] = struct{}{}
		}
		if errors.Is(err, io.EOF) {
			return started - len(found), nil
		}
		if err != nil {
			return 0, err
		}
	}
}
