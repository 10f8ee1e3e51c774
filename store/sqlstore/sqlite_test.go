package sqlstore

import (
	"path/filepath"
	"testing"

	"github.com/holdfast-security/holdfast/store"
	"github.com/holdfast-security/holdfast/store/storetest"
)

func openTest(t testing.TB, path string) *Store {
	t.Helper()
	s, err := Open(t.Context(), Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSQLiteConforms(t *testing.T) {
	storetest.State(t, func(t *testing.T) store.State { return openTest(t, filepath.Join(t.TempDir(), "state.db")) })
}
