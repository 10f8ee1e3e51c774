package incidents

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/store"
	"github.com/holdfast-security/holdfast/store/sqlstore/column"
)

// ChangeIncident implements [store.Incidents]. A change that leaves everything
// as it is, and one that only adds a comment, leave the version as it is too.
func (t *Table) ChangeIncident(ctx context.Context, id string, version int64, c store.IncidentChange) (finding.IncidentCase, error) {
	var changed finding.IncidentCase
	err := t.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		row, err := find(ctx, tx, id)
		if err != nil {
			return err
		}
		if version != store.AnyVersion && version != row.Version {
			return fmt.Errorf("version %d is not the present %d: %w", version, row.Version, store.ErrConflict)
		}
		if err := changeRow(ctx, tx, row, c); err != nil {
			return err
		}
		changed, err = row.full(ctx, tx)
		return err
	})
	if err != nil {
		return finding.IncidentCase{}, problem(err, "change incident %s", id)
	}
	return changed, nil
}

// changeRow applies a change of people to row and stores it with its record.
func changeRow(ctx context.Context, tx bun.Tx, row *incidentRow, c store.IncidentChange) error {
	before := row.Verdict
	words := apply(row, c)
	if words != "" {
		row.Triaged, row.Updated, row.Version = column.Nanos(c.Time), column.Nanos(c.Time), row.Version+1
		if err := update(ctx, tx, row); err != nil {
			return err
		}
	}
	if row.Verdict != before {
		learn := verdictRow{Incident: row.ID, Attack: row.Verdict == string(finding.Attack)}
		if _, err := tx.NewInsert().Model(&learn).Exec(ctx); err != nil {
			return err
		}
	}
	if words == "" && c.Comment == "" {
		return nil
	}
	return note(ctx, tx, commentRow{
		Incident: row.ID, Time: column.Nanos(c.Time), Author: column.Clean(c.By), Text: column.Clean(c.Comment), Change: words,
	})
}

// apply changes row and returns in words what was changed.
func apply(row *incidentRow, c store.IncidentChange) string {
	var words []string
	if c.Status != nil && string(*c.Status) != row.Status {
		words = append(words, "status changed from "+row.Status+" to "+string(*c.Status))
		row.Status = string(*c.Status)
	}
	if c.Assignee != nil && column.Clean(*c.Assignee) != row.Assignee {
		words = append(words, assigned(row.Assignee, column.Clean(*c.Assignee)))
		row.Assignee = column.Clean(*c.Assignee)
	}
	if c.Verdict != nil && string(*c.Verdict) != row.Verdict {
		row.Verdict = string(*c.Verdict)
		words = append(words, verdictWords[*c.Verdict])
	}
	return strings.Join(words, "; ")
}

var verdictWords = map[finding.Verdict]string{
	finding.NoVerdict: "verdict taken back",
	finding.Attack:    "found to be an attack",
	finding.Benign:    "found to be benign",
}

func assigned(from, to string) string {
	switch {
	case to == "":
		return "no longer assigned to " + from
	case from == "":
		return "assigned to " + to
	}
	return "assigned to " + to + " instead of " + from
}

// DropIncidents implements [store.Incidents], the oldest first.
func (t *Table) DropIncidents(ctx context.Context, before time.Time, limit int) (int, error) {
	dropped := 0
	if limit <= 0 {
		return 0, nil
	}
	err := t.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		var ids []string
		err := tx.NewSelect().Model((*incidentRow)(nil)).Column("id").Where("last_time < ?", column.Nanos(before)).
			Order("last_time", "id").Limit(int64(limit)).Scan(ctx, &ids)
		if dropped = len(ids); err != nil || dropped == 0 {
			return err
		}
		// Everything else goes with the rows that it belongs to.
		_, err = tx.NewDelete().Model((*incidentRow)(nil)).Where("id IN (?)", bun.List(ids)).Exec(ctx)
		return err
	})
	return dropped, problem(err, "drop old incidents")
}
