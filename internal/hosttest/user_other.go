//go:build !linux

package hosttest

import "testing"

// Unprivileged requires Linux.
func Unprivileged(t *testing.T) bool {
	t.Helper()
	Missing(t, "needs Linux to give up root")
	return false
}
