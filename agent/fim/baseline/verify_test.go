package baseline_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/holdfast-security/holdfast/agent/fim/baseline"
	"github.com/holdfast-security/holdfast/agent/fim/hash"
	"github.com/holdfast-security/holdfast/agent/fim/walk"
	"github.com/holdfast-security/holdfast/fim"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// host is a directory of watched files with its baseline.
type host struct {
	t        testing.TB
	root     string
	file     string
	store    *baseline.Store
	selector *fim.Selector
	reader   baseline.Reader
	due      func(string) bool
}

func newHost(t testing.TB, names ...string) *host {
	t.Helper()
	h := &host{t: t, root: filepath.ToSlash(t.TempDir()), file: filepath.Join(t.TempDir(), "baseline"), reader: hash.New(hash.Config{})}
	h.watch(fim.Watch{Root: h.root, Recursive: true})
	h.write(names...)
	h.open()
	t.Cleanup(func() { h.store.Close() })
	return h
}

func (h *host) watch(watches ...fim.Watch) {
	h.t.Helper()
	selector, err := fim.Compile(fim.Selection{Watches: watches})
	if err != nil {
		h.t.Fatal(err)
	}
	h.selector = selector
}

func (h *host) open() {
	h.t.Helper()
	if h.store != nil {
		if err := h.store.Close(); err != nil {
			h.t.Fatal(err)
		}
	}
	var err error
	if h.store, err = baseline.Open(h.file); err != nil {
		h.t.Fatal(err)
	}
}

func (h *host) path(name string) string { return h.root + "/" + name }

func (h *host) write(names ...string) {
	h.t.Helper()
	for _, name := range names {
		h.must(os.MkdirAll(filepath.Dir(h.path(name)), 0o755), os.WriteFile(h.path(name), []byte(name), 0o644))
	}
}

func (h *host) must(errs ...error) {
	h.t.Helper()
	if err := errors.Join(errs...); err != nil {
		h.t.Fatal(err)
	}
}

// settle waits until what was written is so old that it is not read twice.
func (h *host) settle() { time.Sleep(50 * time.Millisecond) }

// verify returns the changes as "kind path: differences", sorted.
func (h *host) verify(starts ...walk.Start) (changes []string, s baseline.Summary) {
	h.t.Helper()
	s, err := baseline.Verify(h.t.Context(), baseline.Config{
		Store: h.store, Selector: h.selector, Reader: h.reader, Starts: starts, Due: h.due, Workers: 3,
		Report: func(c baseline.Change) error {
			text := c.Kind.String() + " " + strings.TrimPrefix(c.Path, h.root)
			for _, d := range c.Differences {
				if c.After.Kind != fim.KindDirectory {
					text += " " + d.Attribute.String()
				}
			}
			if c.Hidden {
				text += " hidden"
			}
			changes = append(changes, text)
			return nil
		},
		Problem: func(path string, err error) { h.t.Logf("%s: %v", path, err) },
	})
	if err != nil {
		h.t.Fatal(err)
	}
	slices.Sort(changes)
	return changes, s
}

// expect verifies and compares the changes.
func (h *host) expect(want ...string) baseline.Summary {
	h.t.Helper()
	got, s := h.verify()
	if !slices.Equal(got, want) {
		h.t.Errorf("got  %q\nwant %q", got, want)
	}
	return s
}

func (h *host) size() int64 {
	h.t.Helper()
	info, err := os.Stat(h.file)
	h.must(err)
	return info.Size()
}

func TestFirstTimeIsWithoutChanges(t *testing.T) {
	h := newHost(t, "a", "d/b", "d/e/c")
	h.settle()
	if s := h.expect(); s.Adopted != 6 || s.Read != 6 || s.Entries != 6 {
		t.Errorf("got %+v", s)
	}
	for range 2 {
		size := h.size()
		if s := h.expect(); s.Read != 0 || s.Adopted != 0 || s.Entries != 6 || h.size() != size {
			t.Errorf("nothing changed: %+v, %d bytes after %d", s, h.size(), size)
		}
		h.open()
	}
}

func TestChanges(t *testing.T) {
	tests := []struct {
		name   string
		change func(h *host)
		want   []string
	}{
		{"content", func(h *host) { h.must(os.WriteFile(h.path("a"), []byte("b"), 0o644)) }, []string{"modified /a content"}},
		{"content with its time set back", func(h *host) {
			old := time.Now().Add(-time.Hour)
			h.must(os.WriteFile(h.path("a"), []byte("b"), 0o644), os.Chtimes(h.path("a"), old, old))
		}, []string{"modified /a content"}},
		{"size", func(h *host) { h.must(os.WriteFile(h.path("a"), []byte("longer"), 0o644)) }, []string{"modified /a content,size"}},
		{"new file", func(h *host) { h.write("d/new file") }, []string{"added /d/new file"}},
		{"new tree", func(h *host) { h.write("n/e/w") }, []string{"added /n", "added /n/e", "added /n/e/w"}},
		{"removed file", func(h *host) { h.must(os.Remove(h.path("d/b"))) }, []string{"removed /d/b"}},
		{"removed tree", func(h *host) { h.must(os.RemoveAll(h.path("d"))) }, []string{"removed /d", "removed /d/b", "removed /d/e", "removed /d/e/c"}},
		{"renamed tree", func(h *host) { h.must(os.Rename(h.path("d/e"), h.path("f"))) }, []string{"added /f", "added /f/c", "removed /d/e", "removed /d/e/c"}},
		{"file became directory", func(h *host) { h.must(os.Remove(h.path("a"))); h.write("a/x") }, []string{"added /a", "added /a/x", "removed /a"}},
		{"directory became file", func(h *host) { h.must(os.RemoveAll(h.path("d/e"))); h.write("d/e") }, []string{"added /d/e", "removed /d/e", "removed /d/e/c"}},
		{"replaced by an equal one", func(h *host) { h.must(os.Remove(h.path("a"))); h.write("a") }, nil},
		{"root removed", func(h *host) { h.must(os.RemoveAll(h.root)) }, []string{"removed ", "removed /a", "removed /d", "removed /d/b", "removed /d/e", "removed /d/e/c"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newHost(t, "a", "d/b", "d/e/c")
			h.expect()
			tt.change(h)
			got, _ := h.verify()
			for i := range got {
				got[i] = strings.ReplaceAll(got[i], "content size", "content,size")
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
			h.expect()
			h.open()
			h.expect()
		})
	}
}

func TestPartsOfTheTree(t *testing.T) {
	h := newHost(t, "a", "d/b", "d/e/c")
	h.expect()
	h.write("a2", "d/b2", "d/e/c2")
	if got, _ := h.verify(walk.Start{Path: h.path("d"), Shallow: true}); !slices.Equal(got, []string{"added /d/b2"}) {
		t.Errorf("got %q", got)
	}
	if got, _ := h.verify(walk.Start{Path: h.path("d")}); !slices.Equal(got, []string{"added /d/e/c2"}) {
		t.Errorf("got %q", got)
	}
	h.must(os.RemoveAll(h.path("d/e")))
	if got, _ := h.verify(walk.Start{Path: h.path("d/e")}); !slices.Equal(got, []string{"removed /d/e", "removed /d/e/c", "removed /d/e/c2"}) {
		t.Errorf("got %q", got)
	}
	h.expect("added /a2")
}

func TestSelectionThatChanges(t *testing.T) {
	h := newHost(t, "a/1", "b/2", "b/3.log")
	all := fim.Watch{Root: h.path("a"), Recursive: true}
	h.watch(all)
	h.expect()
	h.write("a/new")
	h.watch(all, fim.Watch{Root: h.path("b"), Recursive: true})
	if s := h.expect("added /a/new"); s.Adopted != 3 {
		t.Errorf("adopted %d, want the three of the new root", s.Adopted)
	}
	h.watch(all, fim.Watch{Root: h.path("b"), Recursive: true, Exclude: []string{"*.log"}})
	h.must(os.Remove(h.path("b/3.log")))
	h.expect()
	h.watch(fim.Watch{Root: h.path("b"), Recursive: true})
	h.must(os.RemoveAll(h.path("a")))
	h.expect()
	if e, err := h.store.Entry(h.path("a/1")); err != nil || e.Kind != fim.KindAbsent {
		t.Errorf("what is not watched is kept: %+v, %v", e, err)
	}
}

// counting answers as told, or as the reader behind it.
type counting struct {
	baseline.Reader
	digest atomic.Uint32 // put into the digest unless 0
	err    error
}

func (c *counting) Read(ctx context.Context, d *walk.Directory, name string, r hash.Request) (hash.Result, error) {
	if c.err != nil && r.Stat.Kind == fim.KindFile {
		return hash.Result{State: fim.State{Stat: r.Stat, Detail: fim.Detail{Content: fim.ContentUnreadable}}}, c.err
	}
	result, err := c.Reader.Read(ctx, d, name, r)
	if n := c.digest.Load(); n != 0 && r.Stat.Kind == fim.KindFile {
		result.State.Digest[0] = byte(n)
	}
	return result, err
}

// TestContentThatChangedWithoutATrace stands for a write to the disk beneath
// the file system: only reading the file again shows it.
func TestContentThatChangedWithoutATrace(t *testing.T) {
	h := newHost(t, "a", "b")
	reader := &counting{Reader: h.reader}
	reader.digest.Store(1)
	h.reader = reader
	h.settle()
	h.expect()
	reader.digest.Store(2)
	h.expect()
	h.due = func(path string) bool { return path == h.path("a") }
	if s := h.expect("modified /a content hidden"); s.Read != 1 {
		t.Errorf("got %+v", s)
	}
}

func TestFilesThatCannotBeRead(t *testing.T) {
	h := newHost(t, "a")
	h.expect()
	reader := &counting{Reader: h.reader}
	h.reader = reader
	h.must(os.WriteFile(h.path("a"), []byte("x"), 0o644))
	reader.err = fmt.Errorf("open: %w", hash.ErrGone)
	if s := h.expect(); s.Problems != 0 {
		t.Errorf("what vanished is a problem: %+v", s)
	}
	reader.err = errors.New("input/output error")
	if s := h.expect("modified /a content"); s.Problems != 1 {
		t.Errorf("got %+v", s)
	}
	reader.err = nil
	h.expect() // readable again; nobody knows what it was
}

func TestGrowingLogs(t *testing.T) {
	h := newHost(t, "log")
	h.watch(fim.Watch{Root: h.path("log"), Growing: true})
	h.expect()
	h.must(os.WriteFile(h.path("log"), []byte("log and more"), 0o644))
	h.expect()
	h.must(os.WriteFile(h.path("log"), []byte("LOG and much more"), 0o644))
	h.expect("modified /log content")
	h.must(os.Truncate(h.path("log"), 2))
	h.expect("modified /log size")
}

func TestReportsThatFail(t *testing.T) {
	h := newHost(t, "a")
	h.expect()
	h.write("b")
	full := errors.New("the queue is full")
	c := baseline.Config{Store: h.store, Selector: h.selector, Reader: h.reader, Report: func(baseline.Change) error { return full }}
	if _, err := baseline.Verify(t.Context(), c); !errors.Is(err, full) {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	c.Report = func(baseline.Change) error { cancel(); return ctx.Err() }
	if _, err := baseline.Verify(ctx, c); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	h.expect("added /b") // not lost
}

func TestOneVerificationAtATime(t *testing.T) {
	h := newHost(t, "a")
	h.expect()
	h.write("b")
	c := baseline.Config{Store: h.store, Selector: h.selector, Reader: h.reader}
	c.Report = func(baseline.Change) error {
		_, err := baseline.Verify(t.Context(), c)
		if err == nil {
			t.Error("a second verification runs beside the first")
		}
		return nil
	}
	if _, err := baseline.Verify(t.Context(), c); err != nil {
		t.Error(err)
	}
}

func TestTree(t *testing.T) {
	h := newHost(t, "a", "d/b", "d/e/c", "d/e.x", "z")
	h.expect()
	root, n, err := fim.Root(h.store, h.root)
	if err != nil || n != 8 {
		t.Fatalf("%d entries, %v", n, err)
	}
	for _, name := range []string{"a", "d", "d/b", "d/e/c", "d/e.x", "z"} {
		e, proof, err := fim.Prove(h.store, h.root, h.path(name))
		if err != nil || proof.Verify(e, root) != nil {
			t.Errorf("%s: %v, %v", name, err, proof.Verify(e, root))
		}
	}
	if e, err := h.store.Entry(h.path("d/none")); err != nil || e.Kind != fim.KindAbsent {
		t.Errorf("got %+v, %v", e, err)
	}
	h.open()
	if again, _, err := fim.Root(h.store, h.root); err != nil || again != root {
		t.Errorf("another root after opening: %v", err)
	}
	h.must(os.WriteFile(h.path("d/e/c"), []byte("other"), 0o644))
	h.verify()
	if changed, _, err := fim.Root(h.store, h.root); err != nil || changed == root {
		t.Errorf("the same root after a change: %v", err)
	}
}
