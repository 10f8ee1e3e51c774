// Package exceptions keeps exceptions in the state database.
//
// What people say of one is a document; beside it stand the columns that lists
// are filtered and sorted by, and the counters of what it hid, which change
// with every alert that it hides and are written in the transaction that stores
// the alert.
package exceptions

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/store"
	"github.com/holdfast-security/holdfast/store/sqlstore/column"
	"github.com/holdfast-security/holdfast/store/sqlstore/conn"
	"github.com/holdfast-security/holdfast/store/sqlstore/cursor"
	"github.com/holdfast-security/holdfast/store/sqlstore/rows"
)

// Table keeps exceptions. It is made by [New]; its methods may be called from
// any goroutine.
type Table struct {
	write, read *bun.DB
	postgres    bool
}

// New returns the exceptions of a database: write is for transactions that
// change it, read for all else.
func New(write, read *bun.DB, postgres bool) Table { return Table{write, read, postgres} }

// row is a row of exceptions.
type row struct {
	bun.BaseModel `bun:"table:exceptions,alias:e"`

	ID      string `bun:",pk"`
	Author  string
	Created int64
	Enabled bool
	Expires int64
	Hits    int64
	LastHit int64
	Version int64
	Search  string
	Doc     string
}

// scopeRow is a row of exception_scopes.
type scopeRow struct {
	bun.BaseModel `bun:"table:exception_scopes,alias:s"`

	Exception string
	Kind      string
	Value     string
}

// Kinds of scopes.
const (
	scopeRule = "rule"
	scopeType = "type"
	scopeHost = "host"
)

// set takes over terms.
func (r *row) set(t finding.ExceptionTerms) (err error) {
	r.Enabled, r.Expires = t.Enabled, 0
	if t.Expires != nil {
		r.Expires = column.Nanos(*t.Expires)
	}
	r.Search = column.Fold(t.Name, t.Reason, r.Author)
	r.Doc, err = column.Encode(t)
	return err
}

func (r *row) exception() (finding.Exception, error) {
	e := finding.Exception{ID: r.ID, Author: r.Author, Created: column.Moment(r.Created), Hits: r.Hits, Version: r.Version}
	if r.LastHit != 0 {
		hit := column.Moment(r.LastHit)
		e.LastHit = &hit
	}
	return e, column.Decode(r.Doc, &e.ExceptionTerms)
}

// AddException implements [store.Exceptions].
func (t *Table) AddException(ctx context.Context, e finding.Exception) error {
	r := row{ID: column.Clean(e.ID), Author: column.Clean(e.Author), Created: column.Nanos(e.Created), Version: 1}
	err := r.set(e.ExceptionTerms)
	if err == nil {
		err = t.write.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
			if _, err := tx.NewInsert().Model(&r).Exec(ctx); err != nil {
				return err
			}
			return saveScope(ctx, tx, r.ID, e.Scope)
		})
	}
	return conn.Problem(err, "add exception %s", e.ID)
}

// saveScope notes what an exception names, in place of what it named before.
func saveScope(ctx context.Context, tx bun.Tx, id string, s finding.ExceptionScope) error {
	if _, err := tx.NewDelete().Model((*scopeRow)(nil)).Where("exception = ?", id).Exec(ctx); err != nil {
		return err
	}
	var named []scopeRow
	named = appendScope(named, id, scopeRule, s.Rules)
	named = appendScope(named, id, scopeType, s.Types)
	named = appendScope(named, id, scopeHost, s.Hosts)
	if len(named) == 0 {
		return nil
	}
	_, err := tx.NewInsert().Model(&named).Exec(ctx)
	return err
}

// appendScope adds values to a list of scopes, each once.
func appendScope[T ~string](list []scopeRow, id, kind string, values []T) []scopeRow {
	seen := make(map[string]bool, len(values))
	for _, v := range values {
		text := column.Clean(string(v))
		if !seen[text] {
			seen[text] = true
			list = append(list, scopeRow{Exception: id, Kind: kind, Value: text})
		}
	}
	return list
}

// Exception implements [store.Exceptions].
func (t *Table) Exception(ctx context.Context, id string) (finding.Exception, error) {
	r := row{ID: column.Clean(id)}
	if err := t.read.NewSelect().Model(&r).WherePK().Scan(ctx); err != nil {
		return finding.Exception{}, conn.Problem(err, "read exception %s", id)
	}
	return r.exception()
}

// listKind names the list of exceptions, for cursors.
const listKind = "exceptions"

// Exceptions implements [store.Exceptions].
func (t *Table) Exceptions(ctx context.Context, f store.ExceptionFilter, p store.Page) (store.List[finding.Exception], error) {
	l, err := t.list(ctx, f, p)
	return l, conn.Problem(err, "list exceptions")
}

func (t *Table) list(ctx context.Context, f store.ExceptionFilter, p store.Page) (store.List[finding.Exception], error) {
	l := store.List[finding.Exception]{Items: []finding.Exception{}}
	limit := min(p.Limit, 1000)
	if limit <= 0 {
		limit = 100
	}
	var found []row
	q, err := t.filtered(t.read.NewSelect().Model(&found), f)
	if err != nil {
		return l, err
	}
	if p.After != "" {
		keys, err := cursor.Decode(listKind, p.After, 2)
		if err != nil {
			return l, err
		}
		created, err := cursor.ParseInts(keys[:1])
		if err != nil {
			return l, err
		}
		q = q.Where("(e.created, e.id) < (?, ?)", created[0], column.Clean(keys[1]))
	}
	if err := q.Order("e.created DESC", "e.id DESC").Limit(int64(limit + 1)).Scan(ctx); err != nil {
		return l, err
	}
	if len(found) > limit {
		found = found[:limit]
		l.Next = cursor.Encode(listKind, cursor.Int(found[limit-1].Created), found[limit-1].ID)
	}
	for i := range found {
		e, err := found[i].exception()
		if err != nil {
			return l, err
		}
		l.Items = append(l.Items, e)
	}
	return l, nil
}

func (t *Table) filtered(q *bun.SelectQuery, f store.ExceptionFilter) (*bun.SelectQuery, error) {
	for _, s := range []scopeRow{{Kind: scopeRule, Value: f.Rule}, {Kind: scopeType, Value: f.Type}, {Kind: scopeHost, Value: string(f.Host)}} {
		if s.Value != "" {
			named := t.read.NewSelect().Table("exception_scopes").Column("exception").Where("kind = ? AND value = ?", s.Kind, column.Clean(s.Value))
			q = q.Where("e.id IN (?)", named)
		}
	}
	if f.Text != "" {
		q = q.Where("e.search LIKE ? ESCAPE '!'", column.Contains(f.Text))
	}
	now := column.Nanos(f.Now)
	switch f.State {
	case "":
	case store.ExceptionActive:
		q = q.Where("e.enabled AND (e.expires = 0 OR e.expires > ?)", now)
	case store.ExceptionExpired:
		q = q.Where("e.enabled AND e.expires <> 0 AND e.expires <= ?", now)
	case store.ExceptionDisabled:
		q = q.Where("NOT e.enabled")
	default:
		return nil, fmt.Errorf("state %q is not one of exceptions", f.State)
	}
	return q, nil
}

// ChangeException implements [store.Exceptions].
func (t *Table) ChangeException(ctx context.Context, id string, version int64, terms finding.ExceptionTerms) (finding.Exception, error) {
	r := row{ID: column.Clean(id)}
	err := t.write.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		q := tx.NewSelect().Model(&r).WherePK()
		if t.postgres {
			q = q.For("UPDATE")
		}
		if err := q.Scan(ctx); err != nil {
			return err
		}
		if version != store.AnyVersion && version != r.Version {
			return fmt.Errorf("version %d is not the present %d: %w", version, r.Version, store.ErrConflict)
		}
		r.Version++
		if err := r.set(terms); err != nil {
			return err
		}
		if _, err := tx.NewUpdate().Model(&r).Column("enabled", "expires", "version", "search", "doc").WherePK().Exec(ctx); err != nil {
			return err
		}
		return saveScope(ctx, tx, r.ID, terms.Scope)
	})
	if err != nil {
		return finding.Exception{}, conn.Problem(err, "change exception %s", id)
	}
	return r.exception()
}

// DropException implements [store.Exceptions].
func (t *Table) DropException(ctx context.Context, id string) error {
	res, err := t.write.NewDelete().Model((*row)(nil)).Where("id = ?", column.Clean(id)).Exec(ctx)
	return conn.Problem(rows.One(res, err), "drop exception %s", id)
}

// Tally is what exceptions have hidden in one step. The zero value is nothing.
type Tally struct{ hits map[string]int64 }

// Note counts an alert that the exception hides; first says that it is the
// first to.
func (y *Tally) Note(exception string, first bool) {
	if y.hits == nil {
		y.hits = make(map[string]int64)
	}
	var hits int64
	if first {
		hits = 1
	}
	y.hits[column.Clean(exception)] += hits
}

// Save adds the tally to the counters of the exceptions, at a time. Those that
// were dropped meanwhile are skipped.
func (y *Tally) Save(ctx context.Context, tx bun.Tx, at time.Time) error {
	when := column.Nanos(at)
	for _, id := range slices.Sorted(maps.Keys(y.hits)) { // in one order, so that transactions never wait for each other
		_, err := tx.NewUpdate().Model((*row)(nil)).Where("id = ?", id).
			Set("hits = hits + ?", y.hits[id]).
			Set("last_hit = CASE WHEN last_hit < ? THEN ? ELSE last_hit END", when, when).Exec(ctx)
		if err != nil {
			return fmt.Errorf("count what exception %s hides: %w", id, err)
		}
	}
	return nil
}
