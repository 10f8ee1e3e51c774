// Package setting keeps the named documents of the state database: the
// server's settings and its secrets.
package setting

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/holdfast-security/holdfast/store"
	"github.com/holdfast-security/holdfast/store/sqlstore/column"
	"github.com/holdfast-security/holdfast/store/sqlstore/conn"
	"github.com/holdfast-security/holdfast/store/sqlstore/rows"
)

// Table keeps settings. It is made by [New]; its methods may be called from any
// goroutine.
type Table struct{ write, read *bun.DB }

// New returns the settings of a database: write is for changes, read for all else.
func New(write, read *bun.DB) Table { return Table{write, read} }

// settingRow is a row of settings.
type settingRow struct {
	bun.BaseModel `bun:"table:settings,alias:s"`

	Name    string `bun:",pk"`
	Version int64
	Value   []byte
}

// Setting implements [store.Settings].
func (t *Table) Setting(ctx context.Context, name string) (value []byte, version int64, err error) {
	var row settingRow
	err = t.read.NewSelect().Model(&row).Where("name = ?", column.Clean(name)).Scan(ctx)
	return row.Value, row.Version, conn.Problem(err, "read setting %s", name)
}

// SaveSetting implements [store.Settings]. Version is the one that was read,
// zero for a setting that must not be there yet, or [store.AnyVersion]. It
// returns the new version; ErrConflict if somebody else changed the setting.
func (t *Table) SaveSetting(ctx context.Context, name string, version int64, value []byte) (int64, error) {
	row := settingRow{Name: column.Clean(name), Version: 1, Value: value}
	if row.Value == nil {
		row.Value = []byte{}
	}
	q := t.write.NewInsert().Model(&row).On("CONFLICT (name) DO UPDATE").
		Set("version = s.version + 1, value = EXCLUDED.value").Returning("version")
	switch {
	case version == 0:
		q = t.write.NewInsert().Model(&row).On("CONFLICT (name) DO NOTHING").Returning("version")
	case version != store.AnyVersion:
		return t.replaceSetting(ctx, row, version)
	}
	var saved int64
	err := q.Scan(ctx, &saved)
	return saved, conn.Problem(conflict(err), "save setting %s", name)
}

func (t *Table) replaceSetting(ctx context.Context, row settingRow, version int64) (int64, error) {
	row.Version = version + 1
	res, err := t.write.NewUpdate().Model(&row).WherePK().Where("version = ?", version).Exec(ctx)
	return row.Version, conn.Problem(conflict(rows.One(res, err)), "save setting %s", row.Name)
}

// conflict turns "no row" into ErrConflict, where a row of the expected version
// should have been changed.
func conflict(err error) error {
	if err != nil && rows.Missing(err) {
		return fmt.Errorf("the version is not the present one: %w", store.ErrConflict)
	}
	return err
}
