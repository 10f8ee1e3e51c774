package headless

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/finding"
)

const knownMiner = `name: The test
reason: it is asked for
scope: {alert_types: [VM_DigitalCurrencyMining]}
match: [{field: process.command_line, op: ends_with, values: [known]}]
`

func TestExceptionsOfTheConfiguration(t *testing.T) {
	file := filepath.Join(t.TempDir(), "known.yaml")
	if err := os.WriteFile(file, []byte(knownMiner), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, show := range []bool{false, true} {
		var written bytes.Buffer
		out, err := newOutput(Config{Exceptions: []string{file}, Suppressed: show}, &written, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		for _, user := range []string{"known", "stranger"} {
			command := []string{"xmrig", "-o", "stratum+tcp://192.0.2.1:3333", "-u", user}
			out.handle([]*event.Event{{
				Class: event.ClassProcessActivity, Activity: event.ProcessLaunch, Status: event.StatusSuccess,
				Process: &event.Process{
					PID: 7, Name: "xmrig", Arguments: command, CommandLine: strings.Join(command, " "),
					Executable: &event.File{Path: "/usr/bin/xmrig"},
				},
			}})
		}
		if out.suppressed != 1 || out.alerts < 1 {
			t.Errorf("%d alerts and %d suppressed: %s", out.alerts, out.suppressed, written.String())
		}
		marked := 0
		decoder := json.NewDecoder(&written)
		for decoder.More() {
			var line struct {
				Process           event.Process `json:"process"`
				Status, Exception string
			}
			if err := decoder.Decode(&line); err != nil {
				t.Fatal(err)
			}
			if line.Status == "" {
				continue
			}
			marked++
			if line.Status != string(finding.Suppressed) || line.Exception != "The test" || !strings.HasSuffix(line.Process.CommandLine, "known") {
				t.Errorf("marked is %+v", line)
			}
		}
		if (marked == 1) != show {
			t.Errorf("%d lines are marked, asked to show them: %v", marked, show)
		}
	}
}

func TestABrokenExceptionIsSaidBeforeAnythingStarts(t *testing.T) {
	file := filepath.Join(t.TempDir(), "known.yaml")
	if err := os.WriteFile(file, []byte(strings.Replace(knownMiner, "reason", "raeson", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	code := Command(t.Context(), []string{"run", "--output", "-", "--run-dir", t.TempDir(), "--exceptions", file}, &said, &said)
	if code == 0 {
		t.Errorf("exit code %d: %s", code, said.String())
	}
	cfg, err := configure([]string{"--exceptions", file, "--exceptions", "more"}, &said)
	if err != nil || strings.Join(cfg.Exceptions, " ") != file+" more" {
		t.Errorf("%q, %v", cfg.Exceptions, err)
	}
	cfg.Exceptions = cfg.Exceptions[:1]
	if _, err := newOutput(cfg, &said, slog.New(slog.DiscardHandler)); err == nil || !strings.HasPrefix(err.Error(), file+`:2: there is no setting "raeson"`) {
		t.Errorf("got %v", err)
	}
}
