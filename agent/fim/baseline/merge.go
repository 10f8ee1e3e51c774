package baseline

import (
	"context"
	"errors"
	"fmt"

	"github.com/holdfast-security/holdfast/agent/fim/hash"
	"github.com/holdfast-security/holdfast/agent/fim/walk"
	"github.com/holdfast-security/holdfast/fim"
)

// merger merges one directory as it is with what was kept of it.
type merger struct {
	*verifier
	d     *walk.Directory
	old   *Unit // nil for none
	out   encoder
	dirty bool // what is written differs from what was kept

	kept   Item // the next of old
	isKept bool
}

func (m *merger) begin(v *verifier, d *walk.Directory, old *Unit) {
	m.verifier, m.d, m.old = v, d, old
	m.dirty, m.isKept = old == nil, false
}

func (m *merger) run(ctx context.Context) error {
	self, err := m.self(ctx)
	if err != nil {
		return err
	}
	m.out.reset(m.d.Path, self)
	if err := m.advance(); err != nil {
		return err
	}
	for i := range m.d.Items {
		item := &m.d.Items[i]
		if err := m.dropBefore(item.Name); err != nil {
			return err
		}
		if err := m.item(ctx, item); err != nil {
			return err
		}
	}
	return m.dropBefore("")
}

// advance reads the next item of what was kept.
func (m *merger) advance() (err error) {
	if m.isKept = m.old != nil; m.isKept {
		m.kept, m.isKept, err = m.old.Next()
	}
	return err
}

// dropBefore reports the kept items before a name as removed; "" is after all.
func (m *merger) dropBefore(name string) error {
	for m.isKept && (name == "" || m.kept.Name < name) {
		if err := m.drop(m.kept); err != nil {
			return err
		}
		if err := m.advance(); err != nil {
			return err
		}
	}
	return nil
}

// drop reports a kept item as removed.
func (m *merger) drop(item Item) error {
	m.dirty = true
	path := m.d.Join(item.Name)
	if !item.Own {
		return m.lost(path, item.State)
	}
	if m.Selector.IsRoot(path) {
		return nil // it is looked at by itself now
	}
	return m.verifier.vanished(path)
}

// self returns the state of the directory itself.
func (m *merger) self(ctx context.Context) (fim.State, error) {
	var before *fim.State
	if m.old != nil && m.old.Self.Kind != fim.KindUnknown {
		before = &m.old.Self
	}
	if m.d.Watch == nil {
		m.dirty = m.dirty || before != nil
		return fim.State{}, nil
	}
	return m.state(ctx, "", m.d.Self, *m.d.Watch, before)
}

// item writes the state of one name that is there.
func (m *merger) item(ctx context.Context, item *walk.Item) error {
	was := m.isKept && m.kept.Name == item.Name
	kept := m.kept
	if was {
		if err := m.advance(); err != nil {
			return err
		}
	}
	if item.Own {
		if was && !kept.Own {
			if err := m.drop(kept); err != nil {
				return err
			}
		}
		m.dirty = m.dirty || !was
		m.out.add(Item{Name: item.Name, Own: true})
		return nil
	}
	if was && kept.Own && item.Stat.Kind != fim.KindUnknown {
		if err := m.drop(kept); err != nil {
			return err
		}
		was = false
	}
	return m.file(ctx, item, kept, was)
}

// file writes the state of a name that has no unit of its own.
func (m *merger) file(ctx context.Context, item *walk.Item, kept Item, was bool) error {
	if item.Stat.Kind == fim.KindUnknown {
		if was {
			m.out.add(kept)
		}
		return nil
	}
	var before *fim.State
	if was {
		before = &kept.State
	}
	after, err := m.state(ctx, item.Name, item.Stat, *item.Watch, before)
	if err != nil || after.Kind == fim.KindUnknown {
		return err
	}
	m.out.add(Item{Name: item.Name, State: after})
	return nil
}

// state returns what is to be kept of a path, and reports how it differs from
// what was kept before. Its kind is KindUnknown when nothing is to be kept.
func (m *merger) state(ctx context.Context, name string, stat fim.Stat, watch fim.Watch, before *fim.State) (fim.State, error) {
	path := m.d.Path
	if name != "" {
		path = m.d.Join(name)
	}
	wants := watch.Attributes == 0 || watch.Attributes.Has(fim.AttrContent)
	if before != nil && !m.mustRead(path, stat, *before, wants) {
		return *before, nil
	}
	m.read.Add(1)
	result, err := m.Reader.Read(ctx, m.d, name, hash.Request{Stat: stat, Known: before, Growing: watch.Growing, NoContent: !wants})
	switch {
	case ctx.Err() != nil:
		return fim.State{}, ctx.Err()
	case errors.Is(err, hash.ErrGone): // the next walk tells what became of it
		if before != nil {
			return *before, nil
		}
		return fim.State{}, nil
	case err != nil:
		m.problem(path, fmt.Errorf("read %.200q: %w", path, err))
	}
	return result.State, m.tell(path, watch, before, result)
}

// mustRead reports whether what was kept of a file may not hold any more.
func (m *merger) mustRead(path string, stat fim.Stat, before fim.State, wants bool) bool {
	switch {
	case !before.Same(stat):
		return true
	case before.Kind != fim.KindFile || !wants:
		return false
	}
	return before.Unsettled || before.Content == fim.ContentNone || before.Content == fim.ContentUnreadable || m.Due != nil && m.Due(path)
}

// tell reports how a path differs from what was kept of it.
func (m *merger) tell(path string, watch fim.Watch, before *fim.State, result hash.Result) error {
	c := Change{Path: path, After: result.State, Watch: watch}
	if before == nil {
		m.dirty = true
		c.Kind = Added
		return m.report(c)
	}
	c.Before = *before
	m.dirty = m.dirty || !equal(*before, result.State)
	c.Differences = fim.Compare(*before, result.State, watch.Rules(), result.Log)
	if len(c.Differences) == 0 {
		return nil
	}
	c.Kind = Modified
	c.Hidden = before.Same(result.State.Stat) && !before.Unsettled && before.Content == result.State.Content
	return m.report(c)
}

// equal reports whether two states would be written alike.
func equal(a, b fim.State) bool {
	x, y := appendState(nil, a, fim.Stat{}), appendState(nil, b, fim.Stat{})
	return string(x) == string(y)
}
