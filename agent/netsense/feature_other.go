//go:build !linux

package netsense

import (
	"context"
	"fmt"

	"github.com/holdfast-security/holdfast/agent/feature"
)

// Run returns an error wrapping [feature.ErrUnsupported].
func (*Feature) Run(context.Context, feature.Host) error {
	return fmt.Errorf("socket tables are read through Linux's sock_diag: %w", feature.ErrUnsupported)
}
