package segment_test

import (
	"syscall"
	"time"
)

// cpuTime returns the CPU time that this process has used, which, unlike the
// clock, does not depend on what else the machine does.
func cpuTime() time.Duration {
	var usage syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &usage) != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
