package sqlstore

import (
	"context"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/store"
	"github.com/holdfast-security/holdfast/store/sqlstore/alerttext"
	"github.com/holdfast-security/holdfast/store/sqlstore/column"
	"github.com/holdfast-security/holdfast/store/sqlstore/exceptions"
	"github.com/holdfast-security/holdfast/store/sqlstore/facet"
)

// reopenAfter is how long an alert must have been quiet, since people closed
// it, for a repeat to open it again.
const reopenAfter = 24 * time.Hour

// docsPerStatement bounds the rows of a statement with documents.
const docsPerStatement = 100

// saving is one call of SaveAlerts.
type saving struct {
	store    *Store
	tx       bun.Tx
	received time.Time
	known    map[string]*caseRow // alerts that were there, or came earlier in the call
	names    map[string]string   // of hosts, by id
	covered  map[string]string   // exceptions by the alert that they cover
	tally    exceptions.Tally
	change   int64

	added   []*caseRow
	changed []*caseRow
}

// SaveAlerts implements [store.Alerts].
func (s *Store) SaveAlerts(ctx context.Context, alerts []finding.Alert, received time.Time, done store.Position) (added []string, err error) {
	return s.SaveCoveredAlerts(ctx, alerts, nil, received, done)
}

// SaveCoveredAlerts implements [store.Exceptions]. Evidence and matches go together,
// because matches point into the evidence. Whether a repeat is a day after the
// alert was closed is told by the last time of the repeat, so that old events
// that arrive late open nothing.
func (s *Store) SaveCoveredAlerts(ctx context.Context, alerts []finding.Alert, covered map[string]string, received time.Time, done store.Position) (added []string, err error) {
	err = s.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		added = nil
		if err := savePosition(ctx, tx, readerDetection, done); err != nil || len(alerts) == 0 {
			return err
		}
		save := saving{store: s, tx: tx, received: received, known: make(map[string]*caseRow), covered: covered}
		if err := save.prepare(ctx, alerts); err != nil {
			return err
		}
		for _, a := range alerts {
			if err := save.take(ctx, a); err != nil {
				return err
			}
		}
		for _, row := range save.added {
			added = append(added, row.ID)
		}
		return save.write(ctx)
	})
	if err != nil {
		return nil, problem(err, "save %d alerts", len(alerts))
	}
	return added, nil
}

// prepare takes the turn and reads what is known of the alerts.
func (v *saving) prepare(ctx context.Context, alerts []finding.Alert) error {
	var err error
	if v.change, _, err = turn(ctx, v.tx, 0); err != nil {
		return err
	}
	ids, hosts := make([]string, len(alerts)), make([]string, len(alerts))
	for i, a := range alerts {
		ids[i], hosts[i] = column.Clean(a.ID), column.Clean(string(a.Host))
	}
	for chunk := range slices.Chunk(ids, rowsPerStatement) {
		var rows []caseRow
		if err := selectCases(v.tx, &rows).ColumnExpr("d.doc").Where("a.id IN (?)", bun.List(chunk)).Scan(ctx); err != nil {
			return err
		}
		for i := range rows {
			v.known[rows[i].ID] = &rows[i]
		}
	}
	v.names, err = hostNames(ctx, v.tx, hosts)
	return err
}

// hostNames returns the names of those hosts that are known.
func hostNames(ctx context.Context, db bun.IDB, ids []string) (map[string]string, error) {
	slices.Sort(ids)
	names := make(map[string]string)
	for chunk := range slices.Chunk(slices.Compact(ids), rowsPerStatement) {
		var rows []hostRow
		if err := db.NewSelect().Model(&rows).Column("id", "name").Where("id IN (?)", bun.List(chunk)).Scan(ctx); err != nil {
			return nil, err
		}
		for _, r := range rows {
			names[r.ID] = r.Name
		}
	}
	return names, nil
}

// take adds an alert or moves a known one forward.
func (v *saving) take(ctx context.Context, a finding.Alert) error {
	row, known := v.known[column.Clean(a.ID)]
	if known {
		return v.repeat(ctx, row, a)
	}
	row = &caseRow{
		alertRow: alertRow{
			ID: column.Clean(a.ID), AlertType: column.Clean(string(a.Type)), Severity: min(a.Severity, finding.High), Status: string(finding.Open),
			Host: column.Clean(string(a.Host)), Rule: column.Clean(a.Rule.ID), Tactics: facet.JoinTactics(a.Tactics), Count: a.Count, LastTime: column.Nanos(a.LastTime),
		},
		Title: column.Clean(a.Title), Story: column.Clean(a.Story), HostName: v.names[column.Clean(string(a.Host))],
		FirstTime: column.Nanos(a.Time), Received: column.Nanos(v.received), Version: 1,
	}
	if by := v.covered[a.ID]; by != "" {
		row.Status, row.Exception = string(finding.Suppressed), column.Clean(by)
		v.tally.Note(by, true)
	}
	doc, err := column.Encode(a)
	row.Doc = doc
	v.known[row.ID] = row
	v.added = append(v.added, row)
	return err
}

func (v *saving) repeat(ctx context.Context, row *caseRow, a finding.Alert) error {
	var present finding.Alert
	if err := column.Decode(row.Doc, &present); err != nil {
		return err
	}
	if a.Count <= present.Count && !a.LastTime.After(present.LastTime) {
		return nil // seen before
	}
	if a.LastTime.After(present.LastTime) {
		present.LastTime, present.Evidence, present.Matches = a.LastTime, a.Evidence, a.Matches
	}
	present.Count = max(present.Count, a.Count)
	row.Count, row.LastTime = present.Count, column.Nanos(present.LastTime)
	doc, err := column.Encode(present)
	if err != nil {
		return err
	}
	row.Doc = doc
	if row.Seq != 0 && !slices.Contains(v.changed, row) {
		v.changed = append(v.changed, row)
	}
	return v.reopen(ctx, row, present.LastTime, v.covered[a.ID])
}

// reopen opens an alert that repeats and is not covered by an exception: a
// suppressed one, and a closed one long after it was closed.
func (v *saving) reopen(ctx context.Context, row *caseRow, last time.Time, by string) error {
	was := finding.Status(row.Status)
	why := "no exception covers it any more"
	switch {
	case was == finding.Suppressed && by != "":
		row.Exception = column.Clean(by)
		v.tally.Note(by, false)
		return nil
	case was == finding.Suppressed:
	case by == "" && (was == finding.Resolved || was == finding.Dismissed) && last.After(column.Moment(row.Triaged).Add(reopenAfter)):
		why = "it repeated more than a day after it was " + string(was)
	default:
		return nil
	}
	row.Exception = ""
	row.Status, row.Triaged, row.TriagedBy, row.Version = string(finding.Open), column.Nanos(v.received), "server", row.Version+1
	comment := commentRow{
		Seq: row.Seq, Alert: row.ID, Time: row.Triaged, Author: row.TriagedBy,
		Change: "opened again: " + why,
	}
	_, err := v.tx.NewInsert().Model(&comment).Exec(ctx)
	return err
}

// write stores what was taken.
func (v *saving) write(ctx context.Context) error {
	if err := v.tally.Save(ctx, v.tx, v.received); err != nil {
		return err
	}
	for _, row := range v.changed {
		row.Changed, row.Reported = v.change, v.change
		if err := updateCase(ctx, v.tx, row, "doc"); err != nil {
			return err
		}
	}
	if len(v.added) == 0 {
		return nil
	}
	change, last, err := turn(ctx, v.tx, len(v.added))
	if err != nil {
		return err
	}
	first := last - int64(len(v.added)) + 1
	for i, row := range v.added {
		row.Seq, row.Changed, row.Reported = first+int64(i), change, change
	}
	for chunk := range slices.Chunk(v.added, docsPerStatement) {
		if err := v.store.insertCases(ctx, v.tx, chunk); err != nil {
			return err
		}
	}
	return nil
}

// updateCase writes the triage and the numbers of an alert, and the named
// columns of its document.
func updateCase(ctx context.Context, tx bun.Tx, row *caseRow, columns ...string) error {
	_, err := tx.NewUpdate().Model(&row.alertRow).Column("exception", "status", "assignee", "count", "last_time", "changed", "reported").WherePK().Exec(ctx)
	if err != nil {
		return err
	}
	doc := row.document()
	_, err = tx.NewUpdate().Model(&doc).Column(append(columns, "triaged", "triaged_by", "version")...).WherePK().Exec(ctx)
	return err
}

func (r *caseRow) document() docRow {
	return docRow{
		Seq: r.Seq, Title: r.Title, Story: r.Story, HostName: r.HostName, FirstTime: r.FirstTime, Received: r.Received,
		Triaged: r.Triaged, TriagedBy: r.TriagedBy, Version: r.Version, Doc: r.Doc,
	}
}

func (s *Store) insertCases(ctx context.Context, tx bun.Tx, rows []*caseRow) error {
	alerts, docs := make([]alertRow, len(rows)), make([]docRow, len(rows))
	texts := make([]alerttext.Row, len(rows))
	for i, r := range rows {
		alerts[i], docs[i] = r.alertRow, r.document()
		texts[i] = alerttext.Row{Seq: r.Seq, Search: column.Fold(r.Title, r.Story, r.HostName)}
	}
	if _, err := tx.NewInsert().Model(&alerts).Exec(ctx); err != nil {
		return err
	}
	if _, err := tx.NewInsert().Model(&docs).Exec(ctx); err != nil {
		return err
	}
	return s.texts.Insert(ctx, tx, texts)
}

func (s *Store) dropAlerts(ctx context.Context, tx bun.Tx, seqs []int64, change int64) error {
	for chunk := range slices.Chunk(seqs, rowsPerStatement) {
		gone := make([]goneRow, len(chunk))
		for i, seq := range chunk {
			gone[i] = goneRow{Seq: seq, Changed: change}
		}
		if _, err := tx.NewInsert().Model(&gone).Exec(ctx); err != nil {
			return err
		}
		if err := s.texts.Forget(ctx, tx, chunk); err != nil {
			return err
		}
		// Documents and comments go with the rows that they belong to.
		if _, err := tx.NewDelete().Model((*alertRow)(nil)).Where("seq IN (?)", bun.List(chunk)).Exec(ctx); err != nil {
			return err
		}
	}
	return forget(ctx, tx, change)
}
