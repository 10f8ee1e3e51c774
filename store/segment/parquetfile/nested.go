package parquetfile

import (
	"github.com/parquet-go/parquet-go"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/store/segment/parquetfile/page"
)

// element returns the element i of a list, which it lengthens where needed. The
// members of repeated groups come column by column, so that the first to come
// makes the elements.
func element[E any](list *[]E, i int) *E {
	for len(*list) <= i {
		*list = append(*list, *new(E))
	}
	return &(*list)[i]
}

// descriptorColumns are the members of the repeated group process.descriptors.
func descriptorColumns() []column[processRow] {
	type T = event.Descriptor
	g := self[processRow]("process")
	count := func(p *processRow) int { return len(p.Descriptors) }
	text := func(name, doc string, field func(*T) string, set func(*T, string)) column[processRow] {
		return g.list(list[processRow]{
			name: "descriptors." + name, doc: doc, node: dictText, len: count,
			get: func(enc *encoder, p *processRow, i int) parquet.Value { return enc.text(field(&p.Descriptors[i])) },
			set: func(dec *decoder, p *processRow, i int, v value) { set(element(&p.Descriptors, i), v.text()) },
		})
	}
	return []column[processRow]{
		g.list(list[processRow]{
			name: "descriptors.fd", doc: "number of the descriptor", node: parquet.Int(64), len: count,
			get: func(_ *encoder, p *processRow, i int) parquet.Value {
				return parquet.Int64Value(int64(p.Descriptors[i].FD))
			},
			set: func(_ *decoder, p *processRow, i int, v value) { element(&p.Descriptors, i).FD = int(v.num()) },
		}),
		text("kind", "file, tty, pipe, socket, unix_socket", func(d *T) string { return string(d.Kind) }, func(d *T, s string) { d.Kind = event.DescriptorKind(s) }),
		text("target", "path, or the peer of a socket", func(d *T) string { return d.Target }, func(d *T, s string) { d.Target = s }),
	}
}

// recordColumns are the repeated group event.records and the repeated group of
// fields within it.
func recordColumns() []column[eventRow] {
	kind := self[eventRow]("event").list(list[eventRow]{
		name: "records.type", doc: "type of the source record", node: dictText,
		len: func(e *eventRow) int { return len(e.Records) },
		get: func(enc *encoder, e *eventRow, i int) parquet.Value { return enc.text(e.Records[i].Type) },
		set: func(dec *decoder, e *eventRow, i int, v value) { element(&e.Records, i).Type = v.text() },
	})
	return []column[eventRow]{
		kind,
		pairColumn("name", "name of a field", dictText, func(p *event.Pair) *string { return &p.Name }),
		pairColumn("value", "its value, decoded", plainText, func(p *event.Pair) *string { return &p.Value }),
	}
}

// Levels of the fields of records.
const (
	recordLevel = rowLevel + 1
	fieldLevel  = recordLevel + 1
	fieldRepeat = 2
)

func pairColumn(name, doc string, node parquet.Node, field func(*event.Pair) *string) column[eventRow] {
	none := parquet.NullValue().Level(0, rowLevel, 0)
	return column[eventRow]{
		path: "event.records.fields." + name, doc: doc, node: node, noStats: true,
		put: func(enc *encoder, rows []eventRow) []parquet.Value {
			dst := enc.values[:0]
			for i := range rows {
				if records := rows[i].Records; len(records) > 0 {
					dst = appendFields(dst, enc, records, field)
				} else {
					dst = append(dst, none)
				}
			}
			enc.values = dst
			return dst
		},
		set: func(_ *decoder, p *page.Page, rows []int32, dst []eventRow) {
			p.EachRepeat(rows, func(row int, values page.Repeat) { setFields(&dst[row], p, values, field) })
		},
	}
}

// setFields sets one member of all the fields of an event's records.
func setFields(e *eventRow, p *page.Page, values page.Repeat, field func(*event.Pair) *string) {
	record, pair, next := -1, 0, 0
	for i, at := range values.Present() {
		for ; next <= i; next++ {
			if values.Reps[next] < fieldRepeat {
				record, pair = record+1, 0
			}
		}
		*field(element(&element(&e.Records, record).Fields, pair)) = p.Text(at)
		pair++
	}
}

// appendFields appends one member of all the fields of an event's records.
func appendFields(dst []parquet.Value, enc *encoder, records []event.Record, field func(*event.Pair) *string) []parquet.Value {
	for i := range records {
		repeat := min(i, 1)
		fields := records[i].Fields
		if len(fields) == 0 {
			dst = append(dst, parquet.NullValue().Level(repeat, recordLevel, 0))
		}
		for j := range fields {
			dst = append(dst, enc.text(*field(&fields[j])).Level(repeat, fieldLevel, 0))
			repeat = fieldRepeat
		}
	}
	return dst
}
