package cleanup_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/holdfast-security/holdfast/internal/cleanup"
)

func TestStepsAreUndoneBackwardsAndAll(t *testing.T) {
	var c cleanup.Stack
	var order []string
	for _, name := range []string{"a", "b", "c"} {
		c.Add(name, func(context.Context) error {
			order = append(order, name)
			if name == "b" {
				return errors.New("stuck")
			}
			return nil
		})
	}
	err := c.Run(t.Context())
	if !slices.Equal(order, []string{"c", "b", "a"}) || err == nil || err.Error() != "stop b: stuck" {
		t.Errorf("ran %v: %v", order, err)
	}
	if err := c.Run(t.Context()); err != nil || len(order) != 3 {
		t.Errorf("a second time ran %v: %v", order, err)
	}
}
