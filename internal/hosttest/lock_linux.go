package hosttest

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// auditLock serialises tests of all packages that touch the one kernel audit
// system of the machine; `go test` runs packages side by side.
const auditLock = "/run/lock/holdfast-test-audit.lock"

// LockAudit requires root and gives the test the kernel's audit system for
// itself until it ends.
func LockAudit(t testing.TB) {
	t.Helper()
	Root(t)
	f, err := os.OpenFile(auditLock, os.O_CREATE|os.O_RDWR|unix.O_CLOEXEC, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	for {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX)
		if err != unix.EINTR {
			break
		}
	}
	if err != nil {
		t.Fatalf("lock %s: %v", auditLock, err)
	}
	t.Cleanup(func() { f.Close() })
}
