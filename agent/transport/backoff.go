package transport

import (
	"math/rand/v2"
	"time"
)

// Waits between attempts to connect. A server that comes back must not be run
// over: each agent waits a random part of a bound that doubles.
const (
	firstRetry = 500 * time.Millisecond
	lastRetry  = time.Minute

	// A credential that was refused is seldom good again, and somebody has to
	// do something first.
	firstRefusedRetry = time.Minute
	lastRefusedRetry  = 10 * time.Minute
)

// Waits of the sender.
const (
	busyRetry     = time.Second      // when the server does not say how long
	lastBusyRetry = time.Minute      // however long the server says
	firstStall    = time.Millisecond // after a second rewind without progress, doubling
	lastStall     = 10 * time.Second
)

// exponential returns first doubled n times, at most last.
func exponential(first, last time.Duration, n int) time.Duration {
	for ; n > 0 && first < last; n-- {
		first *= 2
	}
	return min(first, last)
}

// fullJitter returns a random time up to d.
func fullJitter(d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	return rand.N(d)
}

// halfJitter returns d or up to a half more.
func halfJitter(d time.Duration) time.Duration { return d + fullJitter(d/2) }

// connectDelay returns how long to wait before the next attempt, after n
// failed ones in a row.
func connectDelay(n int, refused bool) time.Duration {
	if refused {
		return halfJitter(exponential(firstRefusedRetry, lastRefusedRetry, n))
	}
	return fullJitter(exponential(firstRetry, lastRetry, n))
}

// stallDelay returns how long to pause after n rewinds without progress. The
// first costs nothing: it mends what a lost message broke.
func stallDelay(n int) time.Duration {
	if n <= 1 {
		return 0
	}
	return halfJitter(exponential(firstStall, lastStall, n-2))
}

// busyDelay returns how long to pause when the server said for how long.
func busyDelay(asked time.Duration) time.Duration {
	if asked <= 0 {
		asked = busyRetry
	}
	return halfJitter(min(asked, lastBusyRetry))
}
