package parquetfile

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/store/segment/parquetfile/choice"
	"github.com/holdfast-security/holdfast/store/segment/parquetfile/page"
)

// search runs a query over one segment.
type search struct {
	*choice.Query

	file *File

	// Of the images, by row group, whether one fits; nil where none of the
	// group does, or the query does not ask.
	acts    [][]bool // for Process: as actor, or as actor whose parent it is
	suffers [][]bool // for Process: as target
	users   [][]bool // for User
	texts   [][]bool // for Text
	prepped bool

	sel                []int32 // rows of the present page that still fit
	processes, targets []int32
	fits               []bool
}

// pageFunc takes the rows of a page that fit the query, ascending from the
// start of the page, with the times of all rows of the page. Both are valid
// during the call.
type pageFunc func(r *groupReader, number int, rows []int32, times []int64) error

// group visits the pages of a row group that can hold what fits. Before each
// page, worth is asked whether its times are still of interest.
func (s *search) group(ctx context.Context, g *rowGroup, worth func(Span[int64]) bool, fn pageFunc) error {
	r := g.reader()
	defer r.close()
	for i := range g.pages() {
		if err := ctx.Err(); err != nil {
			return err
		}
		if !s.mayHold(g, i) || !worth(g.times[i]) {
			continue
		}
		if err := s.page(r, i, fn); err != nil {
			return err
		}
	}
	return nil
}

// mayHold prunes by the page index.
func (s *search) mayHold(g *rowGroup, i int) bool {
	t, h := g.times[i], g.hosts[i]
	return t.Most >= s.From && (s.Until.IsZero() || t.Least < s.To) && (s.Host == "" || h.Least <= s.EscapedHost && s.EscapedHost <= h.Most)
}

// page narrows the rows of a page, reading no more columns than it needs.
func (s *search) page(r *groupReader, i int, fn pageFunc) error {
	times, err := r.int64s(colTime, i)
	if err != nil {
		return err
	}
	s.byTime(times, r.times[i])
	for _, narrow := range []func(*groupReader, int) error{s.byHost, s.byClass, s.byImages} {
		if len(s.sel) == 0 {
			return nil
		}
		if err := narrow(r, i); err != nil {
			return err
		}
	}
	if len(s.sel) == 0 {
		return nil
	}
	return fn(r, i, s.sel, times)
}

func (s *search) byTime(times []int64, bounds Span[int64]) {
	s.sel = slices.Grow(s.sel[:0], len(times))[:len(times)]
	if s.Timed(bounds.Least) && s.Timed(bounds.Most) {
		for i := range s.sel {
			s.sel[i] = int32(i)
		}
		return
	}
	n := 0
	for i, t := range times {
		s.sel[n] = int32(i)
		if s.Timed(t) {
			n++
		}
	}
	s.sel = s.sel[:n]
}

func (s *search) byHost(r *groupReader, i int) error {
	if h := r.hosts[i]; s.Host == "" || h.Least == s.EscapedHost && h.Most == s.EscapedHost {
		return nil
	}
	return s.byDictionary(r, colHost, i, func(d *page.Dictionary, k int) bool { return string(d.Bytes(k)) == s.EscapedHost })
}

func (s *search) byClass(r *groupReader, i int) error {
	if len(s.Classes) == 0 {
		return nil
	}
	return s.byDictionary(r, colClass, i, func(d *page.Dictionary, k int) bool { return slices.Contains(s.Classes, event.Class(d.Num(k))) })
}

// byDictionary keeps the rows whose value in a column, which is never null and
// always has a dictionary, fits.
func (s *search) byDictionary(r *groupReader, column, i int, fits func(d *page.Dictionary, k int) bool) error {
	p, err := r.page(column, i)
	if err != nil {
		return err
	}
	if p == nil || p.Dict == nil {
		return fmt.Errorf("%w: column %v has no dictionary", ErrDamaged, layout.parquet.Columns()[column])
	}
	keys, dict := p.Keys, p.Dict
	if len(keys) != r.pageLen(i) {
		return fmt.Errorf("%w: column %v has nulls", ErrDamaged, layout.parquet.Columns()[column])
	}
	mask := make([]bool, dict.Len())
	for k := range mask {
		mask[k] = fits(dict, k)
	}
	kept := s.sel[:0]
	for _, row := range s.sel {
		if mask[keys[row]] {
			kept = append(kept, row)
		}
	}
	s.sel = kept
	return nil
}

// byImages keeps the rows that fit by what is said of their processes, or, for
// user and text, of the event itself.
func (s *search) byImages(r *groupReader, i int) error {
	if s.Process.IsZero() && s.User == "" && s.Text == "" {
		return nil
	}
	if err := s.prepare(); err != nil {
		return err
	}
	var err error
	if s.processes, err = imageNumbers(r, colProcess, i, s.processes); err != nil {
		return err
	}
	if s.targets, err = imageNumbers(r, colTarget, i, s.targets); err != nil {
		return err
	}
	if !s.Process.IsZero() {
		s.keep(func(row int32) bool { return s.says(s.acts, s.processes[row]) || s.says(s.suffers, s.targets[row]) })
	}
	if s.User != "" && len(s.sel) > 0 {
		s.clearFits(r.pageLen(i))
		if err := s.anyUser(r, eventUsers, i, s.fits); err != nil {
			return err
		}
		s.keep(func(row int32) bool { return s.fits[row] || s.says(s.users, s.processes[row]) })
	}
	if s.Text != "" && len(s.sel) > 0 {
		s.clearFits(r.pageLen(i))
		if err := s.anyText(r, eventTexts, i, s.fits); err != nil {
			return err
		}
		s.keep(func(row int32) bool {
			return s.fits[row] || s.says(s.texts, s.processes[row]) || s.says(s.texts, s.targets[row])
		})
	}
	return nil
}

func (s *search) clearFits(n int) {
	s.fits = slices.Grow(s.fits[:0], n)[:n]
	clear(s.fits)
}

func (s *search) keep(fits func(row int32) bool) {
	kept := s.sel[:0]
	for _, row := range s.sel {
		if fits(row) {
			kept = append(kept, row)
		}
	}
	s.sel = kept
}

// says reports what masks say of an image.
func (s *search) says(masks [][]bool, image int32) bool {
	if masks == nil || image < 0 {
		return false
	}
	g := s.file.groupOf(image)
	return g >= 0 && masks[g] != nil && masks[g][image-s.file.images[g].firstImage]
}

// groupOf returns the row group that holds an image, or -1.
func (f *File) groupOf(image int32) int {
	if image < 0 || image >= f.imageCount() {
		return -1
	}
	i, exact := slices.BinarySearchFunc(f.images, image, func(g rowGroup, n int32) int { return int(g.firstImage) - int(n) })
	if !exact {
		i--
	}
	return i
}

// imageNumbers reads page i of a column of image numbers, with noImage for null.
func imageNumbers(r *groupReader, column, i int, buf []int32) ([]int32, error) {
	p, err := r.page(column, i)
	if err != nil {
		return buf, err
	}
	n := r.pageLen(i)
	buf = slices.Grow(buf[:0], n)[:n]
	if p == nil {
		for j := range buf {
			buf[j] = noImage
		}
		return buf, nil
	}
	values, levels := p.Int32s(), p.Defs
	if len(values) != p.Len() {
		return buf, fmt.Errorf("%w: column %v has a dictionary", ErrDamaged, layout.parquet.Columns()[column])
	}
	if len(values) == n {
		copy(buf, values)
		return buf, nil
	}
	next := 0
	for j, level := range levels {
		buf[j] = noImage
		if level == forms[column].MaxDef {
			buf[j] = values[next]
			next++
		}
	}
	return buf, nil
}

// prepare finds which images fit, once for a segment.
func (s *search) prepare() error {
	if s.prepped {
		return nil
	}
	s.prepped = true
	if !s.Process.IsZero() {
		if err := s.findProcess(); err != nil {
			return err
		}
	}
	var err error
	if s.User != "" {
		if s.users, err = s.mask(func(r *groupReader, number int, out []bool) error { return s.anyUser(r, imageUsers, number, out) }); err != nil {
			return err
		}
	}
	if s.Text != "" {
		s.texts, err = s.mask(func(r *groupReader, number int, out []bool) error { return s.anyText(r, imageTexts, number, out) })
	}
	return err
}

// errSkipGroup ends a row group of images early: none of them fits.
var errSkipGroup = errors.New("no image of the row group fits")

// mask asks for each page of images which of them fit.
func (s *search) mask(fits func(r *groupReader, number int, out []bool) error) ([][]bool, error) {
	masks := make([][]bool, len(s.file.images))
	for g := range s.file.images {
		r := s.file.images[g].reader()
		out := make([]bool, r.rows)
		for i := range r.pages() {
			if s.Host != "" && (r.hosts[i].Least > s.EscapedHost || r.hosts[i].Most < s.EscapedHost) {
				continue
			}
			err := fits(r, i, out[i*PageRows:i*PageRows+r.pageLen(i)])
			if errors.Is(err, errSkipGroup) {
				break
			}
			if err != nil {
				r.close()
				return nil, err
			}
		}
		r.close()
		if slices.Contains(out, true) {
			masks[g] = out
		}
	}
	return masks, nil
}

// findProcess finds the images of the process and their children.
func (s *search) findProcess() error {
	own, err := s.mask(s.imagesOfProcess)
	if err != nil {
		return err
	}
	s.suffers = own
	if !slices.ContainsFunc(own, func(m []bool) bool { return m != nil }) {
		s.acts = own
		return nil
	}
	var parents []int32
	s.acts, err = s.mask(func(r *groupReader, number int, out []bool) error {
		if parents, err = imageNumbers(r, colParent, number, parents); err != nil {
			return err
		}
		for i, parent := range parents {
			out[i] = s.says(own, parent) || s.says(own, r.firstImage+int32(number*PageRows+i))
		}
		return nil
	})
	return err
}

// imagesOfProcess sets the images of a page that are of the process.
func (s *search) imagesOfProcess(r *groupReader, number int, out []bool) error {
	if r.lacks(colStart, s.Process.Start) {
		return errSkipGroup
	}
	starts, err := r.int64s(colStart, number)
	if err != nil {
		return err
	}
	var rows []int32
	for i, start := range starts {
		if uint64(start) == s.Process.Start {
			rows = append(rows, int32(i))
		}
	}
	if len(rows) == 0 {
		return nil
	}
	found := newProcessRows(len(rows))
	if err := fill(r, uidColumns, number, rows, found); err != nil {
		return err
	}
	for i, row := range rows {
		out[row] = found[i].UID == s.Process
	}
	return nil
}

// uidColumns are the columns that name a process.
var uidColumns = slices.DeleteFunc(slices.Clone(layout.processes), func(c column[processRow]) bool {
	return !slices.Contains([]string{"process.boot_id", "process.start", "process.pid", "process.uid_pid"}, c.path)
})

func newProcessRows(n int) []processRow {
	rows, images := make([]processRow, n), make([]event.Process, n)
	for i := range rows {
		rows[i] = processRow{Process: &images[i], parent: noImage, image: noImage}
	}
	return rows
}

// lacks reports whether the bloom filter of a column rules v out.
func (g *rowGroup) lacks(column int, v uint64) bool {
	at := g.chunks[column].bloom
	return at > 0 && page.Lacks(g.file.content, g.file.size, at, v)
}

// Found is a function that takes rows of a page that fit, ascending, by their
// number in the row group, with their times and sequence numbers. The slices
// are valid during the call.
type Found func(group int, rows []int32, times, sequences []int64) error

// Search calls fn with the rows that fit, the row group with the latest events
// first, or the earliest. Before each page, worth is asked whether its times
// are still of interest.
func (f *File) Search(ctx context.Context, q *choice.Query, worth func(Span[int64]) bool, fn Found) (err error) {
	defer guard(&err)
	s := &search{Query: q, file: f}
	var foundTimes, foundSeqs []int64
	for _, n := range f.inOrder(q.OldestFirst) {
		err := s.group(ctx, &f.events[n], worth, func(r *groupReader, number int, rows []int32, times []int64) error {
			seqs, err := r.int64s(colSequence, number)
			if err != nil {
				return err
			}
			foundTimes, foundSeqs = foundTimes[:0], foundSeqs[:0]
			for i, row := range rows {
				foundTimes, foundSeqs = append(foundTimes, times[row]), append(foundSeqs, seqs[row])
				rows[i] = int32(number*PageRows) + row
			}
			return fn(n, rows, foundTimes, foundSeqs)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// inOrder returns the row groups of events, the one with the latest first, or
// the earliest.
func (f *File) inOrder(oldest bool) []int {
	order := make([]int, len(f.events))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		if oldest {
			return cmp.Compare(f.events[a].bounds().Least, f.events[b].bounds().Least)
		}
		return cmp.Compare(f.events[b].bounds().Most, f.events[a].bounds().Most)
	})
	return order
}

// bounds returns the least and the greatest time of a row group of events.
func (g *rowGroup) bounds() Span[int64] {
	b := g.times[0]
	for _, t := range g.times {
		b.Least, b.Most = min(b.Least, t.Least), max(b.Most, t.Most)
	}
	return b
}

// anyTime is for queries that no time is of more interest to than another.
func anyTime(Span[int64]) bool { return true }

// int64s returns page i of a column of numbers that are never null.
func (r *groupReader) int64s(column, i int) ([]int64, error) {
	p, err := r.page(column, i)
	if err != nil {
		return nil, err
	}
	if p == nil || len(p.Int64s()) != r.pageLen(i) {
		return nil, fmt.Errorf("%w: column %v has nulls", ErrDamaged, layout.parquet.Columns()[column])
	}
	return p.Int64s(), nil
}
