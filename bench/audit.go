//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// auditLock is the lock that the tests hold while they use the kernel's audit
// system, see internal/hosttest.
const auditLock = "/run/lock/holdfast-test-audit.lock"

// withAudit runs a measurement alone on the audit system and restores its
// settings.
func withAudit(measure func(*bench, context.Context) ([]row, error)) func(*bench, context.Context) ([]row, error) {
	return func(b *bench, ctx context.Context) (rows []row, err error) {
		lock, err := os.OpenFile(auditLock, os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			return nil, err
		}
		defer lock.Close()
		if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
			return nil, fmt.Errorf("lock %s: %w", auditLock, err)
		}
		before, err := auditStatus(ctx)
		if err != nil {
			return nil, err
		}
		if pid := before["pid"]; pid != 0 {
			return nil, fmt.Errorf("process %d listens to the audit system: stop it first, it would share the work", pid)
		}
		defer func() { err = errors.Join(err, setAudit(context.WithoutCancel(ctx), before)) }()
		return measure(b, ctx)
	}
}
