//go:build !windows

package segment

import "os"

// syncDirectory makes the names in a directory durable.
func syncDirectory(dir *os.File) error { return dir.Sync() }
