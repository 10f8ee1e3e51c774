package headless

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holdfast-security/holdfast/event"
)

func TestIndicatorsOfTheConfiguration(t *testing.T) {
	list := filepath.Join(t.TempDir(), "list")
	if err := os.WriteFile(list, []byte("bad.example\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var written bytes.Buffer
	out, err := newOutput(Config{Indicators: []string{list}}, &written, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"good.example", "bad.example"} {
		command := []string{"nc", host, "443"}
		out.handle([]*event.Event{{
			Class: event.ClassProcessActivity, Activity: event.ProcessLaunch, Status: event.StatusSuccess,
			Process: &event.Process{PID: 7, Name: "nc", Arguments: command, Executable: &event.File{Path: "/usr/bin/nc"}},
		}})
	}
	if out.alerts != 1 || !strings.Contains(written.String(), "bad.example") {
		t.Errorf("%d alerts: %s", out.alerts, written.String())
	}
	if _, err := newOutput(Config{Indicators: []string{list + "x"}}, &written, slog.New(slog.DiscardHandler)); err == nil {
		t.Error("a list that is not there is no error")
	}
}
