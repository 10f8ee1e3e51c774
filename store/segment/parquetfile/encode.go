package parquetfile

import (
	"github.com/parquet-go/parquet-go"

	"github.com/holdfast-security/holdfast/store/segment/parquetfile/escape"
)

// encoder holds what the columns of a page have in common while the page is
// made: the bytes of values, and where in the rows the present group lies.
type encoder struct {
	arena  []byte
	values []parquet.Value // of the column at hand

	page     int             // number of the page at hand
	gathered map[string]any  // *members of each group, by its path
	null     parquet.Value   // that absent is filled with
	absent   []parquet.Value // of a column that has no values in the page
}

// nulls returns n times the same null, which begins a row.
func (enc *encoder) nulls(null parquet.Value, n int) []parquet.Value {
	if null.DefinitionLevel() != enc.null.DefinitionLevel() {
		enc.null, enc.absent = null, enc.absent[:0]
	}
	for len(enc.absent) < n {
		enc.absent = append(enc.absent, null)
	}
	return enc.absent[:n]
}

func (enc *encoder) text(s string) parquet.Value {
	s = escape.Text(s)
	if cap(enc.arena)-len(enc.arena) < len(s) {
		enc.arena = make([]byte, 0, max(1<<20, len(s)))
	}
	start := len(enc.arena)
	enc.arena = append(enc.arena, s...)
	return parquet.ByteArrayValue(enc.arena[start:len(enc.arena):len(enc.arena)])
}

// members are the values of a group in the rows of a page, nil where a row does
// not have it.
type members[U any] struct {
	page int
	list []*U
	some bool // are not nil
}

// gather returns the members of a group in the rows of a page, or nil where no
// row has it. All columns of a group but the first find what that has gathered.
func gather[T, U any](enc *encoder, g group[T, U], rows []T) []*U {
	m, ok := enc.gathered[g.path].(*members[U])
	if !ok { // of the other kind of rows, or none
		m = &members[U]{}
		enc.gathered[g.path] = m
	}
	if m.page != enc.page {
		m.page, m.some, m.list = enc.page, false, m.list[:0]
		for i := range rows {
			u := g.at(&rows[i])
			m.list = append(m.list, u)
			m.some = m.some || u != nil
		}
	}
	if !m.some {
		return nil
	}
	return m.list
}
