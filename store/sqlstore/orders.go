package sqlstore

import (
	"context"

	"github.com/uptrace/bun"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/store"
	"github.com/holdfast-security/holdfast/store/sqlstore/column"
	"github.com/holdfast-security/holdfast/store/sqlstore/cursor"
)

// orderRow is a row of orders.
type orderRow struct {
	bun.BaseModel `bun:"table:orders,alias:o"`

	ID      string `bun:",pk"`
	Host    string
	Created int64
	Doc     string
}

// serialRow is a row of serials.
type serialRow struct {
	bun.BaseModel `bun:"table:serials,alias:s"`

	Host   string `bun:",pk"`
	Kind   string `bun:",pk"`
	Number uint64
}

var ordersByTime = page{kind: "orders", columns: []string{"o.created", "o.id"}, numbers: []bool{true, false}, newest: true}

func newOrderRow(o store.Order) (orderRow, error) {
	doc, err := column.Encode(o)
	return orderRow{ID: column.Clean(o.ID), Host: column.Clean(string(o.Host)), Created: column.Nanos(o.Created), Doc: doc}, err
}

func (r orderRow) order() (store.Order, error) {
	var o store.Order
	return o, column.Decode(r.Doc, &o)
}

// AddOrder implements [store.Orders].
func (s *Store) AddOrder(ctx context.Context, o store.Order) error {
	row, err := newOrderRow(o)
	if err == nil {
		_, err = s.write.NewInsert().Model(&row).Exec(ctx)
	}
	return problem(err, "add order %s", o.ID)
}

// Order implements [store.Orders].
func (s *Store) Order(ctx context.Context, id string) (store.Order, error) {
	o, err := oneOrder(ctx, s.read.NewSelect(), id)
	return o, problem(err, "read order %s", id)
}

func oneOrder(ctx context.Context, q *bun.SelectQuery, id string) (store.Order, error) {
	var row orderRow
	if err := q.Model(&row).Where("id = ?", column.Clean(id)).Scan(ctx); err != nil {
		return store.Order{}, err
	}
	return row.order()
}

// Orders implements [store.Orders].
func (s *Store) Orders(ctx context.Context, host event.HostID, p store.Page) (store.List[store.Order], error) {
	var rows []orderRow
	q := s.read.NewSelect().Model(&rows)
	if host != "" {
		q = q.Where("o.host = ?", column.Clean(string(host)))
	}
	q, err := ordersByTime.apply(q, p)
	if err == nil {
		err = q.Scan(ctx)
	}
	if err != nil {
		return store.List[store.Order]{}, problem(err, "list orders")
	}
	return list(ordersByTime, p, rows, orderRow.order, func(r orderRow) []string { return []string{cursor.Int(r.Created), r.ID} })
}

// ChangeOrder implements [store.Orders]. The id, host and time of creation
// stay. change runs in a transaction and must not call the store.
func (s *Store) ChangeOrder(ctx context.Context, id string, change func(*store.Order) error) (store.Order, error) {
	var o store.Order
	err := s.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		before, err := oneOrder(ctx, s.forUpdate(tx.NewSelect()), id)
		if err != nil {
			return err
		}
		o = before
		if err := change(&o); err != nil {
			return err
		}
		o.ID, o.Host, o.Created = before.ID, before.Host, before.Created
		row, err := newOrderRow(o)
		if err != nil {
			return err
		}
		_, err = tx.NewUpdate().Model(&row).Column("doc").WherePK().Exec(ctx)
		return err
	})
	return o, problem(err, "change order %s", id)
}

// NextSerial implements [store.Orders]. The first is 1.
func (s *Store) NextSerial(ctx context.Context, host event.HostID, kind string) (uint64, error) {
	row := serialRow{Host: column.Clean(string(host)), Kind: column.Clean(kind), Number: 1}
	var number uint64
	err := s.write.NewInsert().Model(&row).On("CONFLICT (host, kind) DO UPDATE").
		Set("number = s.number + 1").Returning("number").Scan(ctx, &number)
	return number, problem(err, "take a serial number for %s to host %s", kind, host)
}
