//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/holdfast-security/holdfast/internal/hosttest"
)

// withAudit runs a measurement alone on the audit system and restores its
// settings.
func withAudit(measure func(*bench, context.Context) ([]row, error)) func(*bench, context.Context) ([]row, error) {
	return func(b *bench, ctx context.Context) (rows []row, err error) {
		release, err := hosttest.HoldAudit()
		if err != nil {
			return nil, err
		}
		defer release()
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
