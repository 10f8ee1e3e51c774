//go:build !linux

package perf

import (
	"context"
	"fmt"

	"github.com/holdfast-security/holdfast/agent/feature"
)

// Run returns [feature.ErrUnsupported]: the perf side-band is Linux's.
func (*Feature) Run(context.Context, feature.Host) error {
	return fmt.Errorf("the perf side-band is part of Linux: %w", feature.ErrUnsupported)
}
