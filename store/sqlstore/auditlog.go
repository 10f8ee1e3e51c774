package sqlstore

import (
	"context"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/holdfast-security/holdfast/account"
	"github.com/holdfast-security/holdfast/store"
	"github.com/holdfast-security/holdfast/store/sqlstore/column"
	"github.com/holdfast-security/holdfast/store/sqlstore/cursor"
	"github.com/holdfast-security/holdfast/store/sqlstore/rows"
)

// entryRow is a row of audit_log. A trigger refuses changes of rows.
type entryRow struct {
	bun.BaseModel `bun:"table:audit_log,alias:e"`

	ID      int64 `bun:",pk,autoincrement"`
	Time    int64
	Actor   string
	Owner   string
	Action  string
	Object  string
	Address string
	Detail  string
	Outcome string
}

var entriesByID = page{kind: "audit-log", columns: []string{"e.id"}, numbers: []bool{true}, newest: true}

func (r entryRow) entry() (account.Entry, error) {
	return account.Entry{
		ID: r.ID, Time: column.Moment(r.Time), Actor: r.Actor, Owner: r.Owner, Action: r.Action, Object: r.Object,
		Address: r.Address, Detail: r.Detail, Outcome: r.Outcome,
	}, nil
}

// Record implements [store.AuditLog].
func (s *Store) Record(ctx context.Context, e account.Entry) error {
	row := entryRow{
		Time: column.Nanos(e.Time), Actor: column.Clean(e.Actor), Owner: column.Clean(e.Owner), Action: column.Clean(e.Action),
		Object: column.Clean(e.Object), Address: column.Clean(e.Address), Detail: column.Clean(e.Detail), Outcome: column.Clean(e.Outcome),
	}
	_, err := s.write.NewInsert().Model(&row).Exec(ctx)
	return problem(err, "record %s by %s in the audit log", e.Action, e.Actor)
}

// Entries implements [store.AuditLog]. Newest means latest recorded.
func (s *Store) Entries(ctx context.Context, f store.AuditFilter, p store.Page) (store.List[account.Entry], error) {
	var rows []entryRow
	q, err := entriesByID.apply(filterEntries(s.read.NewSelect().Model(&rows), f), p)
	if err == nil {
		err = q.Scan(ctx)
	}
	if err != nil {
		return store.List[account.Entry]{}, problem(err, "list the audit log")
	}
	return list(entriesByID, p, rows, entryRow.entry, func(r entryRow) []string { return []string{cursor.Int(r.ID)} })
}

func filterEntries(q *bun.SelectQuery, f store.AuditFilter) *bun.SelectQuery {
	if f.Actor != "" {
		actor := column.Clean(f.Actor)
		q = q.Where("(e.actor = ? OR e.owner = ?)", actor, actor)
	}
	if group, ok := strings.CutSuffix(f.Action, ".*"); ok {
		q = q.Where("e.action LIKE ? ESCAPE '!'", column.EscapeLike(group)+".%")
	} else if f.Action != "" {
		q = q.Where("e.action = ?", column.Clean(f.Action))
	}
	if f.Object != "" {
		q = q.Where("e.object = ?", column.Clean(f.Object))
	}
	if !f.Since.IsZero() {
		q = q.Where("e.time >= ?", column.Nanos(f.Since))
	}
	if !f.Until.IsZero() {
		q = q.Where("e.time < ?", column.Nanos(f.Until))
	}
	return q
}

// DropEntries implements [store.AuditLog], the oldest first.
func (s *Store) DropEntries(ctx context.Context, before time.Time, limit int) (int, error) {
	if limit <= 0 {
		return 0, nil
	}
	old := s.write.NewSelect().Table("audit_log").Column("id").Where("time < ?", column.Nanos(before)).Order("time").Limit(int64(limit))
	n, err := rows.Count(s.write.NewDelete().Model((*entryRow)(nil)).Where("id IN (?)", old).Exec(ctx))
	return n, problem(err, "drop entries of the audit log")
}
