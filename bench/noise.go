//go:build linux

package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/holdfast-security/holdfast/finding"
)

// typedADay is how many commands somebody is taken to type on a host in a day,
// where lines of shells stand alone.
const typedADay = 200

// benignLog is a log of hosts at work.
type benignLog struct {
	name, path string
	commands   bool     // lines for a shell instead of a log
	real       []string // alerts of attacks that did happen, as the data's labels say
}

var benignLogs = []benignLog{
	{name: "an intranet server's audit log", path: "auditd-logs/ait-v2/russelmitchell_intranet_server_audit.log"},
	{name: "a cloud machine's audit log", path: "auditd-logs/msticpy/auditd_log.txt", real: []string{"VM_SshBruteForceFailed", "VM_SshBruteForceSuccess"}},
	{name: "a server's syslog", path: "linux-syslog/loghub/Linux/Linux_2k.log"},
	{name: "one-liners of tutorials", path: "shell-commands/benign_nl2bash.txt", commands: true},
}

// tally is what fired over benign work.
type tally struct {
	name     string
	days     float64
	work     string // how the days come about
	loud     int    // alerts at medium and above
	byType   map[string]int
	severity map[string]finding.Severity
	attacks  int // alerts that the data's labels explain
}

func newTally(name string) *tally {
	return &tally{name: name, byType: make(map[string]int), severity: make(map[string]finding.Severity)}
}

func (t *tally) add(kind string, severity finding.Severity) {
	t.byType[kind]++
	t.severity[kind] = max(t.severity[kind], severity)
	if severity >= finding.Medium {
		t.loud++
	}
}

// rows shows a tally, first of all that would wake somebody, then by type.
func (t *tally) rows() []row {
	note := t.work
	if t.attacks > 0 {
		note += fmt.Sprintf("; %d alerts of attacks that did happen are left out", t.attacks)
	}
	rows := []row{{
		Name: "false alerts, " + t.name + ": medium and above", Value: float64(t.loud) / t.days, Unit: "alerts/host-day", Bar: atMost(0.05),
		Note: fmt.Sprintf("%d in %s days: %s", t.loud, figure(t.days), note),
	}}
	for _, kind := range slices.SortedFunc(maps.Keys(t.byType), func(x, y string) int {
		return cmp.Or(cmp.Compare(t.byType[y], t.byType[x]), cmp.Compare(x, y))
	}) {
		rows = append(rows, row{
			Name: "false alerts, " + t.name + ": " + kind, Value: float64(t.byType[kind]) / t.days, Unit: "alerts/host-day",
			Note: fmt.Sprintf("%s, %d alerts", t.severity[kind], t.byType[kind]),
		})
	}
	return rows
}

// noise counts the alerts over logs and work in which nothing happened.
func (b *bench) noise(ctx context.Context) ([]row, error) {
	var rows []row
	for _, log := range benignLogs {
		path := filepath.Join(b.data, filepath.FromSlash(log.path))
		if _, err := os.Stat(path); err != nil {
			b.progress("no benign log: %v", err)
			continue
		}
		t, err := b.replayed(ctx, log, path)
		if err != nil {
			return rows, fmt.Errorf("%s: %w", log.name, err)
		}
		rows = append(rows, t.rows()...)
	}
	if b.soak <= 0 {
		return rows, nil
	}
	t, err := soaked(ctx, b.soak)
	if err != nil {
		return rows, fmt.Errorf("soak: %w", err)
	}
	return append(rows, t.rows()...), nil
}

// replayed runs a log through the rules.
func (b *bench) replayed(ctx context.Context, log benignLog, path string) (*tally, error) {
	t := newTally(log.name)
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if log.commands {
		lines := bytes.Count(data, []byte("\n"))
		t.days, t.work = float64(lines)/typedADay, fmt.Sprintf("%d lines, %d taken as a day", lines, typedADay)
		path = filepath.Join(b.dir, "commands.log")
		if err := os.WriteFile(path, shellLog(data), 0o600); err != nil {
			return nil, err
		}
	} else if t.days, err = daysOf(data); err != nil {
		return nil, err
	} else {
		t.work = "from the first line to the last"
	}
	out, err := exec.CommandContext(ctx, b.command, "replay", "-o", "json", "--severity", "informational", path).Output()
	if err != nil {
		return nil, fmt.Errorf("replay: %w", err)
	}
	dec := json.NewDecoder(bytes.NewReader(out))
	for dec.More() {
		var a struct { // the last object is a summary, which has no type
			Type     string           `json:"alert_type"`
			Severity finding.Severity `json:"severity"`
		}
		if err := dec.Decode(&a); err != nil {
			return nil, fmt.Errorf("read alerts: %w", err)
		}
		switch {
		case a.Type == "":
		case slices.Contains(log.real, a.Type):
			t.attacks++
		default:
			t.add(a.Type, a.Severity)
		}
	}
	return t, nil
}

// shellLog writes lines for a shell as the audit records of their start, as far
// apart as somebody types them.
func shellLog(data []byte) []byte {
	var b bytes.Buffer
	at := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
	number := 0
	for line := range bytes.Lines(data) {
		text := strings.ReplaceAll(strings.TrimPrefix(strings.TrimSpace(string(line)), "$ "), `\n`, "\n")
		if text == "" {
			continue
		}
		number++
		at = at.Add(24 * time.Hour / typedADay)
		id := fmt.Sprintf("msg=audit(%d.000:%d)", at.Unix(), number)
		fmt.Fprintf(&b, "type=SYSCALL %s: arch=c000003e syscall=59 success=yes exit=0 items=2 ppid=812 pid=%d auid=1000 uid=1000 gid=1000 "+
			"euid=1000 suid=1000 fsuid=1000 egid=1000 sgid=1000 fsgid=1000 tty=pts0 ses=3 comm=\"sh\" exe=\"/usr/bin/dash\" key=\"holdfast-exec\"\n", id, 1000+number)
		fmt.Fprintf(&b, "type=EXECVE %s: argc=3 a0=\"sh\" a1=\"-c\" a2=%X\n", id, text)
		fmt.Fprintf(&b, "type=PROCTITLE %s: proctitle=%X\n", id, "sh\x00-c\x00"+text)
	}
	return b.Bytes()
}

var auditSeconds = regexp.MustCompile(`audit\(([0-9]{9,10})\.`)

// daysOf returns how long a log of audit records or of syslog goes.
func daysOf(data []byte) (float64, error) {
	var first, last time.Time
	for line := range bytes.Lines(data) {
		var at time.Time
		if m := auditSeconds.FindSubmatch(line); m != nil {
			seconds, err := strconv.ParseInt(string(m[1]), 10, 64)
			if err != nil {
				continue
			}
			at = time.Unix(seconds, 0)
		} else if stamp, err := time.Parse(time.Stamp, string(line[:min(len(line), len(time.Stamp))])); err == nil {
			at = stamp
		} else {
			continue
		}
		if first.IsZero() {
			first = at
		}
		last = at
	}
	if !last.After(first) {
		return 0, errors.New("no two times in it")
	}
	return last.Sub(first).Hours() / 24, nil
}

var (
	soakWork  = regexp.MustCompile(`^(.+?)\s+([0-9]+) times\s+[0-9]+ errors`)
	soakAlert = regexp.MustCompile(`^ALERT\s+(\w+)\s+(\S+)\s`)
)

// soaked lets this machine do honest work. A day is taken as each activity done
// once, and days are counted by the activity that was done least.
func soaked(ctx context.Context, length time.Duration) (*tally, error) {
	// It fails where an alert would have woken somebody; what it printed counts.
	out, runErr := exec.CommandContext(ctx, "go", "run", "./test/soak", "-for", length.String()).Output()
	t := newTally("a soak")
	t.work = fmt.Sprintf("%s of honest work, a day is each activity done once", length)
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if m := soakWork.FindStringSubmatch(lines.Text()); m != nil {
			done, err := strconv.ParseFloat(m[2], 64)
			if err == nil && (t.days == 0 || done < t.days) {
				t.days = done
			}
		} else if m := soakAlert.FindStringSubmatch(lines.Text()); m != nil {
			var severity finding.Severity
			if err := severity.UnmarshalText([]byte(m[1])); err != nil {
				return nil, err
			}
			t.add(m[2], severity)
		}
	}
	if t.days == 0 {
		return nil, errors.Join(errors.New("some work was never done"), runErr)
	}
	return t, lines.Err()
}
