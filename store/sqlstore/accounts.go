package sqlstore

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/holdfast-security/holdfast/account"
	"github.com/holdfast-security/holdfast/store"
	"github.com/holdfast-security/holdfast/store/sqlstore/column"
	"github.com/holdfast-security/holdfast/store/sqlstore/rows"
)

// userRow is a row of users.
type userRow struct {
	bun.BaseModel `bun:"table:users,alias:u"`

	Name     string `bun:",pk"`
	FullName string
	Role     string
	Disabled bool
	External bool
	Created  int64
	LastSeen int64
	Version  int64
	Password string
}

var usersByName = page{kind: "users", columns: []string{"u.name"}, numbers: []bool{false}}

func newUserRow(u account.User, password string) userRow {
	return userRow{
		Name: column.Clean(u.Name), FullName: column.Clean(u.FullName), Role: string(u.Role), Disabled: u.Disabled, External: u.External,
		Created: column.Nanos(u.Created), LastSeen: column.Nanos(u.LastSeen), Version: u.Version, Password: password,
	}
}

func (r userRow) user() (account.User, error) {
	return account.User{
		Name: r.Name, FullName: r.FullName, Role: account.Role(r.Role), Disabled: r.Disabled, External: r.External,
		Created: column.Moment(r.Created), LastSeen: column.Moment(r.LastSeen), Version: r.Version,
	}, nil
}

// AddUser implements [store.Accounts].
func (s *Store) AddUser(ctx context.Context, u account.User, password string) error {
	row := newUserRow(u, password)
	_, err := s.write.NewInsert().Model(&row).Exec(ctx)
	return problem(err, "add user %s", u.Name)
}

// User implements [store.Accounts].
func (s *Store) User(ctx context.Context, name string) (account.User, error) {
	row, err := oneUser(ctx, s.read.NewSelect(), name)
	if err != nil {
		return account.User{}, problem(err, "read user %s", name)
	}
	return row.user()
}

func oneUser(ctx context.Context, q *bun.SelectQuery, name string) (userRow, error) {
	var row userRow
	err := q.Model(&row).Where("name = ?", column.Clean(name)).Scan(ctx)
	return row, err
}

// PasswordHash implements [store.Accounts].
func (s *Store) PasswordHash(ctx context.Context, name string) (string, error) {
	row, err := oneUser(ctx, s.read.NewSelect(), name)
	return row.Password, problem(err, "read the password hash of user %s", name)
}

// Users implements [store.Accounts].
func (s *Store) Users(ctx context.Context, p store.Page) (store.List[account.User], error) {
	var rows []userRow
	q, err := usersByName.apply(s.read.NewSelect().Model(&rows), p)
	if err == nil {
		err = q.Scan(ctx)
	}
	if err != nil {
		return store.List[account.User]{}, problem(err, "list users")
	}
	return list(usersByName, p, rows, userRow.user, func(r userRow) []string { return []string{r.Name} })
}

// ChangeUser implements [store.Accounts]. change runs in a transaction and
// must not call the store.
func (s *Store) ChangeUser(ctx context.Context, name string, version int64, change func(*account.User) error) (account.User, error) {
	var user account.User
	err := s.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		row, err := oneUser(ctx, s.forUpdate(tx.NewSelect()), name)
		if err != nil {
			return err
		}
		if version != store.AnyVersion && version != row.Version {
			return fmt.Errorf("version %d is not the present %d: %w", version, row.Version, store.ErrConflict)
		}
		if user, err = row.user(); err != nil {
			return err
		}
		changed := user
		if err := change(&changed); err != nil {
			return err
		}
		user.FullName, user.Role, user.Disabled, user.LastSeen = changed.FullName, changed.Role, changed.Disabled, changed.LastSeen
		user.Version++
		row = newUserRow(user, row.Password)
		_, err = tx.NewUpdate().Model(&row).WherePK().Exec(ctx)
		return err
	})
	return user, problem(err, "change user %s", name)
}

// SetPassword implements [store.Accounts].
func (s *Store) SetPassword(ctx context.Context, name, hash string) error {
	res, err := s.write.NewUpdate().Model((*userRow)(nil)).Set("password = ?", hash).Set("version = version + 1").
		Where("name = ?", column.Clean(name)).Exec(ctx)
	return problem(rows.One(res, err), "set the password of user %s", name)
}

// DropUser implements [store.Accounts]. The user's own saved views go as well;
// what others see stays.
func (s *Store) DropUser(ctx context.Context, name string) error {
	err := s.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		res, err := tx.NewDelete().Model((*userRow)(nil)).Where("name = ?", column.Clean(name)).Exec(ctx)
		if err := rows.One(res, err); err != nil {
			return err
		}
		if _, err := tx.NewDelete().Table("views").Where("owner = ?", column.Clean(name)).Where("NOT shared").Exec(ctx); err != nil {
			return err
		}
		return dropSessions(ctx, tx, name)
	})
	return problem(err, "drop user %s", name)
}
