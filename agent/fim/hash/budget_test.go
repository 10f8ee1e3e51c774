package hash

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestBudgetIsShared has four readers share what one may read.
func TestBudgetIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := budget{rate: 1000}
		start := time.Now()
		var readers sync.WaitGroup
		for range 4 {
			readers.Go(func() {
				for range 5 {
					if err := b.take(t.Context(), 500); err != nil {
						t.Error(err)
					}
				}
			})
		}
		readers.Wait()
		if took := time.Since(start); took != 9500*time.Millisecond { // the last piece is read, not waited for
			t.Errorf("10,000 bytes at 1,000 a second took %s", took)
		}
	})
}
