package control_test

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"github.com/holdfast-security/holdfast/agent/control"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type report struct{ Events int }

func TestAskReadsTheReport(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	events := 0
	server, err := control.Listen(dir, func() any { events++; return report{Events: events} })
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	for want := 1; want <= 3; want++ {
		var got report
		if err := control.Ask(context.Background(), dir, &got); err != nil || got.Events != want {
			t.Fatalf("asked: %+v, %v; want %d", got, err, want)
		}
	}
	if info, err := os.Stat(filepath.Join(dir, control.SocketName)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("socket: %v, %v; want mode 0600", info, err)
	}
}

func TestSecondServerIsRefused(t *testing.T) {
	dir := t.TempDir()
	server, err := control.Listen(dir, func() any { return 0 })
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	if second, err := control.Listen(dir, func() any { return 0 }); err == nil {
		second.Close()
		t.Error("two agents listen on one socket")
	}
}

func TestStaleSocketIsReplaced(t *testing.T) {
	dir := t.TempDir()
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(dir, control.SocketName)})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false)
	dead.Close()
	if err := control.Ask(context.Background(), dir, new(report)); !errors.Is(err, control.ErrNoAgent) {
		t.Errorf("asking a dead agent: %v, want ErrNoAgent", err)
	}
	server, err := control.Listen(dir, func() any { return 0 })
	if err != nil {
		t.Fatalf("a dead agent's socket blocks the next one: %v", err)
	}
	server.Close()
}
