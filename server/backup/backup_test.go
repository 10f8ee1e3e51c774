package backup

import (
	"archive/tar"
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/holdfast-security/holdfast/store"
)

func TestBackedUp(t *testing.T) {
	for name, want := range map[string]bool{
		"state.db": true, "keys/ca.pem": true, "segments/2026-11-23/a.parquet": true,
		"": false, "/etc/passwd": false, "../state.db": false, "keys/../../x": false, "keys/a/b": false, "stream/x": false,
		"lock": false, `keys\x`: false, "state.db/x": false, "segments/x": false, "keys/c:x": false, ".": false,
	} {
		if got := backedUp(name); got != want {
			t.Errorf("%q: got %v", name, got)
		}
	}
}

// fakeState is a database of one segment.
type fakeState struct{ segments []store.Segment }

func (fakeState) Backup(_ context.Context, path string) error {
	return os.WriteFile(path, []byte("database"), 0o600)
}

func (f fakeState) SegmentList(context.Context, store.SegmentFilter) ([]store.Segment, error) {
	return f.segments, nil
}

// made returns a backup of a small data directory.
func made(t testing.TB) ([]byte, []store.Segment) {
	t.Helper()
	dir := t.TempDir()
	segments := []store.Segment{{ID: "a", Day: "2026-11-23", Bytes: 3}}
	for name, text := range map[string]string{"keys/ca.pem": "key", "segments/2026-11-23/a.parquet": "abc", "segments/2026-11-23/orphan.parquet": "x"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	if err := (Source{dir, fakeState{segments}}).Write(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 2 {
		t.Errorf("the copy of the database is left behind: %v, %v", entries, err)
	}
	return out.Bytes(), segments
}

func TestRestoreGivesBackWhatWasThere(t *testing.T) {
	data, segments := made(t)
	file, to := filepath.Join(t.TempDir(), "b.tar"), filepath.Join(t.TempDir(), "d")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	m, err := Restore(t.Context(), file, to, func(context.Context, string) ([]store.Segment, error) { return segments, nil })
	if err != nil || len(m.Files) != 3 {
		t.Fatalf("%+v, %v", m, err)
	}
	for name, want := range map[string]string{"state.db": "database", "keys/ca.pem": "key", "segments/2026-11-23/a.parquet": "abc"} {
		if got, err := os.ReadFile(filepath.Join(to, name)); err != nil || string(got) != want {
			t.Errorf("%s holds %q, %v", name, got, err)
		}
	}
	more := append(segments, store.Segment{ID: "b", Day: "2026-11-23"})
	_, err = Restore(t.Context(), file, filepath.Join(t.TempDir(), "e"), func(context.Context, string) ([]store.Segment, error) { return more, nil })
	if err == nil {
		t.Error("a backup that lacks a segment was restored")
	}
}

func TestReadRefuses(t *testing.T) {
	pack := func(headers ...tar.Header) []byte {
		var out bytes.Buffer
		w := tar.NewWriter(&out)
		for _, h := range headers {
			h.Size = 1
			if h.Typeflag == tar.TypeSymlink {
				h.Size = 0
			}
			if err := w.WriteHeader(&h); err != nil {
				t.Fatal(err)
			}
			if h.Size > 0 {
				_, _ = w.Write([]byte("x"))
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return out.Bytes()
	}
	for name, data := range map[string][]byte{
		"outside":     pack(tar.Header{Name: "../state.db"}),
		"foreign":     pack(tar.Header{Name: "stream/x"}),
		"link":        pack(tar.Header{Name: "state.db", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"}),
		"twice":       pack(tar.Header{Name: "state.db"}, tar.Header{Name: "state.db"}),
		"no manifest": pack(tar.Header{Name: "state.db"}),
		"no JSON":     pack(tar.Header{Name: "state.db"}, tar.Header{Name: manifestName}),
	} {
		t.Run(name, func(t *testing.T) {
			if m, err := Read(bytes.NewReader(data), discard); err == nil {
				t.Errorf("it was taken: %+v", m)
			}
		})
	}
}

func discard(_ string, content io.Reader) error {
	_, err := io.Copy(io.Discard, content)
	return err
}

func FuzzRead(f *testing.F) {
	whole, _ := made(f)
	f.Add(whole)
	f.Add(whole[:len(whole)/2])
	f.Fuzz(func(t *testing.T, data []byte) {
		_, _ = Read(bytes.NewReader(data), func(name string, content io.Reader) error {
			if !filepath.IsLocal(name) {
				t.Errorf("%q leads outside", name)
			}
			return discard(name, content)
		})
	})
}
