//go:build !linux

package notify

import (
	"context"
	"errors"
	"fmt"
)

// Listener watches for changes. Make it with [New].
type Listener struct{}

// New returns a listener that does nothing before [Listener.Run].
func New(opts Options) (*Listener, error) {
	if err := opts.check(); err != nil {
		return nil, err
	}
	return &Listener{}, nil
}

// Stats returns what was counted: nothing.
func (*Listener) Stats() Stats { return Stats{} }

// Run returns an error that wraps [errors.ErrUnsupported]: fanotify and
// inotify are Linux's.
func (*Listener) Run(context.Context) error {
	return fmt.Errorf("fanotify is part of Linux: %w", errors.ErrUnsupported)
}
