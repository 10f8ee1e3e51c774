package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/holdfast-security/holdfast/internal/atomicfile"
	"github.com/holdfast-security/holdfast/store"
)

// Restore puts the backup in the file at path into the data directory, which
// must be empty or not there, and checks that it is whole: every file against
// the manifest, and every segment that the database names. What fails is taken
// away again. Named opens the database in a file and returns the segments that it
// names.
func Restore(ctx context.Context, path, dataDir string, named func(ctx context.Context, state string) ([]store.Segment, error)) (Manifest, error) {
	file, err := os.Open(path)
	if err != nil {
		return Manifest{}, fmt.Errorf("open the backup: %w", err)
	}
	defer file.Close()
	if err := emptyDir(dataDir); err != nil {
		return Manifest{}, err
	}
	m, err := extract(ctx, file, dataDir, named)
	if err != nil {
		return Manifest{}, errors.Join(err, clearDir(dataDir))
	}
	return m, nil
}

// emptyDir makes sure that the directory is there and empty.
func emptyDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the data directory: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("look into the data directory: %w", err)
	}
	if len(entries) > 0 {
		return fmt.Errorf("the data directory %s is not empty: a backup is restored into an empty one", dir)
	}
	return nil
}

// clearDir takes away what a restore that failed has made.
func clearDir(dir string) error {
	var errs []error
	for _, name := range []string{StateName, StateName + "-wal", StateName + "-shm", KeysName, SegmentsName} {
		errs = append(errs, os.RemoveAll(filepath.Join(dir, name)))
	}
	return errors.Join(errs...)
}

// extract unpacks and checks a backup.
func extract(ctx context.Context, r io.Reader, dir string, named func(context.Context, string) ([]store.Segment, error)) (Manifest, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return Manifest{}, fmt.Errorf("open the data directory: %w", err)
	}
	defer root.Close()
	m, err := Read(r, func(name string, content io.Reader) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return put(root, name, content)
	})
	if err != nil {
		return m, err
	}
	return m, errors.Join(atomicfile.SyncDir(dir), checkState(ctx, dir, named))
}

// put writes one file, synced.
func put(root *os.Root, name string, content io.Reader) error {
	if err := root.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return fmt.Errorf("restore %s: %w", name, err)
	}
	file, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("restore %s: %w", name, err)
	}
	_, err = io.Copy(file, content)
	if err == nil {
		err = file.Sync()
	}
	if err := errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("restore %s: %w", name, err)
	}
	return nil
}

// checkState looks for every segment that the restored database names.
func checkState(ctx context.Context, dir string, named func(context.Context, string) ([]store.Segment, error)) error {
	path := filepath.Join(dir, StateName)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return errors.New("the backup holds no database of the state")
	}
	segments, err := named(ctx, path)
	if err != nil {
		return fmt.Errorf("check the restored state: %w", err)
	}
	for _, seg := range segments {
		info, err := os.Stat(filepath.Join(dir, filepath.FromSlash(segmentFile(seg))))
		if err != nil || info.Size() != seg.Bytes {
			return fmt.Errorf("the backup lacks segment %s of %s, or its size is not the one noted", seg.ID, seg.Day)
		}
	}
	return nil
}
