//go:build linux

package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// machine is where and when figures were measured.
type machine struct {
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

func describeMachine(ctx context.Context) machine {
	return machine{
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
func (m machine) String() string {
	return fmt.Sprintf("%s, Holdfast %s, %s, %d x %s, kernel %s, %s, auditd %s, load at the start %s",
		m.Time.Format(time.DateTime), m.Commit, m.System, m.Cores, m.CPU, m.Kernel, m.Version, m.Auditd, m.Load)
}

// document is docs/benchmarks.md.
func document(m machine, rows []row) []byte {
	var doc bytes.Buffer
	doc.WriteString("# Benchmarks\n\nWritten by `make bench`, which measures Holdfast and its peers in turns in one run. ")
	doc.WriteString("The last run:\n\n")
	fmt.Fprintf(&doc, "%s.\n\n", m)
	writeMarkdown(&doc, rows)
	doc.WriteString(`
How to read it:

- The bar is what the project promises; the peer's figure was measured in the
  same run and has the same unit; ratio is value divided by the peer's.
- A storm starts a program of a few instructions at an exact rate, each start
  with a number among its arguments. A start is lost when that number is not
  among what the listener recorded.
- CPU is user and system time of all the listener's processes during the
  storm and three seconds after it, as a share of one core. The kernel's
  delivery thread, kauditd, stands apart. What the audit rules cost inside the
  started programs shows as the slow-down of the storm: the median time of a
  start, against the same storm with nobody listening.
- auditd runs with Debian's configuration (log format ENRICHED), and once more
  without its enrichment (RAW), with execve and execveat rules alone. The agent
  runs with all its sensors, rules and detection: once as it is by default,
  writing alerts, and once writing every event as JSON, with its lineage. The
  enrolled agent sends every event to a server on the same machine, whose time
  stands apart; what it stored is counted start by start, and the ledger of
  both has to add up.
- Server rows run a real server with everything embedded, on the same machine
  as whoever asks it. Simulated agents enrol for real and use the agent's own
  transport; they are one process, beside the server's. Alerts for the lists
  are stored by the server's own code before it starts; an answer is timed at
  the client, with TLS. Act to browser counts from the kernel's time of the act
  until the alert has come over the stream of changes and was fetched.
`)
	return doc.Bytes()
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
