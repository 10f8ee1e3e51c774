//go:build !linux

package fleet

import "syscall"

// bound leaves a program on its own: it ends when its test does in order.
func bound() *syscall.SysProcAttr { return nil }
