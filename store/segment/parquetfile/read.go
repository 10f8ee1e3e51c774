package parquetfile

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/parquet-go/parquet-go"
)

// ErrDamaged is what is wrong with a file that is no segment or not a whole one.
var ErrDamaged = errors.New("not a readable segment")

// File is an open segment. It may be read from any goroutine.
type File struct {
	events []rowGroup // in the order of the file: by host, then time
	images []rowGroup // by number of the image
}

// rowGroup is one row group with what queries prune by.
type rowGroup struct {
	chunks []*parquet.FileColumnChunk // by index of our column; nil where the file lacks it
	rows   int

	times      []Span[int64]  // of the pages of events
	hosts      []Span[string] // of the pages, escaped
	firstImage int32          // of images: the number of the first
}

// Span is the least and the greatest of some values.
type Span[T any] struct{ Least, Most T }

// guard turns a panic about damaged content into an error. The library checks
// much, but not all that a hostile file can claim.
func guard(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("%w: %v", ErrDamaged, p)
	}
}

// OpenFile reads the footer of a segment. The content is read when asked for.
func OpenFile(r io.ReaderAt, size int64) (f *File, err error) {
	defer guard(&err)
	pf, err := parquet.OpenFile(r, size, parquet.SkipBloomFilters(true), parquet.ReadBufferSize(64<<10))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if v, ok := pf.Lookup(versionKey); !ok || v != version {
		return nil, fmt.Errorf("%w: its schema is version %q, this build reads %s", ErrDamaged, v, version)
	}
	columns, err := mapping(pf.Schema())
	if err != nil {
		return nil, err
	}
	f = &File{}
	for i, rg := range pf.RowGroups() {
		if err := f.add(rg, columns); err != nil {
			return nil, fmt.Errorf("row group %d: %w", i, err)
		}
	}
	return f, nil
}

// mapping returns, for each of our columns, its index in the file's schema, or
// -1. Types must be ours.
func mapping(s *parquet.Schema) ([]int, error) {
	columns := make([]int, layout.leaves)
	for i, path := range layout.parquet.Columns() {
		mine, _ := layout.parquet.Lookup(path...)
		theirs, ok := s.Lookup(path...)
		if !ok {
			columns[i] = -1
			continue
		}
		if mine.Node.Type().Kind() != theirs.Node.Type().Kind() || mine.MaxDefinitionLevel != theirs.MaxDefinitionLevel ||
			mine.MaxRepetitionLevel != theirs.MaxRepetitionLevel {
			return nil, fmt.Errorf("%w: column %v is of another type", ErrDamaged, path)
		}
		columns[i] = theirs.ColumnIndex
	}
	for _, must := range []int{colHost, colTime, colSequence, colClass, colProcess, colTarget, colImage, colParent, colStart, colBoot, colPID} {
		if columns[must] < 0 {
			return nil, fmt.Errorf("%w: no column %v", ErrDamaged, layout.parquet.Columns()[must])
		}
	}
	return columns, nil
}

// add takes a row group into the file: of events or of images, whichever it
// holds.
func (f *File) add(rg parquet.RowGroup, columns []int) error {
	g := rowGroup{chunks: make([]*parquet.FileColumnChunk, len(columns)), rows: int(rg.NumRows())}
	if rg.NumRows() <= 0 || rg.NumRows() > 4*groupRows {
		return fmt.Errorf("%w: it claims %d rows", ErrDamaged, rg.NumRows())
	}
	all := rg.ColumnChunks()
	for i, c := range columns {
		if c < 0 {
			continue
		}
		chunk, ok := all[c].(*parquet.FileColumnChunk)
		if !ok {
			return fmt.Errorf("%w: column %d cannot be read", ErrDamaged, c)
		}
		g.chunks[i] = chunk
	}
	var err error
	if g.hosts, err = spans(&g, colHost, func(v parquet.Value) string { return string(v.ByteArray()) }); err != nil {
		return err
	}
	if g.chunks[colTime].NullCount() < rg.NumRows() {
		g.times, err = spans(&g, colTime, parquet.Value.Int64)
		f.events = append(f.events, g)
		return err
	}
	images, err := spans(&g, colImage, parquet.Value.Int32)
	if err != nil {
		return err
	}
	first, last := images[0].Least, images[len(images)-1].Most
	if next := f.imageCount(); first != next || int(last)-int(first) != g.rows-1 {
		return fmt.Errorf("%w: images %d to %d do not follow %d", ErrDamaged, first, last, next)
	}
	g.firstImage = first
	f.images = append(f.images, g)
	return nil
}

// imageCount returns how many images there are.
func (f *File) imageCount() int32 {
	if len(f.images) == 0 {
		return 0
	}
	last := f.images[len(f.images)-1]
	return last.firstImage + int32(last.rows)
}

// spans returns the bounds of each page of a column.
func spans[T any](g *rowGroup, column int, value func(parquet.Value) T) ([]Span[T], error) {
	index, err := g.chunks[column].ColumnIndex()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if index.NumPages() != g.pages() {
		return nil, fmt.Errorf("%w: %d pages, want %d", ErrDamaged, index.NumPages(), g.pages())
	}
	s := make([]Span[T], g.pages())
	for i := range s {
		if index.NullPage(i) {
			return nil, fmt.Errorf("%w: page %d has no values", ErrDamaged, i)
		}
		s[i] = Span[T]{value(index.MinValue(i)), value(index.MaxValue(i))}
	}
	return s, nil
}

// pages is the number of pages of each column.
func (g *rowGroup) pages() int { return (g.rows + PageRows - 1) / PageRows }

// pageLen is the number of rows of page i.
func (g *rowGroup) pageLen(i int) int { return min(PageRows, g.rows-i*PageRows) }

// int32s and int64s return the values of a page that are not null, or the keys
// of its dictionary.
func int32s(p parquet.Page) []int32 {
	v := p.Data()
	return v.Int32()
}

func int64s(p parquet.Page) []int64 {
	v := p.Data()
	return v.Int64()
}

// columnReader reads pages of one column, those that are asked for only.
type columnReader struct {
	chunk *parquet.FileColumnChunk
	pages *parquet.FilePages
	last  parquet.Page
	at    int // number of last
}

// page returns page i, which is valid until the next call; nil where the file
// has no such column, or only nulls in it.
func (r *columnReader) page(g *rowGroup, i int) (parquet.Page, error) {
	if r.chunk == nil || r.chunk.NullCount() == r.chunk.NumValues() {
		return nil, nil
	}
	if r.last != nil && r.at == i {
		return r.last, nil
	}
	if r.pages == nil {
		r.pages = r.chunk.PagesFrom(r.chunk.File())
	}
	r.release()
	if err := r.pages.SeekToRow(int64(i) * PageRows); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	page, err := r.pages.ReadPage()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if page.NumRows() != int64(g.pageLen(i)) {
		return nil, fmt.Errorf("%w: page of %d rows, want %d", ErrDamaged, page.NumRows(), g.pageLen(i))
	}
	r.last, r.at = page, i
	return page, nil
}

func (r *columnReader) release() {
	if r.last != nil {
		parquet.Release(r.last)
		r.last = nil
	}
}

func (r *columnReader) close() {
	r.release()
	if r.pages != nil {
		r.pages.Close()
		r.pages = nil
	}
}

// groupReader reads columns of a row group.
type groupReader struct {
	*rowGroup

	columns []columnReader
}

func (g *rowGroup) reader() *groupReader {
	r := &groupReader{rowGroup: g, columns: make([]columnReader, len(g.chunks))}
	for i, c := range g.chunks {
		r.columns[i].chunk = c
	}
	return r
}

func (r *groupReader) page(column, i int) (parquet.Page, error) {
	p, err := r.columns[column].page(r.rowGroup, i)
	if err != nil {
		return nil, fmt.Errorf("column %v: %w", layout.parquet.Columns()[column], err)
	}
	return p, nil
}

func (r *groupReader) close() {
	for i := range r.columns {
		r.columns[i].close()
	}
}

// fill sets the given rows of a row group, ascending, in dst, whose i-th
// element is rows[i]. It reads only the pages that hold one of them.
func fill[T any](r *groupReader, columns []column[T], rows []int32, dst []T) error {
	var dec decoder
	var values []parquet.Value
	for _, c := range columns {
		for i := 0; i < len(rows); {
			n := int(rows[i]) / PageRows
			end := i
			for end < len(rows) && int(rows[end])/PageRows == n {
				end++
			}
			page, err := r.page(c.index, n)
			if err != nil {
				return err
			}
			if page != nil && page.NumNulls() < page.NumValues() {
				if values, err = allValues(page, values); err != nil {
					return fmt.Errorf("column %s: %w", c.path, err)
				}
				if err := setRows(c, &dec, page, values, rows[i:end], dst[i:end]); err != nil {
					return err
				}
			}
			i = end
		}
		r.columns[c.index].close()
	}
	if dec.err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, dec.err)
	}
	return nil
}

// maxPageValues bounds the values of a page, of which repeated columns have
// more than rows.
const maxPageValues = 64 << 20

// allValues reads a page whole.
func allValues(page parquet.Page, buf []parquet.Value) ([]parquet.Value, error) {
	n := page.NumValues()
	if n > maxPageValues {
		return nil, fmt.Errorf("%w: a page of %d values", ErrDamaged, n)
	}
	buf = slices.Grow(buf[:0], int(n))[:n]
	values := page.Values()
	for read := 0; read < len(buf); {
		m, err := values.ReadValues(buf[read:])
		read += m
		if read < len(buf) && (err != nil || m == 0) {
			return nil, fmt.Errorf("%w: %d of %d values: %w", ErrDamaged, read, n, cmpErr(err))
		}
	}
	return buf, nil
}

func cmpErr(err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// setRows sets dst from the values of one page.
func setRows[T any](c column[T], dec *decoder, page parquet.Page, values []parquet.Value, rows []int32, dst []T) error {
	first := rows[0] / PageRows * PageRows
	if len(page.RepetitionLevels()) == 0 {
		for i, row := range rows {
			at := int(row - first)
			if at >= len(values) {
				return fmt.Errorf("%w: column %s has %d values in a page", ErrDamaged, c.path, len(values))
			}
			if !values[at].IsNull() { // most are
				c.set(dec, &dst[i], values[at:at+1])
			}
		}
		return nil
	}
	row, next := first-1, 0
	for start := 0; start < len(values) && next < len(rows); {
		end := start + 1
		for end < len(values) && values[end].RepetitionLevel() > 0 {
			end++
		}
		row++
		if row == rows[next] {
			c.set(dec, &dst[next], values[start:end])
			next++
		}
		start = end
	}
	return nil
}
