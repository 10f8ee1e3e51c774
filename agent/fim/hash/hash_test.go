package hash_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/holdfast-security/holdfast/agent/fim/hash"
	"github.com/holdfast-security/holdfast/agent/fim/walk"
	"github.com/holdfast-security/holdfast/fim"
)

// inside calls do with the directory and the state of each name in it, as a
// walk hands them out.
func inside(t testing.TB, dir string, do func(d *walk.Directory, stats map[string]fim.Stat)) {
	t.Helper()
	selector, err := fim.Compile(fim.Selection{Watches: []fim.Watch{{Root: filepath.ToSlash(dir)}}})
	if err != nil {
		t.Fatal(err)
	}
	err = walk.Walk(t.Context(), walk.Config{Selector: selector, Visit: func(d *walk.Directory) error {
		stats := map[string]fim.Stat{"": d.Self}
		for _, i := range d.Items {
			stats[i.Name] = i.Stat
		}
		do(d, stats)
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
}

// read reads one name, and change changes the request first.
func read(t testing.TB, h *hash.Hasher, path string, change func(*hash.Request)) (result hash.Result, err error) {
	t.Helper()
	dir, name := filepath.Split(path)
	inside(t, filepath.Clean(dir), func(d *walk.Directory, stats map[string]fim.Stat) {
		r := hash.Request{Stat: stats[name]}
		if change != nil {
			change(&r)
		}
		result, err = h.Read(t.Context(), d, name, r)
	})
	return result, err
}

func mustRead(t testing.TB, h *hash.Hasher, path string, change func(*hash.Request)) hash.Result {
	t.Helper()
	result, err := read(t, h, path, change)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func write(t testing.TB, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// settle waits until a file that was just written is no longer racy.
func settle() { time.Sleep(50 * time.Millisecond) }

func TestDigests(t *testing.T) {
	dir := t.TempDir()
	sizes := []int{0, 1, 128<<10 - 1, 128 << 10, 128<<10 + 1, 1 << 20}
	for _, size := range sizes {
		write(t, filepath.Join(dir, "file"), bytes.Repeat([]byte("x"), size))
		settle()
		h := hash.New(hash.Config{})
		s := mustRead(t, h, filepath.Join(dir, "file"), nil).State
		if want := fim.Digest(sha256.Sum256(bytes.Repeat([]byte("x"), size))); s.Digest != want || s.Content != fim.ContentWhole || s.Unsettled || s.Size != int64(size) {
			t.Errorf("%d bytes: %+v, want %s", size, s, want)
		}
		if files, n := h.Done(); files != 1 || n != int64(size) {
			t.Errorf("counted %d files and %d bytes", files, n)
		}
	}
	s := mustRead(t, hash.New(hash.Config{}), filepath.Join(dir, "file"), func(r *hash.Request) { r.NoContent = true }).State
	if s.Content != fim.ContentNone || s.Digest != (fim.Digest{}) {
		t.Errorf("without content: %+v", s)
	}
}

func TestLargeFilesAreSampled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "large")
	content := bytes.Repeat([]byte("0123456789abcdef"), 4<<20/16)
	sample := func() fim.State {
		write(t, path, content)
		h := hash.New(hash.Config{Whole: 1 << 20})
		s := mustRead(t, h, path, nil).State
		if _, n := h.Done(); n != 2<<20 || s.Content != fim.ContentSample {
			t.Errorf("read %d bytes: %+v", n, s)
		}
		return s
	}
	first := sample()
	if first.Digest != sample().Digest {
		t.Error("two samples of one content differ")
	}
	content[len(content)-1]++
	if first.Digest == sample().Digest {
		t.Error("the end does not count")
	}
	if whole := mustRead(t, hash.New(hash.Config{}), path, nil).State; whole.Digest != fim.Digest(sha256.Sum256(content)) {
		t.Error("not read whole")
	}
}

func TestGrowingLogs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	h := hash.New(hash.Config{})
	write(t, path, []byte("first line\n"))
	known := mustRead(t, h, path, nil).State
	tests := []struct {
		name, content string
		want          fim.Log
	}{
		{"longer", "first line\nsecond line\n", fim.LogExtended},
		{"as it was", "first line\n", fim.LogExtended},
		{"rewritten", "other line\nsecond line\n", fim.LogRewritten},
		{"cut", "first", fim.LogUnknown},
	}
	for _, tt := range tests {
		write(t, path, []byte(tt.content))
		result := mustRead(t, h, path, func(r *hash.Request) { r.Known, r.Growing = &known, true })
		if result.Log != tt.want || result.State.Digest != fim.Digest(sha256.Sum256([]byte(tt.content))) || result.State.Unsettled {
			t.Errorf("%s: %+v", tt.name, result)
		}
	}
}

func TestFilesThatVanish(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "file"), []byte("x"))
	inside(t, dir, func(d *walk.Directory, stats map[string]fim.Stat) {
		if err := os.Remove(filepath.Join(dir, "file")); err != nil {
			t.Fatal(err)
		}
		if _, err := hash.New(hash.Config{}).Read(t.Context(), d, "file", hash.Request{Stat: stats["file"]}); !errors.Is(err, hash.ErrGone) {
			t.Errorf("got %v", err)
		}
	})
}

func TestReadingEndsWithTheContext(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	write(t, path, make([]byte, 1<<20))
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	inside(t, filepath.Dir(path), func(d *walk.Directory, stats map[string]fim.Stat) {
		h := hash.New(hash.Config{Rate: 1}) // which would take days
		if _, err := h.Read(ctx, d, "file", hash.Request{Stat: stats["file"]}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
}
