package respond

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	"github.com/holdfast-security/holdfast/internal/termtext"
	"github.com/holdfast-security/holdfast/wire"
)

// Bounds of a simulation.
const (
	maxScenarios  = 64
	maxName       = 64
	maxOutput     = 1 << 20         // bytes of what the program says
	maxWords      = 500             // columns kept of it
	scenarioLimit = 5 * time.Minute // and then it is interrupted,
	cleanUpLimit  = 20 * time.Second
)

// systemdRun makes a service for the moment, systemd-run(1).
const systemdRun = "/usr/bin/systemd-run"

// environment is all that a scenario's program knows of the agent's.
var environment = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8"}

// outcome is what `holdfast simulate -o json` says of a scenario, as
// docs/cli-json.md has it.
type outcome struct {
	Scenario  string  `json:"scenario"`
	AlertType string  `json:"alertType"`
	Result    string  `json:"result"`
	Reason    string  `json:"reason"`
	Seconds   float64 `json:"secondsToAlert"`
}

// simulate plays scenarios one after the other and answers for each.
func (r *Responder) simulate(ctx context.Context, order wire.Order) wire.Result {
	if err := checkNames(order.Argument); err != nil {
		return result(order.ID, stateRefused, "", err.Error())
	}
	program, err := r.program()
	if err != nil {
		return result(order.ID, stateFailed, "", err.Error())
	}
	counts := make(map[string]int)
	for _, name := range order.Argument {
		r.tell(result(order.ID, stateRunning, name, "the scenario is being played"))
		part := r.play(ctx, program, name)
		if ctx.Err() != nil {
			return interrupted(order.ID)
		}
		part.Order = order.ID
		counts[part.State]++
		r.tell(part)
	}
	detail := fmt.Sprintf("%d passed, %d failed, %d could not be played", counts[stateDone], counts[stateFailed], counts[stateUnsupported])
	if counts[stateFailed] > 0 || counts[stateDone] == 0 {
		return result(order.ID, stateFailed, "", detail)
	}
	return result(order.ID, stateDone, "", detail)
}

// checkNames reports arguments that cannot be names of scenarios.
func checkNames(names []string) error {
	if len(names) == 0 || len(names) > maxScenarios {
		return fmt.Errorf("the order names %d scenarios, not 1 to %d", len(names), maxScenarios)
	}
	for _, name := range names {
		if !validName(name) {
			return fmt.Errorf("%.80q cannot be the name of a scenario", name)
		}
	}
	return nil
}

// validName reports whether name has the form of a scenario's: it cannot be
// taken for an option, a path, or more than one argument.
func validName(name string) bool {
	if name == "" || len(name) > maxName || name[0] == '-' {
		return false
	}
	for _, c := range []byte(name) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

// program returns the path of holdfast after checking that nobody else could
// have put something in its place.
func (r *Responder) program() (string, error) {
	path := r.opts.Program
	if path == "" {
		own, err := os.Executable()
		if err != nil {
			return "", fmt.Errorf("find the agent's own program: %w", err)
		}
		path = filepath.Join(filepath.Dir(own), "holdfast")
		if runtime.GOOS == "windows" {
			path += ".exe"
		}
	}
	if err := trusted(path); err != nil {
		return "", fmt.Errorf("scenarios are played by the program holdfast, to be installed beside the agent: %w", err)
	}
	return path, nil
}

// play runs one scenario and returns how it ended.
func (r *Responder) play(ctx context.Context, program, name string) wire.Result {
	output, words, err := r.start(ctx, program, name)
	var outcomes []outcome
	if jsonErr := json.Unmarshal(output, &outcomes); jsonErr != nil || len(outcomes) != 1 || outcomes[0].Scenario != name {
		detail := "the scenario was not played: " + termtext.Bound(words, maxWords)
		if words == "" && err != nil {
			detail = "the scenario was not played: " + err.Error()
		}
		return result("", stateFailed, name, detail)
	}
	switch o := outcomes[0]; o.Result {
	case "pass":
		return result("", stateDone, name, fmt.Sprintf("alert %s after %.2f s", termtext.Bound(o.AlertType, maxName), o.Seconds))
	case "skip":
		return result("", stateUnsupported, name, termtext.Bound(o.Reason, maxWords))
	default:
		return result("", stateFailed, name, termtext.Bound(o.Reason, maxWords))
	}
}

// start runs the program for one scenario and returns what it wrote to standard
// output and, bounded, to standard error.
func (r *Responder) start(ctx context.Context, program, name string) (output []byte, words string, err error) {
	ctx, cancel := context.WithTimeout(ctx, r.opts.Limit)
	defer cancel()
	command := r.command(program, name)
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Env, cmd.Dir = environment, string(filepath.Separator)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // it cleans up after itself
	cmd.WaitDelay = cleanUpLimit
	stdout, stderr := head{limit: maxOutput}, head{limit: maxOutput}
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = cmd.Run()
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return nil, "", fmt.Errorf("it took longer than %s", r.opts.Limit)
	}
	return stdout.Bytes(), string(bytes.TrimSpace(stderr.Bytes())), err
}

// command returns the program and its arguments.
func (r *Responder) command(program, name string) []string {
	play := []string{program, "simulate", "-o", "json", name}
	if !r.opts.Service || trusted(systemdRun) != nil {
		return play
	}
	seconds := strconv.Itoa(int((r.opts.Limit + cleanUpLimit).Seconds()))
	return append([]string{
		systemdRun, "--quiet", "--wait", "--pipe", "--collect", "--service-type=exec",
		"--description=Holdfast simulation", "--property=RuntimeMaxSec=" + seconds, "--property=KillSignal=SIGINT", "--",
	}, play...)
}

// head keeps the first bytes that are written to it.
type head struct {
	bytes.Buffer
	limit int
}

// Write implements io.Writer. It never fails: a program that says too much is
// not stopped for it.
func (b *head) Write(p []byte) (int, error) {
	if room := b.limit - b.Len(); room > 0 {
		b.Buffer.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}
