//go:build !linux

package procfs

import (
	"context"
	"fmt"

	"github.com/holdfast-security/holdfast/agent/feature"
)

// Run returns [feature.ErrUnsupported]: /proc is Linux's.
func (*Feature) Run(context.Context, feature.Host) error {
	return fmt.Errorf("/proc is part of Linux: %w", feature.ErrUnsupported)
}
