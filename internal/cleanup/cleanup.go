// Package cleanup undoes what was done, the last thing first: the end of a
// program that was started step by step.
package cleanup

import (
	"context"
	"errors"
	"fmt"
)

// Stack is what has to be undone, in the reverse order of doing. The zero
// value is empty. It is for one goroutine.
type Stack struct{ steps []step }

type step struct {
	name string
	run  func(context.Context) error
}

// Add registers what undoes the step just done.
func (c *Stack) Add(name string, run func(context.Context) error) {
	c.steps = append(c.steps, step{name, run})
}

// Run undoes every step, the last first, all within ctx, and forgets them. A
// step that fails does not keep the others from being undone.
func (c *Stack) Run(ctx context.Context) error {
	var errs []error
	for len(c.steps) > 0 {
		last := c.steps[len(c.steps)-1]
		c.steps = c.steps[:len(c.steps)-1]
		if err := last.run(ctx); err != nil {
			errs = append(errs, fmt.Errorf("stop %s: %w", last.name, err))
		}
	}
	return errors.Join(errs...)
}

// Background runs fn in a goroutine of its own until its clean-up is run, which
// ends the context of fn and waits for it, no longer than its own context.
func (c *Stack) Background(name string, fn func(context.Context)) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		fn(ctx)
	}()
	c.Add(name, func(patience context.Context) error {
		cancel()
		select {
		case <-done:
			return nil
		case <-patience.Done():
			return patience.Err()
		}
	})
}
