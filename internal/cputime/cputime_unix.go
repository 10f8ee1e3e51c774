//go:build unix

// Package cputime says how much CPU time this process has used. Benchmarks
// divide by it, because unlike the clock it does not depend on what else the
// machine does.
package cputime

import (
	"syscall"
	"time"
)

// Used returns the time that this process has used, in user mode and in the
// kernel, on all cores together; getrusage(2). Where the system does not tell,
// it is the time that has passed since the start.
func Used() time.Duration {
	var usage syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &usage) != nil {
		return time.Since(started)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

var started = time.Now()
