package incidents

import (
	"context"
	"fmt"
	"strings"

	"github.com/uptrace/bun"

	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/store"
	"github.com/holdfast-security/holdfast/store/sqlstore/column"
	"github.com/holdfast-security/holdfast/store/sqlstore/cursor"
)

// Incident implements [store.Incidents].
func (t *Table) Incident(ctx context.Context, id string) (finding.IncidentCase, error) {
	row, err := find(ctx, t.read, id)
	if err != nil {
		return finding.IncidentCase{}, problem(err, "read incident %s", id)
	}
	c, err := row.full(ctx, t.read)
	return c, problem(err, "read incident %s", id)
}

// order is how a list is sorted: by a number, the last time, and the id.
type order struct {
	column   string // "" for none but time and id
	smallest bool
}

var orders = map[store.IncidentOrder]order{
	store.LatestIncidents:   {},
	store.EarliestIncidents: {smallest: true},
	store.SevereIncidents:   {column: "severity"},
	store.TellingIncidents:  {column: "score"},
}

// Incidents implements [store.Incidents].
func (t *Table) Incidents(ctx context.Context, f store.IncidentFilter, o store.IncidentOrder, p store.Page) (store.List[finding.IncidentSummary], error) {
	l, err := t.list(ctx, f, o, p)
	return l, problem(err, "list incidents")
}

func (t *Table) list(ctx context.Context, f store.IncidentFilter, o store.IncidentOrder, p store.Page) (store.List[finding.IncidentSummary], error) {
	var l store.List[finding.IncidentSummary]
	if o == "" {
		o = store.LatestIncidents
	}
	by, ok := orders[o]
	if !ok {
		return l, fmt.Errorf("order %q is not one of incidents", o)
	}
	limit := min(p.Limit, 1000)
	if limit <= 0 {
		limit = 100
	}
	var rows []incidentRow
	q := t.filtered(t.read.NewSelect().Model(&rows), f).ExcludeColumn("search").Limit(int64(limit + 1))
	q, err := by.apply(q, "incidents "+string(o), p.After)
	if err != nil {
		return l, err
	}
	if err := q.Scan(ctx); err != nil {
		return l, err
	}
	if len(rows) > limit {
		rows = rows[:limit]
		l.Next = by.cursor("incidents "+string(o), &rows[limit-1])
	}
	l.Items = make([]finding.IncidentSummary, len(rows))
	for i := range rows {
		if l.Items[i], err = rows[i].summary(); err != nil {
			return l, err
		}
	}
	return l, nil
}

// columns returns the columns of the order.
func (o order) columns() []string {
	if o.column == "" {
		return []string{"i.last_time", "i.id"}
	}
	return []string{"i." + o.column, "i.last_time", "i.id"}
}

// apply adds the order to a query, and the place to begin behind.
func (o order) apply(q *bun.SelectQuery, kind, after string) (*bun.SelectQuery, error) {
	columns, direction, beyond := o.columns(), " DESC", " < "
	if o.smallest {
		direction, beyond = " ASC", " > "
	}
	for _, c := range columns {
		q = q.OrderExpr(c + direction)
	}
	if after == "" {
		return q, nil
	}
	keys, err := cursor.Decode(kind, after, len(columns))
	if err != nil {
		return nil, err
	}
	last := len(keys) - 1
	numbers, err := cursor.ParseInts(keys[:last])
	if err != nil {
		return nil, err
	}
	values := make([]any, 0, len(keys))
	for _, n := range numbers {
		values = append(values, n)
	}
	values = append(values, column.Clean(keys[last]))
	marks := strings.TrimSuffix(strings.Repeat("?, ", len(values)), ", ")
	return q.Where("("+strings.Join(columns, ", ")+")"+beyond+"("+marks+")", values...), nil
}

func (o order) cursor(kind string, r *incidentRow) string {
	var keys []string
	switch o.column {
	case "severity":
		keys = append(keys, cursor.Int(int64(r.Severity)))
	case "score":
		keys = append(keys, cursor.Int(r.Score))
	}
	return cursor.Encode(kind, append(keys, cursor.Int(r.LastTime), r.ID)...)
}

// filtered adds a filter to a query.
func (t *Table) filtered(q *bun.SelectQuery, f store.IncidentFilter) *bun.SelectQuery {
	if len(f.Status) > 0 {
		q = q.Where("i.status IN (?)", bun.List(cleaned(f.Status)))
	}
	if len(f.Severity) > 0 {
		levels := make([]int, len(f.Severity)) // a list of bytes would be one value
		for i, s := range f.Severity {
			levels[i] = int(s)
		}
		q = q.Where("i.severity IN (?)", bun.List(levels))
	}
	if len(f.Assignee) > 0 {
		q = q.Where("i.assignee IN (?)", bun.List(cleaned(f.Assignee)))
	}
	if len(f.Host) > 0 {
		on := t.read.NewSelect().Model((*hostRow)(nil)).Column("incident").Where("host IN (?)", bun.List(cleaned(f.Host)))
		q = q.Where("i.id IN (?)", on)
	}
	if f.Alert != "" {
		holds := t.read.NewSelect().Model((*alertRow)(nil)).Column("incident").Join("JOIN alerts AS a ON a.seq = m.seq").
			Where("a.id = ?", column.Clean(f.Alert))
		q = q.Where("i.id IN (?)", holds)
	}
	if len(f.Tactic) > 0 {
		q = q.WhereGroup(" AND ", func(q *bun.SelectQuery) *bun.SelectQuery {
			for _, tactic := range f.Tactic {
				q = q.WhereOr("i.tactics LIKE ? ESCAPE '!'", "%,"+column.EscapeLike(string(tactic))+",%")
			}
			return q
		})
	}
	if f.Text != "" {
		q = q.Where("i.search LIKE ? ESCAPE '!'", column.Contains(f.Text))
	}
	if !f.Since.IsZero() {
		q = q.Where("i.last_time >= ?", column.Nanos(f.Since))
	}
	if !f.Until.IsZero() {
		q = q.Where("i.last_time < ?", column.Nanos(f.Until))
	}
	return q
}

func cleaned[T ~string](texts []T) []string {
	list := make([]string, len(texts))
	for i, text := range texts {
		list[i] = column.Clean(string(text))
	}
	return list
}

// CountIncidents implements [store.Incidents].
func (t *Table) CountIncidents(ctx context.Context, f store.IncidentFilter) (store.IncidentCounts, error) {
	counts := store.IncidentCounts{BySeverity: map[string]int64{}, ByStatus: map[string]int64{}}
	var groups []struct {
		Severity finding.Severity
		Status   string
		Number   int64
	}
	q := t.filtered(t.read.NewSelect().Model((*incidentRow)(nil)), f)
	err := q.ColumnExpr("i.severity, i.status, count(*) AS number").Group("i.severity", "i.status").Scan(ctx, &groups)
	for _, g := range groups {
		counts.Total += g.Number
		counts.BySeverity[g.Severity.String()] += g.Number
		counts.ByStatus[g.Status] += g.Number
	}
	return counts, problem(err, "count incidents")
}

// IncidentAlerts implements [store.Incidents].
func (t *Table) IncidentAlerts(ctx context.Context, id string) ([]string, error) {
	row, err := find(ctx, t.read, id)
	if err != nil {
		return nil, problem(err, "list the alerts of incident %s", id)
	}
	var ids []string
	err = t.read.NewSelect().Model((*alertRow)(nil)).Column("a.id").Join("JOIN alerts AS a ON a.seq = m.seq").
		Where("m.incident = ?", row.ID).Order("m.seq").Scan(ctx, &ids)
	return ids, problem(err, "list the alerts of incident %s", id)
}

// IncidentComments implements [store.Incidents].
func (t *Table) IncidentComments(ctx context.Context, id string) ([]finding.Comment, error) {
	row, err := find(ctx, t.read, id)
	if err != nil {
		return nil, problem(err, "read the comments of incident %s", id)
	}
	var rows []commentRow
	if err := t.read.NewSelect().Model(&rows).Where("incident = ?", row.ID).Order("id").Scan(ctx); err != nil {
		return nil, problem(err, "read the comments of incident %s", id)
	}
	comments := make([]finding.Comment, len(rows))
	for i, r := range rows {
		comments[i] = finding.Comment{ID: r.ID, Time: column.Moment(r.Time), By: r.Author, Text: r.Text, Event: r.Change}
	}
	return comments, nil
}
