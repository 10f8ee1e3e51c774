package sqlstore

import (
	"context"
	"time"

	"github.com/uptrace/bun"

	"github.com/holdfast-security/holdfast/account"
	"github.com/holdfast-security/holdfast/store"
	"github.com/holdfast-security/holdfast/store/sqlstore/column"
	"github.com/holdfast-security/holdfast/store/sqlstore/cursor"
	"github.com/holdfast-security/holdfast/store/sqlstore/rows"
)

// sessionRow is a row of sessions.
type sessionRow struct {
	bun.BaseModel `bun:"table:sessions,alias:s"`

	ID       string `bun:",pk"`
	UserName string
	Data     []byte
	Created  int64
	Expires  int64
}

// tokenRow is a row of tokens.
type tokenRow struct {
	bun.BaseModel `bun:"table:tokens,alias:t"`

	ID        string `bun:",pk"`
	Hash      []byte
	Note      string
	Role      string
	CreatedBy string
	Created   int64
	Expires   int64
	LastUsed  int64
}

var tokensByTime = page{kind: "tokens", columns: []string{"t.created", "t.id"}, numbers: []bool{true, false}, newest: true}

// SaveSession implements [store.Accounts]: it adds the session or replaces the
// one with the same id. Sessions that expired before the new one was made are
// removed on the way.
func (s *Store) SaveSession(ctx context.Context, session store.Session) error {
	row := sessionRow{
		ID: column.Clean(session.ID), UserName: column.Clean(session.User), Data: session.Data,
		Created: column.Nanos(session.Created), Expires: column.Nanos(session.Expires),
	}
	if row.Data == nil {
		row.Data = []byte{}
	}
	err := s.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		if _, err := tx.NewDelete().Model((*sessionRow)(nil)).Where("expires <= ?", row.Created).Exec(ctx); err != nil {
			return err
		}
		_, err := tx.NewInsert().Model(&row).On("CONFLICT (id) DO UPDATE").
			Set("user_name = EXCLUDED.user_name, data = EXCLUDED.data, created = EXCLUDED.created, expires = EXCLUDED.expires").Exec(ctx)
		return err
	})
	return problem(err, "save a session of %s", session.User)
}

// Session implements [store.Accounts].
func (s *Store) Session(ctx context.Context, id string, now time.Time) (store.Session, error) {
	var row sessionRow
	err := s.read.NewSelect().Model(&row).Where("id = ?", column.Clean(id)).Where("expires > ?", column.Nanos(now)).Scan(ctx)
	if err != nil {
		return store.Session{}, problem(err, "read a session")
	}
	return store.Session{ID: row.ID, User: row.UserName, Data: row.Data, Created: column.Moment(row.Created), Expires: column.Moment(row.Expires)}, nil
}

// DropSession implements [store.Accounts]. One that is not there is no error.
func (s *Store) DropSession(ctx context.Context, id string) error {
	_, err := s.write.NewDelete().Model((*sessionRow)(nil)).Where("id = ?", column.Clean(id)).Exec(ctx)
	return problem(err, "drop a session")
}

// DropSessions implements [store.Accounts].
func (s *Store) DropSessions(ctx context.Context, user string) error {
	return problem(dropSessions(ctx, s.write, user), "drop the sessions of %s", user)
}

func dropSessions(ctx context.Context, db bun.IDB, user string) error {
	_, err := db.NewDelete().Model((*sessionRow)(nil)).Where("user_name = ?", column.Clean(user)).Exec(ctx)
	return err
}

func (r tokenRow) token() (account.Token, error) {
	return account.Token{
		ID: r.ID, Note: r.Note, Role: account.Role(r.Role), By: r.CreatedBy,
		Created: column.Moment(r.Created), Expires: column.Moment(r.Expires), LastUsed: column.Moment(r.LastUsed),
	}, nil
}

// AddToken implements [store.Accounts].
func (s *Store) AddToken(ctx context.Context, t account.Token, hash []byte) error {
	row := tokenRow{
		ID: column.Clean(t.ID), Hash: hash, Note: column.Clean(t.Note), Role: string(t.Role), CreatedBy: column.Clean(t.By),
		Created: column.Nanos(t.Created), Expires: column.Nanos(t.Expires), LastUsed: column.Nanos(t.LastUsed),
	}
	_, err := s.write.NewInsert().Model(&row).Exec(ctx)
	return problem(err, "add token %s", t.ID)
}

// TokenByHash implements [store.Accounts]. It writes at most once a minute for
// a token, so that programs which poll cost a read. Where the use cannot be
// noted, on a full disk for one, the token is good all the same: people have to
// see what happens just then.
func (s *Store) TokenByHash(ctx context.Context, hash []byte, now time.Time) (account.Token, error) {
	var row tokenRow
	err := s.read.NewSelect().Model(&row).Where("hash = ?", hash).Where("expires > ?", column.Nanos(now)).Scan(ctx)
	if err != nil {
		return account.Token{}, problem(err, "find an API token")
	}
	if minute := column.Nanos(now.UTC().Truncate(time.Minute)); minute > row.LastUsed {
		before := row.LastUsed
		row.LastUsed = minute
		_, err = s.write.NewUpdate().Model(&row).Column("last_used").WherePK().Where("last_used < ?", minute).Exec(ctx)
		switch {
		case ctx.Err() != nil:
			return account.Token{}, problem(err, "note the use of token %s", row.ID)
		case err != nil:
			row.LastUsed = before
		}
	}
	return row.token()
}

// Tokens implements [store.Accounts].
func (s *Store) Tokens(ctx context.Context, p store.Page) (store.List[account.Token], error) {
	var rows []tokenRow
	q, err := tokensByTime.apply(s.read.NewSelect().Model(&rows), p)
	if err == nil {
		err = q.Scan(ctx)
	}
	if err != nil {
		return store.List[account.Token]{}, problem(err, "list tokens")
	}
	return list(tokensByTime, p, rows, tokenRow.token, func(r tokenRow) []string { return []string{cursor.Int(r.Created), r.ID} })
}

// DropToken implements [store.Accounts].
func (s *Store) DropToken(ctx context.Context, id string) error {
	res, err := s.write.NewDelete().Model((*tokenRow)(nil)).Where("id = ?", column.Clean(id)).Exec(ctx)
	return problem(rows.One(res, err), "drop token %s", id)
}
