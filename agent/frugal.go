package agent

import (
	"os"
	"runtime"
)

// mostThreads bounds the threads that run Go code at a time.
const mostThreads = 4

// Frugal limits the whole process to a quarter of the machine's cores, one at
// least and four at most, unless the environment variable GOMAXPROCS says
// otherwise. An agent must leave the host to its work, and with few threads it
// also does its own with a quarter less time: batches come one after the other,
// and waking a second thread for each costs more than it saves. Commands that
// watch a host call it; replaying a log may use the whole machine.
func Frugal() {
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(min(max(runtime.NumCPU()/4, 1), mostThreads))
	}
}
