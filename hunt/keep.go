package hunt

import (
	"cmp"
	"container/heap"
	"fmt"
	"slices"

	"github.com/holdfast-security/holdfast/hunt/aggregate"
	"github.com/holdfast-security/holdfast/hunt/expr"
	"github.com/holdfast-security/holdfast/hunt/value"
)

// maxKept bounds the rows that an order keeps, and maxGroups those that a
// grouping makes.
const (
	maxKept   = 1_000_000
	maxGroups = 100_000
)

// key is what rows are ordered by.
type key struct {
	eval       func(r *expr.Row) value.Value
	descending bool
}

// kept is a row that an order keeps.
type kept struct {
	keys    []value.Value
	slots   []value.Value
	ref     Ref
	arrival int64
	bytes   int64
}

// ordering keeps the first rows of an order, the last of them on top of a heap.
// Without keys the order is newest first; that is also the order of rows whose
// keys are equal, and of others that of their arrival.
type ordering struct {
	run     *Run
	next    stage
	by      []key
	most    int
	front   bool // events come here as they are
	rows    []*kept
	arrived int64
}

func order(keys []key, most int) build {
	return func(run *Run, next stage) stage {
		return &ordering{run: run, next: next, by: keys, most: min(most, maxKept)}
	}
}

// before compares two rows in the order.
func (o *ordering) before(a, b *kept) int {
	for i, k := range o.by {
		x, y := a.keys[i], b.keys[i]
		if x.IsAbsent() != y.IsAbsent() {
			if x.IsAbsent() {
				return 1
			}
			return -1
		}
		if c := x.Compare(y); c != 0 {
			if k.descending {
				return -c
			}
			return c
		}
	}
	return cmp.Or(b.ref.Time.Compare(a.ref.Time), cmp.Compare(b.ref.Sequence, a.ref.Sequence), cmp.Compare(a.arrival, b.arrival))
}

// Len, Less, Swap, Push and Pop implement [heap.Interface].
func (o *ordering) Len() int           { return len(o.rows) }
func (o *ordering) Less(i, j int) bool { return o.before(o.rows[i], o.rows[j]) > 0 }
func (o *ordering) Swap(i, j int)      { o.rows[i], o.rows[j] = o.rows[j], o.rows[i] }
func (o *ordering) Push(x any)         { o.rows = append(o.rows, x.(*kept)) }
func (o *ordering) Pop() any {
	last := o.rows[len(o.rows)-1]
	o.rows = o.rows[:len(o.rows)-1]
	return last
}

func (o *ordering) push(r *row) error {
	k := &kept{ref: r.ref, arrival: o.arrived}
	o.arrived++
	for _, key := range o.by {
		k.keys = append(k.keys, key.eval(&r.Row))
	}
	if len(o.rows) >= o.most && (o.most == 0 || o.before(k, o.rows[0]) >= 0) {
		if o.most == maxKept {
			o.run.incomplete(fmt.Sprintf("more than %d rows are to be put in order: the first so many are", maxKept))
		}
		return nil
	}
	if len(o.rows) >= o.most {
		o.drop()
	}
	if !o.room(k, r.Slots) {
		return nil
	}
	k.slots = slices.Clone(r.Slots)
	heap.Push(o, k)
	o.narrow()
	return nil
}

// drop forgets the last row of the order.
func (o *ordering) drop() { o.run.keep(-heap.Pop(o).(*kept).bytes) }

// room makes room for a row where memory is short: later ones of the order
// have to go for it, and from then on no more are kept than there are.
func (o *ordering) room(k *kept, slots []value.Value) bool {
	k.bytes = 128
	for _, v := range slots {
		k.bytes += v.Size()
	}
	for !o.run.keep(k.bytes) {
		o.run.incomplete("the rows do not fit the memory that a hunt may use: the first of the order are kept")
		if o.most = len(o.rows); len(o.rows) == 0 || o.before(k, o.rows[0]) >= 0 {
			return false
		}
		o.drop()
	}
	return true
}

// narrow tells the run from when on events can still be among the first.
func (o *ordering) narrow() {
	if o.front && len(o.rows) == o.most && !o.rows[0].ref.Time.IsZero() {
		o.run.latest.Store(value.OfTime(o.rows[0].ref.Time).Int())
	}
}

func (o *ordering) finish() error {
	slices.SortFunc(o.rows, o.before)
	for _, k := range o.rows {
		if err := o.next.push(&row{expr.Row{Slots: k.slots}, k.ref}); err != nil {
			return ended(err, o.next)
		}
	}
	return o.next.finish()
}

// grouping joins rows whose first slots are equal, and aggregates the others.
type grouping struct {
	run    *Run
	next   stage
	by     int
	states []func() aggregate.State
	groups map[string]*grouped
	buf    []byte
	full   bool // no memory is left, and nothing is added any more
}

type grouped struct {
	keys   []value.Value
	states []aggregate.State
}

// group makes one row of those whose first by slots are equal. Of the other
// slots each goes into a state. Rows come out in the order of their keys.
func group(by int, states []func() aggregate.State) build {
	return func(run *Run, next stage) stage {
		return &grouping{run: run, next: next, by: by, states: states, groups: make(map[string]*grouped)}
	}
}

func (g *grouping) push(r *row) error {
	g.buf = g.buf[:0]
	for _, v := range r.Slots[:g.by] {
		g.buf = v.AppendKey(g.buf)
	}
	at := g.groups[string(g.buf)]
	if at == nil {
		if at = g.add(r.Slots[:g.by]); at == nil {
			return nil
		}
	}
	if g.full {
		return nil
	}
	grown := int64(0)
	for i, s := range at.states {
		grown += s.Add(r.Slots[g.by+i])
	}
	if grown != 0 && !g.run.keep(grown) {
		g.full = true
		g.run.incomplete(fmt.Sprintf("%d groups do not fit the memory that a hunt may use: they tell of a part of the events only", len(g.groups)))
	}
	return nil
}

// add makes a group, or returns nil where there are too many.
func (g *grouping) add(keys []value.Value) *grouped {
	const fixed = 256
	bytes := int64(fixed + len(g.buf) + 64*len(g.states))
	for _, v := range keys {
		bytes += v.Size()
	}
	if len(g.groups) >= maxGroups {
		g.run.incomplete(fmt.Sprintf("there are more than %d groups: others are left out", maxGroups))
		return nil
	}
	if !g.run.keep(bytes) {
		g.run.incomplete(fmt.Sprintf("more than %d groups do not fit the memory that a hunt may use: others are left out", len(g.groups)))
		return nil
	}
	at := &grouped{keys: slices.Clone(keys), states: make([]aggregate.State, len(g.states))}
	for i, make := range g.states {
		at.states[i] = make()
	}
	g.groups[string(g.buf)] = at
	return at
}

func (g *grouping) finish() error {
	if g.by == 0 && len(g.groups) == 0 {
		g.buf = g.buf[:0]
		g.add(nil) // all of no rows are one group
	}
	groups := make([]*grouped, 0, len(g.groups))
	for _, at := range g.groups {
		groups = append(groups, at)
	}
	slices.SortFunc(groups, func(a, b *grouped) int {
		return slices.CompareFunc(a.keys, b.keys, value.Value.Compare)
	})
	for _, at := range groups {
		slots := slices.Clone(at.keys)
		for _, s := range at.states {
			slots = append(slots, s.Result())
		}
		if err := g.next.push(&row{Row: expr.Row{Slots: slots}}); err != nil {
			return ended(err, g.next)
		}
	}
	return g.next.finish()
}
