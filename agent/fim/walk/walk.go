// Package walk goes over the files that are watched and tells what one system
// call per file tells: the metadata walk of file integrity monitoring.
//
// [Walk] reads directories in parallel, each from beginning to end, and hands
// them out whole with their names in order, so that the state of each can be
// compared with what was kept of it, whatever the order of the directories. A
// directory that cannot be read whole is not handed out at all but reported:
// half a directory would look like files that are gone.
//
// Names are an attacker's to choose, and files come and go while they are
// looked at. Directories are opened below their root without following any
// link, by way of descriptors, so that neither a link put in the way nor a path
// longer than the system's limit leads astray. File systems are entered only if
// the selection names their type: one from the network may hang for ever.
// Memory depends on the largest directory and on the depth of the tree, not on
// the number of files; descriptors on the number of workers.
package walk

import (
	"cmp"
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/holdfast-security/holdfast/agent/hostfs"
	"github.com/holdfast-security/holdfast/fim"
)

// Bounds of a walk.
const (
	// MaxPath is how many bytes a path may have, eight times what a program
	// can name in one call. What lies deeper is reported as [ErrDeep].
	MaxPath = 32 << 10
	// MaxNames is how many names a directory may hold unless the caller says
	// otherwise. Each takes some 150 bytes while the directory is looked at.
	MaxNames = 4 << 20
)

// Reasons why a directory was left out.
var (
	ErrDeep       = errors.New("deeper than paths are followed")
	ErrLarge      = errors.New("a directory of more names than are read")
	ErrFilesystem = errors.New("on a file system that is not watched")
)

// Start is where a walk begins.
type Start struct {
	// Path is a root of the selection or a directory below one.
	Path string
	// Shallow leaves out the directories below it.
	Shallow bool
}

// Config says what to walk.
type Config struct {
	Selector *fim.Selector
	// FS is where the paths are found; the zero value is the running system.
	FS hostfs.FS
	// Starts are where to begin; none means every root.
	Starts []Start
	// Workers is how many directories are read at once; none means a few.
	Workers int
	// MaxNames bounds a directory; none means [MaxNames].
	MaxNames int
	// Visit takes each directory. It is called by several goroutines at a time.
	// An error ends the walk and is returned by it.
	Visit func(*Directory) error
	// Problem, unless nil, hears of what was left out, from several goroutines
	// at a time. What vanishes meanwhile is no problem.
	Problem func(path string, err error)
	// Progress, unless nil, counts along.
	Progress *Progress
}

// Directory is one directory with what is in it, or a root that is no
// directory. It is valid until Visit returns; its strings may be kept.
type Directory struct {
	Path string
	// Self is the state of the directory itself. Its kind is KindAbsent when
	// the start of the walk is not there, and that of any other thing than a
	// directory only when the path is a root.
	Self fim.Stat
	// Watch is the one that Path itself belongs to, nil when it is entered
	// only on the way to others.
	Watch *fim.Watch
	// Scope are the watches that decide about the names.
	Scope *fim.Scope
	// Items are what is watched in the directory, by name as bytes, ascending.
	Items []Item

	place
	refused []refusal
}

// refusal is why the system did not tell the state of a name.
type refusal struct {
	name string
	err  error
}

// Item is one name in a directory.
type Item struct {
	Name string
	// Stat is the state; its kind is KindUnknown when the system refused it.
	Stat fim.Stat
	// Own says that it is a directory that is handed out by itself, its state
	// included, unless the walk is shallow or it cannot be read.
	Own bool
	// Watch is the one that the name belongs to. Only where Own is set it may
	// be nil: the directory is entered on the way to others.
	Watch *fim.Watch
}

// Join returns the path of a name in the directory.
func (d *Directory) Join(name string) string { return fim.Join(d.Path, name) }

// Progress counts what a walk has done. It may be read while the walk runs.
// The zero value is ready for use by one walk.
type Progress struct {
	directories, entries, problems atomic.Int64
	started                        atomic.Int64 // nanoseconds since 1970
}

// Count is how far a walk is.
type Count struct {
	Directories int64 // handed out
	Entries     int64 // seen, directories included
	Problems    int64 // left out, see [Config]
	Elapsed     time.Duration
	Rate        float64 // entries a second
}

// Count returns how far the walk is by now.
func (p *Progress) Count(now time.Time) Count {
	c := Count{Directories: p.directories.Load(), Entries: p.entries.Load(), Problems: p.problems.Load()}
	if began := p.started.Load(); began != 0 {
		c.Elapsed = now.Sub(time.Unix(0, began))
		c.Rate = float64(c.Entries) / max(c.Elapsed.Seconds(), 1e-9)
	}
	return c
}

// Walk visits all that is watched and returns when that is done, when ctx ends
// (with its error) or when Visit fails (with that error). No goroutine of it
// outlives it.
func Walk(ctx context.Context, c Config) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if c.Progress == nil {
		c.Progress = new(Progress)
	}
	c.Progress.started.Store(time.Now().UnixNano())
	if c.MaxNames == 0 {
		c.MaxNames = MaxNames
	}
	if c.Workers == 0 {
		c.Workers = min(runtime.GOMAXPROCS(0), 4)
	}
	w := &walker{Config: c, mounts: newMounts()}
	w.wake.L = &w.mu
	w.begin()
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(ended)
		w.fail(context.Cause(ctx))
	})
	var workers sync.WaitGroup
	for range c.Workers {
		workers.Go(w.work)
	}
	workers.Wait()
	if !stop() {
		<-ended
	}
	return w.err
}

// walker is the state of one walk.
type walker struct {
	Config
	mounts *mounts
	failed atomic.Bool

	mu     sync.Mutex // guards what follows
	wake   sync.Cond  // there is work, or none will come
	stack  []work
	active int // workers that may still add work
	err    error
}

// tree is what is walked from one start. Its root stays open while there is
// work below it.
type tree struct {
	start   Start
	scope   *fim.Scope
	root    place
	pending atomic.Int64 // directories that are still to be read
}

// work is directories of one parent that are to be read. The last added is
// taken first, which keeps the stack as small as the tree is deep.
type work struct {
	tree  *tree
	dir   string   // the parent; "" for the start itself
	names []string // taken from the end
}

// begin puts the starts on the stack, the first on top.
func (w *walker) begin() {
	for _, s := range slices.Backward(w.starts()) {
		scope := w.Selector.Scope(s.Path)
		if scope == nil || !scope.Reaches(scope.Below(s.Path)) {
			continue // not watched, or not any more
		}
		t := &tree{start: s, scope: scope}
		t.pending.Store(1)
		w.stack = append(w.stack, work{tree: t, names: []string{""}})
	}
}

// starts returns every root, or what was asked for and the roots below it, each
// once and none that another leads to.
func (w *walker) starts() []Start {
	var all []Start
	roots := w.Selector.Roots()
	if len(w.Starts) == 0 {
		for _, root := range roots {
			all = append(all, Start{Path: root})
		}
		return all
	}
	for _, s := range w.Starts {
		all = append(all, s)
		for _, root := range roots {
			if !s.Shallow && root != s.Path && fim.Holds(s.Path, root) {
				all = append(all, Start{Path: root})
			}
		}
	}
	// Whole trees come before their directory alone and before what is below.
	slices.SortFunc(all, func(a, b Start) int {
		return cmp.Or(strings.Compare(a.Path, b.Path), compareBool(a.Shallow, b.Shallow))
	})
	return w.uncovered(all)
}

// uncovered drops from sorted starts those that an earlier one leads to.
func (w *walker) uncovered(all []Start) []Start {
	var kept []Start
	whole := make(map[string]bool)
	for _, s := range all {
		if w.covered(whole, s) || len(kept) > 0 && kept[len(kept)-1].Path == s.Path {
			continue
		}
		if kept = append(kept, s); !s.Shallow {
			whole[s.Path] = true
		}
	}
	return kept
}

// covered reports whether s lies in a tree that is walked whole. A root is not
// gone into from outside of it.
func (w *walker) covered(whole map[string]bool, s Start) bool {
	for at := s.Path; at != "" && !w.Selector.IsRoot(at); {
		if at = fim.Parent(at); whole[at] {
			return true
		}
	}
	return false
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

func (w *walker) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		w.err = err
	}
	w.failed.Store(true)
	w.wake.Broadcast()
}

// work reads directories until there are none left or the walk failed.
func (w *walker) work() {
	s := new(scratch)
	for {
		t, dir, name, ok := w.next()
		if !ok {
			return
		}
		err := w.directory(s, t, dir, name)
		if t.pending.Add(-1) == 0 {
			t.root.close()
		}
		if err != nil {
			w.fail(err)
		}
		w.done()
	}
}

// next takes a directory from the stack. It waits while others may add some.
func (w *walker) next() (t *tree, dir, name string, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.stack) == 0 && w.active > 0 && w.err == nil {
		w.wake.Wait()
	}
	if len(w.stack) == 0 || w.err != nil {
		w.closeAll()
		return nil, "", "", false
	}
	w.active++
	top := &w.stack[len(w.stack)-1]
	last := len(top.names) - 1
	t, dir, name = top.tree, top.dir, top.names[last]
	top.names[last] = ""
	if top.names = top.names[:last]; last == 0 {
		*top = work{}
		w.stack = w.stack[:len(w.stack)-1]
	}
	return t, dir, name, true
}

// closeAll drops the work that is left when the walk failed. w.mu is held.
func (w *walker) closeAll() {
	for _, left := range w.stack {
		if left.tree.pending.Add(-int64(len(left.names))) == 0 {
			left.tree.root.close()
		}
	}
	w.stack = nil
}

func (w *walker) done() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.active--; w.active == 0 {
		w.wake.Broadcast()
	}
}

func (w *walker) push(t *tree, dir string, names []string) {
	if len(names) == 0 {
		return
	}
	t.pending.Add(int64(len(names)))
	slices.Reverse(names)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stack = append(w.stack, work{tree: t, dir: dir, names: names})
	w.wake.Broadcast()
}

func (w *walker) problem(path string, err error) {
	w.Progress.problems.Add(1)
	if w.Problem != nil {
		w.Problem(path, err)
	}
}

// directory reads one directory, hands it out and puts those in it on the
// stack. The error is that of Visit.
func (w *walker) directory(s *scratch, t *tree, dir, name string) error {
	d := &s.directory
	*d = Directory{Path: fim.Join(dir, name), Scope: t.scope, Items: d.Items[:0]}
	if dir == "" {
		d.Path = t.start.Path
		if err := w.openStart(t, d); err != nil {
			w.problem(d.Path, err)
			return nil
		}
	} else if err := d.openBelow(&t.root, belowOf(t.start.Path, d.Path), &d.Self); err != nil {
		if !vanished(err) {
			w.problem(d.Path, err)
		}
		return nil
	}
	defer d.place.close()
	below := t.scope.Below(d.Path)
	d.Watch = t.scope.Owner(below)
	w.mounts.identify(&d.place, &d.Self)
	if d.Self.Kind != fim.KindAbsent {
		w.Progress.entries.Add(1)
	}
	if d.Self.Kind == fim.KindDirectory {
		if kind, ok := w.mounts.enters(w.Selector, d.Self); !ok {
			w.problem(d.Path, filesystemError(kind))
			return nil
		}
		if err := d.read(s, w.MaxNames); err != nil {
			if !vanished(err) {
				w.problem(d.Path, err)
			}
			return nil
		}
	}
	for _, r := range d.refused {
		w.problem(d.Join(r.name), r.err)
	}
	names := w.choose(d, below)
	w.Progress.entries.Add(int64(len(d.Items) - len(names)))
	w.Progress.directories.Add(1)
	if w.failed.Load() {
		return nil
	}
	if err := w.Visit(d); err != nil {
		return err
	}
	if !t.start.Shallow {
		w.push(t, d.Path, names)
	}
	s.shrink()
	return nil
}

// openStart opens where a tree begins, and keeps it open for what is below.
func (w *walker) openStart(t *tree, d *Directory) error {
	root := t.scope.Root()
	var p place
	var self fim.Stat
	name := root
	if !w.FS.Live() {
		name = w.FS.Path(root)
	}
	err := p.openRoot(name, &self)
	below := t.scope.Below(t.start.Path)
	if err == nil && below != "" {
		up := p
		if self.Kind == fim.KindDirectory {
			err = p.openBelow(&up, below, &self)
		} else {
			p = place{}
			self = fim.Stat{Kind: fim.KindAbsent}
		}
		up.close()
	}
	switch {
	case vanished(err):
		d.Self = fim.Stat{Kind: fim.KindAbsent}
	case err != nil:
		return err
	default:
		d.Self = self
		t.root = p
		d.place = p.borrowed()
	}
	return nil
}

// choose keeps the items that are watched and returns the names of those
// directories that are to be read by themselves.
func (w *walker) choose(d *Directory, below string) (names []string) {
	kept := d.Items[:0]
	for _, item := range d.Items {
		path := item.Name
		if below != "" {
			path = below + "/" + item.Name
		}
		if item.Stat.Kind == fim.KindDirectory {
			full := d.Join(item.Name)
			if w.Selector.IsRoot(full) {
				continue
			}
			if d.Scope.Descends(path) && w.enter(d, full, item.Stat) {
				item.Own = true
				names = append(names, strings.Clone(item.Name))
			}
		} else if w.Selector.IsRoot(d.Join(item.Name)) {
			continue
		}
		if item.Watch = d.Scope.Owner(path); item.Own || item.Watch != nil {
			kept = append(kept, item)
		}
	}
	d.Items = kept
	return names
}

// enter reports whether a directory may be gone into.
func (w *walker) enter(d *Directory, path string, stat fim.Stat) bool {
	if len(path) > MaxPath {
		w.problem(path[:MaxPath], ErrDeep)
		return false
	}
	if stat.Mount == d.Self.Mount && (stat.Mount != 0 || stat.Device == d.Self.Device) {
		return true
	}
	kind, ok := w.mounts.enters(w.Selector, stat)
	if !ok {
		w.problem(path, filesystemError(kind))
	}
	return ok
}

type filesystemError string

func (e filesystemError) Error() string { return ErrFilesystem.Error() + ": " + string(e) }
func (e filesystemError) Unwrap() error { return ErrFilesystem }

// belowOf returns the part of path below start.
func belowOf(start, path string) string { return strings.TrimPrefix(path[len(start):], "/") }

// maxKept is how many items a worker keeps room for between directories.
const maxKept = 1 << 14

// shrink lets go of what a very large directory needed.
func (s *scratch) shrink() {
	if cap(s.directory.Items) > maxKept {
		s.directory.Items = nil
	}
}
