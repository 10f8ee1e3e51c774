package sqlstore

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/uptrace/bun"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/fleet"
	"github.com/holdfast-security/holdfast/store"
	"github.com/holdfast-security/holdfast/store/sqlstore/column"
	"github.com/holdfast-security/holdfast/store/sqlstore/rows"
)

// segmentRow is a row of segments.
type segmentRow struct {
	bun.BaseModel `bun:"table:segments,alias:s"`

	ID        string `bun:",pk"`
	Day       string
	FirstTime int64
	LastTime  int64
	MinHost   string
	MaxHost   string
	RowCount  int64
	ByteCount int64
	Part      string
	FromSeq   uint64
	ToSeq     uint64
}

// intakeRow is a row of intakes.
type intakeRow struct {
	bun.BaseModel `bun:"table:intakes,alias:i"`

	Host string `bun:",pk"`
	Doc  string
}

// positionRow is a row of positions.
type positionRow struct {
	bun.BaseModel `bun:"table:positions,alias:p"`

	Reader   string `bun:",pk"`
	Part     string `bun:",pk"`
	Sequence uint64
}

// Readers of the stream, in positions.
const (
	readerStore     = "store"
	readerDetection = "detection"
)

// rowsPerStatement bounds the rows of one statement.
const rowsPerStatement = 500

func newSegmentRow(g store.Segment) segmentRow {
	return segmentRow{
		ID: column.Clean(g.ID), Day: column.Clean(g.Day), FirstTime: column.Nanos(g.First), LastTime: column.Nanos(g.Last),
		MinHost: column.Clean(string(g.MinHost)), MaxHost: column.Clean(string(g.MaxHost)), RowCount: g.Rows, ByteCount: g.Bytes,
		Part: column.Clean(g.Partition), FromSeq: g.FromSeq, ToSeq: g.ToSeq,
	}
}

func (r segmentRow) segment() store.Segment {
	return store.Segment{
		ID: r.ID, Day: r.Day, First: column.Moment(r.FirstTime), Last: column.Moment(r.LastTime),
		MinHost: event.HostID(r.MinHost), MaxHost: event.HostID(r.MaxHost), Rows: r.RowCount, Bytes: r.ByteCount,
		Partition: r.Part, FromSeq: r.FromSeq, ToSeq: r.ToSeq,
	}
}

// CommitSegments implements [store.Segments]. The position never moves
// backwards.
func (s *Store) CommitSegments(ctx context.Context, segments []store.Segment, intakes map[event.HostID]fleet.Intake, done store.Position) error {
	err := s.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		if err := addSegments(ctx, tx, segments); err != nil {
			return err
		}
		if err := saveIntakes(ctx, tx, intakes); err != nil {
			return err
		}
		return savePosition(ctx, tx, readerStore, done)
	})
	return problem(err, "commit %d segments", len(segments))
}

func addSegments(ctx context.Context, tx bun.Tx, segments []store.Segment) error {
	for chunk := range slices.Chunk(segments, rowsPerStatement) {
		rows := make([]segmentRow, len(chunk))
		for i, g := range chunk {
			rows[i] = newSegmentRow(g)
		}
		if _, err := tx.NewInsert().Model(&rows).Exec(ctx); err != nil {
			return err
		}
	}
	return nil
}

func saveIntakes(ctx context.Context, tx bun.Tx, intakes map[event.HostID]fleet.Intake) error {
	for ids := range slices.Chunk(slices.Sorted(maps.Keys(intakes)), rowsPerStatement) {
		rows := make([]intakeRow, len(ids))
		for i, id := range ids {
			doc, err := column.Encode(intakes[id])
			if err != nil {
				return err
			}
			rows[i] = intakeRow{Host: column.Clean(string(id)), Doc: doc}
		}
		_, err := tx.NewInsert().Model(&rows).On("CONFLICT (host) DO UPDATE").Set("doc = EXCLUDED.doc").Exec(ctx)
		if err != nil {
			return err
		}
	}
	return nil
}

// savePosition moves the position of a reader forward. An empty partition
// moves nothing.
func savePosition(ctx context.Context, tx bun.Tx, reader string, p store.Position) error {
	if p.Partition == "" {
		return nil
	}
	if p.Sequence > math.MaxInt64 {
		return fmt.Errorf("position %d of partition %s is beyond every stream", p.Sequence, p.Partition)
	}
	row := positionRow{Reader: reader, Part: column.Clean(p.Partition), Sequence: p.Sequence}
	_, err := tx.NewInsert().Model(&row).On("CONFLICT (reader, part) DO UPDATE").
		Set("sequence = EXCLUDED.sequence").Where("EXCLUDED.sequence > p.sequence").Exec(ctx)
	return err
}

func (s *Store) position(ctx context.Context, reader, partition string) (uint64, error) {
	var sequence uint64
	err := s.read.NewSelect().Model((*positionRow)(nil)).Column("sequence").
		Where("reader = ?", reader).Where("part = ?", column.Clean(partition)).Scan(ctx, &sequence)
	if err != nil && rows.Missing(err) {
		return 0, nil
	}
	return sequence, problem(err, "read the position of partition %s", partition)
}

// StorePosition implements [store.Segments].
func (s *Store) StorePosition(ctx context.Context, partition string) (uint64, error) {
	return s.position(ctx, readerStore, partition)
}

// Intakes implements [store.Segments].
func (s *Store) Intakes(ctx context.Context) (map[event.HostID]fleet.Intake, error) {
	var rows []intakeRow
	if err := s.read.NewSelect().Model(&rows).Scan(ctx); err != nil {
		return nil, problem(err, "read the intakes of hosts")
	}
	intakes := make(map[event.HostID]fleet.Intake, len(rows))
	for _, r := range rows {
		var in fleet.Intake
		if err := column.Decode(r.Doc, &in); err != nil {
			return nil, problem(err, "read the intake of host %s", r.Host)
		}
		intakes[event.HostID(r.Host)] = in
	}
	return intakes, nil
}

// SegmentList implements [store.Segments]. Since is inclusive, Until is not.
func (s *Store) SegmentList(ctx context.Context, f store.SegmentFilter) ([]store.Segment, error) {
	var rows []segmentRow
	q := s.read.NewSelect().Model(&rows).Order("first_time", "id")
	if !f.Since.IsZero() {
		q = q.Where("last_time >= ?", column.Nanos(f.Since))
	}
	if !f.Until.IsZero() {
		q = q.Where("first_time < ?", column.Nanos(f.Until))
	}
	if f.Host != "" {
		host := column.Clean(string(f.Host))
		q = q.Where("min_host <= ?", host).Where("max_host >= ?", host)
	}
	if err := q.Scan(ctx); err != nil {
		return nil, problem(err, "list segments")
	}
	segments := make([]store.Segment, len(rows))
	for i, r := range rows {
		segments[i] = r.segment()
	}
	return segments, nil
}

// DropSegments implements [store.Segments]. Ids that are not there are skipped.
func (s *Store) DropSegments(ctx context.Context, ids []string) error {
	err := s.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		_, err := dropSegments(ctx, tx, ids)
		return err
	})
	return problem(err, "drop %d segments", len(ids))
}

func dropSegments(ctx context.Context, tx bun.Tx, ids []string) (int, error) {
	dropped := 0
	for chunk := range slices.Chunk(ids, rowsPerStatement) {
		n, err := rows.Count(tx.NewDelete().Model((*segmentRow)(nil)).Where("id IN (?)", bun.List(chunk)).Exec(ctx))
		if err != nil {
			return 0, err
		}
		dropped += n
	}
	return dropped, nil
}

// MergeSegments implements [store.Segments]. ErrConflict if one of the old
// segments is not there, as after retention dropped it.
func (s *Store) MergeSegments(ctx context.Context, old []string, merged []store.Segment) error {
	err := s.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		n, err := dropSegments(ctx, tx, old)
		if err != nil {
			return err
		}
		if n != len(old) {
			return fmt.Errorf("%d of them are no longer there: %w", len(old)-n, store.ErrConflict)
		}
		return addSegments(ctx, tx, merged)
	})
	return problem(err, "merge %d segments into %d", len(old), len(merged))
}
