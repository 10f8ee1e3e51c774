package parquetfile

import (
	"fmt"
	"io"
	"runtime"
	"sync"

	"github.com/parquet-go/parquet-go"

	"github.com/holdfast-security/holdfast/event"
)

// Writer writes the events of a segment, which come sorted by host, time
// and sequence. Each row group of events is followed by one of the process
// images that are new in it, so that memory is bounded by a row group, and a
// parent always stands before its children.
//
// It gives way to other goroutines after each page of a column, a millisecond's
// work or so: on a single core what is detected meanwhile would otherwise wait
// for the scheduler's 10 ms at each step that it takes.
type Writer struct {
	out     *parquet.GenericWriter[any]
	columns []*parquet.ColumnWriter
	enc     encoder

	events []eventRow
	images []processRow
	number map[*event.Process]int32
	next   int32
	host   event.HostID
	bytes  int64 // of the row group, about
}

// idle are writers whose buffers, some megabytes, can be used again.
var idle = sync.Pool{New: func() any {
	out := parquet.NewGenericWriter[any](io.Discard, writerOptions(layout)...)
	return &Writer{out: out, columns: out.ColumnWriters(), number: make(map[*event.Process]int32), enc: encoder{gathered: make(map[string]any)}}
}}

// NewWriter starts a file.
func NewWriter(w io.Writer) *Writer {
	writer := idle.Get().(*Writer)
	writer.out.Reset(w)
	return writer
}

// Add writes an event, which is not changed until the file is closed.
// Processes that are equal are the same pointer. Size is about how many bytes
// the event takes without them.
func (w *Writer) Add(e *event.Event, seq, size int64) error {
	if e.Host != w.host {
		w.Forget() // hosts share no images
		w.host = e.Host
	}
	row := eventRow{Event: e, seq: seq, process: w.image(e.Process), target: w.image(e.Target)}
	w.events = append(w.events, row)
	if w.bytes += size; len(w.events) < groupRows && len(w.images) < groupRows && w.bytes < groupBytes {
		return nil
	}
	return w.flush()
}

// Forget makes images that come again new ones.
func (w *Writer) Forget() { clear(w.number) }

// image returns the number of a process image and gives one to it and its
// parents where they have none.
func (w *Writer) image(p *event.Process) int32 {
	if p == nil {
		return noImage
	}
	if n, ok := w.number[p]; ok {
		return n
	}
	parent := w.image(p.Parent)
	n := w.next
	w.next++
	w.number[p] = n
	row := processRow{Process: p, host: w.host, image: n, parent: parent, split: splits(p.CommandLine, p.Arguments)}
	w.images = append(w.images, row)
	w.bytes += Size(p)
	return n
}

// flush writes the two row groups.
func (w *Writer) flush() error {
	if err := writeGroup(w, layout.events, w.events); err != nil {
		return err
	}
	if err := writeGroup(w, layout.processes, w.images); err != nil {
		return err
	}
	clear(w.events)
	clear(w.images)
	w.events, w.images, w.bytes = w.events[:0], w.images[:0], 0
	return nil
}

// writeGroup writes rows of one kind as a row group. Columns of the other kind
// are null.
func writeGroup[T any](w *Writer, columns []column[T], rows []T) error {
	if len(rows) == 0 {
		return nil
	}
	mine := make([]bool, layout.leaves)
	for _, c := range columns {
		mine[c.index] = true
	}
	for start := 0; start < len(rows); start += PageRows {
		w.enc.page++
		for _, c := range columns {
			if err := writePage(w, c, rows[start:min(start+PageRows, len(rows))]); err != nil {
				return fmt.Errorf("write column %s: %w", c.path, err)
			}
		}
	}
	nulls := w.enc.nulls(parquet.NullValue().Level(0, 0, 0), min(len(rows), PageRows))
	for i, c := range w.columns {
		for left := len(rows); !mine[i] && left > 0; left -= PageRows {
			if _, err := c.WriteRowValues(nulls[:min(left, PageRows)]); err != nil {
				return err
			}
		}
	}
	return w.out.Flush()
}

// writePage writes the values of a column as one page.
func writePage[T any](w *Writer, c column[T], rows []T) error {
	w.enc.arena = w.enc.arena[:0]
	if _, err := w.columns[c.index].WriteRowValues(c.put(&w.enc, rows)); err != nil {
		return err
	}
	defer runtime.Gosched()
	return w.columns[c.index].Flush()
}

// Close completes the file. The writer is no longer the caller's.
func (w *Writer) Close() error {
	if err := w.flush(); err != nil {
		return err
	}
	if err := w.out.Close(); err != nil {
		return err
	}
	w.Forget()
	w.out.Reset(io.Discard)
	w.next, w.host = 0, ""
	idle.Put(w)
	return nil
}
