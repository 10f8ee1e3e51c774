package sqlstore

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/fleet"
	"github.com/holdfast-security/holdfast/store"
	"github.com/holdfast-security/holdfast/store/sqlstore/column"
)

// hostRow is a row of hosts.
type hostRow struct {
	bun.BaseModel `bun:"table:hosts,alias:h"`

	ID        string `bun:",pk"`
	Name      string
	State     string
	PublicKey string
	Labels    string
	Enrolled  int64
	Version   int64
	Search    string
}

// labelRow is a row of host_labels, which repeats hosts.labels for filters.
type labelRow struct {
	bun.BaseModel `bun:"table:host_labels,alias:l"`

	Host  string
	Name  string
	Value string
}

// beatRow is a row of heartbeats.
type beatRow struct {
	bun.BaseModel `bun:"table:heartbeats,alias:b"`

	Host   string `bun:",pk"`
	Seen   int64
	Search string
	Doc    string
}

// fullHost is a host with what other tables know of it.
type fullHost struct {
	bun.BaseModel `bun:"table:hosts,alias:h"`
	hostRow       `bun:",extend"`

	Seen   int64
	Beat   string
	Intake string
}

// beatsPerStatement bounds the rows, and so the size, of one statement.
const beatsPerStatement = 500

var hostsByName = page{kind: "hosts", columns: []string{"h.name", "h.id"}, numbers: []bool{false, false}}

func newHostRow(h fleet.Host) (hostRow, error) {
	labels, err := column.Encode(h.Labels)
	name, id := column.Clean(h.Name), column.Clean(string(h.ID))
	return hostRow{
		ID: id, Name: name, State: string(h.State), PublicKey: column.Clean(h.PublicKey), Labels: labels,
		Enrolled: column.Nanos(h.Enrolled), Version: h.Version, Search: column.Fold(name, id),
	}, err
}

func (r fullHost) host() (fleet.Host, error) {
	h := fleet.Host{
		ID: event.HostID(r.ID), Name: r.Name, State: fleet.HostState(r.State), PublicKey: r.PublicKey,
		Enrolled: column.Moment(r.Enrolled), LastSeen: column.Moment(r.Seen), Version: r.Version,
	}
	if r.Beat != "" {
		h.Heartbeat = new(fleet.Heartbeat)
		if err := column.Decode(r.Beat, h.Heartbeat); err != nil {
			return h, err
		}
	}
	if err := column.Decode(r.Intake, &h.Intake); err != nil {
		return h, err
	}
	return h, column.Decode(r.Labels, &h.Labels)
}

// selectHosts selects what fullHost holds.
func selectHosts(db bun.IDB, into any) *bun.SelectQuery {
	return db.NewSelect().Model(into).
		ColumnExpr("h.*").
		ColumnExpr("COALESCE(b.seen, 0) AS seen, COALESCE(b.doc, '') AS beat, COALESCE(i.doc, '') AS intake").
		Join("LEFT JOIN heartbeats AS b ON b.host = h.id").
		Join("LEFT JOIN intakes AS i ON i.host = h.id")
}

// AddHost implements [store.Hosts]. The heartbeat and the intake of h are not
// stored.
func (s *Store) AddHost(ctx context.Context, h fleet.Host) error {
	row, err := newHostRow(h)
	if err != nil {
		return err
	}
	err = s.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		if _, err := tx.NewInsert().Model(&row).Exec(ctx); err != nil {
			return err
		}
		return saveLabels(ctx, tx, row.ID, h.Labels)
	})
	return problem(err, "add host %s", h.ID)
}

func saveLabels(ctx context.Context, tx bun.Tx, host string, labels map[string]string) error {
	if _, err := tx.NewDelete().Model((*labelRow)(nil)).Where("host = ?", host).Exec(ctx); err != nil {
		return err
	}
	if len(labels) == 0 {
		return nil
	}
	rows := make([]labelRow, 0, len(labels))
	for name, value := range labels {
		rows = append(rows, labelRow{Host: host, Name: column.Clean(name), Value: column.Clean(value)})
	}
	_, err := tx.NewInsert().Model(&rows).Exec(ctx)
	return err
}

// Host implements [store.Hosts].
func (s *Store) Host(ctx context.Context, id event.HostID) (fleet.Host, error) {
	h, err := oneHost(ctx, s.read, id)
	return h, problem(err, "read host %s", id)
}

func oneHost(ctx context.Context, db bun.IDB, id event.HostID) (fleet.Host, error) {
	var row fullHost
	if err := selectHosts(db, &row).Where("h.id = ?", column.Clean(string(id))).Scan(ctx); err != nil {
		return fleet.Host{}, err
	}
	return row.host()
}

// Hosts implements [store.Hosts].
func (s *Store) Hosts(ctx context.Context, f store.HostFilter, p store.Page) (store.List[fleet.Host], error) {
	var rows []fullHost
	q, err := hostsByName.apply(filterHosts(selectHosts(s.read, &rows), f), p)
	if err == nil {
		err = q.Scan(ctx)
	}
	if err != nil {
		return store.List[fleet.Host]{}, problem(err, "list hosts")
	}
	return list(hostsByName, p, rows, fullHost.host, func(r fullHost) []string { return []string{r.Name, r.ID} })
}

func filterHosts(q *bun.SelectQuery, f store.HostFilter) *bun.SelectQuery {
	if f.State != "" {
		q = q.Where("h.state = ?", column.Clean(string(f.State)))
	}
	if f.Text != "" {
		text := column.Contains(f.Text)
		q = q.Where("(h.search LIKE ? ESCAPE '!' OR b.search LIKE ? ESCAPE '!')", text, text)
	}
	for name, value := range f.Labels {
		q = q.Where("EXISTS (SELECT 1 FROM host_labels AS l WHERE l.host = h.id AND l.name = ? AND l.value = ?)", column.Clean(name), column.Clean(value))
	}
	return q
}

// ChangeHost implements [store.Hosts]. change runs in a transaction and must
// not call the store.
func (s *Store) ChangeHost(ctx context.Context, id event.HostID, version int64, change func(*fleet.Host) error) (fleet.Host, error) {
	var h fleet.Host
	err := s.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		if err := s.lockRow(ctx, tx, "hosts", "id", column.Clean(string(id))); err != nil {
			return err
		}
		var err error
		if h, err = oneHost(ctx, tx, id); err != nil {
			return err
		}
		if version != store.AnyVersion && version != h.Version {
			return fmt.Errorf("version %d is not the present %d: %w", version, h.Version, store.ErrConflict)
		}
		changed := h
		changed.Labels = maps.Clone(h.Labels)
		if err := change(&changed); err != nil {
			return err
		}
		h.Name, h.State, h.Labels, h.Version = changed.Name, changed.State, changed.Labels, h.Version+1
		row, err := newHostRow(h)
		if err != nil {
			return err
		}
		if _, err := tx.NewUpdate().Model(&row).Column("name", "state", "labels", "version", "search").WherePK().Exec(ctx); err != nil {
			return err
		}
		return saveLabels(ctx, tx, row.ID, h.Labels)
	})
	return h, problem(err, "change host %s", id)
}

// lockRow makes others who want to change the row wait until the transaction
// ends. SQLite's single writer has them wait already.
func (s *Store) lockRow(ctx context.Context, tx bun.Tx, table, column, value string) error {
	if !s.postgres {
		return nil
	}
	var one int
	return s.forUpdate(tx.NewSelect().Table(table).ColumnExpr("1").Where("? = ?", bun.Ident(column), value)).Scan(ctx, &one)
}

// SaveHeartbeats implements [store.Hosts].
func (s *Store) SaveHeartbeats(ctx context.Context, seen time.Time, beats map[event.HostID]fleet.Heartbeat) error {
	rows := make([]beatRow, 0, len(beats))
	for _, id := range slices.Sorted(maps.Keys(beats)) { // one order for all servers, against deadlocks
		b := beats[id]
		doc, err := column.Encode(b)
		if err != nil {
			return fmt.Errorf("save the heartbeat of host %s: %w", id, err)
		}
		rows = append(rows, beatRow{Host: column.Clean(string(id)), Seen: column.Nanos(seen), Search: column.Fold(strings.Join(b.Addresses, " ")), Doc: doc})
	}
	err := s.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		for chunk := range slices.Chunk(rows, beatsPerStatement) {
			if err := saveBeats(ctx, tx, chunk); err != nil {
				return err
			}
		}
		return nil
	})
	return problem(err, "save %d heartbeats", len(beats))
}

func saveBeats(ctx context.Context, tx bun.Tx, rows []beatRow) error {
	ids := make([]string, len(rows))
	for i, r := range rows {
		ids[i] = r.Host
	}
	var known []string
	if err := tx.NewSelect().Table("hosts").Column("id").Where("id IN (?)", bun.List(ids)).Scan(ctx, &known); err != nil {
		return err
	}
	slices.Sort(known)
	rows = slices.DeleteFunc(rows, func(r beatRow) bool {
		_, found := slices.BinarySearch(known, r.Host)
		return !found
	})
	if len(rows) == 0 {
		return nil
	}
	_, err := tx.NewInsert().Model(&rows).On("CONFLICT (host) DO UPDATE").
		Set("seen = EXCLUDED.seen, search = EXCLUDED.search, doc = EXCLUDED.doc").Exec(ctx)
	return err
}
