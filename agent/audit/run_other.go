//go:build !linux

package audit

import (
	"context"
	"fmt"

	"github.com/holdfast-security/holdfast/agent/feature"
)

// Run returns an error wrapping [feature.ErrUnsupported]: audit is Linux's.
func (f *Feature) Run(context.Context, feature.Host) error {
	return fmt.Errorf("%w: the audit system is part of Linux", feature.ErrUnsupported)
}
