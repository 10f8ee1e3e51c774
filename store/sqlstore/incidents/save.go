package incidents

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/store"
	"github.com/holdfast-security/holdfast/store/sqlstore/column"
)

const (
	// reopenAfter is how long an incident must have been quiet, since people
	// closed it, for what happens in it to open it again.
	reopenAfter = 24 * time.Hour
	// rowsPerStatement bounds the rows of one statement.
	rowsPerStatement = 500
	// server is who made a change that no person made.
	server = "server"
)

// SaveCorrelation implements [store.Correlations].
func (t *Table) SaveCorrelation(ctx context.Context, s store.CorrelationStep) (saved []store.SavedIncident, err error) {
	err = t.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		saved = nil
		if err := advance(ctx, tx, s); err != nil {
			return err
		}
		v := saving{tx: tx, now: s.Time, rows: make(map[string]*savedRow), displaced: make(map[string]string)}
		for i := range s.Incidents {
			if err := v.take(ctx, &s.Incidents[i]); err != nil {
				return err
			}
		}
		if err := v.finish(ctx); err != nil {
			return err
		}
		for _, r := range v.order {
			saved = append(saved, store.SavedIncident{ID: r.ID, Severity: r.Severity, Status: finding.Status(r.Status), New: r.isNew})
		}
		for _, p := range v.parts {
			saved = append(saved, store.SavedIncident{ID: p.from, Severity: p.into.Severity, Status: finding.Status(p.into.Status), PartOf: p.into.ID})
		}
		return nil
	})
	if err != nil {
		return nil, problem(err, "save %d incidents", len(s.Incidents))
	}
	return saved, nil
}

// advance notes that a step was taken, with what it was made of.
func advance(ctx context.Context, tx bun.Tx, s store.CorrelationStep) error {
	res, err := tx.NewUpdate().Table("correlation").Set("step = ?", s.Number).Set("change = ?", s.Place.Change).Set("seq = ?", s.Place.Seq).
		Where("step = ?", s.Number-1).Exec(ctx)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return errors.Join(err, fmt.Errorf("step %d is not the next: %w", s.Number, store.ErrConflict))
	}
	if _, err := tx.NewInsert().Model(&journalRow{Step: s.Number, Data: s.Journal}).Exec(ctx); err != nil {
		return err
	}
	for chunk := range slices.Chunk(s.Verdicts, rowsPerStatement) {
		if _, err := tx.NewDelete().Model((*verdictRow)(nil)).Where("serial IN (?)", bun.List(chunk)).Exec(ctx); err != nil {
			return err
		}
	}
	return nil
}

// savedRow is an incident of the step.
type savedRow struct {
	incidentRow
	isNew bool
}

// saving is one call of SaveCorrelation.
type saving struct {
	tx    bun.Tx
	now   time.Time
	rows  map[string]*savedRow
	order []*savedRow
	// displaced are the incidents that lost alerts, with one that got some.
	displaced map[string]string
	parts     []part
}

// part is an incident that became part of another.
type part struct {
	from string
	into *savedRow
}

// take adds an incident or moves a known one forward.
func (v *saving) take(ctx context.Context, inc *finding.Incident) error {
	row := &savedRow{incidentRow: incidentRow{ID: column.Clean(inc.ID), Status: string(finding.Open), Version: 1}}
	err := v.tx.NewSelect().Model(&row.incidentRow).WherePK().Scan(ctx)
	if row.isNew = errors.Is(err, sql.ErrNoRows); err != nil && !row.isNew {
		return err
	}
	if !row.isNew {
		if err := v.reopen(ctx, &row.incidentRow, inc); err != nil {
			return err
		}
	}
	hosts := row.Hosts
	if err := row.fill(inc, v.now); err != nil {
		return err
	}
	v.rows[row.ID], v.order = row, append(v.order, row)
	if err := v.write(ctx, row, inc); err != nil {
		return err
	}
	if row.Hosts != hosts {
		if err := v.setHosts(ctx, row.ID, inc.Hosts); err != nil {
			return err
		}
	}
	if err := v.setAlerts(ctx, row.ID, inc); err != nil {
		return err
	}
	return v.setAliases(ctx, row, inc.Aliases)
}

// fill sets what an incident says of itself.
func (r *incidentRow) fill(inc *finding.Incident, now time.Time) error {
	hosts := hostList{IDs: inc.Hosts, Names: make(map[event.HostID]string)}
	if hosts.IDs == nil {
		hosts.IDs = []event.HostID{}
	}
	for _, line := range inc.Story {
		if slices.Contains(inc.Hosts, line.Host) {
			hosts.Names[line.Host] = line.HostName
		}
	}
	texts := []string{inc.Title}
	for _, id := range inc.Hosts {
		texts = append(texts, hosts.Names[id])
	}
	r.Title, r.Severity, r.Score = column.Clean(inc.Title), min(inc.Severity, finding.High), scaled(inc.Score)
	r.FirstTime, r.LastTime = column.Nanos(inc.Time), column.Nanos(inc.LastTime)
	r.Count, r.Lines, r.Tactics = int64(min(inc.Count, 1<<62)), len(inc.Story), joinTactics(inc.Tactics)
	r.Search, r.Updated = column.Fold(texts...), column.Nanos(now)
	var err error
	r.Hosts, err = column.Encode(hosts)
	return err
}

// reopen opens a closed incident again that got worse or goes on.
func (v *saving) reopen(ctx context.Context, row *incidentRow, inc *finding.Incident) error {
	was := finding.Status(row.Status)
	if was != finding.Resolved && was != finding.Dismissed {
		return nil
	}
	why := ""
	switch {
	case inc.Severity > row.Severity:
		why = "it became worse after it was " + string(was)
	case inc.LastTime.After(column.Moment(row.Triaged).Add(reopenAfter)):
		why = "it went on more than a day after it was " + string(was)
	default:
		return nil
	}
	return v.open(ctx, row, why)
}

// open opens an incident again, for a reason that its record tells.
func (v *saving) open(ctx context.Context, row *incidentRow, why string) error {
	row.Status, row.Triaged, row.Version = string(finding.Open), column.Nanos(v.now), row.Version+1
	return note(ctx, v.tx, commentRow{Incident: row.ID, Time: row.Triaged, Author: server, Change: "opened again: " + why})
}

func note(ctx context.Context, tx bun.Tx, c commentRow) error {
	_, err := tx.NewInsert().Model(&c).Exec(ctx)
	return err
}

// write stores row and document.
func (v *saving) write(ctx context.Context, row *savedRow, inc *finding.Incident) error {
	doc := docRow{Incident: row.ID}
	var err error
	if doc.Doc, err = column.Encode(inc); err != nil {
		return err
	}
	if !row.isNew {
		if err := update(ctx, v.tx, &row.incidentRow); err != nil {
			return err
		}
		_, err = v.tx.NewUpdate().Model(&doc).Column("doc").WherePK().Exec(ctx)
		return err
	}
	// Its id may be one that was part of another before everything was
	// joined anew.
	if _, err := v.tx.NewDelete().Model((*aliasRow)(nil)).Where("alias = ?", row.ID).Exec(ctx); err != nil {
		return err
	}
	if _, err := v.tx.NewInsert().Model(&row.incidentRow).Exec(ctx); err != nil {
		return err
	}
	_, err = v.tx.NewInsert().Model(&doc).Exec(ctx)
	return err
}

func update(ctx context.Context, tx bun.Tx, row *incidentRow) error {
	_, err := tx.NewUpdate().Model(row).WherePK().Exec(ctx)
	return err
}

func (v *saving) setHosts(ctx context.Context, id string, hosts []event.HostID) error {
	if _, err := v.tx.NewDelete().Model((*hostRow)(nil)).Where("incident = ?", id).Exec(ctx); err != nil || len(hosts) == 0 {
		return err
	}
	names := cleaned(hosts)
	slices.Sort(names)
	var rows []hostRow
	for _, host := range slices.Compact(names) {
		rows = append(rows, hostRow{Incident: id, Host: host})
	}
	_, err := v.tx.NewInsert().Model(&rows).Exec(ctx)
	return err
}

// setAlerts notes which alerts belong to an incident. What it does not name any
// more stays with it until another names it.
func (v *saving) setAlerts(ctx context.Context, id string, inc *finding.Incident) error {
	var alerts []string
	for _, line := range inc.Story {
		alerts = append(alerts, cleaned(line.Signals)...)
	}
	for chunk := range slices.Chunk(alerts, rowsPerStatement) {
		var known []struct {
			Seq      int64
			Incident sql.NullString
		}
		err := v.tx.NewSelect().TableExpr("alerts AS a").ColumnExpr("a.seq, m.incident").
			Join("LEFT JOIN incident_alerts AS m ON m.seq = a.seq").Where("a.id IN (?)", bun.List(chunk)).Order("a.seq").Scan(ctx, &known)
		if err != nil {
			return err
		}
		var rows []alertRow
		for _, k := range known {
			if k.Incident.String == id {
				continue
			}
			if k.Incident.Valid {
				v.displaced[k.Incident.String] = id
			}
			rows = append(rows, alertRow{Seq: k.Seq, Incident: id})
		}
		if len(rows) == 0 {
			continue
		}
		if _, err := v.tx.NewInsert().Model(&rows).On("CONFLICT (seq) DO UPDATE").Set("incident = EXCLUDED.incident").Exec(ctx); err != nil {
			return err
		}
	}
	return nil
}

// setAliases takes in the incidents that became part of one.
func (v *saving) setAliases(ctx context.Context, row *savedRow, aliases []string) error {
	if len(aliases) == 0 {
		return nil
	}
	aliases = cleaned(aliases)
	var known []string
	err := v.tx.NewSelect().Model((*aliasRow)(nil)).Column("alias").Where("incident = ?", row.ID).Where("alias IN (?)", bun.List(aliases)).Scan(ctx, &known)
	if err != nil {
		return err
	}
	for _, alias := range aliases {
		if alias != row.ID && !slices.Contains(known, alias) {
			if err := v.absorb(ctx, alias, row); err != nil {
				return err
			}
		}
	}
	return nil
}

// finish takes in what lost all its alerts.
func (v *saving) finish(ctx context.Context) error {
	for _, from := range sortedKeys(v.displaced) {
		if v.rows[from] != nil {
			continue // it is still an incident, of other alerts
		}
		left, err := v.tx.NewSelect().Model((*alertRow)(nil)).Where("incident = ?", from).Count(ctx)
		if err != nil {
			return err
		}
		if left == 0 {
			if err := v.absorb(ctx, from, v.rows[v.displaced[from]]); err != nil {
				return err
			}
		}
	}
	return nil
}

func sortedKeys(m map[string]string) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// absorb makes what the database has of one incident part of another.
func (v *saving) absorb(ctx context.Context, from string, into *savedRow) error {
	gone := incidentRow{ID: from}
	err := v.tx.NewSelect().Model(&gone).WherePK().Scan(ctx)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	if err == nil {
		if err := v.inherit(ctx, &gone, &into.incidentRow); err != nil {
			return err
		}
		for _, table := range []string{"incident_alerts", "incident_comments", "incident_aliases", "incident_verdicts"} {
			if _, err := v.tx.NewUpdate().Table(table).Set("incident = ?", into.ID).Where("incident = ?", from).Exec(ctx); err != nil {
				return err
			}
		}
		if _, err := v.tx.NewDelete().Model(&gone).WherePK().Exec(ctx); err != nil {
			return err
		}
		v.parts = append(v.parts, part{from, into})
	}
	alias := aliasRow{Alias: from, Incident: into.ID}
	_, err = v.tx.NewInsert().Model(&alias).On("CONFLICT (alias) DO UPDATE").Set("incident = EXCLUDED.incident").Exec(ctx)
	return err
}

// inherit gives an incident the triage of one that becomes part of it, where it
// has none of its own: work that was begun is not lost, and what is open stays
// open.
func (v *saving) inherit(ctx context.Context, from, into *incidentRow) error {
	before := *into
	closed := into.Status == string(finding.Resolved) || into.Status == string(finding.Dismissed)
	switch {
	case closed && (from.Status == string(finding.Open) || from.Status == string(finding.Acknowledged)):
		if err := v.open(ctx, into, "an open incident became part of it"); err != nil {
			return err
		}
	case into.Status == string(finding.Open) && from.Status == string(finding.Acknowledged):
		into.Status = from.Status
	}
	if into.Assignee == "" {
		into.Assignee = from.Assignee
	}
	if into.Verdict == string(finding.NoVerdict) {
		into.Verdict = from.Verdict
	}
	if *into == before {
		return nil
	}
	into.Version = before.Version + 1
	return update(ctx, v.tx, into)
}
