// Package rulebook keeps the rule documents of package store in the state
// database: their present versions, their history, and what those in test
// matched.
package rulebook

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/holdfast-security/holdfast/store"
	"github.com/holdfast-security/holdfast/store/sqlstore/column"
	"github.com/holdfast-security/holdfast/store/sqlstore/conn"
	"github.com/holdfast-security/holdfast/store/sqlstore/cursor"
)

// perStatement bounds the rows and names of one statement.
const perStatement = 200

// Table implements [store.RuleDocs] on two connections of a database, of
// which one may write; for PostgreSQL they are the same.
type Table struct {
	write, read *bun.DB
	postgres    bool
}

var _ store.RuleDocs = (*Table)(nil)

// New returns the rule documents of a database.
func New(write, read *bun.DB, postgres bool) Table { return Table{write, read, postgres} }

// version is what a document and its history have in common.
type version struct {
	Name    string `bun:",pk"`
	Version int64
	State   string
	Author  string
	Changed int64
	Note    string
	Bytes   int64
	Rules   string
	Text    string
}

// docRow is a row of rule_docs.
type docRow struct {
	bun.BaseModel `bun:"table:rule_docs,alias:d"`
	version

	Folded string
	Search string
}

// historyRow is a row of rule_history.
type historyRow struct {
	bun.BaseModel `bun:"table:rule_history,alias:h"`
	version

	Removed bool
}

// matchRow is a row of rule_matches.
type matchRow struct {
	bun.BaseModel `bun:"table:rule_matches,alias:m"`

	Name    string `bun:",pk"`
	Count   int64
	Last    int64
	Samples string
}

// listed are the columns of a list, with what the rules matched.
type listed struct {
	version

	Matches *int64
	Last    *int64
	Samples *string
}

// doc returns what a row says.
func (v version) doc() (store.RuleDoc, error) {
	d := store.RuleDoc{
		ID: v.Name, Text: v.Text, State: store.RuleState(v.State), Version: v.Version, Author: v.Author, Changed: column.Moment(v.Changed),
		Note: v.Note, Bytes: int(v.Bytes), Rules: []store.DocRule{}, Samples: []store.RuleMatch{},
	}
	return d, column.Decode(v.Rules, &d.Rules)
}

func (l listed) doc() (store.RuleDoc, error) {
	d, err := l.version.doc()
	if err == nil && l.Matches != nil && l.Last != nil {
		d.Matches = *l.Matches
		last := column.Moment(*l.Last)
		d.LastMatch = &last
	}
	if err == nil && l.Samples != nil {
		err = column.Decode(*l.Samples, &d.Samples)
	}
	return d, err
}

// selectDocs selects documents without texts and samples.
func (s *Table) selectDocs() *bun.SelectQuery {
	return s.read.NewSelect().TableExpr("rule_docs AS d").Join("LEFT JOIN rule_matches AS m ON m.name = d.name").
		ColumnExpr("d.name, d.version, d.state, d.author, d.changed, d.note, d.bytes, d.rules, m.count AS matches, m.last")
}

// RuleDocs implements [store.RuleDocs].
func (s *Table) RuleDocs(ctx context.Context, f store.RuleDocFilter, p store.Page) (store.List[store.RuleDoc], error) {
	const kind = "rule_docs"
	limit := min(p.Limit, 1000)
	if limit <= 0 {
		limit = 100
	}
	q := s.selectDocs().OrderExpr("d.name").Limit(int64(limit + 1))
	if f.State != "" {
		q = q.Where("d.state = ?", string(f.State))
	}
	if f.Text != "" {
		q = q.Where("d.search LIKE ? ESCAPE '!'", column.Contains(f.Text))
	}
	var l store.List[store.RuleDoc]
	if p.After != "" {
		keys, err := cursor.Decode(kind, p.After, 1)
		if err != nil {
			return l, conn.Problem(err, "list rule documents")
		}
		q = q.Where("d.name > ?", column.Clean(keys[0]))
	}
	var rows []listed
	if err := q.Scan(ctx, &rows); err != nil {
		return l, conn.Problem(err, "list rule documents")
	}
	if len(rows) > limit {
		rows = rows[:limit]
		l.Next = cursor.Encode(kind, rows[limit-1].Name)
	}
	var err error
	l.Items, err = docs(rows)
	return l, conn.Problem(err, "list rule documents")
}

func docs[R interface{ doc() (store.RuleDoc, error) }](rows []R) ([]store.RuleDoc, error) {
	list := make([]store.RuleDoc, 0, len(rows))
	for _, r := range rows {
		d, err := r.doc()
		if err != nil {
			return nil, err
		}
		list = append(list, d)
	}
	return list, nil
}

// RuleDoc implements [store.RuleDocs].
func (s *Table) RuleDoc(ctx context.Context, name string) (store.RuleDoc, error) {
	var row listed
	err := s.selectDocs().ColumnExpr("d.text, m.samples").Where("d.name = ?", column.Clean(name)).Scan(ctx, &row)
	if err != nil {
		return store.RuleDoc{}, conn.Problem(err, "read rule document %s", name)
	}
	d, err := row.doc()
	return d, conn.Problem(err, "read rule document %s", name)
}

// UsedRuleDocs implements [store.RuleDocs].
func (s *Table) UsedRuleDocs(ctx context.Context) ([]store.RuleDoc, error) {
	var rows []listed
	err := s.selectDocs().ColumnExpr("d.text").Where("d.state IN (?)", bun.List([]string{string(store.RuleTest), string(store.RuleLive)})).
		OrderExpr("d.name").Scan(ctx, &rows)
	if err != nil {
		return nil, conn.Problem(err, "read the rule documents in use")
	}
	list, err := docs(rows)
	return list, conn.Problem(err, "read the rule documents in use")
}

func (h historyRow) doc() (store.RuleDoc, error) {
	d, err := h.version.doc()
	d.Removed = h.Removed
	return d, err
}

// RuleHistory implements [store.RuleDocs].
func (s *Table) RuleHistory(ctx context.Context, name string) ([]store.RuleDoc, error) {
	var rows []historyRow
	err := s.read.NewSelect().Model(&rows).Where("name = ?", column.Clean(name)).Order("version DESC").Limit(store.MaxRuleHistory).Scan(ctx)
	if err == nil && len(rows) == 0 {
		err = store.ErrNotFound
	}
	var list []store.RuleDoc
	if err == nil {
		list, err = docs(rows)
	}
	return list, conn.Problem(err, "read the history of rule document %s", name)
}

// NoteRuleMatches implements [store.RuleDocs].
func (s *Table) NoteRuleMatches(ctx context.Context, matches map[string]store.RuleMatches) error {
	err := s.write.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		for name, m := range matches {
			if err := s.addMatches(ctx, tx, column.Clean(name), m); err != nil {
				return err
			}
		}
		return nil
	})
	return conn.Problem(err, "note what rules in test matched")
}

func (s *Table) addMatches(ctx context.Context, tx bun.Tx, name string, m store.RuleMatches) error {
	there, err := s.locked(tx.NewSelect().TableExpr("rule_docs AS d")).ColumnExpr("d.name").
		Where("d.name = ? AND d.version = ?", name, m.Version).Count(ctx)
	if err != nil || there == 0 {
		return err
	}
	row := matchRow{Name: name}
	err = tx.NewSelect().Model(&row).WherePK().Scan(ctx)
	if err != nil && err != sql.ErrNoRows {
		return err
	}
	var before []store.RuleMatch
	if err := column.Decode(row.Samples, &before); err != nil {
		return err
	}
	samples := append(m.Samples[:len(m.Samples):len(m.Samples)], before...)
	samples = samples[:min(len(samples), store.MaxRuleMatches)]
	row.Count += m.Count
	for _, sample := range m.Samples {
		row.Last = max(row.Last, column.Nanos(sample.Time))
	}
	if row.Samples, err = column.Encode(samples); err != nil {
		return err
	}
	row.Samples = column.Clean(row.Samples)
	_, err = tx.NewInsert().Model(&row).On("CONFLICT (name) DO UPDATE").
		Set("count = EXCLUDED.count, last = EXCLUDED.last, samples = EXCLUDED.samples").Exec(ctx)
	return err
}

// AlertsByRule implements [store.RuleDocs].
func (s *Table) AlertsByRule(ctx context.Context, since time.Time) (map[string]int64, error) {
	var rows []struct {
		Rule  string
		Count int64
	}
	err := s.read.NewSelect().Table("alerts").ColumnExpr("rule, COUNT(*) AS count").Where("last_time >= ?", column.Nanos(since)).
		Group("rule").Scan(ctx, &rows)
	counts := make(map[string]int64, len(rows))
	for _, r := range rows {
		counts[r.Rule] = r.Count
	}
	return counts, conn.Problem(err, "count alerts by rule")
}

// searchable returns what a text is looked for in.
func searchable(name string, rules []store.DocRule) string {
	var b strings.Builder
	b.WriteString(name)
	for _, r := range rules {
		fmt.Fprintf(&b, "\n%s\n%s", r.Title, r.ID)
	}
	return column.Fold(b.String())
}

// locked locks what q selects until the transaction ends. SQLite's single
// writer needs no such lock and does not know the clause.
func (s *Table) locked(q *bun.SelectQuery) *bun.SelectQuery {
	if s.postgres {
		return q.For("UPDATE")
	}
	return q
}
