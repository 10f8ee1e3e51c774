package detect_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holdfast-security/holdfast/internal/hosttest"
)

// Of a hundred mixed lines, so many are of each kind. The rest, two, are
// attacks: many more than anybody has, even on a bad day.
const (
	ofWindows = 45 // program starts on Windows, as Sysmon tells them
	ofLinux   = 25 // program starts on Linux
	ofAudit   = 20 // records of a Linux audit log
	ofSyslog  = 8
)

// mixedLines makes JSON lines of the everyday program starts that the other
// benchmarks use, of real audit and syslog lines, and of the regression events
// of SigmaHQ.
func mixedLines(b testing.TB) (lines [][]byte) {
	windows, linux := windowsLines(b), linuxLines(b)
	audit := auditLines(b, hosttest.Data(b, "auditd-logs", "ait-v2", "Audit_2k.log"))
	syslog := syslogLines(b, hosttest.Data(b, "linux-syslog", "loghub", "Linux", "Linux_2k.log"))
	attacks := attackLines(b)
	for n := range 4096 {
		var from [][]byte
		switch at := n * 37 % 100; { // 37: kinds follow each other in no simple order
		case at < ofWindows:
			from = windows
		case at < ofWindows+ofLinux:
			from = linux
		case at < ofWindows+ofLinux+ofAudit:
			from = audit
		case at < ofWindows+ofLinux+ofAudit+ofSyslog:
			from = syslog
		default:
			from = attacks
		}
		lines = append(lines, from[n%len(from)])
	}
	return lines
}

// attackLines are the regression events, each on one line.
func attackLines(b testing.TB) (lines [][]byte) {
	for _, c := range regressionCases(b) {
		var line bytes.Buffer
		if err := json.Compact(&line, c.event); err != nil {
			b.Fatal(err)
		}
		lines = append(lines, line.Bytes())
	}
	return lines
}

func jsonLine(b testing.TB, object any) []byte {
	b.Helper()
	line, err := json.Marshal(object)
	if err != nil {
		b.Fatal(err)
	}
	return line
}

// windowsLines are program starts in the form of the event log's exporters.
func windowsLines(b testing.TB) (lines [][]byte) {
	type object = map[string]any
	for n := range 1024 {
		data := starting(windowsStarts[n%len(windowsStarts)], n)
		lines = append(lines, jsonLine(b, object{"Event": object{
			"#attributes": object{"xmlns": "http://schemas.microsoft.com/win/2004/08/events/event"},
			"System": object{
				"Provider": object{"#attributes": object{"Name": "Microsoft-Windows-Sysmon", "Guid": "5770385F-C22A-43E0-BF4C-06F5698FFBD9"}},
				"EventID":  1, "Version": 5, "Level": 4, "Task": 1, "Opcode": 0, "Keywords": "0x8000000000000000", "EventRecordID": 83000 + n,
				"TimeCreated": object{"#attributes": object{"SystemTime": fmt.Sprintf("2026-04-17T05:%02d:%02d.092051Z", n/60%60, n%60)}},
				"Correlation": nil, "Execution": object{"#attributes": object{"ProcessID": 3208, "ThreadID": 1724}},
				"Channel": "Microsoft-Windows-Sysmon/Operational", "Computer": "srv01.corp.example", "Security": object{"#attributes": object{"UserID": "S-1-5-18"}},
			},
			"EventData": data,
		}}))
	}
	return lines
}

// starting is a program start with an argument of its own, so that lines differ
// as they do on hosts.
func starting(values map[string]any, n int) map[string]any {
	data := make(map[string]any)
	for name, v := range values {
		data[name] = v
	}
	data["CommandLine"] = fmt.Sprint(data["CommandLine"], " --id ", n*7919)
	data["ProcessId"] = n
	return data
}

func linuxLines(b testing.TB) (lines [][]byte) {
	for n := range 1024 {
		data := starting(linuxStarts[n%len(linuxStarts)], n)
		data["product"], data["category"] = "linux", "process_creation"
		data["time"] = fmt.Sprintf("2026-04-17T05:%02d:%02d.092Z", n/60%60, n%60)
		lines = append(lines, jsonLine(b, data))
	}
	return lines
}

// auditLines renders a log of the audit daemon: type=SYSCALL msg=…: a0=… .
func auditLines(b testing.TB, path string) (lines [][]byte) {
	for _, line := range textLines(b, path) {
		object := map[string]string{"product": "linux", "service": "auditd"}
		for _, pair := range strings.Fields(line) {
			if name, value, ok := strings.Cut(pair, "="); ok {
				object[name] = strings.Trim(value, `"'`)
			}
		}
		lines = append(lines, jsonLine(b, object))
	}
	return lines
}

func syslogLines(b testing.TB, path string) (lines [][]byte) {
	for _, line := range textLines(b, path) {
		lines = append(lines, jsonLine(b, map[string]string{"product": "linux", "service": "syslog", "message": line}))
	}
	return lines
}

func textLines(b testing.TB, path string) []string {
	b.Helper()
	data, err := os.ReadFile(filepath.Clean(path))
	if err != nil {
		b.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(data)), "\n")
}
