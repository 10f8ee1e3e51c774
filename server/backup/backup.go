// Package backup writes and reads backups of a server: tar archives of the
// state's database, the keys and the segments, under the names that they have
// in the data directory, with a manifest at the end. An archive that was cut
// off has no manifest and is refused, and so is one whose files are not what
// the manifest says.
//
// A backup is read as if it came from anybody: names that do not belong into
// one are refused, and nothing is written outside the directory.
package backup

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/holdfast-security/holdfast/internal/version"
	"github.com/holdfast-security/holdfast/store"
)

// Names in a backup and in the data directory.
const (
	StateName    = "state.db" // database
	KeysName     = "keys"     // directory
	SegmentsName = "segments" // directory, with one for each day in it
	manifestName = "manifest.json"

	formatVersion = 1
	maxManifest   = 256 << 20
)

// Manifest says what a backup holds.
type Manifest struct {
	Version int       `json:"version"` // of the format, 1
	Server  string    `json:"server"`  // version of the server that made it
	Created time.Time `json:"created_time"`
	Files   []File    `json:"files"`
}

// File is a file in a backup.
type File struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// Source is what a backup is made of.
type Source struct {
	// DataDir is the server's data directory, in which a copy of the database
	// is made for a while.
	DataDir string
	State   interface {
		Backup(ctx context.Context, path string) error
		SegmentList(ctx context.Context, f store.SegmentFilter) ([]store.Segment, error)
	}
}

// Write writes the backup. Nothing may remove segments meanwhile; all else may
// go on. What the stream holds and no segment does is not part of it.
func (b Source) Write(ctx context.Context, w io.Writer) error {
	scratch, err := os.MkdirTemp(b.DataDir, "backup-")
	if err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	defer os.RemoveAll(scratch)
	state := filepath.Join(scratch, StateName)
	if err := b.State.Backup(ctx, state); err != nil {
		return err
	}
	// Asked after the copy, the list holds every segment that the copy names.
	segments, err := b.State.SegmentList(ctx, store.SegmentFilter{})
	if err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	a := archive{tar: tar.NewWriter(w), manifest: Manifest{Version: formatVersion, Server: version.Get().Version, Created: time.Now().UTC()}}
	if err := a.add(ctx, StateName, state); err != nil {
		return err
	}
	if err := b.addKeys(ctx, &a); err != nil {
		return err
	}
	for _, seg := range segments {
		name := segmentFile(seg)
		if err := a.add(ctx, name, filepath.Join(b.DataDir, filepath.FromSlash(name))); err != nil {
			return err
		}
	}
	return a.close()
}

func (b Source) addKeys(ctx context.Context, a *archive) error {
	dir := filepath.Join(b.DataDir, KeysName)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("back up the keys: %w", err)
	}
	for _, e := range entries {
		if !e.Type().IsRegular() {
			continue
		}
		if err := a.add(ctx, path.Join(KeysName, e.Name()), filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// segmentFile returns the name of a segment's file in the data directory.
func segmentFile(s store.Segment) string { return path.Join(SegmentsName, s.Day, s.ID+".parquet") }

// archive is a backup being written.
type archive struct {
	tar      *tar.Writer
	manifest Manifest
}

// add adds a file under a name.
func (a *archive) add(ctx context.Context, name, from string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	file, err := os.Open(from)
	if err != nil {
		return fmt.Errorf("back up %s: %w", name, err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return fmt.Errorf("back up %s: %w", name, err)
	}
	if err := a.tar.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: info.Size(), ModTime: info.ModTime()}); err != nil {
		return fmt.Errorf("back up %s: %w", name, err)
	}
	hash := sha256.New()
	if _, err := io.Copy(io.MultiWriter(a.tar, hash), io.LimitReader(file, info.Size())); err != nil {
		return fmt.Errorf("back up %s: %w", name, err)
	}
	a.manifest.Files = append(a.manifest.Files, File{name, info.Size(), hex.EncodeToString(hash.Sum(nil))})
	return nil
}

// close writes the manifest.
func (a *archive) close() error {
	data, err := json.Marshal(a.manifest)
	if err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	if err := a.tar.WriteHeader(&tar.Header{Name: manifestName, Mode: 0o600, Size: int64(len(data)), ModTime: a.manifest.Created}); err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	if _, err := a.tar.Write(data); err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	return a.tar.Close()
}

// Read goes through a backup, calling each for every file in it, and then
// checks that everything is there that its manifest names, unchanged.
func Read(r io.Reader, each func(name string, content io.Reader) error) (Manifest, error) {
	archive := tar.NewReader(r)
	found := make(map[string]File)
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return Manifest{}, errors.New("the backup is cut off: its manifest is missing")
		}
		if err != nil {
			return Manifest{}, fmt.Errorf("read the backup: %w", err)
		}
		if header.Name == manifestName {
			return checkManifest(archive, found)
		}
		if header.Typeflag != tar.TypeReg || sparse(header) || !backedUp(header.Name) {
			return Manifest{}, fmt.Errorf("the backup holds %q, which does not belong into one", header.Name)
		}
		if _, twice := found[header.Name]; twice {
			return Manifest{}, fmt.Errorf("the backup holds %q twice", header.Name)
		}
		hash := sha256.New()
		if err := each(header.Name, io.TeeReader(archive, hash)); err != nil {
			return Manifest{}, err
		}
		found[header.Name] = File{header.Name, header.Size, hex.EncodeToString(hash.Sum(nil))}
	}
}

// sparse reports whether a file would unfold to more than its archive holds.
func sparse(h *tar.Header) bool {
	for key := range h.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse.") {
			return true
		}
	}
	return false
}

// checkManifest compares the manifest with what was found.
func checkManifest(r io.Reader, found map[string]File) (Manifest, error) {
	var m Manifest
	if err := json.NewDecoder(io.LimitReader(r, maxManifest)).Decode(&m); err != nil {
		return m, fmt.Errorf("read the manifest of the backup: %w", err)
	}
	if m.Version != formatVersion {
		return m, fmt.Errorf("the backup has format %d, this version of Holdfast reads %d", m.Version, formatVersion)
	}
	if len(m.Files) != len(found) {
		return m, fmt.Errorf("the backup holds %d files, its manifest names %d", len(found), len(m.Files))
	}
	for _, f := range m.Files {
		if found[f.Name] != f {
			return m, fmt.Errorf("the backup is damaged: %s is not what the manifest says", f.Name)
		}
	}
	return m, nil
}

// backedUp reports whether a file of that name belongs into a backup. It lets
// nothing through that would lie outside the data directory.
func backedUp(name string) bool {
	if !fs.ValidPath(name) || strings.ContainsAny(name, `\:`) {
		return false
	}
	part := strings.Split(name, "/")
	switch part[0] {
	case StateName:
		return len(part) == 1
	case KeysName:
		return len(part) == 2
	case SegmentsName:
		return len(part) == 3
	}
	return false
}
