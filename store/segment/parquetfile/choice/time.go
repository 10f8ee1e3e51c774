package choice

import (
	"math"
	"time"
)

// Times are nanoseconds of UTC. What int64 cannot hold (before 1677, after
// 2262) becomes the nearest that it can.

// NoTime is the zero time, where the column is never null.
const NoTime = math.MinInt64

// Nanoseconds returns a time as it is stored.
func Nanoseconds(t time.Time) int64 {
	switch {
	case t.IsZero():
		return NoTime
	case t.Before(earliest):
		return NoTime + 1
	case t.After(latest):
		return math.MaxInt64
	}
	return t.UnixNano()
}

// Moment returns the time that nanoseconds stand for.
func Moment(ns int64) time.Time {
	if ns == NoTime {
		return time.Time{}
	}
	return time.Unix(0, ns).UTC()
}

var (
	earliest = time.Unix(0, NoTime+1)
	latest   = time.Unix(0, math.MaxInt64)
)
