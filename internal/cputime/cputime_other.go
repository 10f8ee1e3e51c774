//go:build !unix

// Package cputime says how much CPU time this process has used. Benchmarks
// divide by it, because unlike the clock it does not depend on what else the
// machine does.
package cputime

import "time"

var started = time.Now()

// Used returns the time that has passed since the start, which is all there is
// here.
func Used() time.Duration { return time.Since(started) }
