package parquetfile

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/holdfast-security/holdfast/event"
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
	var c Columns
	for _, col := range layout.events {
		if wanted[col.path] {
			c.events = append(c.events, col)
		}
	}
	for _, col := range layout.processes {
		if wanted[col.path] && col.path != "device.uid" {
			c.processes = append(c.processes, col)
		}
	}
	c.lineage = wanted["process.parent"]
	for p := range wanted {
		if !slices.ContainsFunc(layout.parquet.Columns(), func(path []string) bool { return strings.Join(path, ".") == p }) {
			return nil, fmt.Errorf("the telemetry has no column %q", p)
		}
	}
	return &c, nil
}

// Visit says what is to be read of a file, and what to do with it.
type Visit struct {
	// Worth is asked before each page whether its times are of interest.
	Worth func(Span[int64]) bool
	// Choose sets keep for the events that are to be taken, of which it gets
	// First; nil takes all.
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
	keep        []bool
}

// Visit visits the events of a query, a page at a time, the row group with the
// latest first. Slices that it hands out are valid during the call.
func (f *File) Visit(ctx context.Context, q *Query, v *Visit) (err error) {
	defer guard(&err)
	s := &search{Query: q, file: f}
	w := visitor{Visit: v, first: f.part(v.First), then: f.part(v.Then)}
	defer w.first.Close()
	defer w.then.Close()
	order := make([]int, len(f.events))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(f.events[b].bounds().Most, f.events[a].bounds().Most) })
	for _, n := range order {
		err := s.group(ctx, &f.events[n], v.Worth, func(r *groupReader, number int, rows []int32, _ []int64) error {
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
	l := f.NewLoader(keptImages)
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
		w.keep = slices.Grow(w.keep[:0], len(rows))[:len(rows)]
		clear(w.keep)
		if err := w.Choose(ctx, events, w.keep); err != nil {
			return err
		}
		kept := rows[:0]
		for i, row := range rows {
			if w.keep[i] {
				kept = append(kept, row)
			}
		}
		rows = kept
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
