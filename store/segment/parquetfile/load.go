package parquetfile

import (
	"fmt"
	"slices"

	"github.com/holdfast-security/holdfast/event"
)

// maxPageImages bounds the images that the events of one page need, which are
// far fewer in a file that this package wrote.
const maxPageImages = 3 * groupRows

// Loader makes whole events of a file. What it has read of images it keeps, in
// bounds: the pages at hand of two row groups, and so many bytes of images
// besides those that the present page needs. So events that come in the order
// of the file read each image once. It belongs to one goroutine.
type Loader struct {
	file   *File
	choice *Columns
	events *groupReader   // the row group that Load read last
	images []*groupReader // the last two, the latest first
	known  [][]image      // by row group of images; nil where none of it is known
	bytes  int64          // of known
	keep   int64          // at most, from page to page

	rows  []eventRow
	fresh [][]int32 // images that are being loaded, by row group
	reuse bool      // what page returns is its caller's until the next call only
	last  []event.Event
	seqs  []int64
}

// image is a process image that was read, or is being.
type image struct {
	*event.Process // nil while it is not known

	parent int32
	depth  uint8 // of its lineage
}

// NewLoader returns a Loader of the file that keeps images of so many bytes.
func (f *File) NewLoader(keep int64) *Loader {
	return &Loader{file: f, choice: &everything, keep: keep, known: make([][]image, len(f.images)), fresh: make([][]int32, len(f.images))}
}

// Load returns the events of rows of a row group, ascending, and their sequence
// numbers. They are the caller's. Events share processes, those of different
// calls too.
func (l *Loader) Load(group int, rows []int32) (events []event.Event, sequences []int64, err error) {
	defer guard(&err)
	l.use(&l.file.events[group])
	err = eachPage(rows, func(number int, rows []int32) error {
		e, s, err := l.page(l.events, number, rows)
		events, sequences = append(events, e...), append(sequences, s...)
		return err
	})
	return events, sequences, err
}

// Page returns page i of the file's events, counted over all row groups, in the
// order of the file, with their sequence numbers; no events behind the last.
func (l *Loader) Page(i int) (events []event.Event, sequences []int64, err error) {
	defer guard(&err)
	for n := range l.file.events {
		g := &l.file.events[n]
		if i >= g.pages() {
			i -= g.pages()
			continue
		}
		l.use(g)
		return l.page(l.events, i, allRows[:g.pageLen(i)])
	}
	return nil, nil, nil
}

// use makes l.events a reader of g.
func (l *Loader) use(g *rowGroup) {
	if l.events != nil && l.events.rowGroup == g {
		return
	}
	if l.events != nil {
		l.events.close()
	}
	l.events = g.reader()
}

// page loads rows, ascending, of a page of events.
func (l *Loader) page(r *groupReader, number int, rows []int32) ([]event.Event, []int64, error) {
	if l.bytes > l.keep {
		clear(l.known)
		l.bytes = 0
	}
	events, seqs := l.room(len(rows))
	l.rows = slices.Grow(l.rows[:0], len(rows))[:len(rows)]
	defer clear(l.rows)
	for i := range l.rows {
		l.rows[i] = eventRow{Event: &events[i], process: noImage, target: noImage}
	}
	if err := fill(r, l.choice.events, number, rows, l.rows); err != nil {
		return nil, nil, err
	}
	if err := l.load(); err != nil {
		clear(l.known) // may hold what is not whole
		return nil, nil, err
	}
	for i := range l.rows {
		row := &l.rows[i]
		events[i].Process, events[i].Target, seqs[i] = l.image(row.process).Process, l.image(row.target).Process, row.seq
	}
	return events, seqs, nil
}

// room returns room for the events of a page.
func (l *Loader) room(n int) ([]event.Event, []int64) {
	if !l.reuse {
		return make([]event.Event, n), make([]int64, n)
	}
	l.last, l.seqs = slices.Grow(l.last[:0], n)[:n], slices.Grow(l.seqs[:0], n)[:n]
	clear(l.last)
	return l.last, l.seqs
}

// image returns an image that was loaded; none for noImage.
func (l *Loader) image(n int32) image {
	if n == noImage {
		return image{}
	}
	g := l.file.groupOf(n)
	return l.known[g][n-l.file.images[g].firstImage]
}

// load loads the images of l.rows and their ancestors, as far as they are not
// known. A parent stands before its children, so one pass from the end finds
// all.
func (l *Loader) load() error {
	for i := range l.fresh {
		l.fresh[i] = l.fresh[i][:0]
	}
	wanted := 0
	for i := range l.rows {
		for _, n := range [2]int32{l.rows[i].process, l.rows[i].target} {
			if err := l.want(n, &wanted); err != nil {
				return err
			}
		}
	}
	if wanted == 0 {
		return nil
	}
	for g := len(l.fresh) - 1; g >= 0; g-- {
		if len(l.fresh[g]) == 0 {
			continue
		}
		if err := l.loadGroup(g, &wanted); err != nil {
			return err
		}
	}
	return l.link()
}

// want notes an image as one to be loaded.
func (l *Loader) want(n int32, wanted *int) error {
	if n == noImage {
		return nil
	}
	g := l.file.groupOf(n)
	if g < 0 {
		return fmt.Errorf("%w: no image %d", ErrDamaged, n)
	}
	if l.known[g] == nil {
		l.known[g] = make([]image, l.file.images[g].rows)
		l.bytes += 24 * int64(len(l.known[g]))
	}
	row := n - l.file.images[g].firstImage
	if at := &l.known[g][row]; at.Process == nil {
		at.Process = new(event.Process)
		l.fresh[g] = append(l.fresh[g], row)
		if *wanted++; *wanted > maxPageImages {
			return fmt.Errorf("%w: a page needs more than %d images", ErrDamaged, maxPageImages)
		}
	}
	return nil
}

// loadGroup loads the images of row group g that are wanted, and wants their
// parents, of which those in the same group are loaded too.
func (l *Loader) loadGroup(g int, wanted *int) error {
	r, first, known := l.reader(g), l.file.images[g].firstImage, l.known[g]
	parents := make(map[int32][]int32)     // by page
	for i := 0; i < len(l.fresh[g]); i++ { // grows meanwhile
		row := l.fresh[g][i]
		if known[row].parent = noImage; !l.choice.lineage {
			continue
		}
		number := row / PageRows
		if parents[number] == nil {
			var err error
			if parents[number], err = imageNumbers(r, colParent, int(number), nil); err != nil {
				return err
			}
		}
		parent := parents[number][row%PageRows]
		if parent >= first+row || parent < noImage {
			return fmt.Errorf("%w: image %d stands before its parent %d", ErrDamaged, first+row, parent)
		}
		known[row].parent = parent
		if err := l.want(parent, wanted); err != nil {
			return err
		}
	}
	slices.Sort(l.fresh[g])
	return eachPage(l.fresh[g], func(number int, rows []int32) error {
		images := make([]processRow, len(rows))
		for i, row := range rows {
			images[i] = processRow{Process: known[number*PageRows+int(row)].Process}
		}
		if err := fill(r, l.choice.processes, number, rows, images); err != nil {
			return err
		}
		for i := range images {
			l.bytes += Size(images[i].Process)
		}
		return nil
	})
}

// eachPage calls fn with the rows, ascending, of each page, counted from its
// start. They are valid during the call.
func eachPage(rows []int32, fn func(number int, rows []int32) error) error {
	var within []int32
	for len(rows) > 0 {
		number := rows[0] / PageRows
		within = within[:0]
		for len(rows) > 0 && rows[0]/PageRows == number {
			within, rows = append(within, rows[0]%PageRows), rows[1:]
		}
		if err := fn(int(number), within); err != nil {
			return err
		}
	}
	return nil
}

// link gives the images that were loaded their parents. These come before their
// children, in this order too.
func (l *Loader) link() error {
	for g, rows := range l.fresh {
		for _, row := range rows {
			at := &l.known[g][row]
			parent := l.image(at.parent)
			if at.depth = parent.depth + 1; at.depth > event.MaxLineage {
				return fmt.Errorf("%w: a lineage of more than %d processes", ErrDamaged, event.MaxLineage)
			}
			at.Process.Parent = parent.Process
		}
	}
	return nil
}

// reader returns a reader of row group g of images.
func (l *Loader) reader(g int) *groupReader {
	i := slices.IndexFunc(l.images, func(r *groupReader) bool { return r.rowGroup == &l.file.images[g] })
	var r *groupReader
	if i >= 0 {
		r = l.images[i]
		l.images = slices.Delete(l.images, i, i+1)
	} else {
		r = l.file.images[g].reader()
	}
	if len(l.images) == 2 {
		l.images[1].close()
		l.images = l.images[:1]
	}
	l.images = slices.Insert(l.images, 0, r)
	return r
}

// Close gives the memory of the Loader to others.
func (l *Loader) Close() {
	for _, r := range append(l.images, l.events) {
		if r != nil {
			r.close()
		}
	}
	l.images, l.events = nil, nil
}

// Size returns about how many bytes an image takes in memory, without its
// parents.
func Size(p *event.Process) int64 {
	const fixed = 700 // of the structs
	n := fixed + 2*len(p.CommandLine) + len(p.Directory) + len(p.Script)
	for _, s := range p.Arguments {
		n += 16 + len(s)
	}
	for _, s := range p.Environment {
		n += 16 + len(s)
	}
	for _, d := range p.Descriptors {
		n += 48 + len(d.Target)
	}
	return int64(n)
}
