package sqlstore

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/store"
	"github.com/holdfast-security/holdfast/store/sqlstore/alerttext"
	"github.com/holdfast-security/holdfast/store/sqlstore/column"
	"github.com/holdfast-security/holdfast/store/sqlstore/cursor"
	"github.com/holdfast-security/holdfast/store/sqlstore/facet"
)

// maxCounted bounds the texts that are read to count alerts.
const maxCounted = 5000

// Alerts implements [store.Alerts]. Ties are in the order of first storing.
//
// Where few alerts may have a text, these are looked up first. Alerts that pass
// the other filters are read in the order of the list until the page is full;
// the worst case, a text of which many alerts have the parts and none of a host
// has the whole, reads the text of all alerts of the host.
func (s *Store) Alerts(ctx context.Context, f store.AlertFilter, o store.AlertOrder, p store.Page) (store.List[finding.Summary], error) {
	l, err := s.alerts(ctx, f, o, p)
	return l, problem(err, "list alerts")
}

func (s *Store) alerts(ctx context.Context, f store.AlertFilter, o store.AlertOrder, p store.Page) (store.List[finding.Summary], error) {
	var l store.List[finding.Summary]
	if o == "" {
		o = store.NewestFirst
	}
	after, err := parseAlertCursor(o, p.After)
	if err != nil {
		return l, err
	}
	filter, text, err := s.facetFilter(ctx, f)
	if err != nil {
		return l, err
	}
	n := limit(p)
	hits, err := s.find(ctx, filter, text, o, after, n+1)
	if err != nil {
		return l, err
	}
	if len(hits) > n {
		hits = hits[:n]
		k := hits[n-1].Key
		l.Next = cursor.Encode(alertsKind(o), cursor.Int(k.First), cursor.Int(k.Second), cursor.Int(k.Seq))
	}
	l.Items, err = s.summaries(ctx, hits)
	return l, err
}

// alertsKind names the list of alerts in an order, for cursors.
func alertsKind(o store.AlertOrder) string { return "alerts " + string(o) }

func parseAlertCursor(o store.AlertOrder, text string) (*facet.Key, error) {
	switch o {
	case store.NewestFirst, store.OldestFirst, store.SevereFirst, store.MildFirst, store.MostFirst, store.FewestFirst:
	default:
		return nil, fmt.Errorf("order %q is not one of alerts", o)
	}
	if text == "" {
		return nil, nil
	}
	keys, err := cursor.Decode(alertsKind(o), text, 3)
	if err != nil {
		return nil, err
	}
	n, err := cursor.ParseInts(keys)
	if err != nil {
		return nil, err
	}
	return &facet.Key{First: n[0], Second: n[1], Seq: n[2]}, nil
}

// facetFilter turns a filter into one for facets. A text that is not "" must
// occur in what the facets choose.
func (s *Store) facetFilter(ctx context.Context, f store.AlertFilter) (filter facet.Filter, text string, err error) {
	filter.AlertFilter = cleanFilter(f)
	if len(f.ExcludeIDs) > 0 {
		if filter.Exclude, err = s.seqs(ctx, f.ExcludeIDs); err != nil {
			return filter, "", err
		}
	}
	if f.Text == "" {
		return filter, "", nil
	}
	only, sure, err := s.texts.Candidates(ctx, f.Text)
	if filter.Only = only; sure {
		return filter, "", err
	}
	return filter, f.Text, err
}

// cleanFilter has the texts of a filter compare with what was stored.
func cleanFilter(f store.AlertFilter) store.AlertFilter {
	f.Type, f.Host, f.Tactic = cleanAll(f.Type), cleanAll(f.Host), cleanAll(f.Tactic)
	f.Assignee, f.Rule = cleanAll(f.Assignee), cleanAll(f.Rule)
	f.Exception = cleanAll(f.Exception)
	f.Since, f.Until = fit(f.Since), fit(f.Until)
	return f
}

func cleanAll[T ~string](texts []T) []T {
	cleaned := make([]T, len(texts))
	for i, t := range texts {
		cleaned[i] = T(column.Clean(string(t)))
	}
	return cleaned
}

// fit returns the time as it comes back from the database.
func fit(t time.Time) time.Time { return column.Moment(column.Nanos(t)) }

func (s *Store) seqs(ctx context.Context, ids []string) (map[int64]bool, error) {
	found := make(map[int64]bool)
	for chunk := range slices.Chunk(cleanAll(ids), rowsPerStatement) {
		var seqs []int64
		if err := s.read.NewSelect().Table("alerts").Column("seq").Where("id IN (?)", bun.List(chunk)).Scan(ctx, &seqs); err != nil {
			return nil, err
		}
		for _, seq := range seqs {
			found[seq] = true
		}
	}
	return found, nil
}

// find returns the first n alerts that pass the filter, behind a place in the
// order. A text that is not "" must occur in theirs.
func (s *Store) find(ctx context.Context, f facet.Filter, text string, o store.AlertOrder, after *facet.Key, n int) ([]facet.Hit, error) {
	if text == "" {
		return s.choose(ctx, f, o, after, n)
	}
	var found []facet.Hit
	for try := n; ; try = min(2*try, max(n, alerttext.TextsPerStatement)) { // most often the first have it
		hits, err := s.choose(ctx, f, o, after, try)
		if err != nil || len(hits) == 0 {
			return found, err
		}
		after = &hits[len(hits)-1].Key
		seqs, err := s.texts.Matching(ctx, seqsOf(hits), text)
		if err != nil {
			return nil, err
		}
		for _, h := range hits {
			if len(seqs) > 0 && seqs[0] == h.Seq {
				found, seqs = append(found, h), seqs[1:]
			}
		}
		if len(found) >= n {
			return found[:n], nil
		}
	}
}

// choose asks the facets, as the database stands now.
func (s *Store) choose(ctx context.Context, f facet.Filter, o store.AlertOrder, after *facet.Key, n int) ([]facet.Hit, error) {
	var hits []facet.Hit
	err := s.withFacets(ctx, func(x *facet.Index) { hits = x.Select(f, o, after, n) })
	return hits, err
}

// summaries reads the lines of a list, in the order of the hits.
func (s *Store) summaries(ctx context.Context, hits []facet.Hit) ([]finding.Summary, error) {
	lines := make([]finding.Summary, 0, len(hits))
	if len(hits) == 0 {
		return lines, nil
	}
	rows, err := s.rows(ctx, hits, false)
	for _, row := range rows {
		lines = append(lines, row.summary())
	}
	return lines, err
}

// rows reads the alerts of a list, whole or what a summary needs, in the order
// of the hits. An alert that was dropped meanwhile is left out.
func (s *Store) rows(ctx context.Context, hits []facet.Hit, whole bool) ([]*caseRow, error) {
	var found []caseRow
	q := selectCases(s.read, &found).Where("a.seq IN (?)", bun.List(seqsOf(hits)))
	if whole {
		q = q.ColumnExpr("d.doc")
	}
	if err := q.Scan(ctx); err != nil {
		return nil, err
	}
	bySeq := make(map[int64]*caseRow, len(found))
	for i := range found {
		bySeq[found[i].Seq] = &found[i]
	}
	rows := make([]*caseRow, 0, len(found))
	for _, h := range hits {
		if row := bySeq[h.Seq]; row != nil {
			rows = append(rows, row)
		}
	}
	return rows, nil
}

// alertsAtOnce is how many alerts EachAlert holds in memory.
const alertsAtOnce = 200

// EachAlert implements [store.Exceptions].
func (s *Store) EachAlert(ctx context.Context, f store.AlertFilter, fn func(finding.Case) error) error {
	f.Text = ""
	filter, _, err := s.facetFilter(ctx, f)
	var after *facet.Key
	for more := true; more && err == nil; {
		var hits []facet.Hit
		if hits, err = s.choose(ctx, filter, store.NewestFirst, after, alertsAtOnce); err != nil || len(hits) == 0 {
			break
		}
		after, more = &hits[len(hits)-1].Key, len(hits) == alertsAtOnce
		err = s.eachOf(ctx, hits, fn)
	}
	return problem(err, "read alerts")
}

func (s *Store) eachOf(ctx context.Context, hits []facet.Hit, fn func(finding.Case) error) error {
	rows, err := s.rows(ctx, hits, true)
	if err != nil {
		return err
	}
	for _, row := range rows {
		c, err := row.full()
		if err != nil {
			return err
		}
		if err := fn(c); err != nil {
			return err
		}
	}
	return nil
}

func seqsOf(hits []facet.Hit) []int64 {
	seqs := make([]int64, len(hits))
	for i, h := range hits {
		seqs[i] = h.Seq
	}
	return seqs
}

// CountAlerts implements [store.Alerts]. Buckets begin at multiples of the
// width since 1970; of more than 5,000 only the newest are returned. With a
// text, at most the newest 5,000 alerts that may have it are counted.
func (s *Store) CountAlerts(ctx context.Context, f store.AlertFilter, width time.Duration) (store.AlertCounts, error) {
	counts, err := s.countAlerts(ctx, f, width)
	return counts, problem(err, "count alerts")
}

func (s *Store) countAlerts(ctx context.Context, f store.AlertFilter, width time.Duration) (store.AlertCounts, error) {
	var counts store.AlertCounts
	filter, text, err := s.facetFilter(ctx, f)
	if err != nil {
		return counts, err
	}
	bounded := false
	if text != "" {
		if filter.Only, bounded, err = s.newestWithText(ctx, filter, text); err != nil {
			return counts, err
		}
	}
	if err := s.withFacets(ctx, func(x *facet.Index) { counts = x.Count(filter, width) }); err != nil {
		return counts, err
	}
	counts.AtLeast = bounded
	ids := make([]string, len(counts.TopHosts))
	for i, c := range counts.TopHosts {
		ids[i] = c.Key
	}
	names, err := hostNames(ctx, s.read, ids)
	for i, c := range counts.TopHosts {
		if name := names[c.Key]; name != "" {
			counts.TopHosts[i].Label = name
		}
	}
	return counts, err
}

// newestWithText returns those whose text matches of the newest alerts that
// pass the filter, and whether there are more than it has looked at.
func (s *Store) newestWithText(ctx context.Context, f facet.Filter, text string) (only map[int64]bool, more bool, err error) {
	hits, err := s.choose(ctx, f, store.NewestFirst, nil, maxCounted+1)
	if err != nil {
		return nil, false, err
	}
	if more = len(hits) > maxCounted; more {
		hits = hits[:maxCounted]
	}
	seqs, err := s.texts.Matching(ctx, seqsOf(hits), text)
	if err != nil {
		return nil, false, err
	}
	only = make(map[int64]bool, len(seqs))
	for _, seq := range seqs {
		only[seq] = true
	}
	return only, more, nil
}
