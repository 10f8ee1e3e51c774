package notify

import (
	"bytes"
	"cmp"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/holdfast-security/holdfast/agent/fim/notify/inotify"
	"github.com/holdfast-security/holdfast/agent/fim/notify/mounts"
)

// maxGaps is how many directories that inotify cannot watch are named; with
// more the whole root is said not to be watched.
const maxGaps = 256

// compare puts coverage into a lasting order.
func compare(a, b Coverage) int {
	return cmp.Or(cmp.Compare(a.Root, b.Root), cmp.Compare(a.Path, b.Path), cmp.Compare(a.Type, b.Type))
}

// watchTrees watches the parts that no mark covers with inotify, and returns
// what came of it.
func (s *session) watchTrees(wanted []Coverage) []Coverage {
	s.absent = false
	if s.tree != nil && (s.overrun || len(wanted) == 0) {
		s.tree.Close()
		s.tree = nil
		clear(s.inotify)
		clear(s.gaps)
	}
	if len(wanted) == 0 {
		s.overrun = false
		return nil
	}
	if s.tree == nil {
		tree, err := inotify.Open(inotify.Options{Limit: s.watchLimit(), Enter: s.opts.Enter, Grace: s.opts.Nap}, s.treeEvent)
		if err != nil {
			return without(wanted, err)
		}
		s.tree = tree
	}
	s.removeTrees(wanted)
	for i := range wanted {
		c := &wanted[i]
		if s.opts.Enter == nil && slices.ContainsFunc(wanted, c.inside) {
			continue
		}
		if err := s.tree.Add(c.Path); err != nil {
			s.absent = s.absent || errors.Is(err, fs.ErrNotExist)
			c.Method, c.Reason, c.Detail = Poll, reasonOfTree(err), err.Error()
			continue
		}
		if s.ended[c.Path] {
			s.dirty(Dirty{Path: c.Path, Cause: CauseRenewed})
		}
		s.inotify[c.Path] = c.device + c.place
	}
	clear(s.ended)
	if s.overrun {
		// Told only now, so that whoever looks again misses nothing after.
		s.overrun = false
		for path := range s.inotify {
			s.dirty(Dirty{Path: path, Cause: CauseOverflow})
		}
	}
	return append(wanted, s.gapsOf(wanted)...)
}

// inside reports whether watching other, a directory above on the same file
// system, watches c too.
func (c Coverage) inside(other Coverage) bool {
	return c.device == other.device && c.Path != other.Path && mounts.Below(c.Path, other.Path) && mounts.Below(c.place, other.place)
}

// removeTrees takes out roots that are no longer to be watched with inotify, or
// where something else is mounted.
func (s *session) removeTrees(wanted []Coverage) {
	keep := make(map[string]string, len(wanted))
	for _, c := range wanted {
		keep[c.Path] = c.device + c.place
	}
	for path, of := range s.inotify {
		if keep[path] != of {
			s.tree.Remove(path)
			delete(s.inotify, path)
			for dir := range s.gaps {
				if mounts.Below(dir, path) {
					delete(s.gaps, dir)
				}
			}
		}
	}
}

// gapsOf states what lies below the wanted parts without being watched. Too
// many gaps of one part make it one.
func (s *session) gapsOf(wanted []Coverage) []Coverage {
	var list []Coverage
	for i := range wanted {
		c := &wanted[i]
		if c.Method != Inotify {
			continue
		}
		n := len(list)
		for dir, g := range s.gaps {
			if !mounts.Below(dir, c.Path) {
				continue
			}
			list = append(list, Coverage{Root: c.Root, Path: dir, Type: c.Type, Method: Poll, Reason: g.reason, Detail: g.detail, gap: true})
		}
		if len(s.gaps) > maxGaps && len(list) > n {
			list = list[:n]
			c.Method, c.Reason, c.Detail = Poll, ReasonLimit, "too many directories are not watched"
		}
	}
	return list
}

// watchLimit is how many directories are watched at most. Half of what the
// kernel allows is left to the other programs of the user.
func (s *session) watchLimit() int {
	if s.opts.Watches > 0 {
		return s.opts.Watches
	}
	text, err := os.ReadFile("/proc/sys/fs/inotify/max_user_watches")
	if err != nil {
		return 0
	}
	n, err := strconv.Atoi(string(bytes.TrimSpace(text)))
	if err != nil {
		return 0
	}
	return max(n/2, 1)
}

func reasonOfTree(err error) Reason {
	switch {
	case errors.Is(err, inotify.ErrLimit):
		return ReasonLimit
	case errors.Is(err, inotify.ErrNotPermitted), errors.Is(err, fs.ErrPermission):
		return ReasonNotPermitted
	case errors.Is(err, fs.ErrNotExist):
		return ReasonAbsent
	}
	return ReasonFailed
}

// without states that not even inotify is there.
func without(wanted []Coverage, err error) []Coverage {
	for i := range wanted {
		wanted[i].Method, wanted[i].Reason, wanted[i].Detail = Poll, reasonOfTree(err), err.Error()
	}
	return wanted
}

// drainTree takes in what inotify tells.
func (s *session) drainTree() error {
	if s.tree == nil {
		return nil
	}
	err := s.tree.Read()
	if s.overrun {
		// Directories made in the meantime have no watch, and others may have
		// another name: everything is watched anew.
		s.stats.Overflows++
		s.resync = true
	}
	return err
}

// treeEvent takes one event of inotify.
func (s *session) treeEvent(e inotify.Event) {
	s.stats.Events++
	switch {
	case e.Mask&inotify.Overflow != 0:
		s.overrun = true
	case e.Gone:
		delete(s.inotify, e.Path)
		s.ended[e.Path], s.resync = true, true
		s.add(Change{Op: MovedOut, Path: e.Path, Read: time.Now()})
	case e.Unwatched != nil:
		if len(s.gaps) <= maxGaps {
			s.gaps[e.Path] = gap{reasonOfTree(e.Unwatched), e.Unwatched.Error()}
			s.resync = true
		}
	case s.wants(e.Path) || e.From != "" && s.wants(e.From):
		s.treeChange(e)
	default:
		s.stats.Unwanted++
	}
}

func (s *session) treeChange(e inotify.Event) {
	c := Change{Path: e.Path, From: e.From, Dir: e.Mask&inotify.IsDir != 0, Read: time.Now()}
	for _, pair := range [...]struct {
		mask inotify.Mask
		op   Op
	}{
		{inotify.Create, Created},
		{inotify.Delete, Deleted},
		{inotify.Modify, Modified},
		{inotify.CloseWrite, Closed},
		{inotify.Attrib, Attributes},
		{inotify.MovedTo, MovedIn},
		{inotify.MovedFrom, MovedOut},
	} {
		if e.Mask&pair.mask != 0 {
			c.Op |= pair.op
		}
	}
	if c.Op&(MovedIn|MovedOut) == MovedIn|MovedOut {
		c.Op = c.Op&^(MovedIn|MovedOut) | Renamed
	}
	if c.Dir && c.Op&(Renamed|MovedIn|MovedOut) != 0 {
		s.moved()
	}
	s.add(c)
}
