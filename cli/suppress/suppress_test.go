package suppress_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/spf13/cobra"

	"github.com/holdfast-security/holdfast/cli/live"
	"github.com/holdfast-security/holdfast/cli/suppress"
	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/exception"
	"github.com/holdfast-security/holdfast/exception/exceptionfiles"
	"github.com/holdfast-security/holdfast/finding"
)

const known = `name: Scanner
reason: it is ours
scope: {alert_types: [VM_X]}
match: [{field: user.name, op: equals, values: [scan]}]
`

// read returns a suppressor as a command line asks for it.
func read(t *testing.T, args ...string) (*suppress.Suppressor, error) {
	t.Helper()
	var flags suppress.Flags
	cmd := &cobra.Command{Use: "x"}
	flags.Register(cmd)
	if err := cmd.ParseFlags(args); err != nil {
		t.Fatal(err)
	}
	return flags.Read(exception.Host{})
}

func by(id, user string) finding.Alert {
	return finding.Alert{ID: id, Type: "VM_X", Title: "Scan", Process: &event.Process{User: event.User{UID: 7, Name: user}}}
}

func TestSort(t *testing.T) {
	file := filepath.Join(t.TempDir(), "known.yaml")
	if err := os.WriteFile(file, []byte(known), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, show := range []bool{false, true} {
		args := []string{"--exceptions", file}
		if show {
			args = append(args, "--suppressed")
		}
		s, err := read(t, args...)
		if err != nil {
			t.Fatal(err)
		}
		var others live.Tally
		for _, c := range []struct {
			alert         finding.Alert
			wanted, shown bool
		}{
			{by("1", "scan"), true, show},
			{by("1", "scan"), true, show}, // once more the same
			{by("2", "scan"), false, false},
			{by("3", "anna"), true, true},
			{by("4", "anna"), false, false},
		} {
			if got := s.Sort(c.alert, &others, c.wanted); got != c.shown {
				t.Errorf("%s of %s is shown: %v, want %v", c.alert.ID, c.alert.Process.User.Name, got, c.shown)
			}
		}
		if n, hidden := others.Total(); s.Count() != 2 || n != 2 || hidden != 1 {
			t.Errorf("%d suppressed, %d others of which %d hidden", s.Count(), n, hidden)
		}
		if title := s.Text(by("1", "scan")).Title; title != `Suppressed by "Scanner": Scan` {
			t.Errorf("people see %q", title)
		}
		if v, ok := s.Value(by("1", "scan")).(exceptionfiles.Suppressed); !ok || v.Exception != "Scanner" || v.Status != finding.Suppressed {
			t.Errorf("programs see %+v", v)
		}
		if _, ok := s.Value(by("3", "anna")).(finding.Alert); !ok || s.Text(by("3", "anna")).Title != "Scan" {
			t.Error("an alert that nothing covers looks otherwise")
		}
	}
}

func TestFlags(t *testing.T) {
	if s, err := read(t); err != nil || s.Count() != 0 || !s.Sort(by("1", "scan"), new(live.Tally), true) {
		t.Errorf("without exceptions: %v", err)
	}
	if _, err := read(t, "--suppressed"); err == nil {
		t.Error("there is nothing that --suppressed could show")
	}
	if _, err := read(t, "--exceptions", filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a file that is not there is no error")
	}
}
