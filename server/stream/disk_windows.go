package stream

import (
	"math"

	"golang.org/x/sys/windows"
)

// freeBytes returns how much of the volume that holds path is free for this
// user; all of it when that cannot be known.
func freeBytes(path string) uint64 {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return math.MaxUint64
	}
	var free uint64
	if err := windows.GetDiskFreeSpaceEx(name, &free, nil, nil); err != nil {
		return math.MaxUint64
	}
	return free
}
