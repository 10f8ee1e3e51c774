package baseline

import (
	"errors"
	"fmt"

	"github.com/holdfast-security/holdfast/fim"
)

// Unit reads what was kept of one directory, or of a root that is none.
type Unit struct {
	// Self is the state of the directory itself. Its kind is KindUnknown when
	// it is entered only on the way to others.
	Self fim.State

	store  *Store
	path   string
	d      decoder
	number uint64 // of the part
	last   bool
	name   string // of the last item
}

// Unit returns what was kept of the directory at path, nil when nothing was.
func (s *Store) Unit(path string) (*Unit, error) {
	u := &Unit{store: s, path: path}
	ok, err := u.load()
	if err != nil || !ok {
		return nil, err
	}
	u.Self = u.d.state(fim.Stat{})
	return u, u.d.err
}

// load begins the part u.number.
func (u *Unit) load() (ok bool, err error) {
	text, err := u.store.read(u.path, u.number)
	if err != nil || text == "" {
		return false, err
	}
	u.d = decoder{rest: text}
	u.d.byte() // the kind of the frame, which the index knows
	p := u.d.head()
	if u.d.err == nil && (p.path != u.path || p.number != u.number) {
		u.d.fail("%.40q lies where %.40q should", p.path, u.path)
	}
	u.last = p.last
	return u.d.err == nil, u.d.err
}

// Next returns the next item, by name as bytes, ascending; ok is false after
// the last.
func (u *Unit) Next() (item Item, ok bool, err error) {
	for u.d.rest == "" && u.d.err == nil {
		if u.last {
			return Item{}, false, nil
		}
		u.number++
		if ok, err := u.load(); err != nil || !ok {
			return Item{}, false, errors.Join(err, missing(ok, u.path))
		}
	}
	item = u.d.item(u.name, u.Self.Stat)
	u.name = item.Name
	return item, u.d.err == nil, u.d.err
}

func missing(ok bool, path string) error {
	if ok {
		return nil
	}
	return fmt.Errorf("%w: %.200q has no end", ErrDamaged, path)
}

var _ fim.Tree = (*Store)(nil)

// Entry returns the state that was kept of a path, with the kind KindAbsent
// when there is none.
func (s *Store) Entry(path string) (fim.Entry, error) {
	e := fim.Entry{Path: path}
	unit, err := s.Unit(path)
	if err != nil {
		return e, err
	}
	if unit != nil {
		e.State = directory(unit.Self)
		return e, nil
	}
	e.Kind = fim.KindAbsent
	if dir := fim.Parent(path); dir != "" {
		unit, err = s.Unit(dir)
	}
	for err == nil && unit != nil {
		item, ok, next := unit.Next()
		if err = next; !ok {
			break
		}
		if !item.Own && fim.Join(unit.path, item.Name) == path {
			e.State = item.State
			break
		}
	}
	return e, err
}

// directory fills in the kind of a directory of which nothing else is kept.
func directory(self fim.State) fim.State {
	if self.Kind == fim.KindUnknown {
		self.Kind = fim.KindDirectory
	}
	return self
}

// Children calls each with what was kept of the names in a directory, in order.
func (s *Store) Children(path string, each func(fim.Entry) error) error {
	unit, err := s.Unit(path)
	for err == nil && unit != nil {
		item, ok, next := unit.Next()
		if next != nil || !ok {
			return next
		}
		e := fim.Entry{Path: fim.Join(path, item.Name), State: item.State}
		if item.Own {
			var own *Unit
			if own, err = s.Unit(e.Path); err != nil {
				return err
			}
			if own == nil { // it could not be read
				own = new(Unit)
			}
			e.State = directory(own.Self)
		}
		err = each(e)
	}
	return err
}
