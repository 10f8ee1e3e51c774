package spelling_test

import (
	"strings"
	"testing"

	"github.com/holdfast-security/holdfast/internal/spelling"
)

func TestNearest(t *testing.T) {
	names := []string{"severity", "output", "rules", "no-color", "help", "mount", "umount2"}
	for given, want := range map[string]string{
		"sevrity": "severity", "Output": "output", "rule": "rules", "nocolor": "no-color", "xyz": "", "seve": "severity",
		"umount": "umount2", "mont": "mount", "": "", strings.Repeat("rules", 100): "",
	} {
		if got := spelling.Nearest(given, names); got != want {
			t.Errorf("nearest to %q is %q, want %q", given, got, want)
		}
	}
}
