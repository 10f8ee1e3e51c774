package bounded

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
)

func TestReadAll(t *testing.T) {
	for text, large := range map[string]bool{"": false, "abcd": false, "abcde": true, strings.Repeat("x", 1000): true} {
		data, err := ReadAll(iotest.OneByteReader(strings.NewReader(text)), 4)
		if errors.Is(err, ErrLarge) != large || !large && (err != nil || string(data) != text) || large && data != nil {
			t.Errorf("%d bytes: %q, %v", len(text), data, err)
		}
	}
	if _, err := ReadAll(iotest.ErrReader(io.ErrUnexpectedEOF), 4); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a broken reader: %v", err)
	}
}

func TestReadFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if _, err := ReadFile(path, 4); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	if err := os.WriteFile(path, []byte("abcd"), 0o600); err != nil {
		t.Fatal(err)
	}
	if data, err := ReadFile(path, 4); err != nil || string(data) != "abcd" {
		t.Errorf("%q, %v", data, err)
	}
	if _, err := ReadFile(path, 3); !errors.Is(err, ErrLarge) || !strings.Contains(err.Error(), path) {
		t.Errorf("a large file: %v", err)
	}
	if _, err := ReadFile(filepath.Dir(path), 4); err == nil {
		t.Error("a directory is read")
	}
}
