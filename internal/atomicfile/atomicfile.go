// Package atomicfile replaces files whole or not at all, durably: after a crash
// at any moment the path holds the old content or the new one.
package atomicfile

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// Write makes data the content of the file at path. The file is the owner's
// alone (mode 0600), and when Write returns nil it is on disk under its name.
// A file or link that was there is replaced, not followed. The directory must
// exist.
func Write(path string, data []byte) error {
	dir := filepath.Dir(path)
	file, err := os.CreateTemp(dir, ".new-*") // mode 0600, and a name that was not there
	if err == nil {
		err = fill(file, data)
	}
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		if file != nil {
			err = errors.Join(err, os.Remove(file.Name()))
		}
		return fmt.Errorf("write %s: %w", path, err)
	}
	return SyncDir(dir)
}

// Ensure is [Write], but for a file that holds data already, which needs
// neither room on the disk nor the right to write.
func Ensure(path string, data []byte) error {
	if info, err := os.Lstat(path); err == nil && info.Mode().IsRegular() && info.Size() == int64(len(data)) {
		if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, data) {
			return nil
		}
	}
	return Write(path, data)
}

func fill(file *os.File, data []byte) error {
	_, err := file.Write(data)
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}

// SyncDir makes the names in a directory durable: files that were made,
// renamed or removed. A directory that is gone has none. Windows does this by
// itself and has no call for it.
func SyncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = errors.Join(d.Sync(), d.Close())
	}
	if err != nil {
		return fmt.Errorf("sync directory %s: %w", dir, err)
	}
	return nil
}
