package notify

import (
	"errors"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/holdfast-security/holdfast/agent/fim/notify/fanotify"
	"github.com/holdfast-security/holdfast/agent/fim/notify/mounts"
)

const (
	// readLen is the size of a read: some hundred events, each of which may
	// bring a descriptor.
	readLen = 32 << 10
	// maxReads bounds how many reads a pass over one file system takes.
	maxReads = 64
	// maxOrphans and maxRemoved bound what waits for the removal of a
	// directory to be read, see [volume.orphan].
	maxOrphans = 8192
	maxRemoved = 16 << 10
	// maxDepth bounds how many removed directories in one another are named.
	maxDepth = 256
)

// volume is a file system with a mark.
type volume struct {
	*output
	device string
	group  *fanotify.Group
	known  *directories
	table  *mounts.Table
	views  []mounts.View
	// windows are the mounts that the group looks through.
	windows []fanotify.Mount

	buf     []byte
	events  []fanotify.Event // of one read
	writers writers
	removed map[string]removal // directories by handle, since the queue was last empty
	orphans []fanotify.Event   // of directories that are gone, since the same
	leaving map[int32]leaving  // by process: the first half of a rename
	scratch [2][]string        // paths
	soiled  []Cause            // why changes may have been missed in this pass
	self    int32              // the listener's process
}

// removal is the last place of a directory.
type removal struct {
	in   fanotify.Handle
	name string
}

// leaving is a MovedFrom whose MovedTo is to come.
type leaving struct {
	paths []string
	where string // some path of what lies below no root
	who   Who
	dir   bool
	read  time.Time
}

func newVolume(out *output, device string, group *fanotify.Group) *volume {
	return &volume{
		output: out, device: device, group: group, known: newDirectories(out.opts.Directories), buf: make([]byte, readLen),
		writers: writers{known: make(map[int32]Who)}, removed: make(map[string]removal), leaving: make(map[int32]leaving),
		self: int32(os.Getpid()),
	}
}

// see takes over where the file system is seen now.
func (v *volume) see(table *mounts.Table, views []mounts.View) {
	v.table, v.views = table, views
	v.known.stale()
}

// look makes the group look through the mounts that there are now.
func (v *volume) look(windows []fanotify.Mount) {
	if slices.Equal(windows, v.windows) || v.group.Look(windows) != nil {
		return // the mounts have changed again, which will be told
	}
	v.windows = windows
}

// drain takes in what waits and reports whether that was all.
func (v *volume) drain() (done bool, err error) {
	defer v.clean()
	for range maxReads {
		n, err := v.group.Read(v.buf)
		if err != nil {
			return true, err
		}
		if n == 0 {
			v.settle()
			return true, nil
		}
		v.take(v.buf[:n])
	}
	return false, nil
}

// take handles the bytes of one read.
func (v *volume) take(data []byte) {
	v.events = v.events[:0]
	bad := fanotify.Parse(data, func(e *fanotify.Event) {
		v.events = append(v.events, *e)
		v.stats.Events++
		if e.Mask&fanotify.OnDir != 0 && e.Mask&fanotify.Delete != 0 && len(e.Object) > 0 && len(v.removed) < maxRemoved {
			v.removed[string(e.Object)] = removal{in: clone(e.At.Dir), name: string(e.At.Name)}
		}
	})
	now := time.Now()
	for i := range v.events {
		e := &v.events[i]
		v.event(e, now, true)
		if e.PIDFD >= 0 {
			unix.Close(int(e.PIDFD))
		}
	}
	v.writers.reset()
	if bad > 0 {
		v.stats.Malformed += uint64(bad)
		v.dirty(CauseMalformed)
	}
}

func clone(h fanotify.Handle) fanotify.Handle { return append(fanotify.Handle(nil), h...) }

// settle is called when the kernel's queue is empty: all removals of
// directories that are gone have been read. The second half of a rename may
// still be on its way, for the process that renames can be interrupted between
// the two.
func (v *volume) settle() {
	now := time.Now()
	for i := range v.orphans {
		v.event(&v.orphans[i], now, false)
	}
	v.orphans = nil
	clear(v.removed)
	v.giveUp(now.Add(-v.opts.Nap))
}

// giveUp hands on the first halves of renames that were read before the given
// time.
func (v *volume) giveUp(before time.Time) {
	for pid, m := range v.leaving {
		if m.read.Before(before) {
			v.left(m, m.read)
			delete(v.leaving, pid)
		}
	}
}

// orphan keeps an event whose directory is gone for when the removal of the
// directory, which waits further back in the queue, says where it was.
func (v *volume) orphan(e *fanotify.Event, who Who) {
	if len(v.orphans) >= maxOrphans {
		v.stats.Vanished++
		return
	}
	kept := fanotify.Event{Mask: e.Mask, PID: who.PID, PIDFD: fanotify.NoPIDFD, Object: clone(e.Object)}
	kept.At = fanotify.Entry{Dir: clone(e.At.Dir), Name: append([]byte(nil), e.At.Name...)}
	kept.From = fanotify.Entry{Dir: clone(e.From.Dir), Name: append([]byte(nil), e.From.Name...)}
	v.orphans = append(v.orphans, kept)
}

// dirty notes that everything of this file system may have changed.
func (v *volume) dirty(cause Cause) {
	if !slices.Contains(v.soiled, cause) {
		v.soiled = append(v.soiled, cause)
	}
}

// clean tells what was noted: after the reading, so that whoever looks then
// misses none of it, and once for all of a pass.
func (v *volume) clean() {
	for _, cause := range v.soiled {
		for _, view := range v.views {
			v.output.dirty(Dirty{Path: view.Path, Cause: cause})
		}
	}
	v.soiled = v.soiled[:0]
}

// event handles one event. first is false for one that waited.
func (v *volume) event(e *fanotify.Event, now time.Time, first bool) {
	if e.Mask&fanotify.Overflow != 0 {
		v.stats.Overflows++
		v.known.stale() // a rename may be among what was lost
		v.dirty(CauseOverflow)
		return
	}
	dir := e.Mask&fanotify.OnDir != 0
	if dir && e.Mask&(fanotify.Rename|fanotify.MovedFrom|fanotify.MovedTo) != 0 {
		v.known.stale()
		v.output.moved()
	}
	at, err := v.directory(e.At.Dir, 0)
	if err == nil && dir && e.Mask&fanotify.Create != 0 && len(e.Object) > 0 && at.place != "" {
		v.known.put(e.Object, newDirectory(join(at.place, e.At.Name), v.views, v.table))
	}
	if err == nil && e.Mask&named != 0 {
		v.shaken(e, at)
	}
	switch {
	case e.PID == v.self:
		v.stats.Own++
	case err != nil && len(e.At.Dir) == 0:
		v.nameless(e, now)
	case err == nil && at.place == "" && v.group.SeesFiles() && e.Mask&named == 0:
		v.nameless(e, now) // a file that is mounted by itself has no directory here
	case errors.Is(err, fanotify.ErrGone) && first:
		v.orphan(e, Who{PID: e.PID})
	case errors.Is(err, fanotify.ErrGone):
		v.vanished(e, now)
	case err != nil:
		v.stats.Unnamed++
		v.dirty(CauseUnnamed)
	case e.Mask&(fanotify.Rename|fanotify.MovedFrom|fanotify.MovedTo) != 0:
		v.rename(e, at, now)
	default:
		v.change(e, at, now)
	}
}

// vanished handles an event of a directory that is gone without a trace. What
// was moved there left where it was.
func (v *volume) vanished(e *fanotify.Event, now time.Time) {
	v.stats.Vanished++
	if e.Mask&fanotify.Rename == 0 {
		return
	}
	if from, err := v.directory(e.From.Dir, 0); err == nil {
		v.scratch[1] = from.seen(v.scratch[1][:0], e.From.Name)
		v.left(leaving{paths: v.scratch[1], who: v.who(e), dir: e.Mask&fanotify.OnDir != 0}, now)
	}
}

// named are the events about a name rather than what it stands for.
const named = fanotify.Create | fanotify.Delete | fanotify.Rename | fanotify.MovedFrom | fanotify.MovedTo

// shaken tells when a directory on the way to a root got or lost its name: what
// is below the root is another tree now.
func (v *volume) shaken(e *fanotify.Event, at *directory) {
	paths := at.above[string(e.At.Name)]
	if e.Mask&fanotify.Rename != 0 {
		if from, err := v.directory(e.From.Dir, 0); err == nil {
			paths = append(slices.Clip(paths), from.above[string(e.From.Name)]...)
		}
	}
	for _, path := range paths {
		v.output.dirty(Dirty{Path: path, Cause: CauseMoved})
		v.output.resync = true
	}
}

// directory returns what is known of the directory with the handle.
func (v *volume) directory(h fanotify.Handle, depth int) (*directory, error) {
	if len(h) == 0 {
		return nil, fanotify.ErrElsewhere
	}
	if d := v.known.get(h); d != nil {
		return d, nil
	}
	v.stats.Resolved++
	place, _, err := v.group.Place(h)
	if errors.Is(err, fanotify.ErrGone) && depth < maxDepth {
		if r, ok := v.removed[string(h)]; ok {
			var in *directory
			if in, err = v.directory(r.in, depth+1); err == nil {
				place = join(in.place, []byte(r.name))
			}
		}
	}
	if err != nil && !errors.Is(err, fanotify.ErrElsewhere) {
		return nil, err
	}
	d := newDirectory(place, v.views, v.table)
	v.known.put(h, d)
	return d, nil
}

// change hands on what happened to one name.
func (v *volume) change(e *fanotify.Event, at *directory, now time.Time) {
	if !at.relevant() {
		v.stats.Elsewhere++
		return
	}
	v.scratch[0] = at.seen(v.scratch[0][:0], e.At.Name)
	v.tell(e, v.scratch[0], Change{Op: ops(e.Mask), Dir: e.Mask&fanotify.OnDir != 0, Read: now})
}

// tell adds the change under each of the paths that are wanted.
func (v *volume) tell(e *fanotify.Event, paths []string, c Change) {
	if len(paths) == 0 {
		v.stats.Elsewhere++
	}
	for _, path := range paths {
		if !v.wanted(path) {
			continue
		}
		if c.Who.PID == 0 {
			c.Who = v.who(e)
		}
		c.Path = path
		v.add(c)
	}
}

func (v *volume) who(e *fanotify.Event) Who {
	who, ended := v.writers.of(e)
	if ended {
		v.stats.Ended++
	}
	return who
}

// nameless handles an event without a directory: of a file that was opened by
// its handle, not by a path.
func (v *volume) nameless(e *fanotify.Event, now time.Time) {
	if len(e.Object) == 0 {
		v.stats.Unnamed++
		v.dirty(CauseUnnamed)
		return
	}
	v.stats.Resolved++
	place, removed, err := v.group.Place(e.Object)
	switch {
	case (removed || err != nil) && e.Mask == fanotify.Attrib:
		// The number of links changed: the name that came or went is told.
	case removed, errors.Is(err, fanotify.ErrGone):
		v.stats.Vanished++
	case errors.Is(err, fanotify.ErrElsewhere) && len(e.At.Dir) > 0:
		v.stats.Elsewhere++
	case err != nil:
		v.stats.Unnamed++
		v.dirty(CauseUnnamed)
	default:
		d := newDirectory(place, v.views, v.table)
		v.tell(e, d.paths, Change{Op: ops(e.Mask), Dir: e.Mask&fanotify.OnDir != 0, Read: now})
	}
}

// rename handles the two halves of a rename, which come in one event or, from
// kernels before 5.17, in two.
func (v *volume) rename(e *fanotify.Event, at *directory, now time.Time) {
	dir := e.Mask&fanotify.OnDir != 0
	v.scratch[0] = at.seen(v.scratch[0][:0], e.At.Name)
	half := leaving{paths: v.scratch[0], dir: dir, read: now}
	switch {
	case e.Mask&fanotify.Rename != 0:
		from, err := v.directory(e.From.Dir, 0)
		if err == nil {
			v.scratch[1] = from.seen(v.scratch[1][:0], e.From.Name)
			v.move(e, leaving{paths: v.scratch[1], where: v.somewhere(from, e.From.Name, v.scratch[1])}, at, now)
		} else {
			v.move(e, leaving{}, at, now)
		}
	case e.Mask&(fanotify.MovedFrom|fanotify.MovedTo) == fanotify.MovedFrom|fanotify.MovedTo:
		v.change(e, at, now) // to and fro: what it is now is what counts
	case e.Mask&fanotify.MovedFrom != 0:
		if old, ok := v.leaving[e.PID]; ok {
			v.left(old, now)
		}
		half.paths = append([]string(nil), half.paths...)
		half.where, half.who = v.somewhere(at, e.At.Name, half.paths), Who{PID: e.PID}
		if len(half.paths) > 0 {
			half.who = v.who(e)
		}
		v.leaving[e.PID] = half
	default:
		from := v.leaving[e.PID]
		delete(v.leaving, e.PID)
		v.move(e, from, at, now)
	}
}

// somewhere returns a path for a name that is seen below no root.
func (v *volume) somewhere(d *directory, name []byte, seen []string) string {
	if len(seen) > 0 {
		return seen[0]
	}
	if d.place == "" {
		return ""
	}
	return v.table.Anywhere(v.device, join(d.place, name))
}

// move hands on a rename from a place that may be unknown to where e says.
func (v *volume) move(e *fanotify.Event, from leaving, at *directory, now time.Time) {
	to := at.seen(v.scratch[0][:0], e.At.Name)
	v.scratch[0] = to
	c := Change{Op: Renamed | ops(e.Mask&^(fanotify.Rename|fanotify.MovedTo)), Dir: e.Mask&fanotify.OnDir != 0, Read: now}
	if from.where == "" {
		c.Op = c.Op&^Renamed | MovedIn
	}
	if len(to) == 0 && len(from.paths) == 0 {
		v.stats.Elsewhere++
		return
	}
	for i, path := range to {
		c.From = from.where
		if len(from.paths) > 0 {
			c.From = from.paths[min(i, len(from.paths)-1)]
		}
		v.renamed(e, c, path)
	}
	if len(to) > 0 {
		return
	}
	for _, path := range from.paths {
		c.From = path
		v.renamed(e, c, v.somewhere(at, e.At.Name, nil))
	}
}

// renamed adds a rename when one of its names is wanted.
func (v *volume) renamed(e *fanotify.Event, c Change, to string) {
	if to == "" {
		c.Op, to, c.From = c.Op&^Renamed|MovedOut, c.From, ""
	}
	if !v.wants(to) && (c.From == "" || !v.wants(c.From)) {
		v.stats.Unwanted++
		return
	}
	c.Path, c.Who = to, v.who(e)
	v.add(c)
}

// left hands on a MovedFrom without a MovedTo.
func (v *volume) left(m leaving, now time.Time) {
	for _, path := range m.paths {
		if v.wanted(path) {
			v.add(Change{Op: MovedOut, Path: path, Dir: m.dir, Who: m.who, Read: now})
		}
	}
}

// ops translates what the kernel says.
func ops(m fanotify.Mask) Op {
	var o Op
	for _, pair := range [...]struct {
		mask fanotify.Mask
		op   Op
	}{
		{fanotify.Create, Created},
		{fanotify.Delete, Deleted},
		{fanotify.Modify, Modified},
		{fanotify.CloseWrite, Closed},
		{fanotify.Attrib, Attributes},
		{fanotify.MovedTo, MovedIn},
		{fanotify.MovedFrom, MovedOut},
	} {
		if m&pair.mask != 0 {
			o |= pair.op
		}
	}
	return o
}
