//go:build unix && !linux

package up

import "syscall"

// endWithParent does nothing: there is no such thing here.
func endWithParent(*syscall.SysProcAttr) {}
