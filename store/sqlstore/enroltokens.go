package sqlstore

import (
	"context"
	"time"

	"github.com/uptrace/bun"

	"github.com/holdfast-security/holdfast/fleet"
	"github.com/holdfast-security/holdfast/store"
	"github.com/holdfast-security/holdfast/store/sqlstore/column"
	"github.com/holdfast-security/holdfast/store/sqlstore/cursor"
	"github.com/holdfast-security/holdfast/store/sqlstore/rows"
)

// enrolTokenRow is a row of enrol_tokens.
type enrolTokenRow struct {
	bun.BaseModel `bun:"table:enrol_tokens,alias:t"`

	ID        string `bun:",pk"`
	Hash      []byte
	Note      string
	Labels    string
	CreatedBy string
	Created   int64
	Expires   int64
	Uses      int64
	MaxUses   int64
	Revoked   bool
}

var enrolTokensByTime = page{kind: "enrol-tokens", columns: []string{"t.created", "t.id"}, numbers: []bool{true, false}, newest: true}

func (r enrolTokenRow) token() (fleet.EnrolToken, error) {
	t := fleet.EnrolToken{
		ID: r.ID, Note: r.Note, By: r.CreatedBy, Created: column.Moment(r.Created), Expires: column.Moment(r.Expires),
		Uses: int(r.Uses), MaxUses: int(r.MaxUses), Revoked: r.Revoked,
	}
	return t, column.Decode(r.Labels, &t.Labels)
}

// AddEnrolToken implements [store.EnrolTokens].
func (s *Store) AddEnrolToken(ctx context.Context, t fleet.EnrolToken, hash []byte) error {
	labels, err := column.Encode(t.Labels)
	if err != nil {
		return err
	}
	row := enrolTokenRow{
		ID: column.Clean(t.ID), Hash: hash, Note: column.Clean(t.Note), Labels: labels, CreatedBy: column.Clean(t.By),
		Created: column.Nanos(t.Created), Expires: column.Nanos(t.Expires), Uses: int64(t.Uses), MaxUses: int64(t.MaxUses), Revoked: t.Revoked,
	}
	_, err = s.write.NewInsert().Model(&row).Exec(ctx)
	return problem(err, "add enrolment token %s", t.ID)
}

// EnrolTokens implements [store.EnrolTokens].
func (s *Store) EnrolTokens(ctx context.Context, p store.Page) (store.List[fleet.EnrolToken], error) {
	var rows []enrolTokenRow
	q, err := enrolTokensByTime.apply(s.read.NewSelect().Model(&rows), p)
	if err == nil {
		err = q.Scan(ctx)
	}
	if err != nil {
		return store.List[fleet.EnrolToken]{}, problem(err, "list enrolment tokens")
	}
	return list(enrolTokensByTime, p, rows, enrolTokenRow.token, func(r enrolTokenRow) []string { return []string{cursor.Int(r.Created), r.ID} })
}

// RevokeEnrolToken implements [store.EnrolTokens]. Revoking again is no error.
func (s *Store) RevokeEnrolToken(ctx context.Context, id string) error {
	res, err := s.write.NewUpdate().Model((*enrolTokenRow)(nil)).Set("revoked = ?", true).Where("id = ?", column.Clean(id)).Exec(ctx)
	return problem(rows.One(res, err), "revoke enrolment token %s", id)
}

// UseEnrolToken implements [store.EnrolTokens]. One statement looks the token
// up by its hash, checks and counts, so that two hosts never share a last use
// and every refusal takes the same path.
func (s *Store) UseEnrolToken(ctx context.Context, hash []byte, now time.Time) (fleet.EnrolToken, error) {
	var row enrolTokenRow
	err := s.write.NewUpdate().Model(&row).Set("uses = uses + 1").
		Where("hash = ?", hash).Where("NOT revoked").Where("expires > ?", column.Nanos(now)).
		Where("(max_uses = 0 OR uses < max_uses)").Returning("*").Scan(ctx)
	if err != nil {
		return fleet.EnrolToken{}, problem(err, "use an enrolment token")
	}
	return row.token()
}
