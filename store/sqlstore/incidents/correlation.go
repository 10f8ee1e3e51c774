package incidents

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/store"
	"github.com/holdfast-security/holdfast/store/sqlstore/column"
)

// stateRow is the row of correlation.
type stateRow struct {
	bun.BaseModel `bun:"table:correlation,alias:k"`

	Step     int64
	Change   int64
	Seq      int64
	Snapshot int64
}

// journalRow is a row of correlation_journal.
type journalRow struct {
	bun.BaseModel `bun:"table:correlation_journal,alias:j"`

	Step int64 `bun:",pk"`
	Data []byte
}

// partRow is a row of correlation_parts.
type partRow struct {
	bun.BaseModel `bun:"table:correlation_parts,alias:p"`

	Step int64 `bun:",pk"`
	Part int64 `bun:",pk"`
	Data []byte
}

// partSize bounds a piece of a snapshot.
const partSize = 256 << 10

// Correlation implements [store.Correlations].
func (t *Table) Correlation(ctx context.Context) (store.Correlation, error) {
	var row stateRow
	err := t.read.NewSelect().Model(&row).Scan(ctx)
	return store.Correlation{Step: row.Step, Place: store.AlertPlace{Change: row.Change, Seq: row.Seq}, Snapshot: row.Snapshot},
		problem(err, "read how far correlation has come")
}

// ReportedAlerts implements [store.Correlations]. Changes to alerts are
// committed in the order of their numbers, so that nothing comes late.
func (t *Table) ReportedAlerts(ctx context.Context, after store.AlertPlace, limit int) ([]store.ReportedAlert, error) {
	var rows []struct {
		Seq      int64
		Reported int64
		Status   string
		HostName string
		Received int64
		Doc      string
	}
	err := t.read.NewSelect().TableExpr("alerts AS a").ColumnExpr("a.seq, a.reported, a.status, d.host_name, d.received, d.doc").
		Join("JOIN alert_docs AS d ON d.seq = a.seq").Where("(a.reported, a.seq) > (?, ?)", after.Change, after.Seq).
		OrderExpr("a.reported, a.seq").Limit(int64(limit)).Scan(ctx, &rows)
	if err != nil {
		return nil, problem(err, "read alerts behind change %d", after.Change)
	}
	alerts := make([]store.ReportedAlert, len(rows))
	for i, r := range rows {
		alerts[i] = store.ReportedAlert{
			Place: store.AlertPlace{Change: r.Reported, Seq: r.Seq}, HostName: r.HostName, Status: finding.Status(r.Status),
			Received: column.Moment(r.Received),
		}
		if err := column.Decode(r.Doc, &alerts[i].Alert); err != nil {
			return nil, problem(err, "read the alert with the number %d", r.Seq)
		}
	}
	return alerts, nil
}

// NewVerdicts implements [store.Correlations]. The verdict is that of the
// incident, not that of the change: only the last one counts.
func (t *Table) NewVerdicts(ctx context.Context, limit int) ([]store.IncidentVerdict, error) {
	var rows []struct {
		Serial   int64
		Incident string
		Verdict  string
	}
	err := t.read.NewSelect().TableExpr("incident_verdicts AS v").ColumnExpr("v.serial, v.incident, i.verdict").
		Join("JOIN incidents AS i ON i.id = v.incident").OrderExpr("v.serial").Limit(int64(limit)).Scan(ctx, &rows)
	if err != nil {
		return nil, problem(err, "read verdicts on incidents")
	}
	verdicts := make([]store.IncidentVerdict, len(rows))
	for i, r := range rows {
		verdicts[i] = store.IncidentVerdict{Serial: r.Serial, Incident: r.Incident, Verdict: finding.Verdict(r.Verdict)}
	}
	return verdicts, nil
}

// CorrelationJournal implements [store.Correlations].
func (t *Table) CorrelationJournal(ctx context.Context, after int64, limit int) ([]store.JournalEntry, error) {
	var rows []journalRow
	if err := t.read.NewSelect().Model(&rows).Where("step > ?", after).Order("step").Limit(int64(limit)).Scan(ctx); err != nil {
		return nil, problem(err, "read the journal of correlation")
	}
	steps := make([]store.JournalEntry, len(rows))
	for i, r := range rows {
		steps[i] = store.JournalEntry{Step: r.Step, Data: r.Data}
	}
	return steps, nil
}

// SaveSnapshot implements [store.Correlations]. Pieces are written one by one,
// so that others get their turn; the last transaction makes them count.
func (t *Table) SaveSnapshot(ctx context.Context, step int64, data []byte) error {
	err := t.writeParts(ctx, step, data)
	if err == nil {
		err = t.change(ctx, func(ctx context.Context, tx bun.Tx) error {
			res, err := tx.NewUpdate().Table("correlation").Set("snapshot = ?", step).Where("step >= ?", step).Where("snapshot <= ?", step).Exec(ctx)
			if err != nil {
				return err
			}
			if n, err := res.RowsAffected(); err != nil || n == 0 {
				return fmt.Errorf("step %d was not saved, or there is a later snapshot: %w", step, store.ErrConflict)
			}
			_, err = tx.NewDelete().Model((*journalRow)(nil)).Where("step <= ?", step).Exec(ctx)
			return err
		})
	}
	if err == nil {
		_, err = t.write.NewDelete().Model((*partRow)(nil)).Where("step <> ?", step).Exec(ctx)
	}
	return problem(err, "save the snapshot of correlation")
}

func (t *Table) writeParts(ctx context.Context, step int64, data []byte) error {
	if _, err := t.write.NewDelete().Model((*partRow)(nil)).Where("step = ?", step).Exec(ctx); err != nil {
		return err // of an attempt that failed
	}
	part := int64(0)
	for piece := range slices.Chunk(data, partSize) {
		if _, err := t.write.NewInsert().Model(&partRow{Step: step, Part: part, Data: piece}).Exec(ctx); err != nil {
			return err
		}
		part++
	}
	return nil
}

// Snapshot implements [store.Correlations].
func (t *Table) Snapshot(ctx context.Context) ([]byte, error) {
	var rows []partRow
	named := t.read.NewSelect().Model((*stateRow)(nil)).Column("snapshot")
	err := t.read.NewSelect().Model(&rows).Where("p.step = (?)", named).Order("part").Scan(ctx)
	if err == nil && len(rows) == 0 {
		err = store.ErrNotFound
	}
	if err != nil {
		return nil, problem(err, "read the snapshot of correlation")
	}
	var data bytes.Buffer
	for _, r := range rows {
		data.Write(r.Data)
	}
	return data.Bytes(), nil
}

// ForgetCorrelation implements [store.Correlations].
func (t *Table) ForgetCorrelation(ctx context.Context) error {
	err := t.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		_, err := tx.NewUpdate().Table("correlation").Set("change = 0").Set("seq = 0").Set("snapshot = 0").Where("id = 1").Exec(ctx)
		if err != nil {
			return err
		}
		if _, err := tx.NewDelete().Model((*journalRow)(nil)).Where("step > 0").Exec(ctx); err != nil {
			return err
		}
		_, err = tx.NewDelete().Model((*partRow)(nil)).Where("step > 0").Exec(ctx)
		return err
	})
	return problem(err, "forget how far correlation has come")
}

// RuleOutcomes implements [store.Correlations]. What an exception hides is left
// out: it says nothing of the rule's other alerts.
func (t *Table) RuleOutcomes(ctx context.Context, since time.Time) (map[string]store.RuleOutcome, error) {
	var rows []struct {
		Rule   string
		Alerts int64
		Closed int64
		Wrong  int64
		Hosts  int64
		First  int64
	}
	err := t.read.NewSelect().TableExpr("alerts").
		ColumnExpr("rule, count(*) AS alerts, count(DISTINCT host) AS hosts, min(last_time) AS first").
		ColumnExpr("count(CASE WHEN status = ? THEN 1 END) AS closed", string(finding.Resolved)).
		ColumnExpr("count(CASE WHEN status = ? THEN 1 END) AS wrong", string(finding.Dismissed)).
		Where("last_time >= ?", column.Nanos(since)).
		Where("status IN (?)", bun.List([]string{string(finding.Open), string(finding.Acknowledged), string(finding.Resolved), string(finding.Dismissed)})).
		GroupExpr("rule").Scan(ctx, &rows)
	if err != nil {
		return nil, problem(err, "count what became of alerts")
	}
	outcomes := make(map[string]store.RuleOutcome, len(rows))
	for _, r := range rows {
		outcomes[r.Rule] = store.RuleOutcome{Alerts: r.Alerts, Right: r.Closed, Wrong: r.Wrong, Hosts: r.Hosts, First: column.Moment(r.First)}
	}
	return outcomes, nil
}
