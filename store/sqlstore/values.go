package sqlstore

import (
	"strings"

	"github.com/uptrace/bun"

	"github.com/holdfast-security/holdfast/store"
	"github.com/holdfast-security/holdfast/store/sqlstore/column"
	"github.com/holdfast-security/holdfast/store/sqlstore/cursor"
)

// limit returns how many items of a list are asked for.
func limit(p store.Page) int {
	if p.Limit <= 0 {
		return 100
	}
	return min(p.Limit, 1000)
}

// page is a query for a part of a list in the order of some columns.
type page struct {
	kind    string   // name of the list, for cursors
	columns []string // the order; together they are unique
	numbers []bool   // which of them hold numbers
	newest  bool     // descending
}

// apply adds the order, the start and the limit of p to q. It asks for one
// item more than wanted, to know whether there are more.
func (o page) apply(q *bun.SelectQuery, p store.Page) (*bun.SelectQuery, error) {
	direction, beyond := " ASC", ">"
	if o.newest {
		direction, beyond = " DESC", "<"
	}
	for _, c := range o.columns {
		q = q.OrderExpr("? "+direction, bun.Ident(c))
	}
	q = q.Limit(int64(limit(p) + 1))
	if p.After == "" {
		return q, nil
	}
	keys, err := cursor.Decode(o.kind, p.After, len(o.columns))
	if err != nil {
		return nil, err
	}
	left := make([]string, len(keys))
	values := make([]any, 0, 2*len(keys))
	for i, c := range o.columns {
		left[i] = "?"
		values = append(values, bun.Ident(c))
	}
	for i, key := range keys {
		if !o.numbers[i] {
			values = append(values, column.Clean(key))
			continue
		}
		n, err := cursor.ParseInts([]string{key})
		if err != nil {
			return nil, err
		}
		values = append(values, n[0])
	}
	row := "(" + strings.Join(left, ", ") + ")"
	return q.Where(row+" "+beyond+" "+row, values...), nil
}

// list turns rows into a part of a list: convert makes an item, and keys
// returns the values of the columns of the order.
func list[R, T any](o page, p store.Page, rows []R, convert func(R) (T, error), keys func(R) []string) (store.List[T], error) {
	var l store.List[T]
	if n := limit(p); len(rows) > n {
		rows = rows[:n]
		l.Next = cursor.Encode(o.kind, keys(rows[n-1])...)
	}
	l.Items = make([]T, 0, len(rows))
	for _, r := range rows {
		item, err := convert(r)
		if err != nil {
			return store.List[T]{}, err
		}
		l.Items = append(l.Items, item)
	}
	return l, nil
}
