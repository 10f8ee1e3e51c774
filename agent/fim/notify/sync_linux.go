package notify

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/holdfast-security/holdfast/agent/fim/notify/fanotify"
	"github.com/holdfast-security/holdfast/agent/fim/notify/mounts"
)

const (
	// maxMountinfo bounds the text of the list of mounts.
	maxMountinfo = 64 << 20
	// maxWindows bounds how many parts of a file system, mounted apart from
	// each other, are looked through. What lies in none has no name.
	maxWindows = 64
)

// part is a view below a root while it is decided how to watch it.
type part struct {
	root string
	view mounts.View
}

// sync brings what is watched in line with the mounts that there are.
func (s *session) sync() error {
	table, err := s.readMounts()
	if err != nil {
		return err
	}
	parts := s.want(table)
	s.leave(parts)
	var covered []Coverage
	var fallback []Coverage
	for device, of := range parts.byDevice() {
		for _, c := range s.cover(table, device, of) {
			if c.Method == Inotify {
				fallback = append(fallback, c)
			} else {
				covered = append(covered, c)
			}
		}
	}
	covered = append(covered, s.watchTrees(fallback)...)
	slices.SortFunc(covered, compare)
	s.publish(covered)
	return nil
}

func (s *session) readMounts() (*mounts.Table, error) {
	text := make([]byte, 0, 32<<10)
	for len(text) < maxMountinfo {
		text = slices.Grow(text, 8<<10)
		// Reading from the start again makes the kernel write the list anew.
		n, err := unix.Pread(s.mounts, text[len(text):cap(text)], int64(len(text)))
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read the list of mounts: %w", err)
		}
		if n == 0 {
			break
		}
		text = text[:len(text)+n]
	}
	table, _, err := mounts.Parse(text)
	return table, err
}

// parts are all views of all roots.
type parts []part

// byDevice groups parts by file system, in order of their first.
func (p parts) byDevice() func(yield func(string, parts) bool) {
	return func(yield func(string, parts) bool) {
		of := make(map[string]parts)
		var order []string
		for _, one := range p {
			device := one.view.Mount.Device
			if of[device] == nil {
				order = append(order, device)
			}
			of[device] = append(of[device], one)
		}
		for _, device := range order {
			if !yield(device, of[device]) {
				return
			}
		}
	}
}

// want finds out what has to be watched.
func (s *session) want(table *mounts.Table) parts {
	var all parts
	for _, root := range s.opts.Roots {
		for _, view := range table.Views(root, real(root), s.opts.enter) {
			all = append(all, part{root: root, view: view})
		}
	}
	return all
}

// real resolves the symbolic links among the parents of a root.
func real(root string) string {
	if root == "/" {
		return root
	}
	dir, err := filepath.EvalSymlinks(filepath.Dir(root))
	if err != nil {
		return root
	}
	return join(dir, []byte(filepath.Base(root)))
}

// leave closes the file systems that are gone, after reading what they still
// told.
func (s *session) leave(all parts) {
	for device, v := range s.volumes {
		if slices.ContainsFunc(all, func(p part) bool { return p.view.Mount.Device == device }) {
			continue
		}
		for range lastPasses {
			if done, err := v.drain(); done || err != nil {
				break
			}
		}
		v.giveUp(time.Now())
		v.group.Close()
		delete(s.volumes, device)
	}
}

// cover decides how the parts of one file system are watched, and marks it when
// that is new.
func (s *session) cover(table *mounts.Table, device string, of parts) []Coverage {
	mount := of[0].view.Mount
	switch {
	case mount.Remote():
		return of.covered(Coverage{Method: Poll, Reason: ReasonRemote})
	case mount.Pseudo():
		return of.covered(Coverage{Method: Poll, Reason: ReasonPseudo})
	}
	v, windows := s.volumes[device], windowsOf(table, device)
	if v == nil {
		group, err := s.openGroup(windows)
		if err != nil {
			reason := reasonOf(err)
			return of.covered(Coverage{Method: Inotify, Reason: reason, Detail: err.Error()})
		}
		v = newVolume(s.output, device, group)
		v.windows = windows
		s.volumes[device] = v
	}
	v.look(windows)
	views := make([]mounts.View, len(of))
	for i := range of {
		views[i] = of[i].view
	}
	v.see(table, views)
	able := v.group.Abilities()
	return of.covered(Coverage{Method: Fanotify, WhoCertain: able.PIDFD, WholeRenames: able.Rename})
}

func (s *session) openGroup(windows []fanotify.Mount) (*fanotify.Group, error) {
	if s.l.refuse != nil {
		return nil, s.l.refuse
	}
	return fanotify.Open(windows, fanotify.Options{Bounded: s.opts.Bounded, Without: s.l.without})
}

// windowsOf returns the mounts that show what can be seen of a file system.
func windowsOf(table *mounts.Table, device string) []fanotify.Mount {
	var list []fanotify.Mount
	for _, m := range table.Windows(device) {
		if len(list) < maxWindows {
			list = append(list, fanotify.Mount{ID: m.ID, Point: m.Point, Root: m.Root})
		}
	}
	return list
}

// covered makes the statement for each of the parts.
func (p parts) covered(as Coverage) []Coverage {
	var list []Coverage
	for _, one := range p {
		c := as
		c.Root, c.Path, c.Type = one.root, one.view.Path, one.view.Mount.Type
		c.device, c.place = one.view.Mount.Device, one.view.Place
		list = append(list, c)
	}
	return list
}

func reasonOf(err error) Reason {
	switch {
	case errors.Is(err, fanotify.ErrUnsupported):
		return ReasonOld
	case errors.Is(err, fanotify.ErrNotPermitted):
		return ReasonNotPermitted
	case errors.Is(err, fanotify.ErrNoHandles):
		return ReasonFileSystem
	case errors.Is(err, fanotify.ErrElsewhere):
		return ReasonHidden
	case errors.Is(err, fanotify.ErrLimit):
		return ReasonLimit
	case errors.Is(err, fs.ErrNotExist):
		return ReasonAbsent
	}
	return ReasonFailed
}

// publish tells the handler what is covered when that changed, and what may
// have changed while it was not.
func (s *session) publish(now []Coverage) {
	before := s.parts
	if slices.Equal(before, now) {
		return
	}
	s.flush()
	s.parts = now
	s.opts.Handler.Covered(slices.Clone(now))
	if before == nil {
		return
	}
	for _, c := range now {
		i := slices.IndexFunc(before, c.same)
		switch {
		case i < 0 && !c.gap:
			s.dirty(Dirty{Path: c.Path, Cause: CauseMounted})
		case i < 0, before[i].Method != c.Method:
			s.dirty(Dirty{Path: c.Path, Cause: CauseRenewed})
		}
	}
	for _, c := range before {
		if !slices.ContainsFunc(now, c.same) && !c.gap {
			s.dirty(Dirty{Path: c.Path, Cause: CauseUnmounted})
		}
	}
}

// same reports whether other is about the same part.
func (c Coverage) same(other Coverage) bool {
	return c.Root == other.Root && c.Path == other.Path && c.device == other.device && c.place == other.place
}
