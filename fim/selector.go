package fim

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Selector answers which watch a path belongs to. It is made by [Compile], does
// not change, and is safe for concurrent use.
type Selector struct {
	selection   Selection
	scopes      map[string]*Scope
	filesystems map[string]bool
}

// Scope is what the watches of one root say together.
type Scope struct {
	root    string
	watches []compiled
}

type compiled struct {
	Watch
	include, exclude []glob
}

// Compile checks a selection and makes it fast. The error says in one sentence
// which watch is wrong and why.
func Compile(s Selection) (*Selector, error) {
	if len(s.Watches) > MaxWatches {
		return nil, fmt.Errorf("the selection has %d watches, more than %d", len(s.Watches), MaxWatches)
	}
	types := s.Filesystems
	if len(types) == 0 {
		types = LocalFilesystems()
	}
	c := &Selector{selection: s, scopes: make(map[string]*Scope), filesystems: make(map[string]bool)}
	for _, t := range types {
		if t == "" || len(t) > 64 || len(types) > 200 {
			return nil, errors.New("the selection names file systems that cannot be: at most 200, of at most 64 bytes each")
		}
		c.filesystems[t] = true
	}
	for i, w := range s.Watches {
		if err := c.add(w); err != nil {
			return nil, fmt.Errorf("watch %d of %d (%.80q): %w", i+1, len(s.Watches), w.Root, err)
		}
	}
	return c, nil
}

func (c *Selector) add(w Watch) error {
	if err := w.validate(); err != nil {
		return err
	}
	one := compiled{Watch: w}
	var err error
	if one.include, err = parseGlobs(w.Include); err != nil {
		return err
	}
	if one.exclude, err = parseGlobs(w.Exclude); err != nil {
		return err
	}
	scope := c.scopes[w.Root]
	if scope == nil {
		scope = &Scope{root: w.Root}
		c.scopes[w.Root] = scope
	}
	scope.watches = append(scope.watches, one)
	return nil
}

func parseGlobs(patterns []string) ([]glob, error) {
	var globs []glob
	for _, p := range patterns {
		g, err := parseGlob(p)
		if err != nil {
			return nil, err
		}
		globs = append(globs, g)
	}
	return globs, nil
}

// Selection returns what the selector was made of, which must not be changed.
func (c *Selector) Selection() Selection { return c.selection }

// Roots returns the roots in ascending order, each once.
func (c *Selector) Roots() []string {
	roots := make([]string, 0, len(c.scopes))
	for root := range c.scopes {
		roots = append(roots, root)
	}
	slices.Sort(roots)
	return roots
}

// IsRoot reports whether a watch has path as its root.
func (c *Selector) IsRoot(path string) bool { return c.scopes[path] != nil }

// Enters reports whether file systems of this type are entered.
func (c *Selector) Enters(filesystem string) bool { return c.filesystems[filesystem] }

// Scope returns the watches that decide about path: those of the deepest root
// that is path or holds it; nil when there is none. path is clean and absolute.
func (c *Selector) Scope(path string) *Scope {
	for ; path != ""; path = Parent(path) {
		if scope := c.scopes[path]; scope != nil {
			return scope
		}
	}
	return nil
}

// Owner returns the watch that path belongs to, nil when it is not watched
// because no root holds it, a pattern leaves it out, or a directory on the way
// to it is not entered.
func (c *Selector) Owner(path string) *Watch {
	scope := c.Scope(path)
	if scope == nil {
		return nil
	}
	below := scope.Below(path)
	if i := strings.LastIndexByte(below, '/'); i >= 0 && !scope.Reaches(below[:i]) {
		return nil
	}
	return scope.Owner(below)
}

// Below returns the part of path below the root, "" for the root itself. path
// lies in the scope.
func (s *Scope) Below(path string) string {
	return strings.TrimPrefix(path[len(s.root):], "/")
}

// Root returns the root of the scope.
func (s *Scope) Root() string { return s.root }

// Owner returns the first watch that takes the path below the root, nil when
// none does. Whether its directory is entered at all is [Scope.Descends]'s to
// say.
func (s *Scope) Owner(below string) *Watch {
	for i := range s.watches {
		w := &s.watches[i]
		if below != "" {
			if !w.Recursive && strings.IndexByte(below, '/') >= 0 || matchAny(w.exclude, below) {
				continue
			}
			if len(w.include) > 0 && !matchAny(w.include, below) {
				continue
			}
		}
		return &w.Watch
	}
	return nil
}

// Descends reports whether the directory below the root is entered: the root
// always is, others if a watch is recursive and does not exclude them.
func (s *Scope) Descends(below string) bool {
	if below == "" {
		return true
	}
	for i := range s.watches {
		if w := &s.watches[i]; w.Recursive && !matchAny(w.exclude, below) {
			return true
		}
	}
	return false
}

// Reaches reports whether the directory below the root and all those on the way
// to it are entered.
func (s *Scope) Reaches(below string) bool {
	for i := range len(below) {
		if below[i] == '/' && !s.Descends(below[:i]) {
			return false
		}
	}
	return s.Descends(below)
}
