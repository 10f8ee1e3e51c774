package hosttest

import (
	"os"
	"runtime"
	"testing"
)

func TestUnprivileged(t *testing.T) {
	if !Unprivileged(t) {
		return
	}
	if runtime.GOOS == "linux" && os.Geteuid() == 0 {
		t.Error("still root")
	}
	if _, err := os.ReadFile("/etc/shadow"); err == nil {
		t.Error("reads what is for root alone")
	}
	if err := os.WriteFile(t.TempDir()+"/file", nil, 0o600); err != nil {
		t.Errorf("has no place of its own: %v", err)
	}
}
