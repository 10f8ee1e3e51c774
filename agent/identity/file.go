package identity

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"

	"github.com/holdfast-security/holdfast/internal/atomicfile"
)

// damaged says that what a file holds cannot be used, and the way out.
func damaged(path string, err error) error {
	return fmt.Errorf("%s is damaged (%w); `holdfast-agent unenroll --force` and a new enrolment mend it", path, err)
}

// readJSON reads a file of at most limit bytes into v. Only its owner, who has
// to be this process's user, may be able to touch it.
func readJSON(path string, limit int64, v any) error {
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	if err := private(path, info); err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_RDONLY|noFollow, 0)
	if err != nil {
		return err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	if int64(len(data)) > limit {
		return damaged(path, fmt.Errorf("larger than %d bytes", limit))
	}
	if err := decodeStrictly(data, v); err != nil {
		return damaged(path, err)
	}
	return nil
}

func decodeStrictly(data []byte, v any) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(v); err != nil {
		return err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the document")
	}
	return nil
}

// private reports a file that somebody else could have written or read.
func private(path string, info fs.FileInfo) error {
	switch {
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is not a regular file", path)
	case runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0:
		return fmt.Errorf("%s may be read or changed by others (mode %04o): find out who did, then enrol anew", path, info.Mode().Perm())
	case !owned(info):
		return fmt.Errorf("%s belongs to another user", path)
	}
	return nil
}

func makeDirectory(stateDir, dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the directory of the identity: %w", err)
	}
	return atomicfile.SyncDir(stateDir)
}

// writeJSON replaces a file by one that holds v, whole or not at all.
func writeJSON(path string, v any) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return atomicfile.Write(path, append(data, '\n'))
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
