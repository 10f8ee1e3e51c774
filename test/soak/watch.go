//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"syscall"
	"time"

	"github.com/holdfast-security/holdfast/agent/control"
	"github.com/holdfast-security/holdfast/finding"
)

// watch is a running `holdfast watch -o json`.
type watch struct {
	cmd      *exec.Cmd
	messages bytes.Buffer // what it says beside the alerts
	alerts   chan []finding.Alert
	err      error // of reading; set before alerts is served
}

// runDir is where an agent that runs as root has its control socket.
const runDir = "/run/holdfast"

// startWatch returns when the agent inside answers.
func startWatch(ctx context.Context, command string) (*watch, error) {
	w := &watch{
		cmd:    exec.Command(command, "watch", "-o", "json", "--severity", "informational"),
		alerts: make(chan []finding.Alert, 1),
	}
	w.cmd.Stderr = &w.messages
	out, err := w.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := w.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the watch: %w; make build compiles it", err)
	}
	go func() {
		alerts, err := readAlerts(out)
		w.err = err
		w.alerts <- alerts
	}()
	for range 100 {
		time.Sleep(100 * time.Millisecond)
		if err = control.Ask(ctx, runDir, new(struct{})); err == nil {
			return w, nil
		}
	}
	_, stopErr := w.stop()
	return nil, errors.Join(fmt.Errorf("the watch does not answer: %w", err), stopErr)
}

// stop ends the watch and returns its alerts, oldest first.
func (w *watch) stop() ([]finding.Alert, error) {
	err := w.cmd.Process.Signal(syscall.SIGTERM)
	alerts := <-w.alerts
	if waitErr := w.cmd.Wait(); waitErr != nil {
		err = errors.Join(err, fmt.Errorf("watch: %w: %s", waitErr, bytes.TrimSpace(w.messages.Bytes())))
	}
	return alerts, errors.Join(err, w.err)
}

// readAlerts reads JSON lines to their end. A later line about the same alert
// replaces the earlier one.
func readAlerts(r io.Reader) ([]finding.Alert, error) {
	var alerts []finding.Alert
	index := make(map[string]int)
	dec := json.NewDecoder(r)
	for {
		var a finding.Alert
		if err := dec.Decode(&a); errors.Is(err, io.EOF) {
			return alerts, nil
		} else if err != nil {
			_, _ = io.Copy(io.Discard, r) // let the watch end
			return alerts, fmt.Errorf("read alerts: %w", err)
		}
		if a.Type == "" {
			continue // not an alert: a summary line
		}
		if i, ok := index[a.ID]; ok {
			alerts[i] = a
			continue
		}
		index[a.ID] = len(alerts)
		alerts = append(alerts, a)
	}
}
