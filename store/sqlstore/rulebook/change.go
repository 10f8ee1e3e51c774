package rulebook

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/holdfast-security/holdfast/store"
	"github.com/holdfast-security/holdfast/store/sqlstore/column"
	"github.com/holdfast-security/holdfast/store/sqlstore/conn"
)

// present is what is there of a document before a change.
type present struct {
	Version int64 // zero for none
	last    int64 // that the document ever had
}

// ChangeRuleDocs implements [store.RuleDocs].
func (s *Table) ChangeRuleDocs(ctx context.Context, changes []store.RuleDocChange, by string, at time.Time) error {
	if len(changes) == 0 {
		return nil
	}
	err := s.write.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		names := make([]string, len(changes))
		for i, c := range changes {
			names[i] = column.Clean(c.Name)
		}
		before, err := s.present(ctx, tx, names)
		if err != nil {
			return err
		}
		c := change{by: column.Clean(by), at: column.Nanos(at), before: before}
		for i := range changes {
			if err := c.add(names[i], &changes[i]); err != nil {
				return err
			}
		}
		if err := c.write(ctx, tx, names); err != nil {
			return err
		}
		return bounded(ctx, tx)
	})
	return conn.Problem(err, "change %d rule documents", len(changes))
}

// present returns what is there of the documents.
func (s *Table) present(ctx context.Context, tx bun.Tx, names []string) (map[string]present, error) {
	before := make(map[string]present, len(names))
	for chunk := range slices.Chunk(names, perStatement) {
		var rows []struct {
			Name    string
			Version int64
		}
		q := s.locked(tx.NewSelect().TableExpr("rule_docs AS d")).ColumnExpr("d.name, d.version").Where("d.name IN (?)", bun.List(chunk))
		if err := q.Scan(ctx, &rows); err != nil {
			return nil, err
		}
		for _, r := range rows {
			before[r.Name] = present{Version: r.Version}
		}
		rows = rows[:0]
		q = tx.NewSelect().TableExpr("rule_history AS h").ColumnExpr("h.name, MAX(h.version) AS version").Where("h.name IN (?)", bun.List(chunk)).Group("h.name")
		if err := q.Scan(ctx, &rows); err != nil {
			return nil, err
		}
		for _, r := range rows {
			before[r.Name] = present{Version: before[r.Name].Version, last: r.Version}
		}
	}
	return before, nil
}

// change is one call of ChangeRuleDocs.
type change struct {
	by     string
	at     int64
	before map[string]present

	stored  []docRow
	removed []string
	history []historyRow
}

// add prepares the rows of one document.
func (c *change) add(name string, d *store.RuleDocChange) error {
	before := c.before[name]
	switch {
	case d.Remove && before.Version == 0:
		return fmt.Errorf("rule document %s: %w", name, store.ErrNotFound)
	case d.Version != store.AnyVersion && d.Version != before.Version:
		return fmt.Errorf("rule document %s is of version %d, not %d: %w", name, before.Version, d.Version, store.ErrConflict)
	}
	v := version{Name: name, Version: before.last + 1, Author: c.by, Changed: c.at, Note: column.Clean(d.Note), Rules: "[]"}
	if d.Remove {
		v.State = string(store.RuleDraft)
		c.removed = append(c.removed, name)
		c.history = append(c.history, historyRow{version: v, Removed: true})
		return nil
	}
	rules, err := column.Encode(d.Rules)
	if err != nil {
		return err
	}
	if d.Rules != nil {
		v.Rules = column.Clean(rules)
	}
	v.State, v.Text = string(d.State), column.Clean(d.Text)
	v.Bytes = int64(len(v.Text))
	c.stored = append(c.stored, docRow{version: v, Folded: strings.ToLower(name), Search: searchable(name, d.Rules)})
	c.history = append(c.history, historyRow{version: v})
	return nil
}

// write writes the rows: removals first, so that a name is free for another
// that differs in case only.
func (c *change) write(ctx context.Context, tx bun.Tx, names []string) error {
	for chunk := range slices.Chunk(names, perStatement) {
		if _, err := tx.NewDelete().Table("rule_matches").Where("name IN (?)", bun.List(chunk)).Exec(ctx); err != nil {
			return err
		}
	}
	for chunk := range slices.Chunk(c.removed, perStatement) {
		if _, err := tx.NewDelete().Table("rule_docs").Where("name IN (?)", bun.List(chunk)).Exec(ctx); err != nil {
			return err
		}
	}
	for chunk := range slices.Chunk(c.stored, perStatement) {
		_, err := tx.NewInsert().Model(&chunk).On("CONFLICT (name) DO UPDATE").
			Set("state = EXCLUDED.state, version = EXCLUDED.version, author = EXCLUDED.author, changed = EXCLUDED.changed").
			Set("note = EXCLUDED.note, bytes = EXCLUDED.bytes, rules = EXCLUDED.rules, search = EXCLUDED.search, text = EXCLUDED.text").Exec(ctx)
		if err != nil {
			return err
		}
	}
	for chunk := range slices.Chunk(c.history, perStatement) {
		if _, err := tx.NewInsert().Model(&chunk).Exec(ctx); err != nil {
			return err
		}
	}
	for _, h := range c.history {
		if h.Version > 1 {
			if err := prune(ctx, tx, h.Name); err != nil {
				return err
			}
		}
	}
	return nil
}

// prune forgets the oldest versions of a document beyond the bounds.
func prune(ctx context.Context, tx bun.Tx, name string) error {
	var rows []struct{ Version, Bytes int64 }
	err := tx.NewSelect().Table("rule_history").Column("version", "bytes").Where("name = ?", name).Order("version DESC").Scan(ctx, &rows)
	if err != nil {
		return err
	}
	total := int64(0)
	for i, r := range rows {
		total += r.Bytes
		if i == 0 || i < store.MaxRuleHistory && total <= store.MaxRuleBytes {
			continue
		}
		_, err := tx.NewDelete().Table("rule_history").Where("name = ? AND version <= ?", name, r.Version).Exec(ctx)
		return err
	}
	return nil
}

// bounded refuses more than may be kept.
func bounded(ctx context.Context, tx bun.Tx) error {
	var sum struct{ Docs, Bytes int64 }
	if err := tx.NewSelect().Table("rule_docs").ColumnExpr("COUNT(*) AS docs, COALESCE(SUM(bytes), 0) AS bytes").Scan(ctx, &sum); err != nil {
		return err
	}
	if sum.Docs > store.MaxRuleDocs || sum.Bytes > store.MaxRuleTexts {
		return fmt.Errorf("%d rule documents of %d bytes would be more than %d or %d: %w", sum.Docs, sum.Bytes, store.MaxRuleDocs, store.MaxRuleTexts, store.ErrFull)
	}
	return nil
}
