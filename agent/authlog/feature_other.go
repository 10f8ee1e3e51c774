//go:build !linux

package authlog

import (
	"context"
	"fmt"

	"github.com/holdfast-security/holdfast/agent/feature"
)

// Run returns an error wrapping [feature.ErrUnsupported].
func (*Feature) Run(context.Context, feature.Host) error {
	return fmt.Errorf("there is no syslog file or journal on this system: %w", feature.ErrUnsupported)
}
