// Package datadir opens the directory that a server keeps everything in: for
// its owner alone, and for one server at a time.
package datadir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// ErrLocked says that another server uses the directory.
var ErrLocked = errors.New("in use")

// lockName is the file whose lock says that a server uses the directory. It
// stays there; what counts is the lock, which ends with the process.
const lockName = "lock"

// Open makes the directory where it is missing, takes the rights of others off
// it, and takes its lock, which is held until the file is closed. An error is
// one sentence; it wraps [ErrLocked] when another server holds the lock.
func Open(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the data directory: %w", err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		return nil, fmt.Errorf("open the data directory: %w", err)
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("open the data directory: %s is a file", dir)
	}
	if err := keepPrivate(dir, info); err != nil {
		return nil, err
	}
	file, err := lockFile(filepath.Join(dir, lockName))
	switch {
	case errors.Is(err, ErrLocked):
		return nil, fmt.Errorf("the data directory %s is %w by another server: stop it, or give this one its own with data_dir or --data", dir, err)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("the data directory %s cannot be written: give it to the user that the server runs as (%w)", dir, err)
	case err != nil:
		return nil, fmt.Errorf("the data directory %s cannot be used: %w", dir, err)
	}
	return file, nil
}
