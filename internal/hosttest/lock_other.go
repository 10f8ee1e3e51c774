//go:build !linux

package hosttest

import "testing"

// LockAudit requires Linux.
func LockAudit(t testing.TB) {
	t.Helper()
	Missing(t, "needs the Linux audit system")
}
