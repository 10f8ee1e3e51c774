// Package views keeps the saved views of the console in the state database.
package views

import (
	"context"

	"github.com/uptrace/bun"

	"github.com/holdfast-security/holdfast/store"
	"github.com/holdfast-security/holdfast/store/sqlstore/column"
	"github.com/holdfast-security/holdfast/store/sqlstore/conn"
	"github.com/holdfast-security/holdfast/store/sqlstore/rows"
)

// Table keeps views. It is made by [New]; its methods may be called from any
// goroutine.
type Table struct{ write, read *bun.DB }

// New returns the views of a database: write is for changes, read for all else.
func New(write, read *bun.DB) Table { return Table{write, read} }

// viewRow is a row of views.
type viewRow struct {
	bun.BaseModel `bun:"table:views,alias:v"`

	ID      string `bun:",pk"`
	Owner   string
	Shared  bool
	Page    string
	Name    string
	Query   string
	Created int64
}

// AddView implements [store.Views].
func (t *Table) AddView(ctx context.Context, v store.View) error {
	row := viewRow{
		ID: column.Clean(v.ID), Owner: column.Clean(v.Owner), Shared: v.Shared, Page: column.Clean(v.Page), Name: column.Clean(v.Name),
		Query: column.Clean(v.Query), Created: column.Nanos(v.Created),
	}
	_, err := t.write.NewInsert().Model(&row).Exec(ctx)
	return conn.Problem(err, "add view %s", v.Name)
}

// Views implements [store.Views], in the order of page, name and id.
func (t *Table) Views(ctx context.Context, user string) ([]store.View, error) {
	var rows []viewRow
	err := t.read.NewSelect().Model(&rows).Where("owner = ? OR shared", column.Clean(user)).Order("page", "name", "id").Scan(ctx)
	if err != nil {
		return nil, conn.Problem(err, "list the views of %s", user)
	}
	views := make([]store.View, len(rows))
	for i, r := range rows {
		views[i] = store.View{
			ID: r.ID, Owner: r.Owner, Shared: r.Shared, Page: r.Page, Name: r.Name, Query: r.Query, Created: column.Moment(r.Created),
		}
	}
	return views, nil
}

// DropView implements [store.Views].
func (t *Table) DropView(ctx context.Context, id, owner string) error {
	q := t.write.NewDelete().Model((*viewRow)(nil)).Where("id = ?", column.Clean(id))
	if owner != "" {
		q = q.Where("owner = ?", column.Clean(owner))
	}
	res, err := q.Exec(ctx)
	return conn.Problem(rows.One(res, err), "drop view %s", id)
}
