//go:build linux

// Package benign counts what the rules say of logs and of work in which nothing
// happened: their false alerts, in days of a host.
package benign

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
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

// Log is a log of hosts at work.
type Log struct {
	Name     string
	Path     string   // below the folder of recorded data, with slashes
	commands bool     // lines for a shell instead of a log
	real     []string // alerts of attacks that did happen, as the data's labels say
}

// Logs are those of the recorded data.
var Logs = []Log{
	{Name: "an intranet server's audit log", Path: "auditd-logs/ait-v2/russelmitchell_intranet_server_audit.log"},
	{Name: "a cloud machine's audit log", Path: "auditd-logs/msticpy/auditd_log.txt", real: []string{"VM_SshBruteForceFailed", "VM_SshBruteForceSuccess"}},
	{Name: "a server's syslog", Path: "linux-syslog/loghub/Linux/Linux_2k.log"},
	{Name: "one-liners of tutorials", Path: "shell-commands/benign_nl2bash.txt", commands: true},
}

// Tally is what fired over benign work.
type Tally struct {
	Name     string
	Days     float64
	Work     string // how the days come about
	Loud     int    // alerts at medium and above
	ByType   map[string]int
	Severity map[string]finding.Severity // by type, the highest
	Attacks  int                         // alerts that the data's labels explain
}

func newTally(name string) *Tally {
	return &Tally{Name: name, ByType: make(map[string]int), Severity: make(map[string]finding.Severity)}
}

func (t *Tally) add(kind string, severity finding.Severity) {
	t.ByType[kind]++
	t.Severity[kind] = max(t.Severity[kind], severity)
	if severity >= finding.Medium {
		t.Loud++
	}
}

// Replay runs a log, which lies at path, through the rules: command is the
// operator's program, scratch a folder to write to.
func (log Log) Replay(ctx context.Context, command, path, scratch string) (*Tally, error) {
	t := newTally(log.Name)
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if log.commands {
		lines := bytes.Count(data, []byte("\n"))
		t.Days, t.Work = float64(lines)/typedADay, fmt.Sprintf("%d lines, %d taken as a day", lines, typedADay)
		path = filepath.Join(scratch, "commands.log")
		if err := os.WriteFile(path, shellLog(data), 0o600); err != nil {
			return nil, err
		}
	} else if t.Days, err = daysOf(data); err != nil {
		return nil, err
	} else {
		t.Work = "from the first line to the last"
	}
	out, err := exec.CommandContext(ctx, command, "replay", "-o", "json", "--severity", "informational", path).Output()
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
			t.Attacks++
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

// Soak lets this machine do honest work. A day is taken as each activity done
// once, and days are counted by the activity that was done least.
func Soak(ctx context.Context, length time.Duration) (*Tally, error) {
	// It fails where an alert would have woken somebody; what it printed counts.
	out, runErr := exec.CommandContext(ctx, "go", "run", "./test/soak", "-for", length.String()).Output()
	t := newTally("a soak")
	t.Work = fmt.Sprintf("%s of honest work, a day is each activity done once", length)
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if m := soakWork.FindStringSubmatch(lines.Text()); m != nil {
			done, err := strconv.ParseFloat(m[2], 64)
			if err == nil && (t.Days == 0 || done < t.Days) {
				t.Days = done
			}
		} else if m := soakAlert.FindStringSubmatch(lines.Text()); m != nil {
			var severity finding.Severity
			if err := severity.UnmarshalText([]byte(m[1])); err != nil {
				return nil, err
			}
			t.add(m[2], severity)
		}
	}
	if t.Days == 0 {
		return nil, errors.Join(errors.New("some work was never done"), runErr)
	}
	return t, lines.Err()
}
