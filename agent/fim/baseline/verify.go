package baseline

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/holdfast-security/holdfast/agent/fim/hash"
	"github.com/holdfast-security/holdfast/agent/fim/walk"
	"github.com/holdfast-security/holdfast/agent/hostfs"
	"github.com/holdfast-security/holdfast/fim"
)

// ChangeKind says what became of a path.
type ChangeKind uint8

// Kinds of changes.
const (
	Added ChangeKind = iota + 1
	Removed
	Modified
)

// String returns the kind in one word.
func (k ChangeKind) String() string {
	return map[ChangeKind]string{Added: "added", Removed: "removed", Modified: "modified"}[k]
}

// Change is one difference between the baseline and what is there.
type Change struct {
	Kind          ChangeKind
	Path          string
	Before, After fim.State // the zero value where there was or is nothing
	Watch         fim.Watch // the one that the path belongs to
	// Differences are those that the watch asks for; of a modification there
	// is at least one.
	Differences []fim.Difference
	// Hidden says that the content changed and the metadata did not, which
	// does not happen by itself: see the package's documentation.
	Hidden bool
}

// Reader reads what a walk does not tell; [hash.Hasher] is one. It is called by
// several goroutines at a time.
type Reader interface {
	Read(ctx context.Context, d *walk.Directory, name string, r hash.Request) (hash.Result, error)
}

var _ Reader = (*hash.Hasher)(nil)

// Config says how to verify.
type Config struct {
	Store    *Store
	Selector *fim.Selector
	Reader   Reader
	// FS is where the paths are found; the zero value is the running system.
	FS hostfs.FS
	// Starts are the parts to look at; none means everything.
	Starts []walk.Start
	// Workers is how many directories are looked at once; none means a few.
	Workers int
	// Due, unless nil, says which files are read although their metadata did
	// not move. [Turn] makes one.
	Due func(path string) bool
	// Report takes the changes, one at a time, in no order. They are reported
	// before the new state is kept, so that a crash makes some be reported
	// twice but none be lost. An error ends the verification.
	Report func(Change) error
	// Problem, unless nil, hears of what could not be looked at or read, from
	// several goroutines at a time. Of that the old state is kept.
	Problem func(path string, err error)
	// Progress, unless nil, counts along.
	Progress *walk.Progress
}

// Summary counts what a verification found.
type Summary struct {
	Entries int64 // that were looked at
	Read    int64 // files, links and directories whose details were read
	// Adopted are new paths that are in the baseline without having been
	// reported, for they were not watched before.
	Adopted  int64
	Added    int64
	Removed  int64
	Modified int64
	Problems int64
}

// Verify compares what is there with the baseline, reports each change, and
// takes what is there for the new baseline. Paths that are watched for the
// first time are taken in without a word: the first call makes the baseline.
// When it fails, or ctx ends, what was found so far may count already or not;
// calling it again goes on.
func Verify(ctx context.Context, c Config) (Summary, error) {
	if c.Progress == nil {
		c.Progress = new(walk.Progress)
	}
	v := &verifier{Config: c}
	if err := v.earlier(); err != nil {
		return Summary{}, err
	}
	update, err := c.Store.begin()
	if err != nil {
		return Summary{}, err
	}
	v.update = update
	v.mergers.New = func() any { return new(merger) }
	err = walk.Walk(ctx, walk.Config{
		Selector: c.Selector, FS: c.FS, Starts: c.Starts, Workers: c.Workers, Progress: c.Progress, Problem: c.Problem,
		Visit: func(d *walk.Directory) error { return v.visit(ctx, d) },
	})
	if err == nil && len(c.Starts) == 0 {
		err = v.settle()
	}
	if err != nil {
		return v.summary(), errors.Join(err, update.abandon())
	}
	return v.summary(), update.commit()
}

// verifier is the state of one verification.
type verifier struct {
	Config
	before  *fim.Selector // what was watched when the baseline was last complete, nil for never
	update  *Update
	mergers sync.Pool // of *merger

	reporting sync.Mutex // held while Report runs

	read, adopted, added, removed, modified, problems atomic.Int64
}

func (v *verifier) summary() Summary {
	return Summary{
		Entries: v.Progress.Count(time.Now()).Entries, Read: v.read.Load(), Adopted: v.adopted.Load(), Added: v.added.Load(), Removed: v.removed.Load(),
		Modified: v.modified.Load(), Problems: v.problems.Load() + v.Progress.Count(time.Now()).Problems,
	}
}

func (v *verifier) earlier() error {
	selection := v.Store.Selection()
	if selection == nil {
		return nil
	}
	before, err := fim.Compile(*selection)
	if err != nil {
		return fmt.Errorf("%w: what was watched: %w", ErrDamaged, err)
	}
	v.before = before
	return nil
}

// settle ends a verification of everything: when something else is watched than
// before, that is noted, and what is not watched any more is dropped.
func (v *verifier) settle() error {
	now, err := json.Marshal(v.Selector.Selection())
	if err != nil {
		return err
	}
	if v.before != nil {
		before, err := json.Marshal(v.before.Selection())
		if err != nil || bytes.Equal(before, now) {
			return err
		}
		if err := v.Store.paths(func(path string) error {
			scope := v.Selector.Scope(path)
			if scope != nil && scope.Reaches(scope.Below(path)) {
				return nil
			}
			return v.update.remove(path)
		}); err != nil {
			return err
		}
	}
	return v.update.watch(v.Selector.Selection())
}

func (v *verifier) problem(path string, err error) {
	v.problems.Add(1)
	if v.Problem != nil {
		v.Problem(path, err)
	}
}

// report hands on a change, unless the path was not watched before.
func (v *verifier) report(c Change) error {
	switch c.Kind {
	case Added:
		if v.before == nil || v.before.Owner(c.Path) == nil {
			v.adopted.Add(1)
			return nil
		}
		v.added.Add(1)
	case Removed:
		v.removed.Add(1)
	case Modified:
		v.modified.Add(1)
	}
	v.reporting.Lock()
	defer v.reporting.Unlock()
	return v.Report(c)
}

// visit merges one directory.
func (v *verifier) visit(ctx context.Context, d *walk.Directory) error {
	if d.Self.Kind == fim.KindAbsent {
		return v.vanished(d.Path)
	}
	m := v.mergers.Get().(*merger)
	defer v.mergers.Put(m)
	old, err := v.Store.Unit(d.Path)
	if err == nil {
		m.begin(v, d, old)
		err = m.run(ctx)
	}
	if errors.Is(err, ErrDamaged) { // what is there is then reported as new
		v.problem(d.Path, err)
		m.begin(v, d, nil)
		err = m.run(ctx)
	}
	if err != nil || !m.dirty {
		return err
	}
	if err := v.update.put(d.Path, m.out.finish()); err != nil {
		return err
	}
	return v.update.checkpoint()
}

// vanished reports what was kept of a directory and all below it as removed,
// unless it is not watched any more, and drops it.
func (v *verifier) vanished(path string) error {
	for left := []string{path}; len(left) > 0; {
		path, left = left[len(left)-1], left[:len(left)-1]
		unit, err := v.Store.Unit(path)
		if unit != nil {
			left, err = v.lostUnit(unit, left)
		}
		if errors.Is(err, ErrDamaged) {
			v.problem(path, err)
		} else if err != nil {
			return err
		} else if unit == nil {
			continue
		}
		if err := v.update.remove(path); err != nil {
			return err
		}
	}
	return nil
}

// lostUnit reports what is in a unit as removed, and appends to left the
// directories in it.
func (v *verifier) lostUnit(unit *Unit, left []string) ([]string, error) {
	err := v.lost(unit.path, unit.Self)
	for err == nil {
		var item Item
		var ok bool
		if item, ok, err = unit.Next(); err != nil || !ok {
			break
		}
		at := fim.Join(unit.path, item.Name)
		if item.Own {
			left = append(left, at)
		} else {
			err = v.lost(at, item.State)
		}
	}
	return left, err
}

// lost reports a path as removed if it is still watched.
func (v *verifier) lost(path string, state fim.State) error {
	watch := v.Selector.Owner(path)
	if watch == nil || state.Kind == fim.KindUnknown {
		return nil
	}
	return v.report(Change{Kind: Removed, Path: path, Before: state, Watch: *watch})
}
