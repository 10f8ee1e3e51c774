package hosttest

import (
	"errors"
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// auditLock serialises tests of all packages, and programs that measure, that
// touch the one kernel audit system of the machine; `go test` runs packages
// side by side.
const auditLock = "/run/lock/holdfast-test-audit.lock"

// LockAudit requires root and gives the test the kernel's audit system for
// itself until it ends.
func LockAudit(t testing.TB) {
	t.Helper()
	Root(t)
	release, err := HoldAudit()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(release)
}

// HoldAudit does for a program what [LockAudit] does for a test. It blocks
// until everybody else has let go; release may be called once.
func HoldAudit() (release func(), err error) {
	f, err := os.OpenFile(auditLock, os.O_CREATE|os.O_RDWR|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", auditLock, err)
	}
	return func() { f.Close() }, nil
}
