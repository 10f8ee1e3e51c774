package hunt

import (
	"errors"

	"github.com/holdfast-security/holdfast/hunt/expr"
	"github.com/holdfast-security/holdfast/hunt/value"
)

// ErrEnough is what [Run.Take] returns when no further event can change the
// result.
var ErrEnough = errors.New("the hunt has all that it wants")

// ended finishes the next stage where all that ended a stage is that it has
// enough.
func ended(err error, next stage) error {
	if errors.Is(err, ErrEnough) {
		return next.finish()
	}
	return err
}

// row is a row on its way.
type row struct {
	expr.Row

	ref Ref // of the event that it is
}

// stage takes rows and hands others on. A row is its giver's again when push
// returns. An error is that of who takes the result.
type stage interface {
	push(r *row) error
	// finish hands on what was kept, and finishes what comes behind.
	finish() error
}

// build makes a stage of a run in front of another.
type build func(run *Run, next stage) stage

// step is a stage that keeps nothing.
type step struct {
	next stage
	do   func(r *row) (on bool, with *row)
}

func (s *step) push(r *row) error {
	if on, with := s.do(r); on {
		return s.next.push(with)
	}
	return nil
}

func (s *step) finish() error { return s.next.finish() }

// where hands on the rows that meet a condition.
func where(test func(r *expr.Row) bool) build {
	return func(_ *Run, next stage) stage {
		return &step{next, func(r *row) (bool, *row) { return test(&r.Row), r }}
	}
}

// extend fills a slot.
func extend(at int, eval func(r *expr.Row) value.Value) build {
	return func(_ *Run, next stage) stage {
		return &step{next, func(r *row) (bool, *row) {
			for len(r.Slots) <= at { // rows of a project stage are only as wide as that is
				r.Slots = append(r.Slots, value.Value{})
			}
			r.Slots[at] = eval(&r.Row)
			return true, r
		}}
	}
}

// loading fills the slots of fields that later stages ask for, after which the
// event is not needed any more.
func loading(s *scope) build {
	return func(_ *Run, next stage) stage {
		return &step{next, func(r *row) (bool, *row) {
			for _, l := range s.loads {
				r.Slots[l.at] = l.get(r.Event)
			}
			r.Event = nil
			return true, r
		}}
	}
}

// project replaces the row by another of these values.
func project(values []func(r *expr.Row) value.Value) build {
	return func(_ *Run, next stage) stage {
		slots := make([]value.Value, len(values))
		out := &row{}
		return &step{next, func(r *row) (bool, *row) {
			for i, eval := range values {
				slots[i] = eval(&r.Row)
			}
			*out = row{expr.Row{Slots: slots}, r.ref}
			return true, out
		}}
	}
}

// counted hands on the first rows.
type counted struct {
	next stage
	left int
}

// first hands on so many rows.
func first(n int) build {
	return func(_ *Run, next stage) stage { return &counted{next, n} }
}

func (c *counted) push(r *row) error {
	if c.left == 0 {
		return ErrEnough
	}
	c.left--
	return c.next.push(r)
}

func (c *counted) finish() error { return c.next.finish() }

// output is the last stage.
type output struct {
	run *Run
	out int
}

func (o *output) push(r *row) error {
	if o.out >= o.run.query.opts.Limit {
		o.run.result.More = true
		return ErrEnough
	}
	o.out++
	done := Row{append([]value.Value(nil), r.Slots...), Ref{}}
	if o.run.query.events {
		done.Ref = r.ref
	}
	if o.run.emit != nil {
		return o.run.emit(done)
	}
	o.run.result.Rows = append(o.run.result.Rows, done)
	return nil
}

func (o *output) finish() error { return nil }
