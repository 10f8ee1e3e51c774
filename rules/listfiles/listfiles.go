// Package listfiles reads the operator's lists of malicious addresses and names
// from files, and reads them again when they change.
//
// The files are named by the operator and filled by whoever publishes the lists,
// so their content is taken for hostile: size and number are bounded, and what is
// no address or name is skipped (see package detect/indicator). Lists that cannot
// be read leave in force what was.
package listfiles

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/holdfast-security/holdfast/detect/indicator"
)

// Bounds of what is read.
const (
	maxFiles = 1000
	maxBytes = 256 << 20 // of one file
)

// lookEvery is how often files are looked at for changes.
const lookEvery = 30 * time.Second

// Lists are lists in files, and the set made of them. It is for one goroutine;
// what Live returns is for any. Nil are no lists.
type Lists struct {
	paths []string
	log   *slog.Logger
	live  indicator.Live
	seen  map[string]stamp // files that the set was made of
}

// stamp tells one state of a file from the next.
type stamp struct {
	size     int64
	modified time.Time
}

// Open reads the lists in paths: files, and directories with all files directly
// in them but hidden ones. The error says which path cannot be read, or that
// there is too much. Without paths the set holds the entries for tests alone. A
// nil log discards.
func Open(paths []string, log *slog.Logger) (*Lists, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	l := &Lists{paths: paths, log: log}
	files, err := l.find()
	if err != nil {
		return nil, err
	}
	return l, l.read(files)
}

// Live returns where the set in force stands, always the same, or nil for no
// lists.
func (l *Lists) Live() *indicator.Live {
	if l == nil {
		return nil
	}
	return &l.live
}

// Follow reads the lists again when a file changes, comes or goes, until ctx
// ends.
func (l *Lists) Follow(ctx context.Context) {
	if l == nil || len(l.paths) == 0 {
		return
	}
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			l.Refresh()
		}
	}
}

// Refresh reads the lists again if a file has changed. Trouble is logged, and
// what was in force stays.
func (l *Lists) Refresh() {
	files, err := l.find()
	if err == nil && !maps.Equal(files, l.seen) {
		err = l.read(files)
	}
	if err != nil {
		l.log.Error("lists of indicators cannot be read; the earlier ones stay in force", "error", err)
	}
}

// find returns the files that paths stand for.
func (l *Lists) find() (map[string]stamp, error) {
	found := make(map[string]stamp)
	for _, path := range l.paths {
		info, err := os.Stat(path)
		switch {
		case err != nil:
			return nil, fmt.Errorf("read indicators: %w", err)
		case !info.IsDir():
			err = add(found, path, info)
		default:
			err = addDirectory(found, path)
		}
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}

func addDirectory(found map[string]stamp, dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("read indicators: %w", err)
	}
	for _, entry := range entries {
		path := filepath.Join(dir, entry.Name())
		info, err := os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) || err == nil && info.IsDir() || strings.HasPrefix(entry.Name(), ".") {
			continue // gone meanwhile, or no list
		}
		if err != nil {
			return fmt.Errorf("read indicators: %w", err)
		}
		if err := add(found, path, info); err != nil {
			return err
		}
	}
	return nil
}

func add(found map[string]stamp, path string, info fs.FileInfo) error {
	switch {
	case !info.Mode().IsRegular():
		return fmt.Errorf("read indicators from %q: not a regular file", path)
	case info.Size() > maxBytes:
		return fmt.Errorf("read indicators from %q: larger than %d MiB", path, maxBytes>>20)
	case len(found) >= maxFiles:
		return fmt.Errorf("read indicators: more than %d files", maxFiles)
	}
	found[path] = stamp{info.Size(), info.ModTime()}
	return nil
}

// read makes a set of files and puts it in force.
func (l *Lists) read(files map[string]stamp) error {
	b := indicator.NewBuilder()
	for path := range files {
		if err := readFile(b, path); err != nil {
			return fmt.Errorf("read indicators from %q: %w", path, err)
		}
	}
	set := b.Set()
	l.live.Put(set)
	l.seen = files
	if len(l.paths) > 0 {
		l.log.Info("lists of indicators are in force", "files", len(files), "entries", set.Len(), "lines_skipped", b.Skipped)
	}
	return nil
}

func readFile(b *indicator.Builder, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	return b.Read(io.LimitReader(file, maxBytes))
}
