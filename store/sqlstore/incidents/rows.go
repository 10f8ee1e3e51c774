// Package incidents keeps incidents in the state database, and what joining
// alerts into them needs to go on.
//
// What a list shows, filters and sorts by is in rows without documents, so that
// a list of ten thousand is read in milliseconds. Titles, names and ids come
// from hosts; they are cleaned as all text of the database is.
package incidents

import (
	"context"
	"database/sql"
	"errors"
	"math"
	"strings"

	"github.com/uptrace/bun"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/store"
	"github.com/holdfast-security/holdfast/store/sqlstore/column"
	"github.com/holdfast-security/holdfast/store/sqlstore/conn"
)

// Table keeps incidents. The zero value has no database; its methods may be
// called from any goroutine.
type Table struct {
	write, read bun.IDB
	postgres    bool
}

var (
	_ store.Incidents    = (*Table)(nil)
	_ store.Correlations = (*Table)(nil)
)

// New returns the incidents of a database: write is for transactions that
// change it, read for all else.
func New(write, read bun.IDB, postgres bool) Table { return Table{write, read, postgres} }

// incidentRow is a row of incidents.
type incidentRow struct {
	bun.BaseModel `bun:"table:incidents,alias:i"`

	ID        string `bun:",pk"`
	Title     string
	Severity  finding.Severity
	Score     int64
	FirstTime int64
	LastTime  int64
	Count     int64
	Lines     int
	Hosts     string
	Tactics   string
	Status    string
	Assignee  string
	Verdict   string
	Version   int64
	Triaged   int64
	Updated   int64
	Search    string
}

// docRow is a row of incident_docs.
type docRow struct {
	bun.BaseModel `bun:"table:incident_docs,alias:d"`

	Incident string `bun:",pk"`
	Doc      string
}

// hostRow is a row of incident_hosts.
type hostRow struct {
	bun.BaseModel `bun:"table:incident_hosts,alias:h"`

	Incident string `bun:",pk"`
	Host     string `bun:",pk"`
}

// aliasRow is a row of incident_aliases.
type aliasRow struct {
	bun.BaseModel `bun:"table:incident_aliases,alias:l"`

	Alias    string `bun:",pk"`
	Incident string
}

// alertRow is a row of incident_alerts.
type alertRow struct {
	bun.BaseModel `bun:"table:incident_alerts,alias:m"`

	Seq      int64 `bun:",pk"`
	Incident string
}

// commentRow is a row of incident_comments.
type commentRow struct {
	bun.BaseModel `bun:"table:incident_comments,alias:c"`

	ID       int64 `bun:",pk,autoincrement"`
	Incident string
	Time     int64
	Author   string
	Text     string
	Change   string
}

// verdictRow is a row of incident_verdicts: a change that is to be learned.
type verdictRow struct {
	bun.BaseModel `bun:"table:incident_verdicts,alias:v"`

	Serial   int64 `bun:",pk,autoincrement"`
	Incident string
	Attack   bool
}

// hostList is the document of the column hosts.
type hostList struct {
	IDs   []event.HostID          `json:"ids"`
	Names map[event.HostID]string `json:"names"`
}

// millionths is the scale of scores in the database.
const millionths = 1e6

// scaled returns a score as the database holds it.
func scaled(score float64) int64 {
	if !(score > 0) { // NaN too
		return 0
	}
	return int64(math.Round(min(score, 1e12) * millionths))
}

// joinTactics returns tactics as the column holds them: each can be found with
// the commas around it.
func joinTactics(tactics []finding.Tactic) string {
	var b strings.Builder
	for _, t := range tactics {
		b.WriteString("," + strings.ReplaceAll(column.Clean(string(t)), ",", " "))
	}
	if b.Len() > 0 {
		b.WriteString(",")
	}
	return b.String()
}

func splitTactics(text string) []finding.Tactic {
	tactics := []finding.Tactic{}
	for t := range strings.SplitSeq(strings.Trim(text, ","), ",") {
		if t != "" {
			tactics = append(tactics, finding.Tactic(t))
		}
	}
	return tactics
}

func (r *incidentRow) summary() (finding.IncidentSummary, error) {
	var hosts hostList
	err := column.Decode(r.Hosts, &hosts)
	return finding.IncidentSummary{
		ID: r.ID, Title: r.Title, Severity: r.Severity, Score: float64(r.Score) / millionths,
		Time: column.Moment(r.FirstTime), LastTime: column.Moment(r.LastTime), Count: uint64(r.Count), Lines: r.Lines,
		Hosts: hosts.IDs, HostNames: hosts.Names, Tactics: splitTactics(r.Tactics),
		Status: finding.Status(r.Status), Assignee: r.Assignee, Version: r.Version, Verdict: finding.Verdict(r.Verdict),
	}, err
}

// full returns the whole incident.
func (r *incidentRow) full(ctx context.Context, db bun.IDB) (finding.IncidentCase, error) {
	c := finding.IncidentCase{
		Status: finding.Status(r.Status), Assignee: r.Assignee, Version: r.Version, Updated: column.Moment(r.Updated),
		Verdict: finding.Verdict(r.Verdict),
	}
	doc := docRow{Incident: r.ID}
	if err := db.NewSelect().Model(&doc).WherePK().Scan(ctx); err != nil {
		return c, err
	}
	var hosts hostList
	err := errors.Join(column.Decode(doc.Doc, &c.Incident), column.Decode(r.Hosts, &hosts))
	c.HostNames = hosts.Names
	return c, err
}

// find returns the row of an incident, by its id or that of one that became
// part of it.
func find(ctx context.Context, db bun.IDB, id string) (*incidentRow, error) {
	row := &incidentRow{ID: column.Clean(id)}
	err := db.NewSelect().Model(row).WherePK().Scan(ctx)
	if !errors.Is(err, sql.ErrNoRows) {
		return row, err
	}
	into := db.NewSelect().Model((*aliasRow)(nil)).Column("incident").Where("alias = ?", column.Clean(id))
	err = db.NewSelect().Model(row).Where("i.id = (?)", into).Scan(ctx)
	return row, err
}

// change runs fn in a transaction that writes. Where several servers share the
// database, others who change incidents wait.
func (t *Table) change(ctx context.Context, fn func(ctx context.Context, tx bun.Tx) error) error {
	return t.write.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		if t.postgres {
			if _, err := tx.ExecContext(ctx, "SELECT 1 FROM correlation FOR UPDATE"); err != nil {
				return err
			}
		}
		return fn(ctx, tx)
	})
}

// problem says what was being done when the database returned err; nil for nil.
func problem(err error, doing string, args ...any) error { return conn.Problem(err, doing, args...) }
