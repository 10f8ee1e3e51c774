package parquetfile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"github.com/holdfast-security/holdfast/store/segment/parquetfile/page"
)

// ErrDamaged is what is wrong with a file that is no segment or not a whole one.
var ErrDamaged = errors.New("not a readable segment")

// File is an open segment. It may be read from any goroutine.
type File struct {
	content io.ReaderAt
	size    int64
	events  []rowGroup // in the order of the file: by host, then time
	images  []rowGroup // by number of the image
}

// rowGroup is one row group with what queries prune by.
type rowGroup struct {
	file   *File
	chunks []chunk // by index of our column
	rows   int

	times      []Span[int64]  // of the pages of events
	hosts      []Span[string] // of the pages, escaped
	firstImage int32          // of images: the number of the first
}

// chunk is what the footer says of a column in a row group.
type chunk struct {
	page.Chunk

	values        bool // there are some that are not null
	pages, bounds page.Section
	bloom         int64 // offset of the filter, or 0
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
	if err := page.CheckFooter(r, size); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	pf, err := parquet.OpenFile(r, size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
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
	f = &File{content: r, size: size}
	for i := range pf.Metadata().RowGroups {
		if err := f.add(&pf.Metadata().RowGroups[i], columns); err != nil {
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
func (f *File) add(rg *format.RowGroup, columns []int) error {
	if rg.NumRows <= 0 || rg.NumRows > 4*groupRows {
		return fmt.Errorf("%w: it claims %d rows", ErrDamaged, rg.NumRows)
	}
	g := rowGroup{file: f, chunks: make([]chunk, len(columns)), rows: int(rg.NumRows)}
	var err error
	for i, c := range columns {
		if c < 0 {
			continue
		}
		if c >= len(rg.Columns) {
			return fmt.Errorf("%w: it has %d columns", ErrDamaged, len(rg.Columns))
		}
		if g.chunks[i], err = f.chunk(i, &rg.Columns[c]); err != nil {
			return err
		}
	}
	if g.hosts, err = spans(&g, colHost, func(b []byte) string { return string(b) }); err != nil {
		return err
	}
	if g.chunks[colTime].values {
		g.times, err = spans(&g, colTime, func(b []byte) int64 { return int64(binary.LittleEndian.Uint64(b)) })
		f.events = append(f.events, g)
		return err
	}
	images, err := spans(&g, colImage, func(b []byte) int32 { return int32(binary.LittleEndian.Uint32(b)) })
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

// chunk returns what a footer says of one of our columns.
func (f *File) chunk(column int, c *format.ColumnChunk) (chunk, error) {
	m := &c.MetaData
	start, dictionary := m.DataPageOffset, int64(0)
	if m.DictionaryPageOffset > 0 {
		start, dictionary = m.DictionaryPageOffset, m.DataPageOffset-m.DictionaryPageOffset
	}
	all := page.Section{Offset: start, Size: m.TotalCompressedSize}
	if !all.Within(f.size) || dictionary < 0 || dictionary > all.Size || m.Codec != format.Zstd && m.Codec != format.Uncompressed {
		return chunk{}, fmt.Errorf("%w: column %v of %d bytes at %d, codec %v", ErrDamaged, layout.parquet.Columns()[column], all.Size, start, m.Codec)
	}
	form := forms[column]
	form.Section, form.Dictionary, form.Compressed = all, dictionary, m.Codec == format.Zstd
	return chunk{
		Chunk: form, values: m.Statistics.NullCount != m.NumValues, bloom: m.BloomFilterOffset,
		pages:  page.Section{Offset: c.OffsetIndexOffset, Size: int64(c.OffsetIndexLength)},
		bounds: page.Section{Offset: c.ColumnIndexOffset, Size: int64(c.ColumnIndexLength)},
	}, nil
}

// forms are how values of our columns are stored, and their greatest levels.
var forms = func() []page.Chunk {
	kinds := map[parquet.Kind]page.Kind{parquet.Boolean: page.Bool, parquet.Int32: page.Int32, parquet.Int64: page.Int64, parquet.ByteArray: page.Text}
	list := make([]page.Chunk, layout.leaves)
	for i, path := range layout.parquet.Columns() {
		leaf, _ := layout.parquet.Lookup(path...)
		list[i] = page.Chunk{Kind: kinds[leaf.Node.Type().Kind()], MaxDef: byte(leaf.MaxDefinitionLevel), MaxRep: byte(leaf.MaxRepetitionLevel)}
	}
	return list
}()

// imageCount returns how many images there are.
func (f *File) imageCount() int32 {
	if len(f.images) == 0 {
		return 0
	}
	last := f.images[len(f.images)-1]
	return last.firstImage + int32(last.rows)
}

// spans returns the bounds of each page of a column.
func spans[T any](g *rowGroup, column int, value func([]byte) T) ([]Span[T], error) {
	least, most, err := page.Bounds(g.file.content, g.file.size, g.chunks[column].bounds)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if len(least) != g.pages() {
		return nil, fmt.Errorf("%w: %d pages, want %d", ErrDamaged, len(least), g.pages())
	}
	s := make([]Span[T], g.pages())
	for i := range s {
		s[i] = Span[T]{value(least[i]), value(most[i])}
	}
	return s, nil
}

// pages is the number of pages of each column.
func (g *rowGroup) pages() int { return (g.rows + PageRows - 1) / PageRows }

// pageLen is the number of rows of page i.
func (g *rowGroup) pageLen(i int) int { return min(PageRows, g.rows-i*PageRows) }

// columnReader reads pages of one column, those that are asked for only.
type columnReader struct {
	reader *page.Reader
	pages  []page.Section
	last   *page.Page
	at     int // number of last
}

// groupReader reads columns of a row group.
type groupReader struct {
	*rowGroup

	columns []columnReader
}

func (g *rowGroup) reader() *groupReader {
	return &groupReader{rowGroup: g, columns: make([]columnReader, len(g.chunks))}
}

// page returns page i of a column, which is valid until another of the column
// is read or the column trimmed; nil where the file has no such column, or only
// nulls in it.
func (r *groupReader) page(column, i int) (*page.Page, error) {
	if !r.chunks[column].values {
		return nil, nil
	}
	c := &r.columns[column]
	if c.last != nil && c.at == i {
		return c.last, nil
	}
	if err := c.read(r.rowGroup, column, i); err != nil {
		return nil, fmt.Errorf("%w: column %v: %w", ErrDamaged, layout.parquet.Columns()[column], err)
	}
	return c.last, nil
}

func (c *columnReader) read(g *rowGroup, column, i int) (err error) {
	c.last = nil
	if c.reader == nil {
		chunk := &g.chunks[column]
		if c.pages, err = page.Locations(g.file.content, g.file.size, chunk.pages); err != nil {
			return err
		}
		if len(c.pages) != g.pages() {
			return fmt.Errorf("%d pages, want %d", len(c.pages), g.pages())
		}
		c.reader = page.NewReader(g.file.content, chunk.Chunk)
	}
	c.at = i
	c.last, err = c.reader.Page(c.pages[i], g.pageLen(i))
	return err
}

// trim lets go of what is large of a column that is not needed for now.
func (r *groupReader) trim(column int) {
	if c := &r.columns[column]; c.reader != nil && c.reader.Trim() {
		c.last = nil
	}
}

// close gives memory back. What was read is no longer valid.
func (r *groupReader) close() {
	for i := range r.columns {
		if c := &r.columns[i]; c.reader != nil {
			c.reader.Close()
			*c = columnReader{}
		}
	}
}

// maxLoad bounds the bytes of all columns that are loaded of one page.
const maxLoad = 512 << 20

// fill sets the given rows of a page, ascending and counted from its start, in
// dst, whose i-th element is rows[i].
func fill[T any](r *groupReader, columns []column[T], number int, rows []int32, dst []T) error {
	dec := decoder{places: make([]int32, 0, len(rows))}
	left := maxLoad
	for i := range columns {
		c := &columns[i]
		p, err := r.page(c.index, number)
		if err != nil {
			return err
		}
		if p == nil {
			continue
		}
		if left -= p.Memory(); left < 0 {
			return fmt.Errorf("%w: page %d has more than %d bytes", ErrDamaged, number, maxLoad)
		}
		if p.Len() > 0 {
			c.set(&dec, p, rows, dst)
		}
		r.trim(c.index)
	}
	if dec.err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, dec.err)
	}
	return nil
}
