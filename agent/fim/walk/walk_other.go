//go:build !linux

package walk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/holdfast-security/holdfast/fim"
)

// place is a directory by its name. Where there are no directory descriptors
// with O_NOFOLLOW, a link that is put in the way between two looks is followed.
type place struct {
	name string
}

// Name returns where the directory, or the root that is none, is found.
func (p *place) Name() string { return p.name }

func (p *place) close()          {}
func (p *place) borrowed() place { return *p }

// openRoot looks at what lies at an absolute path.
func (p *place) openRoot(name string, self *fim.Stat) error {
	info, err := os.Lstat(name)
	if err != nil {
		return err
	}
	*p = place{name: name}
	Convert(info, self)
	return nil
}

// openBelow looks at a directory below another.
func (p *place) openBelow(root *place, below string, self *fim.Stat) error {
	if err := p.openRoot(filepath.Join(root.name, filepath.FromSlash(below)), self); err != nil {
		return err
	}
	if self.Kind != fim.KindDirectory {
		return fmt.Errorf("open %s: %w", p.name, fs.ErrNotExist)
	}
	return nil
}

func vanished(err error) bool { return errors.Is(err, fs.ErrNotExist) }

// Convert reads the state of a path from what package os knows of it.
func Convert(info fs.FileInfo, s *fim.Stat) {
	*s = fim.Stat{Kind: kindOf(info.Mode()), Mode: uint16(info.Mode().Perm()), Links: 1, Size: info.Size(), Modified: info.ModTime().UnixNano()}
	s.Changed = s.Modified
}

func kindOf(mode fs.FileMode) fim.Kind {
	switch {
	case mode.IsRegular():
		return fim.KindFile
	case mode.IsDir():
		return fim.KindDirectory
	case mode&fs.ModeSymlink != 0:
		return fim.KindLink
	case mode&fs.ModeNamedPipe != 0:
		return fim.KindPipe
	case mode&fs.ModeSocket != 0:
		return fim.KindSocket
	case mode&fs.ModeCharDevice != 0:
		return fim.KindCharDevice
	case mode&fs.ModeDevice != 0:
		return fim.KindBlockDevice
	}
	return fim.KindUnknown
}

// scratch is what a worker uses again and again.
type scratch struct {
	directory Directory
}

// read fills the items with all that is in the directory.
func (d *Directory) read(_ *scratch, most int) error {
	entries, err := os.ReadDir(d.name)
	if err != nil {
		return err
	}
	if len(entries) > most {
		return fmt.Errorf("%w: %d", ErrLarge, most)
	}
	for _, e := range entries {
		item := Item{Name: e.Name()}
		switch info, err := e.Info(); {
		case err == nil:
			Convert(info, &item.Stat)
		case errors.Is(err, fs.ErrNotExist):
			continue
		default:
			d.refused = append(d.refused, refusal{item.Name, err})
		}
		d.Items = append(d.Items, item)
	}
	slices.SortFunc(d.Items, func(a, b Item) int { return strings.Compare(a.Name, b.Name) })
	return nil
}

// mounts says that every file system may be entered: there is no table of them.
type mounts struct{}

func newMounts() *mounts { return new(mounts) }

func (*mounts) enters(*fim.Selector, fim.Stat) (kind string, ok bool) { return "local", true }
func (*mounts) identify(*place, *fim.Stat)                            {}
