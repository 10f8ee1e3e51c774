//go:build !linux

package detect_test

import "time"

var began = time.Now()

// cpuTime stands in with the clock.
func cpuTime() time.Duration { return time.Since(began) }
