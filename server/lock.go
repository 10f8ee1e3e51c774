package server

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// errLocked says that another process holds a lock.
var errLocked = errors.New("in use")

// lockName is the file whose lock says that a server uses the directory. It
// stays there; what counts is the lock, which ends with the process.
const lockName = "lock"

// openDataDir makes the data directory where it is missing and takes its lock,
// which is held until the file is closed. The directory is for its owner alone.
func openDataDir(dir string) (*os.File, error) {
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
	case errors.Is(err, errLocked):
		return nil, fmt.Errorf("the data directory %s is %w by another server: stop it, or give this one its own with data_dir or --data", dir, err)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("the data directory %s cannot be written: give it to the user that the server runs as (%w)", dir, err)
	case err != nil:
		return nil, fmt.Errorf("the data directory %s cannot be used: %w", dir, err)
	}
	return file, nil
}
