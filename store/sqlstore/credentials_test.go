package sqlstore

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/holdfast-security/holdfast/account"
)

// TestTokensAreGoodWhereNothingCanBeWritten uses a token as on a full disk.
func TestTokensAreGoodWhereNothingCanBeWritten(t *testing.T) {
	s := openTest(t, filepath.Join(t.TempDir(), "state.db"))
	defer s.Close()
	now := time.Now().UTC().Truncate(time.Minute)
	token := account.Token{ID: "one", Role: account.Reader, By: "alice", Created: now, Expires: now.Add(time.Hour)}
	if err := s.AddToken(t.Context(), token, []byte("hash")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.write.ExecContext(t.Context(), "PRAGMA query_only = 1"); err != nil {
		t.Fatal(err)
	}
	if got, err := s.TokenByHash(t.Context(), []byte("hash"), now); err != nil || got.ID != "one" || !got.LastUsed.IsZero() {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, err := s.write.ExecContext(t.Context(), "PRAGMA query_only = 0"); err != nil {
		t.Fatal(err)
	}
	if got, err := s.TokenByHash(t.Context(), []byte("hash"), now); err != nil || !got.LastUsed.Equal(now) {
		t.Errorf("when it can be written: %+v, %v", got, err)
	}
}
