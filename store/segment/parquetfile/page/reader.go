package page

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
	"sync"

	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/encoding/delta"
)

// Bounds of a page.
const (
	MaxBytes  = 384 << 20 // before and after compression
	MaxValues = 4 << 20   // nulls included
)

// Chunk is the values of one column in one row group of a file.
type Chunk struct {
	Section              // where its pages lie, the dictionary first
	Dictionary     int64 // bytes of the dictionary with its header; zero where there is none
	Kind           Kind
	MaxDef, MaxRep byte
	Compressed     bool // with zstd
}

// Reader reads pages of a [Chunk]. It belongs to one goroutine.
type Reader struct {
	content io.ReaderAt
	chunk   Chunk
	page    Page
	dict    *Dictionary
	buffers *buffers // nil before the first page
}

// buffers are what a page lies in.
type buffers struct {
	raw, data, reps, defs []byte
	keys                  []int32
	plain                 values
}

// free are buffers that no Reader uses.
var free = sync.Pool{New: func() any { return new(buffers) }}

// NewReader returns a Reader of a chunk, which must lie in the file.
func NewReader(content io.ReaderAt, chunk Chunk) *Reader {
	return &Reader{content: content, chunk: chunk}
}

// Close gives the memory of the Reader to others. Its page is no longer valid.
func (r *Reader) Close() {
	if r.buffers != nil && !r.Trim() {
		free.Put(r.buffers)
	}
	*r = Reader{}
}

// header is what a page says of itself.
type header struct {
	kind, plainSize, size, crc int64
	values, nulls, rows        int64
	encoding                   int64
	defs, reps                 int64 // bytes of the levels
	stored                     bool  // not compressed
}

// Kinds of pages and encodings, from parquet.thrift.
const (
	dictionaryPage = 2
	dataPageV2     = 3

	plainEncoding       = 0
	deltaEncoding       = 5
	deltaLengthEncoding = 6
	dictionaryEncoding  = 8
)

// header takes the header of a page and returns it with what follows.
func (d *decoder) header() (h header) {
	number := func(to ...*int64) func(int, byte) bool {
		return func(id int, kind byte) bool {
			if id < 1 || id > len(to) || to[id-1] == nil || kind < typeI16 || kind > typeI64 {
				return false
			}
			*to[id-1] = d.varint()
			return true
		}
	}
	top := number(&h.kind, &h.plainSize, &h.size, &h.crc)
	dictionary := number(&h.values, &h.encoding)
	data := number(&h.values, &h.nulls, &h.rows, &h.encoding, &h.defs, &h.reps)
	d.fields(0, func(id int, kind byte) bool {
		switch {
		case id == 7 && kind == typeStruct:
			d.fields(1, dictionary)
		case id == 8 && kind == typeStruct:
			d.fields(1, func(id int, kind byte) bool {
				h.stored = h.stored || id == 7 && kind == typeFalse
				return data(id, kind)
			})
		default:
			return top(id, kind)
		}
		return true
	})
	for _, n := range []int64{h.plainSize, h.size, h.defs, h.reps} {
		d.bad = d.bad || n < 0 || n > MaxBytes
	}
	d.bad = d.bad || h.values < 0 || h.values > MaxValues || h.nulls < 0 || h.nulls > h.values
	return h
}

// read reads a page that lies in a section of the chunk.
func (r *Reader) read(s Section) (h header, body []byte, err error) {
	within := Section{s.Offset - r.chunk.Offset, s.Size}
	if !within.Within(r.chunk.Size) || s.Size > MaxBytes {
		return h, nil, fmt.Errorf("page of %d bytes at %d: %w", s.Size, s.Offset, ErrMalformed)
	}
	if r.buffers == nil {
		r.buffers = free.Get().(*buffers)
	}
	b := r.buffers
	b.raw = sized(b.raw, int(s.Size))
	if err := readAt(r.content, b.raw, s.Offset); err != nil {
		return h, nil, err
	}
	d := decoder{b: b.raw}
	h = d.header()
	if d.bad || h.size > int64(len(d.b)) {
		return h, nil, fmt.Errorf("header of the page at %d: %w", s.Offset, ErrMalformed)
	}
	body = d.b[:h.size]
	if h.crc != 0 && uint32(h.crc) != crc32.ChecksumIEEE(body) {
		return h, nil, fmt.Errorf("checksum of the page at %d: %w", s.Offset, ErrMalformed)
	}
	return h, body, nil
}

// Page reads the page that lies in a section of the chunk and has so many
// rows. It is valid until the next call.
func (r *Reader) Page(s Section, rows int) (*Page, error) {
	if r.dict == nil && r.chunk.Dictionary > 0 {
		if err := r.readDictionary(); err != nil {
			return nil, fmt.Errorf("dictionary: %w", err)
		}
	}
	h, body, err := r.read(s)
	if err != nil {
		return nil, err
	}
	if h.kind != dataPageV2 || h.rows != int64(rows) || h.defs+h.reps > int64(len(body)) || r.chunk.MaxRep == 0 && h.values != h.rows {
		return nil, fmt.Errorf("page of %d values in %d rows, want %d rows: %w", h.values, h.rows, rows, ErrMalformed)
	}
	p := &r.page
	*p = Page{Rows: rows, present: r.chunk.MaxDef, n: int(h.values - h.nulls)}
	if !r.levels(h, body) {
		return nil, fmt.Errorf("levels of the page at %d: %w", s.Offset, ErrMalformed)
	}
	data, err := r.inflated(body[h.defs+h.reps:], h.plainSize-h.defs-h.reps, h.stored)
	if err != nil {
		return nil, err
	}
	if h.encoding == dictionaryEncoding {
		return p, r.indexed(data)
	}
	p.plain, err = r.decode(&r.buffers.plain, data, p.n, h.encoding)
	return p, err
}

// levels decodes the levels of the present page, and checks that they tell of
// as many rows and values as there are.
func (r *Reader) levels(h header, body []byte) bool {
	ok := true
	p := &r.page
	if r.chunk.MaxRep > 0 {
		r.buffers.reps, ok = levels(r.buffers.reps, body[:h.reps], int(h.values), r.chunk.MaxRep)
		p.Reps = r.buffers.reps
		if !ok || len(p.Reps) > 0 && p.Reps[0] != 0 || bytes.Count(p.Reps, []byte{0}) != p.Rows {
			return false
		}
	}
	if r.chunk.MaxDef > 0 {
		r.buffers.defs, ok = levels(r.buffers.defs, body[h.reps:h.reps+h.defs], int(h.values), r.chunk.MaxDef)
		p.Defs = r.buffers.defs
		return ok && bytes.Count(p.Defs, []byte{r.chunk.MaxDef}) == p.n
	}
	return h.nulls == 0
}

// inflaters are decoders without state between uses.
var inflaters = sync.Pool{New: func() any {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(MaxBytes), zstd.WithDecodeAllCapLimit(true))
	if err != nil {
		panic(err) // the options are wrong, whatever the input
	}
	return d
}}

// inflated returns data of a page, which has a size when it is not compressed.
func (r *Reader) inflated(data []byte, size int64, stored bool) ([]byte, error) {
	if stored || !r.chunk.Compressed {
		return data, nil
	}
	if size < 0 {
		return nil, fmt.Errorf("page of %d bytes: %w", size, ErrMalformed)
	}
	if len(data) == 0 && size == 0 {
		return nil, nil
	}
	d := inflaters.Get().(*zstd.Decoder)
	defer inflaters.Put(d)
	r.buffers.data = sized(r.buffers.data, int(size))
	out, err := d.DecodeAll(data, r.buffers.data[:0:size])
	if err != nil {
		return nil, fmt.Errorf("decompress a page: %w", err)
	}
	return out, nil
}

// indexed decodes keys of the dictionary into the present page.
func (r *Reader) indexed(data []byte) error {
	if r.dict == nil {
		return fmt.Errorf("keys of no dictionary: %w", ErrMalformed)
	}
	p := &r.page
	r.buffers.keys = sized(r.buffers.keys, p.n)
	p.Keys, p.Dict = r.buffers.keys, r.dict
	if p.n == 0 {
		return nil
	}
	if len(data) == 0 || data[0] > 32 || !hybrid(p.Keys, data[1:], int(data[0])) {
		return fmt.Errorf("keys: %w", ErrMalformed)
	}
	most := uint32(0)
	for _, k := range p.Keys {
		most = max(most, uint32(k))
	}
	if most >= uint32(r.dict.n) {
		return fmt.Errorf("key %d of %d: %w", most, r.dict.n, ErrMalformed)
	}
	return nil
}

func (r *Reader) readDictionary() error {
	h, body, err := r.read(Section{r.chunk.Offset, r.chunk.Dictionary})
	if err != nil {
		return err
	}
	if h.kind != dictionaryPage {
		return fmt.Errorf("a page of type %d: %w", h.kind, ErrMalformed)
	}
	data, err := r.inflated(body, h.plainSize, false)
	if err != nil {
		return err
	}
	if r.chunk.Kind == Bool {
		return fmt.Errorf("a dictionary of two values: %w", ErrMalformed) // its bits would lie in a buffer
	}
	d := &Dictionary{n: int(h.values), memory: len(data)}
	if d.plain, err = r.decode(new(values), data, d.n, plainEncoding); err == nil {
		r.dict = d
	}
	return err
}

// decode decodes n values of the chunk's kind into memory of buf, and returns
// those only.
func (r *Reader) decode(buf *values, data []byte, n int, encoding int64) (v values, err error) {
	var packed delta.BinaryPackedEncoding
	var lengths delta.LengthByteArrayEncoding
	ok := false
	switch kind := r.chunk.Kind; {
	case encoding == plainEncoding:
		v, ok = plain(buf, kind, data, n)
	case encoding == deltaEncoding && kind == Int32 && deltas(data, n, 32):
		buf.ints, err = packed.DecodeInt32(sized(buf.ints, n), data)
		v.ints, ok = buf.ints, len(buf.ints) == n
	case encoding == deltaEncoding && kind == Int64 && deltas(data, n, 64):
		buf.longs, err = packed.DecodeInt64(sized(buf.longs, n), data)
		v.longs, ok = buf.longs, len(buf.longs) == n
	case encoding == deltaLengthEncoding && kind == Text && deltas(data, n, 32):
		buf.text, buf.ends, err = lengths.DecodeByteArray(buf.text, data, buf.ends)
		v.text, v.ends, ok = buf.text, buf.ends, len(buf.ends) == n+1
	}
	if err != nil || !ok {
		return values{}, fmt.Errorf("%d values in encoding %d: %w", n, encoding, ErrMalformed)
	}
	return v, nil
}

// plain decodes values that stand one after the other.
func plain(buf *values, kind Kind, data []byte, n int) (v values, ok bool) {
	switch {
	case kind == Bool && len(data) >= (n+7)/8:
		return values{bits: data}, true
	case kind == Int32 && len(data) >= 4*n:
		buf.ints = sized(buf.ints, n)
		for i := range buf.ints {
			buf.ints[i] = int32(binary.LittleEndian.Uint32(data[4*i:]))
		}
		return values{ints: buf.ints}, true
	case kind == Int64 && len(data) >= 8*n:
		buf.longs = sized(buf.longs, n)
		for i := range buf.longs {
			buf.longs[i] = int64(binary.LittleEndian.Uint64(data[8*i:]))
		}
		return values{longs: buf.longs}, true
	case kind == Text && len(data) >= 4*n:
		ok = plainTexts(buf, data, n)
		return values{text: buf.text, ends: buf.ends}, ok
	}
	return v, false
}

// plainTexts decodes texts, each behind its length.
func plainTexts(buf *values, data []byte, n int) bool {
	buf.ends = sized(buf.ends, n+1)
	buf.ends[0] = 0
	buf.text = slices.Grow(buf.text[:0], len(data)-4*n)
	d := decoder{b: data}
	for i := range n {
		size := d.take(4)
		if size == nil {
			return false
		}
		buf.text = append(buf.text, d.take(uint64(binary.LittleEndian.Uint32(size)))...)
		buf.ends[i+1] = uint32(len(buf.text))
	}
	return !d.bad
}

// Bounds of memory that a Reader keeps for the next page.
const (
	keptBuffers    = 1 << 20
	keptDictionary = 8 << 20
)

// Trim lets go of what is too large to be kept while nothing is read, and
// reports whether the present page has gone with it.
func (r *Reader) Trim() bool {
	if r.dict != nil && r.dict.memory > keptDictionary {
		r.dict = nil
	}
	b := r.buffers
	if b == nil || cap(b.raw)+cap(b.data)+cap(b.reps)+cap(b.defs)+4*cap(b.keys)+b.plain.memory() <= keptBuffers {
		return false
	}
	r.page, r.buffers = Page{}, nil
	return true
}
