package pki

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/holdfast-security/holdfast/internal/atomicfile"
	"github.com/holdfast-security/holdfast/internal/bounded"
)

// maxFile bounds what is read of a key or certificate file, in bytes.
const maxFile = 1 << 20

// others are the permission bits of everybody but the owner.
const others = 0o077

// privateDir makes dir, and refuses one that others may enter. On Windows the
// data directory's access list does this.
func privateDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the key directory: %w", err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("look at the key directory: %w", err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&others != 0 {
		return fmt.Errorf("the key directory %q is open to others (mode %04o); run: chmod 700 %[1]q", dir, info.Mode().Perm())
	}
	return nil
}

// readPrivate reads a key file, which must be the owner's alone.
func readPrivate(dir, name string) ([]byte, error) {
	path := filepath.Join(dir, name)
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read key: %w", err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("read key: %w", err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&others != 0 {
		return nil, fmt.Errorf("the key file %q may be read by others (mode %04o); run: chmod 600 %[1]q", path, info.Mode().Perm())
	}
	return readBounded(file)
}

// readBounded reads a whole file that must be small.
func readBounded(file *os.File) ([]byte, error) {
	data, err := bounded.ReadAll(file, maxFile)
	if err != nil {
		return nil, fmt.Errorf("read %q, which should be a key or certificate: %w", file.Name(), err)
	}
	return data, nil
}

// writePrivate writes a key file for the owner alone: whole, on disk, or not
// at all.
func writePrivate(dir, name string, data []byte) error {
	if err := atomicfile.Write(filepath.Join(dir, name), data); err != nil {
		return fmt.Errorf("keep a key: %w", err)
	}
	return nil
}
