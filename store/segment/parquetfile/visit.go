package parquetfile

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/store/segment/parquetfile/choice"
)

// Columns are those that are read of events and their processes.
type Columns struct {
	events    []column[eventRow]
	processes []column[processRow]
	lineage   bool // parents are read, too
}

// everything are all columns.
var everything = Columns{events: layout.events, processes: layout.processes, lineage: true}

// NewColumns returns the columns of the given paths, besides the time and the
// sequence number, which are always read. Processes are read where a column
// refers to them, their parents where process.parent is named. Nil means all.
func NewColumns(paths []string) (*Columns, error) {
	if paths == nil {
		return &everything, nil
	}
	wanted := map[string]bool{"event.time": true, "event.sequence": true}
	for _, p := range paths {
		wanted[p] = true
	}
	c := Columns{events: only(layout.events, wanted), lineage: wanted["process.parent"]}
	delete(wanted, "device.uid") // of images it is that of the event
	c.processes = only(layout.processes, wanted)
	for p := range wanted {
		if !slices.ContainsFunc(layout.parquet.Columns(), func(path []string) bool { return strings.Join(path, ".") == p }) {
			return nil, fmt.Errorf("the telemetry has no column %q", p)
		}
	}
	return &c, nil
}

func only[T any](all []column[T], wanted map[string]bool) []column[T] {
	return slices.DeleteFunc(slices.Clone(all), func(c column[T]) bool { return !wanted[c.path] })
}

// Visit says what is to be read of a file, and what to do with it.
type Visit struct {
	// Worth is asked before each page whether its times are of interest; nil
	// means that they are.
	Worth func(Span[int64]) bool
	// Choose sets keep for the events that are to be taken, of which it gets
	// First, nil meaning all columns; without Choose all are taken.
	First  *Columns
	Choose func(ctx context.Context, events []event.Event, keep []bool) error
	// Take gets the chosen events with Then, and their sequence numbers.
	Then *Columns
	Take func(ctx context.Context, events []event.Event, sequences []int64) error
}

// visitor is a visit of one file.
type visitor struct {
	*Visit

	first, then *Loader
}

// Visit visits the events of a query, a page at a time, the row group with the
// latest first, or the earliest. Slices that it hands out are valid during the call.
func (f *File) Visit(ctx context.Context, q *choice.Query, v *Visit) (err error) {
	defer guard(&err)
	s := &search{Query: q, file: f}
	worth := v.Worth
	if worth == nil {
		worth = anyTime
	}
	w := visitor{Visit: v, first: f.part(v.First), then: f.part(v.Then)}
	defer w.first.Close()
	defer w.then.Close()
	for _, n := range f.inOrder(q.OldestFirst) {
		err := s.group(ctx, &f.events[n], worth, func(r *groupReader, number int, rows []int32, _ []int64) error {
			return w.page(ctx, r, number, rows)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// part returns a Loader of some columns that uses its memory again.
func (f *File) part(c *Columns) *Loader {
	const kept = 16 << 20 // several files are visited at once, with two loaders each
	l := f.NewLoader(kept)
	l.reuse = true
	if c != nil {
		l.choice = c
	}
	return l
}

// page hands out rows of a page.
func (w *visitor) page(ctx context.Context, r *groupReader, number int, rows []int32) error {
	if w.Choose != nil {
		events, _, err := w.first.page(r, number, rows)
		if err != nil {
			return err
		}
		keep := make([]bool, len(rows))
		if err := w.Choose(ctx, events, keep); err != nil {
			return err
		}
		i := -1
		rows = slices.DeleteFunc(rows, func(int32) bool { i++; return !keep[i] })
	}
	if len(rows) == 0 {
		return nil
	}
	events, seqs, err := w.then.page(r, number, rows)
	if err != nil {
		return err
	}
	return w.Take(ctx, events, seqs)
}
