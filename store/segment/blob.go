package segment

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"
)

// Blob keeps files by name. Names have slashes; what is put is there whole or
// not at all. Methods may be called from any goroutine.
type Blob interface {
	// Put stores what write produces under a name, replacing what was there,
	// and returns its size once it is durable.
	Put(ctx context.Context, name string, write func(io.Writer) error) (int64, error)
	// Open returns the content for reading; fs.ErrNotExist where there is none.
	Open(name string) (Content, error)
	// Delete removes a file; it is no error that there is none.
	Delete(name string) error
	// List returns all files, unfinished ones of a crash included, in no
	// order.
	List() ([]BlobInfo, error)
}

// Content is an open file. It may be read from any goroutine until it is
// closed.
type Content interface {
	io.ReaderAt
	io.Closer
	Size() int64
}

// BlobInfo is a file of a [Blob].
type BlobInfo struct {
	Name     string
	Size     int64
	Modified time.Time
}

// Directory is a [Blob] in a local directory.
type Directory struct{ root *os.Root }

var _ Blob = (*Directory)(nil)

// OpenDirectory opens a directory and makes it, for the owner only, where it
// is missing.
func OpenDirectory(dir string) (*Directory, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the directory of segments: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open the directory of segments: %w", err)
	}
	return &Directory{root: root}, nil
}

// Close releases the directory. Open contents stay readable.
func (d *Directory) Close() error { return d.root.Close() }

const unfinished = ".unfinished"

// Put writes a temporary file, syncs it, gives it its name and syncs the
// directory.
func (d *Directory) Put(ctx context.Context, name string, write func(io.Writer) error) (int64, error) {
	folder := path.Dir(name)
	if err := d.root.MkdirAll(folder, 0o700); err != nil {
		return 0, fmt.Errorf("make directory %q: %w", folder, err)
	}
	size, err := d.write(name+unfinished, write)
	if err == nil {
		err = ctx.Err()
	}
	if err == nil {
		err = d.root.Rename(filepath.FromSlash(name+unfinished), filepath.FromSlash(name))
	}
	if err != nil {
		return 0, fmt.Errorf("write segment %q: %w", name, errors.Join(err, ignoreMissing(d.root.Remove(name+unfinished))))
	}
	for _, dir := range []string{folder, "."} {
		if err := d.sync(dir); err != nil {
			return 0, fmt.Errorf("sync directory %q: %w", dir, err)
		}
	}
	return size, nil
}

func (d *Directory) write(name string, write func(io.Writer) error) (int64, error) {
	f, err := d.root.OpenFile(name, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	if err := write(f); err != nil {
		return 0, err
	}
	size, err := f.Seek(0, io.SeekCurrent)
	if err != nil {
		return 0, err
	}
	if err := f.Sync(); err != nil {
		return 0, err
	}
	return size, f.Close()
}

// sync makes names of a directory durable.
func (d *Directory) sync(dir string) error {
	f, err := d.root.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return syncDirectory(f)
}

type localFile struct {
	*os.File
	size int64
}

func (f localFile) Size() int64 { return f.size }

// Open opens a file of the directory.
func (d *Directory) Open(name string) (Content, error) {
	f, err := d.root.Open(name)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return localFile{File: f, size: info.Size()}, nil
}

// Delete removes a file and its folder where that is empty now.
func (d *Directory) Delete(name string) error {
	if err := ignoreMissing(d.root.Remove(name)); err != nil {
		return err
	}
	if folder := path.Dir(name); folder != "." {
		_ = d.root.Remove(folder) // refused while other files are in it
	}
	return nil
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// List walks the directory.
func (d *Directory) List() ([]BlobInfo, error) {
	var list []BlobInfo
	err := fs.WalkDir(d.root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return ignoreMissing(err)
		}
		info, err := entry.Info()
		if err != nil {
			return ignoreMissing(err)
		}
		list = append(list, BlobInfo{Name: name, Size: info.Size(), Modified: info.ModTime()})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list segments: %w", err)
	}
	return list, nil
}

// blobName is where a segment lies.
func blobName(day, id string) string { return day + "/" + id + extension }

const extension = ".parquet"

// isSegment reports whether a file is one of ours, finished or not.
func isSegment(name string) bool {
	day, base, _ := strings.Cut(name, "/")
	_, err := time.Parse(time.DateOnly, day)
	return err == nil && strings.HasSuffix(strings.TrimSuffix(base, unfinished), extension)
}
