package server

import (
	"context"
	"errors"
	"fmt"
)

// cleanups are what has to be undone, in the reverse order of doing. The zero
// value is empty. It is for one goroutine.
type cleanups struct{ steps []cleanup }

type cleanup struct {
	name string
	run  func(context.Context) error
}

// add registers what undoes the step just done.
func (c *cleanups) add(name string, run func(context.Context) error) {
	c.steps = append(c.steps, cleanup{name, run})
}

// run undoes every step, the last first, all within ctx, and forgets them. A
// step that fails does not keep the others from being undone.
func (c *cleanups) run(ctx context.Context) error {
	var errs []error
	for len(c.steps) > 0 {
		step := c.steps[len(c.steps)-1]
		c.steps = c.steps[:len(c.steps)-1]
		if err := step.run(ctx); err != nil {
			errs = append(errs, fmt.Errorf("stop %s: %w", step.name, err))
		}
	}
	return errors.Join(errs...)
}

// background runs fn in a goroutine of its own until its clean-up is run, which
// ends the context of fn and waits for it, no longer than its own context.
func (c *cleanups) background(name string, fn func(context.Context)) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		fn(ctx)
	}()
	c.add(name, func(patience context.Context) error {
		cancel()
		select {
		case <-done:
			return nil
		case <-patience.Done():
			return patience.Err()
		}
	})
}
