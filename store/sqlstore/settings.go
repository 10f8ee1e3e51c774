package sqlstore

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/holdfast-security/holdfast/store"
	"github.com/holdfast-security/holdfast/store/sqlstore/column"
)

// settingRow is a row of settings.
type settingRow struct {
	bun.BaseModel `bun:"table:settings,alias:s"`

	Name    string `bun:",pk"`
	Version int64
	Value   []byte
}

// Setting implements [store.Settings].
func (s *Store) Setting(ctx context.Context, name string) (value []byte, version int64, err error) {
	var row settingRow
	err = s.read.NewSelect().Model(&row).Where("name = ?", column.Clean(name)).Scan(ctx)
	return row.Value, row.Version, problem(err, "read setting %s", name)
}

// SaveSetting implements [store.Settings]. Version is the one that was read,
// zero for a setting that must not be there yet, or [store.AnyVersion]. It
// returns the new version; ErrConflict if somebody else changed the setting.
func (s *Store) SaveSetting(ctx context.Context, name string, version int64, value []byte) (int64, error) {
	row := settingRow{Name: column.Clean(name), Version: 1, Value: value}
	if row.Value == nil {
		row.Value = []byte{}
	}
	q := s.write.NewInsert().Model(&row).On("CONFLICT (name) DO UPDATE").
		Set("version = s.version + 1, value = EXCLUDED.value").Returning("version")
	switch {
	case version == 0:
		q = s.write.NewInsert().Model(&row).On("CONFLICT (name) DO NOTHING").Returning("version")
	case version != store.AnyVersion:
		return s.replaceSetting(ctx, row, version)
	}
	var saved int64
	err := q.Scan(ctx, &saved)
	return saved, problem(conflict(err), "save setting %s", name)
}

func (s *Store) replaceSetting(ctx context.Context, row settingRow, version int64) (int64, error) {
	row.Version = version + 1
	res, err := s.write.NewUpdate().Model(&row).WherePK().Where("version = ?", version).Exec(ctx)
	return row.Version, problem(conflict(oneRow(res, err)), "save setting %s", row.Name)
}

// conflict turns "no row" into ErrConflict, where a row of the expected version
// should have been changed.
func conflict(err error) error {
	if err != nil && isNotFound(err) {
		return fmt.Errorf("the version is not the present one: %w", store.ErrConflict)
	}
	return err
}
