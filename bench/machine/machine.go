//go:build linux

// Package machine says on what figures were measured.
package machine

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// Machine is where and when figures were measured. What could not be found out is
// "unknown".
type Machine struct {
	Time    time.Time
	Commit  string
	CPU     string
	Cores   int
	Kernel  string
	System  string
	Load    string // one-minute load average at the start
	Auditd  string // package version
	Version string // of Go
}

// Describe returns this machine, now.
func Describe(ctx context.Context) Machine {
	return Machine{
		Time: time.Now(), Cores: runtime.NumCPU(), Version: runtime.Version(),
		Commit: output(ctx, "git", "describe", "--always", "--dirty"),
		CPU:    valueIn("/proc/cpuinfo", "model name", ":"),
		Kernel: output(ctx, "uname", "-r"),
		System: strings.Trim(valueIn("/etc/os-release", "PRETTY_NAME", "="), `"`),
		Load:   firstWord("/proc/loadavg"),
		Auditd: output(ctx, "dpkg-query", "-W", "-f", "${Version}", "auditd"),
	}
}

// String is the heading of the table.
func (m Machine) String() string {
	return fmt.Sprintf("%s, Holdfast %s, %s, %d x %s, kernel %s, %s, auditd %s, load at the start %s",
		m.Time.Format(time.DateTime), m.Commit, m.System, m.Cores, m.CPU, m.Kernel, m.Version, m.Auditd, m.Load)
}

// output returns what a program prints, without surrounding space, or "unknown".
func output(ctx context.Context, name string, args ...string) string {
	out, err := exec.CommandContext(ctx, name, args...).Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}

// valueIn returns the value of the first line "name<sep>value" of a file.
func valueIn(path, name, sep string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return "unknown"
	}
	for line := range strings.Lines(string(data)) {
		if key, value, ok := strings.Cut(line, sep); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

func firstWord(path string) string {
	data, err := os.ReadFile(path)
	if err != nil || len(data) == 0 {
		return "unknown"
	}
	return strings.Fields(string(data))[0]
}
