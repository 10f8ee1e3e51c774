package agent

import (
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/holdfast-security/holdfast/internal/hosttest"
)

func TestTimersAreLoose(t *testing.T) {
	hosttest.Root(t)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	name := "/proc/" + strconv.Itoa(unix.Gettid()) + "/timerslack_ns"
	if _, err := os.Stat(name); err != nil {
		t.Skipf("this kernel does not let others set the slack of a thread: %v", err)
	}
	if err := loosenTimers(); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if want := strconv.FormatInt(timerSlack.Nanoseconds(), 10); strings.TrimSpace(string(got)) != want {
		t.Errorf("slack is %s ns, want %s", got, want)
	}
}
