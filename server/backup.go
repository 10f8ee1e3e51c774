package server

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

// A backup is a tar archive of the state's database, the keys and the segments,
// under the names that they have in the data directory, and at its end a
// manifest. An archive that was cut off has none and is refused.
const (
	stateName    = "state.db"
	keysName     = "keys"
	segmentsName = "segments"
	streamName   = "stream"
	manifestName = "manifest.json"

	backupVersion = 1
	maxManifest   = 256 << 20
)

// manifest says what a backup holds.
type manifest struct {
	Version int            `json:"version"` // of the format, 1
	Server  string         `json:"server"`  // version of the server that made it
	Created time.Time      `json:"created_time"`
	Files   []manifestFile `json:"files"`
}

type manifestFile struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// backupSource is what a backup is made of.
type backupSource struct {
	dataDir string
	state   interface {
		Backup(ctx context.Context, path string) error
		SegmentList(ctx context.Context, f store.SegmentFilter) ([]store.Segment, error)
	}
}

// write writes the backup. Nothing may remove segments meanwhile; all else may
// go on. What the stream holds and no segment does is not part of it.
func (b backupSource) write(ctx context.Context, w io.Writer) error {
	scratch, err := os.MkdirTemp(b.dataDir, "backup-")
	if err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	defer os.RemoveAll(scratch)
	state := filepath.Join(scratch, stateName)
	if err := b.state.Backup(ctx, state); err != nil {
		return err
	}
	// Asked after the copy, the list holds every segment that the copy names.
	segments, err := b.state.SegmentList(ctx, store.SegmentFilter{})
	if err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	a := archive{tar: tar.NewWriter(w), manifest: manifest{Version: backupVersion, Server: version.Get().Version, Created: time.Now().UTC()}}
	if err := a.add(ctx, stateName, state); err != nil {
		return err
	}
	if err := b.addKeys(ctx, &a); err != nil {
		return err
	}
	for _, seg := range segments {
		name := segmentFile(seg)
		if err := a.add(ctx, name, filepath.Join(b.dataDir, filepath.FromSlash(name))); err != nil {
			return err
		}
	}
	return a.close()
}

func (b backupSource) addKeys(ctx context.Context, a *archive) error {
	dir := filepath.Join(b.dataDir, keysName)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("back up the keys: %w", err)
	}
	for _, e := range entries {
		if !e.Type().IsRegular() {
			continue
		}
		if err := a.add(ctx, path.Join(keysName, e.Name()), filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// segmentFile returns the name of a segment's file in the data directory.
func segmentFile(s store.Segment) string { return path.Join(segmentsName, s.Day, s.ID+".parquet") }

// archive is a backup being written.
type archive struct {
	tar      *tar.Writer
	manifest manifest
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
	a.manifest.Files = append(a.manifest.Files, manifestFile{name, info.Size(), hex.EncodeToString(hash.Sum(nil))})
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

// readBackup goes through a backup, calling each for every file in it, and then
// checks that everything is there that its manifest names, unchanged.
func readBackup(r io.Reader, each func(name string, content io.Reader) error) (manifest, error) {
	archive := tar.NewReader(r)
	found := make(map[string]manifestFile)
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return manifest{}, errors.New("the backup is cut off: its manifest is missing")
		}
		if err != nil {
			return manifest{}, fmt.Errorf("read the backup: %w", err)
		}
		if header.Name == manifestName {
			return checkManifest(archive, found)
		}
		if header.Typeflag != tar.TypeReg || !backedUp(header.Name) {
			return manifest{}, fmt.Errorf("the backup holds %q, which does not belong into one", header.Name)
		}
		if _, twice := found[header.Name]; twice {
			return manifest{}, fmt.Errorf("the backup holds %q twice", header.Name)
		}
		hash := sha256.New()
		if err := each(header.Name, io.TeeReader(archive, hash)); err != nil {
			return manifest{}, err
		}
		found[header.Name] = manifestFile{header.Name, header.Size, hex.EncodeToString(hash.Sum(nil))}
	}
}

// checkManifest compares the manifest with what was found.
func checkManifest(r io.Reader, found map[string]manifestFile) (manifest, error) {
	var m manifest
	if err := json.NewDecoder(io.LimitReader(r, maxManifest)).Decode(&m); err != nil {
		return m, fmt.Errorf("read the manifest of the backup: %w", err)
	}
	if m.Version != backupVersion {
		return m, fmt.Errorf("the backup has format %d, this version of Holdfast reads %d", m.Version, backupVersion)
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
	case stateName:
		return len(part) == 1
	case keysName:
		return len(part) == 2
	case segmentsName:
		return len(part) == 3
	}
	return false
}
