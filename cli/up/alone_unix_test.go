//go:build unix

package up_test

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/holdfast-security/holdfast/agent/control"
	"github.com/holdfast-security/holdfast/cli/up"
)

// busy runs with directories that somebody uses, until that is told, and
// returns what is told and what remains after leave.
func busy(t *testing.T, server, run string, leave func()) (notice string, err error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	notices := make(chan string, 1)
	result := make(chan error, 1)
	go func() {
		result <- up.Run(ctx, up.Options{
			Server: server, Agent: t.TempDir(), Run: run, Out: io.Discard,
			Notice: func(s string) {
				select {
				case notices <- s:
				default:
				}
			},
		})
	}()
	select {
	case notice = <-notices:
	case err = <-result:
		return "", err
	case <-time.After(time.Minute):
		t.Fatal("nothing is said")
	}
	leave()
	return notice, <-result
}

func TestRunWaitsForAnEarlierServer(t *testing.T) {
	server := t.TempDir()
	lock, err := os.Create(filepath.Join(server, "lock"))
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	notice, err := busy(t, server, t.TempDir(), func() { lock.Close() })
	if !strings.Contains(notice, "a server runs on "+server+" already") {
		t.Errorf("it says %q", notice)
	}
	// The test binary has no server beside it: that it is looked for shows that
	// the wait is over.
	if err == nil || !strings.Contains(err.Error(), "find holdfast-server") {
		t.Errorf("got %v", err)
	}
}

func TestRunWaitsForAnEarlierAgent(t *testing.T) {
	run, err := os.MkdirTemp("", "up") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(run)
	agent, err := control.Listen(run, func() any { return struct{}{} })
	if err != nil {
		t.Fatal(err)
	}
	defer agent.Close()
	notice, err := busy(t, t.TempDir(), run, func() { agent.Close() })
	if !strings.Contains(notice, "an agent answers on "+run) {
		t.Errorf("it says %q", notice)
	}
	if err == nil || !strings.Contains(err.Error(), "find holdfast-server") {
		t.Errorf("got %v", err)
	}
}
