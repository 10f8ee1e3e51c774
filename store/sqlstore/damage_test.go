package sqlstore_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holdfast-security/holdfast/store/sqlstore"
)

// TestDamagedDatabaseIsCalledSo overwrites pages behind the first, which SQLite
// notices when it reads them and not before.
func TestDamagedDatabaseIsCalledSo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	s, err := sqlstore.Open(t.Context(), sqlstore.Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = file.WriteAt(bytes.Repeat([]byte("damage"), 8<<10), 4<<10)
	if err != nil || file.Close() != nil {
		t.Fatal(err)
	}
	s, err = sqlstore.Open(t.Context(), sqlstore.Config{Path: path})
	if err == nil {
		t.Fatal("it is opened", s.Close())
	}
	if !strings.Contains(err.Error(), "damaged") || !strings.Contains(err.Error(), "restore a backup") || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v", err)
	}
}
