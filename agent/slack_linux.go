package agent

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"
)

// timerSlack is by how much the kernel may delay the agent's timers, so that it
// can wake a thread for several at once. It is small beside every nap of a
// sensor, and large beside the 20 µs naps of the monitor thread of Go's
// runtime, which with the default of 50 µs made up most of the agent's
// wake-ups: that thread runs while any system call or goroutine does.
const timerSlack = 4 * time.Millisecond

// loosenTimers sets the slack of all threads of this process; threads made
// later take it from the thread that makes them (proc_pid_timerslack_ns(5)).
// It needs CAP_SYS_NICE.
func loosenTimers() error {
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return fmt.Errorf("list own threads: %w", err)
	}
	slack := strconv.AppendInt(nil, timerSlack.Nanoseconds(), 10)
	for _, thread := range threads {
		err := os.WriteFile("/proc/"+thread.Name()+"/timerslack_ns", slack, 0)
		if err != nil && !errors.Is(err, os.ErrNotExist) { // it ended meanwhile
			return fmt.Errorf("set timer slack: %w", err)
		}
	}
	return nil
}
