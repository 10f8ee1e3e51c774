package audit

import (
	"path"
	"strings"
	"syscall"

	"github.com/holdfast-security/holdfast/agent/hostfs"
)

// Bounds of the folders whose paths are told by inode.
const (
	maxFolders     = 800 // fewer than the normalizer keeps
	maxFolderDepth = 4   // below a watched folder
)

// nameFolders calls name for the folders in which a watch can see something
// made or removed: those watched and those below, and the parents of watched
// files. A program that works relative to the descriptor of such a folder (rm
// -r, cp -r) leaves only its inode in the records.
func nameFolders(fs hostfs.FS, name func(device, inode uint64, path string)) {
	w := folderWalk{fs: fs, name: name, seen: make(map[folder]bool)}
	for _, r := range pathRules {
		for p := range strings.FieldsSeq(r.paths) {
			w.add(path.Dir(p))
		}
	}
	all := homes(fs)
	for _, home := range all[:min(len(all), maxHomes)] {
		w.add(home)
		for _, r := range homeDirs {
			w.tree(path.Join(home, r.name), maxFolderDepth)
		}
	}
	for _, r := range dirRules {
		for p := range strings.FieldsSeq(r.dirs) {
			w.add(path.Dir(p))
			w.tree(p, maxFolderDepth)
		}
	}
	w.tree("/var/log", maxFolderDepth)
}

// folder is the identity of a folder, as stat(2) tells it.
type folder struct{ device, inode uint64 }

type folderWalk struct {
	fs   hostfs.FS
	name func(device, inode uint64, path string)
	seen map[folder]bool
}

// add names one folder. It reports whether it is one, and a new one.
func (w *folderWalk) add(dir string) bool {
	info, err := w.fs.Stat(dir)
	if err != nil || !info.IsDir() || len(w.seen) >= maxFolders {
		return false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return false
	}
	id := folder{stat.Dev, stat.Ino}
	if w.seen[id] {
		return false
	}
	w.seen[id] = true
	w.name(id.device, id.inode, w.fs.Path(dir))
	return true
}

// tree names a folder and those below. Symbolic links are not followed below
// the first.
func (w *folderWalk) tree(dir string, depth int) {
	if !w.add(dir) || depth == 0 {
		return
	}
	entries, err := w.fs.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		if e.IsDir() {
			w.tree(path.Join(dir, e.Name()), depth-1)
		}
	}
}
