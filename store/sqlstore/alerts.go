package sqlstore

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/store/sqlstore/column"
	"github.com/holdfast-security/holdfast/store/sqlstore/facet"
)

// alertRow is a row of alerts: what they are filtered, sorted and counted by.
type alertRow struct {
	bun.BaseModel `bun:"table:alerts,alias:a"`

	Seq       int64 `bun:",pk"`
	ID        string
	AlertType string
	Severity  finding.Severity
	Status    string
	Host      string
	Rule      string
	Tactics   string
	Assignee  string
	Count     uint32
	LastTime  int64
	Changed   int64
	Exception string // that hides it; only while it is suppressed
	Reported  int64  // the latest change by detection
}

// docRow is a row of alert_docs: the rest of an alert.
type docRow struct {
	bun.BaseModel `bun:"table:alert_docs,alias:d"`

	Seq       int64 `bun:",pk"`
	Title     string
	Story     string
	HostName  string
	FirstTime int64
	Received  int64
	Triaged   int64
	TriagedBy string
	Version   int64
	Doc       string
}

// caseRow is a row of both.
type caseRow struct {
	bun.BaseModel `bun:"table:alerts,alias:a"`
	alertRow      `bun:",extend"`

	Title     string
	Story     string
	HostName  string
	FirstTime int64
	Received  int64
	Triaged   int64
	TriagedBy string
	Version   int64
	Doc       string
}

// commentRow is a row of comments.
type commentRow struct {
	bun.BaseModel `bun:"table:comments,alias:c"`

	ID     int64 `bun:",pk,autoincrement"`
	Seq    int64
	Alert  string
	Time   int64
	Author string
	Text   string
	Change string
}

// summaryColumns are those of alert_docs that a line of a list needs.
const summaryColumns = "d.title, d.story, d.host_name, d.first_time, d.received, d.triaged, d.triaged_by, d.version"

// selectCases selects alerts with what a summary needs.
func selectCases(db bun.IDB, into any) *bun.SelectQuery {
	return db.NewSelect().Model(into).ColumnExpr("a.*").ColumnExpr(summaryColumns).Join("JOIN alert_docs AS d ON d.seq = a.seq")
}

func (r *caseRow) triage() finding.Triage {
	return finding.Triage{
		Status: finding.Status(r.Status), Assignee: r.Assignee, Changed: column.Moment(r.Triaged), By: r.TriagedBy, Version: r.Version,
	}
}

func (r *caseRow) summary() finding.Summary {
	return finding.Summary{
		ID: r.ID, Type: finding.AlertType(r.AlertType), Title: r.Title, Severity: r.Severity,
		Host: event.HostID(r.Host), HostName: r.HostName, Time: column.Moment(r.FirstTime), LastTime: column.Moment(r.LastTime),
		Count: r.Count, Story: r.Story, Tactics: facet.SplitTactics(r.Tactics), RuleID: r.Rule, Exception: r.Exception, Triage: r.triage(),
	}
}

func (r *caseRow) full() (finding.Case, error) {
	c := finding.Case{Triage: r.triage(), HostName: r.HostName, Received: column.Moment(r.Received), Exception: r.Exception}
	return c, column.Decode(r.Doc, &c.Alert)
}

// Alert implements [store.Alerts].
func (s *Store) Alert(ctx context.Context, id string) (finding.Case, error) {
	row, err := oneCase(ctx, s.read, id)
	if err != nil {
		return finding.Case{}, problem(err, "read alert %s", id)
	}
	return row.full()
}

func oneCase(ctx context.Context, db bun.IDB, id string) (caseRow, error) {
	var row caseRow
	err := selectCases(db, &row).ColumnExpr("d.doc").Where("a.id = ?", column.Clean(id)).Scan(ctx)
	return row, err
}

// AlertStatus implements [store.Alerts].
func (s *Store) AlertStatus(ctx context.Context, ids []string) (map[string]finding.Status, error) {
	status := make(map[string]finding.Status, len(ids))
	for chunk := range slices.Chunk(cleanAll(ids), rowsPerStatement) {
		var rows []alertRow
		if err := s.read.NewSelect().Model(&rows).Column("id", "status").Where("id IN (?)", bun.List(chunk)).Scan(ctx); err != nil {
			return nil, problem(err, "read the status of %d alerts", len(ids))
		}
		for _, r := range rows {
			status[r.ID] = finding.Status(r.Status)
		}
	}
	return status, nil
}

// DetectionPosition implements [store.Alerts].
func (s *Store) DetectionPosition(ctx context.Context, partition string) (uint64, error) {
	return s.position(ctx, readerDetection, partition)
}

// Comments implements [store.Alerts]. An alert that is not there has none.
func (s *Store) Comments(ctx context.Context, alert string) ([]finding.Comment, error) {
	var rows []commentRow
	seq := s.read.NewSelect().Table("alerts").Column("seq").Where("id = ?", column.Clean(alert))
	if err := s.read.NewSelect().Model(&rows).Where("c.seq = (?)", seq).Order("c.id").Scan(ctx); err != nil {
		return nil, problem(err, "read the comments of alert %s", alert)
	}
	comments := make([]finding.Comment, len(rows))
	for i, r := range rows {
		comments[i] = finding.Comment{ID: r.ID, Alert: r.Alert, Time: column.Moment(r.Time), By: r.Author, Text: r.Text, Event: r.Change}
	}
	return comments, nil
}

// turn takes the next number of changes to alerts, and as many sequence
// numbers for new alerts: the last of them is returned. Until the transaction
// ends, all others who change alerts wait.
func turn(ctx context.Context, tx bun.Tx, added int) (change, lastSeq int64, err error) {
	err = tx.NewRaw("UPDATE alert_clock SET changes = changes + 1, last_seq = last_seq + ? RETURNING changes, last_seq", added).
		Scan(ctx, &change, &lastSeq)
	if err != nil {
		return 0, 0, fmt.Errorf("number a change to alerts: %w", err)
	}
	return change, lastSeq, nil
}

// DropAlerts implements [store.Alerts], the oldest first.
func (s *Store) DropAlerts(ctx context.Context, before time.Time, limit int) (int, error) {
	dropped := 0
	if limit <= 0 {
		return 0, nil
	}
	err := s.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		change, _, err := turn(ctx, tx, 0)
		if err != nil {
			return err
		}
		var seqs []int64
		err = tx.NewSelect().Table("alerts").Column("seq").Where("last_time < ?", column.Nanos(before)).
			Order("last_time", "seq").Limit(int64(limit)).Scan(ctx, &seqs)
		if err != nil {
			return err
		}
		dropped = len(seqs)
		return s.dropAlerts(ctx, tx, seqs, change)
	})
	return dropped, problem(err, "drop old alerts")
}
