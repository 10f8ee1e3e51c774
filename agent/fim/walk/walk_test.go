package walk_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/holdfast-security/holdfast/agent/fim/walk"
	"github.com/holdfast-security/holdfast/agent/hostfs"
	"github.com/holdfast-security/holdfast/fim"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// result is what a walk saw, by path.
type result struct {
	mu       sync.Mutex // guards all
	self     map[string]fim.Stat
	items    map[string]walk.Item
	problems map[string]error
}

// seen returns the paths of all that was handed out, sorted.
func (r *result) seen(root string) []string {
	var paths []string
	for p, s := range r.self {
		if s.Kind != fim.KindAbsent {
			paths = append(paths, p)
		}
	}
	for p, i := range r.items {
		if !i.Own {
			paths = append(paths, p)
		}
	}
	slices.Sort(paths)
	for i := range paths {
		paths[i] = strings.TrimPrefix(paths[i], root)
	}
	return paths
}

func run(t testing.TB, c walk.Config) *result {
	t.Helper()
	r := &result{self: map[string]fim.Stat{}, items: map[string]walk.Item{}, problems: map[string]error{}}
	c.Visit = func(d *walk.Directory) error {
		r.mu.Lock()
		defer r.mu.Unlock()
		if _, twice := r.self[d.Path]; twice {
			t.Errorf("%q was handed out twice", d.Path)
		}
		r.self[d.Path] = d.Self
		if !slices.IsSortedFunc(d.Items, func(a, b walk.Item) int { return strings.Compare(a.Name, b.Name) }) {
			t.Errorf("%q is not in order", d.Path)
		}
		for _, i := range d.Items {
			r.items[d.Join(i.Name)] = i
		}
		return nil
	}
	c.Problem = func(path string, err error) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.problems[path] = err
	}
	if err := walk.Walk(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	return r
}

func selector(t testing.TB, watches ...fim.Watch) *fim.Selector {
	t.Helper()
	s, err := fim.Compile(fim.Selection{Watches: watches})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// everything watches root and all below it.
func everything(t testing.TB, root string) *fim.Selector {
	return selector(t, fim.Watch{Root: root, Recursive: true})
}

func write(t testing.TB, root string, names ...string) {
	t.Helper()
	for _, name := range names {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func equal(t *testing.T, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestWalkSeesWhatIsThere(t *testing.T) {
	root := filepath.ToSlash(t.TempDir())
	write(t, root, "a", "d/b", "d/e/f/g", "z/1", "z/2")
	r := run(t, walk.Config{Selector: everything(t, root)})
	equal(t, r.seen(root), []string{"", "/a", "/d", "/d/b", "/d/e", "/d/e/f", "/d/e/f/g", "/z", "/z/1", "/z/2"})
	if i := r.items[root+"/a"]; i.Stat.Kind != fim.KindFile || i.Stat.Size != 1 || i.Stat.Modified == 0 {
		t.Errorf("got %+v", i)
	}
	if s := r.self[root+"/d"]; s.Kind != fim.KindDirectory {
		t.Errorf("got %+v", s)
	}
	if len(r.problems) > 0 {
		t.Errorf("problems: %v", r.problems)
	}
}

func TestSelectionIsFollowed(t *testing.T) {
	root := filepath.ToSlash(t.TempDir())
	write(t, root, "etc/a.conf", "etc/b", "etc/d/c.conf", "usr/a", "usr/x.pyc", "usr/cache/y", "usr/local/x.pyc", "usr/local/cache/y", "one", "two")
	s := selector(t,
		fim.Watch{Root: root + "/etc", Include: []string{"*.conf"}},
		fim.Watch{Root: root + "/usr", Recursive: true, Exclude: []string{"*.pyc", "cache"}},
		fim.Watch{Root: root + "/usr/local", Recursive: true},
		fim.Watch{Root: root + "/one"},
		fim.Watch{Root: root + "/none"},
	)
	r := run(t, walk.Config{Selector: s})
	equal(t, r.seen(root), []string{
		"/etc", "/etc/a.conf", "/one", "/usr", "/usr/a",
		"/usr/local", "/usr/local/cache", "/usr/local/cache/y", "/usr/local/x.pyc",
	})
	if s, ok := r.self[root+"/none"]; !ok || s.Kind != fim.KindAbsent {
		t.Errorf("a root that is not there: %+v, %v", s, ok)
	}
	if s := r.self[root+"/one"]; s.Kind != fim.KindFile || s.Size != 3 {
		t.Errorf("a root that is a file: %+v", s)
	}
}

func TestPathsFromAnotherRoot(t *testing.T) {
	root := t.TempDir()
	write(t, root, "etc/ssh/sshd_config", "etc/one")
	s := selector(t, fim.Watch{Root: "/etc/ssh", Recursive: true}, fim.Watch{Root: "/etc/one"})
	r := run(t, walk.Config{Selector: s, FS: hostfs.New(root)})
	equal(t, r.seen(""), []string{"/etc/one", "/etc/ssh", "/etc/ssh/sshd_config"})
}

func TestStarts(t *testing.T) {
	root := filepath.ToSlash(t.TempDir())
	write(t, root, "a/1", "a/b/2", "a/b/c/3", "d/4", "a/own/5")
	s := selector(t, fim.Watch{Root: root, Recursive: true, Exclude: []string{"d"}}, fim.Watch{Root: root + "/a/own", Recursive: true})
	tests := []struct {
		name   string
		starts []walk.Start
		want   []string
	}{
		{"below a root", []walk.Start{{Path: root + "/a/b"}}, []string{"/a/b", "/a/b/2", "/a/b/c", "/a/b/c/3"}},
		{"shallow", []walk.Start{{Path: root + "/a", Shallow: true}}, []string{"/a", "/a/1"}},
		{"with roots below", []walk.Start{{Path: root + "/a"}}, []string{"/a", "/a/1", "/a/b", "/a/b/2", "/a/b/c", "/a/b/c/3", "/a/own", "/a/own/5"}},
		{"one in another", []walk.Start{{Path: root + "/a/b/c"}, {Path: root + "/a/b"}, {Path: root + "/a/b", Shallow: true}}, []string{"/a/b", "/a/b/2", "/a/b/c", "/a/b/c/3"}},
		{"excluded", []walk.Start{{Path: root + "/d"}}, nil},
		{"not watched", []walk.Start{{Path: "/"}, {Path: root + "x", Shallow: true}}, []string{"", "/a", "/a/1", "/a/b", "/a/b/2", "/a/b/c", "/a/b/c/3", "/a/own", "/a/own/5"}},
		{"vanished", []walk.Start{{Path: root + "/a/none"}}, nil},
		{"a file", []walk.Start{{Path: root + "/a/1"}}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := run(t, walk.Config{Selector: s, Starts: tt.starts})
			equal(t, r.seen(root), tt.want)
		})
	}
}

func TestWalkEnds(t *testing.T) {
	root := filepath.ToSlash(t.TempDir())
	write(t, root, "a/1", "b/2", "c/3", "d/e/f/4")
	broken := errors.New("the disk is full")
	for _, workers := range []int{1, 4} {
		c := walk.Config{Selector: everything(t, root), Workers: workers, Visit: func(*walk.Directory) error { return broken }}
		if err := walk.Walk(t.Context(), c); !errors.Is(err, broken) {
			t.Errorf("got %v, want the error of Visit", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		c.Visit = func(*walk.Directory) error { cancel(); return nil }
		if err := walk.Walk(ctx, c); err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want the end of the context", err)
		}
		c.Visit = func(*walk.Directory) error { return nil }
		if err := walk.Walk(ctx, c); !errors.Is(err, context.Canceled) {
			t.Errorf("after the end of the context: %v", err)
		}
	}
}

func TestLargeDirectoriesAreReported(t *testing.T) {
	root := filepath.ToSlash(t.TempDir())
	write(t, root, "small/1", "large/1", "large/2", "large/3", "large/4")
	r := run(t, walk.Config{Selector: everything(t, root), MaxNames: 3})
	equal(t, r.seen(root), []string{"", "/small", "/small/1"})
	if err := r.problems[root+"/large"]; !errors.Is(err, walk.ErrLarge) {
		t.Errorf("problems: %v", r.problems)
	}
}

func TestProgress(t *testing.T) {
	root := filepath.ToSlash(t.TempDir())
	write(t, root, "a/1", "a/2", "b/3")
	p := new(walk.Progress)
	if c := p.Count(time.Now()); c != (walk.Count{}) {
		t.Errorf("before: %+v", c)
	}
	run(t, walk.Config{Selector: everything(t, root), Progress: p})
	if c := p.Count(time.Now()); c.Directories != 3 || c.Entries != 6 || c.Problems != 0 || c.Rate <= 0 || c.Elapsed <= 0 {
		t.Errorf("after: %+v", c)
	}
}
