package notify

import (
	"path"
	"slices"
	"strings"

	"github.com/holdfast-security/holdfast/agent/fim/notify/mounts"
)

// directory is what is known of a directory that a notification named.
type directory struct {
	place string   // in its file system; empty for one that is not visible
	paths []string // by which it is seen below the roots; none for one elsewhere
	// inside are names in it that are roots or mounted by themselves, with the
	// paths by which they are seen.
	inside map[string][]string
	// above are names in it that lead to roots or mounted parts further below.
	above map[string][]string

	key          string
	generation   uint64
	newer, older *directory
}

// seen returns the paths by which a name in the directory is seen below the
// roots, appended to into. "." is the directory itself.
func (d *directory) seen(into []string, name []byte) []string {
	if len(name) == 0 || string(name) == "." {
		return append(into, d.paths...)
	}
	for _, dir := range d.paths {
		into = append(into, join(dir, name))
	}
	for _, path := range d.inside[string(name)] {
		if !slices.Contains(into, path) {
			into = append(into, path)
		}
	}
	return into
}

// relevant reports whether anything in the directory is seen below the roots.
func (d *directory) relevant() bool { return len(d.paths) > 0 || len(d.inside) > 0 }

func join(dir string, name []byte) string {
	if dir == "/" {
		return "/" + string(name)
	}
	return dir + "/" + string(name)
}

// newDirectory finds out by which of the views a place is seen.
func newDirectory(place string, views []mounts.View, table *mounts.Table) *directory {
	d := &directory{place: place}
	for _, v := range views {
		switch {
		case mounts.Below(place, v.Place):
			rest := strings.TrimPrefix(place, v.Place)
			seen := mounts.Join(v.Path, rest)
			if !slices.Contains(d.paths, seen) && table.At(mounts.Join(v.Real, rest)) == v.Mount {
				d.paths = append(d.paths, seen)
			}
		case path.Dir(v.Place) == place:
			d.inside = lead(d.inside, path.Base(v.Place), v.Path)
		case place != "" && mounts.Below(v.Place, place):
			next, _, _ := strings.Cut(strings.TrimPrefix(v.Place[len(place):], "/"), "/")
			d.above = lead(d.above, next, v.Path)
		}
	}
	return d
}

func lead(names map[string][]string, name, path string) map[string][]string {
	if names == nil {
		names = make(map[string][]string)
	}
	names[name] = append(names[name], path)
	return names
}

// directories remembers the directories of one file system by handle, the
// latest used of them. Renaming a directory makes all that was remembered
// stale at once: it moves everything below, and happens too rarely to deserve
// better.
type directories struct {
	limit      int
	generation uint64
	byKey      map[string]*directory
	ring       directory // newer is the oldest, older the newest
}

func newDirectories(limit int) *directories {
	d := &directories{limit: limit, byKey: make(map[string]*directory)}
	d.ring.newer, d.ring.older = &d.ring, &d.ring
	return d
}

// get returns the directory with the given handle, or nil when it is not known
// or stale.
func (d *directories) get(key []byte) *directory {
	dir := d.byKey[string(key)]
	if dir == nil || dir.generation != d.generation {
		return nil
	}
	if d.ring.older != dir {
		dir.unlink()
		d.first(dir)
	}
	return dir
}

// put remembers dir and forgets the one that was longest not used.
func (d *directories) put(key []byte, dir *directory) {
	if old := d.byKey[string(key)]; old != nil {
		old.unlink()
		delete(d.byKey, old.key)
	}
	for len(d.byKey) >= d.limit {
		oldest := d.ring.newer
		oldest.unlink()
		delete(d.byKey, oldest.key)
	}
	dir.key, dir.generation = string(key), d.generation
	d.byKey[dir.key] = dir
	d.first(dir)
}

func (d *directories) first(dir *directory) {
	dir.older, dir.newer = d.ring.older, &d.ring
	dir.older.newer, d.ring.older = dir, dir
}

func (dir *directory) unlink() {
	dir.older.newer, dir.newer.older = dir.newer, dir.older
}

// stale makes all that is remembered worthless.
func (d *directories) stale() { d.generation++ }
