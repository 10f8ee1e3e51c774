package page

import (
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go/bloom"
)

// Section is a stretch of a file.
type Section struct{ Offset, Size int64 }

// Within reports whether the stretch lies in a file of a size.
func (s Section) Within(size int64) bool {
	return s.Offset >= 0 && s.Size >= 0 && s.Offset <= size && s.Size <= size-s.Offset
}

// maxIndex bounds the bytes of the index of a column chunk.
const maxIndex = 4 << 20

func readIndex(r io.ReaderAt, size int64, s Section) (*decoder, error) {
	if !s.Within(size) || s.Size > maxIndex || s.Size == 0 {
		return nil, fmt.Errorf("index of %d bytes at %d: %w", s.Size, s.Offset, ErrMalformed)
	}
	b := make([]byte, s.Size)
	if err := readAt(r, b, s.Offset); err != nil {
		return nil, err
	}
	return &decoder{b: b}, nil
}

// Locations reads where the pages of a column chunk lie, from its offset index
// in a file of a size. Each lies in the file.
func Locations(r io.ReaderAt, size int64, index Section) ([]Section, error) {
	d, err := readIndex(r, size, index)
	if err != nil {
		return nil, err
	}
	var pages []Section
	d.fields(0, func(id int, kind byte) bool {
		if id != 1 || kind != typeList {
			return false
		}
		item, n := d.list()
		for range n {
			if item != typeStruct || d.bad {
				break
			}
			pages = append(pages, location(d))
		}
		return true
	})
	for _, p := range pages {
		if !p.Within(size) {
			d.bad = true
		}
	}
	if d.bad {
		return nil, fmt.Errorf("offset index: %w", ErrMalformed)
	}
	return pages, nil
}

func location(d *decoder) (s Section) {
	d.fields(1, func(id int, kind byte) bool {
		switch {
		case id == 1 && kind == typeI64:
			s.Offset = d.varint()
		case id == 2 && kind == typeI32:
			s.Size = d.varint()
		default:
			return false
		}
		return true
	})
	return s
}

// Bounds reads the least and the greatest value of each page of a column
// chunk, as they are stored, from its column index in a file of a size.
func Bounds(r io.ReaderAt, size int64, index Section) (least, most [][]byte, err error) {
	d, err := readIndex(r, size, index)
	if err != nil {
		return nil, nil, err
	}
	empty := false // a page of nulls has no bounds
	d.fields(0, func(id int, kind byte) bool {
		if id > 3 || kind != typeList {
			return false
		}
		item, n := d.list()
		for range n {
			switch {
			case id == 1:
				empty = d.byte() == typeTrue || empty
			case item != typeBinary:
				d.fail()
			case id == 2:
				least = append(least, d.bytes())
			default:
				most = append(most, d.bytes())
			}
		}
		return true
	})
	if d.bad || empty || len(least) != len(most) {
		return nil, nil, fmt.Errorf("column index: %w", ErrMalformed)
	}
	return least, most, nil
}

// Lacks reports whether the bloom filter at an offset of a file rules out a
// number of 64 bits. A filter that cannot be read rules out nothing.
func Lacks(r io.ReaderAt, size, offset int64, v uint64) bool {
	header := make([]byte, 64)
	n, _ := r.ReadAt(header, offset) // fewer at the end of the file
	d := decoder{b: header[:n]}
	filter := Section{}
	d.fields(0, func(id int, kind byte) bool {
		if id != 1 || kind != typeI32 {
			return false
		}
		filter.Size = d.varint()
		return true
	})
	filter.Offset = offset + int64(n-len(d.b))
	if d.bad || filter.Size < bloom.BlockSize || filter.Size%bloom.BlockSize != 0 || !filter.Within(size) {
		return false
	}
	there, err := bloom.CheckSplitBlock(io.NewSectionReader(r, filter.Offset, filter.Size), filter.Size, bloom.XXH64{}.Sum64Uint64(v))
	return err == nil && !there
}
