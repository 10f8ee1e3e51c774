package sqlstore

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/uptrace/bun"

	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/store"
	"github.com/holdfast-security/holdfast/store/sqlstore/column"
)

// ChangeAlert implements [store.Alerts]. A change that leaves everything as it
// is, and one that only adds a comment, leave the version as it is too.
func (s *Store) ChangeAlert(ctx context.Context, id string, version int64, c store.AlertChange) (finding.Case, error) {
	var changed finding.Case
	err := s.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		number, _, err := turn(ctx, tx, 0)
		if err != nil {
			return err
		}
		row, err := oneCase(ctx, tx, id)
		if err != nil {
			return err
		}
		if version != store.AnyVersion && version != row.Version {
			return fmt.Errorf("version %d is not the present %d: %w", version, row.Version, store.ErrConflict)
		}
		if err := changeCase(ctx, tx, &row, c, number); err != nil {
			return err
		}
		changed, err = row.full()
		return err
	})
	if err != nil {
		return finding.Case{}, problem(err, "change alert %s", id)
	}
	return changed, nil
}

// ChangeAlerts implements [store.Alerts].
func (s *Store) ChangeAlerts(ctx context.Context, ids []string, c store.AlertChange) (int, error) {
	ids = slices.Clone(ids)
	for i, id := range ids {
		ids[i] = column.Clean(id)
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	changed := 0
	err := s.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		number, _, err := turn(ctx, tx, 0)
		if err != nil {
			return err
		}
		for chunk := range slices.Chunk(ids, rowsPerStatement) {
			var rows []caseRow
			if err := selectCases(tx, &rows).Where("a.id IN (?)", bun.List(chunk)).Order("a.seq").Scan(ctx); err != nil {
				return err
			}
			for i := range rows {
				if err := changeCase(ctx, tx, &rows[i], c, number); err != nil {
					return err
				}
			}
			changed += len(rows)
		}
		return nil
	})
	if err != nil {
		return 0, problem(err, "change %d alerts", len(ids))
	}
	return changed, nil
}

// changeCase applies a change of people to row and stores it with its record.
func changeCase(ctx context.Context, tx bun.Tx, row *caseRow, c store.AlertChange, number int64) error {
	words := apply(row, c)
	if words != "" {
		row.Triaged, row.TriagedBy, row.Version, row.Changed = column.Nanos(c.Time), column.Clean(c.By), row.Version+1, number
		if err := updateCase(ctx, tx, row); err != nil {
			return err
		}
	}
	if words == "" && c.Comment == "" {
		return nil
	}
	comment := commentRow{
		Seq: row.Seq, Alert: row.ID, Time: column.Nanos(c.Time), Author: column.Clean(c.By), Text: column.Clean(c.Comment), Change: words,
	}
	_, err := tx.NewInsert().Model(&comment).Exec(ctx)
	return err
}

// apply changes row and returns in words what was changed.
func apply(row *caseRow, c store.AlertChange) string {
	var words []string
	if c.Status != nil && string(*c.Status) != row.Status {
		words = append(words, "status changed from "+row.Status+" to "+string(*c.Status))
		row.Status, row.Exception = string(*c.Status), ""
	}
	if c.Assignee != nil && column.Clean(*c.Assignee) != row.Assignee {
		to := column.Clean(*c.Assignee)
		switch {
		case to == "":
			words = append(words, "no longer assigned to "+row.Assignee)
		case row.Assignee == "":
			words = append(words, "assigned to "+to)
		default:
			words = append(words, "assigned to "+to+" instead of "+row.Assignee)
		}
		row.Assignee = to
	}
	return strings.Join(words, "; ")
}
