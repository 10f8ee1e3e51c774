package segment_test

import (
	"context"
	"slices"
	"sync"
	"testing"

	"github.com/holdfast-security/holdfast/store"
	"github.com/holdfast-security/holdfast/store/segment"
	"github.com/holdfast-security/holdfast/store/storetest"
)

// catalogue is the part of the database that a store needs, in memory.
type catalogue struct {
	mu   sync.Mutex
	list []store.Segment // guarded by mu
}

func (c *catalogue) add(segments []store.Segment) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.list = append(c.list, segments...)
}

func (c *catalogue) SegmentList(_ context.Context, f store.SegmentFilter) ([]store.Segment, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := slices.Clone(c.list)
	return slices.DeleteFunc(list, func(s store.Segment) bool {
		return f.Host != "" && (s.MinHost > f.Host || s.MaxHost < f.Host) || !f.Since.IsZero() && s.Last.Before(f.Since) || !f.Until.IsZero() && !s.First.Before(f.Until)
	}), nil
}

func (c *catalogue) DropSegments(_ context.Context, ids []string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.list = slices.DeleteFunc(c.list, func(s store.Segment) bool { return slices.Contains(ids, s.ID) })
	return nil
}

func (c *catalogue) MergeSegments(ctx context.Context, old []string, merged []store.Segment) error {
	if err := c.DropSegments(ctx, old); err != nil {
		return err
	}
	c.add(merged)
	return nil
}

// open opens a store in a directory that the test removes.
func open(t testing.TB, dir string, c *catalogue, o segment.Options) *segment.Store {
	t.Helper()
	blobs, err := segment.OpenDirectory(dir)
	if err != nil {
		t.Fatal(err)
	}
	s, err := segment.Open(t.Context(), blobs, c, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if err := blobs.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestConformance(t *testing.T) {
	for name, o := range map[string]segment.Options{
		"default":       {},
		"small batches": {MaxRows: 97},
	} {
		t.Run(name, func(t *testing.T) {
			storetest.Telemetry(t, func(t *testing.T) (store.Telemetry, func([]store.Segment)) {
				c := &catalogue{}
				return open(t, t.TempDir(), c, o), c.add
			})
		})
	}
}
