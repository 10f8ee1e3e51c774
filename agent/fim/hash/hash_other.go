//go:build !linux

package hash

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/holdfast-security/holdfast/agent/fim/walk"
	"github.com/holdfast-security/holdfast/fim"
)

// location is a path.
type location string

func locate(d *walk.Directory, name string) location {
	return location(filepath.Join(d.Name(), name))
}

func gone(err error) bool { return errors.Is(err, fs.ErrNotExist) }

// file is an open file.
type file struct {
	handle *os.File
}

func (l location) open() (*file, error) {
	f, err := os.Open(string(l))
	if err != nil {
		return nil, err
	}
	return &file{handle: f}, nil
}

func (f *file) close() { _ = f.handle.Close() } // only read from

func (f *file) stat(s *fim.Stat) error {
	info, err := f.handle.Stat()
	if err == nil {
		walk.Convert(info, s)
	}
	return err
}

// written reports nothing: there is no way to ask.
func (f *file) written() bool { return false }

// cache is the system's own affair.
type cache struct{}

func (f *file) begin(*cache, int64) {}
func (f *file) end()                {}

func (f *file) readAt(p []byte, offset int64) (int, error) { return f.handle.ReadAt(p, offset) }

// extents are not known.
func (f *file) extents(int64, int) []int64 { return nil }

func (l location) target() (string, error) { return os.Readlink(string(l)) }

// xattrs are not known by this name.
func (l location) xattrs() ([]fim.Xattr, error) { return nil, nil }
func (f *file) xattrs() ([]fim.Xattr, error)    { return nil, nil }
