//go:build linux

package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// auditdRules are those that the agent loads for what the storm does.
var auditdRules = []string{
	"-a always,exit -F arch=b64 -S execve,execveat -k holdfast-bench",
	"-a always,exit -F arch=b32 -S execve,execveat -k holdfast-bench",
}

// auditdConfig is Debian's /etc/audit/auditd.conf (3.0.9) as far as it bears
// on speed; the log is allowed to grow, so that the records can be counted.
const auditdConfig = `local_events = yes
write_logs = yes
log_file = %s
log_group = adm
log_format = %s
flush = INCREMENTAL_ASYNC
freq = 50
max_log_file = 4000
num_logs = 5
priority_boost = 4
name_format = NONE
max_log_file_action = IGNORE
space_left = 75
space_left_action = IGNORE
admin_space_left = 50
admin_space_left_action = IGNORE
disk_full_action = IGNORE
disk_error_action = IGNORE
distribute_network = no
q_depth = 2000
overflow_action = SYSLOG
max_restarts = 10
plugin_dir = %s
`

// auditd is Debian's audit daemon, run by hand with a configuration of its own.
type auditd struct {
	format string // RAW, or ENRICHED as Debian sets it
	dir    string
	cmd    *exec.Cmd
}

func (a *auditd) name() string { return "auditd " + strings.ToLower(a.format) }

func (a *auditd) log() string { return filepath.Join(a.dir, "audit.log") }

// start runs auditd and loads the rules; it returns when both are in place.
func (a *auditd) start(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "auditd")
	if err != nil {
		return err
	}
	a.dir = dir
	plugins := filepath.Join(dir, "plugins.d")
	if err := os.Mkdir(plugins, 0o750); err != nil {
		return err
	}
	config := fmt.Sprintf(auditdConfig, a.log(), a.format, plugins)
	if err := os.WriteFile(filepath.Join(dir, "auditd.conf"), []byte(config), 0o640); err != nil {
		return err
	}
	a.cmd = exec.Command("auditd", "-n", "-c", dir)
	if err := a.cmd.Start(); err != nil {
		return fmt.Errorf("start auditd: %w; test/prepare installs it", err)
	}
	if err := a.awaitKernel(ctx); err != nil {
		return err
	}
	return changeRules(ctx, "-a")
}

// awaitKernel waits until the kernel sends records to auditd.
func (a *auditd) awaitKernel(ctx context.Context) error {
	for range 100 {
		status, err := auditStatus(ctx)
		if err != nil {
			return err
		}
		if status["pid"] == a.cmd.Process.Pid && status["enabled"] == 1 {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return fmt.Errorf("auditd (pid %d) did not take the kernel's audit records within five seconds", a.cmd.Process.Pid)
}

func (a *auditd) pid() int { return a.cmd.Process.Pid }

// stop removes the rules and ends auditd.
func (a *auditd) stop(ctx context.Context) error {
	defer os.RemoveAll(a.dir)
	if a.cmd == nil || a.cmd.Process == nil {
		return nil
	}
	err := changeRules(ctx, "-d")
	if killErr := a.cmd.Process.Signal(syscall.SIGTERM); killErr != nil {
		return killErr
	}
	_ = a.cmd.Wait() // auditd ends with a signal's status
	return err
}

// missing counts the run's different starts in the log.
func (a *auditd) missing(_ context.Context, run string, started int) (int, error) {
	f, err := os.Open(a.log())
	if err != nil {
		return 0, err
	}
	defer f.Close()
	start := regexp.MustCompile(`type=EXECVE .* a1="` + regexp.QuoteMeta(run) + `" a2="([0-9]+)"`)
	found := make(map[string]struct{})
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if m := start.FindSubmatch(lines.Bytes()); m != nil {
			found[string(m[1])] = struct{}{}
		}
	}
	return started - len(found), lines.Err()
}

// changeRules adds ("-a") or deletes ("-d") exactly the rules of this program.
func changeRules(ctx context.Context, action string) error {
	for _, rule := range auditdRules {
		args := strings.Fields(rule)
		args[0] = action
		if out, err := exec.CommandContext(ctx, "auditctl", args...).CombinedOutput(); err != nil {
			return fmt.Errorf("auditctl %s: %w: %s", strings.Join(args, " "), err, bytes.TrimSpace(out))
		}
	}
	return nil
}

// auditStatus returns the numbers of auditctl -s by name.
func auditStatus(ctx context.Context) (map[string]int, error) {
	out, err := exec.CommandContext(ctx, "auditctl", "-s").Output()
	if err != nil {
		return nil, fmt.Errorf("auditctl -s: %w", err)
	}
	status := make(map[string]int)
	for line := range strings.Lines(string(out)) {
		if fields := strings.Fields(line); len(fields) >= 2 {
			if n, err := strconv.Atoi(fields[1]); err == nil {
				status[fields[0]] = n
			}
		}
	}
	return status, nil
}

// settings are the parts of the audit status that a listener may change, with
// the auditctl option that sets each.
var settings = []struct{ name, option string }{
	{"backlog_limit", "-b"},
	{"backlog_wait_time", "--backlog_wait_time"},
	{"failure", "-f"},
	{"rate_limit", "-r"},
	{"enabled", "-e"},
}

// debianSettings are those of Debian's /etc/audit/rules.d/audit.rules.
var debianSettings = map[string]int{"backlog_limit": 8192, "backlog_wait_time": 60000, "failure": 1}

// setAudit applies the settings that want names.
func setAudit(ctx context.Context, want map[string]int) error {
	for _, s := range settings {
		value, ok := want[s.name]
		if !ok {
			continue
		}
		if out, err := exec.CommandContext(ctx, "auditctl", s.option, strconv.Itoa(value)).CombinedOutput(); err != nil {
			return fmt.Errorf("auditctl %s %d: %w: %s", s.option, value, err, bytes.TrimSpace(out))
		}
	}
	return nil
}
