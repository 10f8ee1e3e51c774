package sqlstore

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/uptrace/bun"

	"github.com/holdfast-security/holdfast/store/sqlstore/facet"
)

// goneRow is a row of alerts_gone: an alert that was dropped.
type goneRow struct {
	bun.BaseModel `bun:"table:alerts_gone,alias:g"`

	Seq     int64 `bun:",pk"`
	Changed int64
}

// rememberChanges is how many changes back dropped alerts are remembered, for
// the facets of other servers. Those that are further behind load all anew.
const rememberChanges = 100_000

// clockRow is the row of alert_clock.
type clockRow struct {
	bun.BaseModel `bun:"table:alert_clock,alias:k"`

	Changes   int64
	Forgotten int64
}

// withFacets runs fn on the facets as the database stands now. fn must not
// keep the index.
func (s *Store) withFacets(ctx context.Context, fn func(*facet.Index)) error {
	var clock clockRow
	if err := s.read.NewSelect().Model(&clock).Column("changes", "forgotten").Scan(ctx); err != nil {
		return fmt.Errorf("read the number of changes to alerts: %w", err)
	}
	s.facetsLock.RLock()
	if s.seenChange >= clock.Changes {
		defer s.facetsLock.RUnlock()
		fn(s.facets)
		return nil
	}
	s.facetsLock.RUnlock()
	s.facetsLock.Lock()
	defer s.facetsLock.Unlock()
	if err := s.follow(ctx); err != nil {
		return fmt.Errorf("read changes to alerts: %w", err)
	}
	fn(s.facets)
	return nil
}

// follow brings the facets up to date. The caller holds facetsLock.
func (s *Store) follow(ctx context.Context) error {
	return s.snapshot(ctx, func(ctx context.Context, tx bun.Tx) error {
		var clock clockRow
		if err := tx.NewSelect().Model(&clock).Column("changes", "forgotten").Scan(ctx); err != nil {
			return err
		}
		if s.seenChange < clock.Forgotten {
			s.facets, s.seenChange = facet.New(), -1
		}
		if err := s.followDrops(ctx, tx); err != nil {
			return err
		}
		if err := s.followChanges(ctx, tx); err != nil {
			return err
		}
		s.seenChange = clock.Changes
		return nil
	})
}

func (s *Store) followDrops(ctx context.Context, tx bun.Tx) error {
	if s.seenChange < 0 {
		return nil
	}
	var gone []int64
	if err := tx.NewSelect().Table("alerts_gone").Column("seq").Where("changed > ?", s.seenChange).Scan(ctx, &gone); err != nil {
		return err
	}
	s.facets.Drop(gone...)
	return nil
}

func (s *Store) followChanges(ctx context.Context, tx bun.Tx) error {
	q := tx.NewSelect().Table("alerts").
		Column("seq", "alert_type", "severity", "status", "host", "rule", "tactics", "assignee", "count", "last_time", "exception")
	if s.seenChange >= 0 {
		q = q.Where("changed > ?", s.seenChange)
	} else {
		q = q.Order("seq")
	}
	rows, err := q.Rows(ctx)
	if err != nil {
		return err
	}
	defer rows.Close()
	var changed []facet.Row
	for rows.Next() {
		var r facet.Row
		err := rows.Scan(&r.Seq, &r.Type, &r.Severity, &r.Status, &r.Host, &r.Rule, &r.Tactics, &r.Assignee, &r.Count, &r.LastTime, &r.Exception)
		if err != nil {
			return err
		}
		if s.seenChange < 0 {
			s.facets.Put(r)
			continue
		}
		changed = append(changed, r)
	}
	slices.SortFunc(changed, func(a, b facet.Row) int { return cmp.Compare(a.Seq, b.Seq) })
	s.facets.Put(changed...)
	return rows.Err()
}

// forget removes from alerts_gone what nobody needs any more.
func forget(ctx context.Context, tx bun.Tx, change int64) error {
	old := change - rememberChanges
	if old <= 0 {
		return nil
	}
	if _, err := tx.NewDelete().Model((*goneRow)(nil)).Where("changed <= ?", old).Exec(ctx); err != nil {
		return err
	}
	_, err := tx.NewUpdate().Table("alert_clock").Set("forgotten = ?", old).Where("forgotten < ?", old).Exec(ctx)
	return err
}
