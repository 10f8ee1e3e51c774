package systemd_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/holdfast-security/holdfast/internal/hosttest"
	"github.com/holdfast-security/holdfast/packaging/systemd"
)

// TestUnits lets systemd read the units. The programs lie nowhere yet, so that
// each gets another in its place.
func TestUnits(t *testing.T) {
	analyze := hosttest.Program(t, "systemd-analyze")
	program := regexp.MustCompile(`(?m)^(ExecStart=)\S+`)
	dir := t.TempDir()
	units, err := filepath.Glob("*.service")
	if err != nil || len(units) == 0 {
		t.Fatalf("units: %q, %v", units, err)
	}
	args := []string{"verify", "--man=no"}
	for _, name := range units {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, program.ReplaceAll(text, []byte("${1}/bin/sh")), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, path)
	}
	if out, err := exec.Command(analyze, args...).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestAgentFitsTheInstallScript holds the unit to what the script does: it puts
// the unit between two lines that say UNIT.
func TestAgentFitsTheInstallScript(t *testing.T) {
	unit := systemd.Agent()
	if !strings.Contains(unit, "\nExecStart=/usr/local/bin/holdfast-agent run\n") {
		t.Error("the unit does not start the program where the script installs it")
	}
	if !strings.HasSuffix(unit, "\n") || strings.Contains(unit, "\nUNIT\n") {
		t.Error("the unit would end before its end")
	}
}
