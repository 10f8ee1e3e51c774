package headless

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// rotating is a file that is renamed to name.1, name.1 to name.2 and so on
// when it would grow beyond its bound; the oldest is removed. Together the
// files never take more than bound times number bytes, save for a single line
// longer than the bound. It is for one goroutine.
type rotating struct {
	path  string
	bound int64
	files int // kept, the current one included

	file *os.File
	size int64
}

func newRotating(path string, bound int64, files int) (*rotating, error) {
	r := &rotating{path: path, bound: bound, files: files}
	return r, r.open()
}

// Write appends p, which should be whole lines, after rotating if need be.
func (r *rotating) Write(p []byte) (int, error) {
	if r.file == nil {
		if err := r.open(); err != nil {
			return 0, err
		}
	}
	if r.size > 0 && r.size+int64(len(p)) > r.bound {
		if err := r.rotate(); err != nil {
			return 0, err
		}
	}
	n, err := r.file.Write(p)
	r.size += int64(n)
	return n, err
}

// Close closes the file.
func (r *rotating) Close() error {
	if r.file == nil {
		return nil
	}
	err := r.file.Close()
	r.file = nil
	return err
}

// open appends to what is there. The file may hold command lines with secrets
// and is for its owner alone; a link in its place is refused, for the
// directory may belong to somebody else.
func (r *rotating) open() error {
	info, err := os.Lstat(r.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return fmt.Errorf("open the output: %w", err)
	case !info.Mode().IsRegular():
		return fmt.Errorf("open the output: %s is not a regular file", r.path)
	}
	file, err := os.OpenFile(r.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND|noFollow, 0o600)
	if err != nil {
		return fmt.Errorf("open the output: %w", err)
	}
	if info, err = file.Stat(); err != nil {
		file.Close()
		return fmt.Errorf("open the output: %w", err)
	}
	r.file, r.size = file, info.Size()
	return nil
}

func (r *rotating) rotate() error {
	if err := r.Close(); err != nil {
		return fmt.Errorf("rotate the output: %w", err)
	}
	if r.files == 1 {
		if err := os.Remove(r.path); err != nil {
			return fmt.Errorf("rotate the output: %w", err)
		}
		return r.open()
	}
	for n := r.files - 1; n > 0; n-- {
		if err := os.Rename(r.name(n-1), r.name(n)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("rotate the output: %w", err)
		}
	}
	return r.open()
}

// name returns the name of the n-th newest file.
func (r *rotating) name(n int) string {
	if n == 0 {
		return r.path
	}
	return fmt.Sprintf("%s.%d", r.path, n)
}
