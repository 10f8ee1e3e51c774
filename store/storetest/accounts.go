package storetest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/holdfast-security/holdfast/account"
	"github.com/holdfast-security/holdfast/store"
)

func user(name string) account.User {
	return account.User{Name: name, FullName: "Anna Ö", Role: account.Responder, Created: start, Version: 1}
}

func users(t *testing.T, s store.State) {
	ctx := t.Context()
	var want []account.User
	for i := range 5 {
		u := user(fmt.Sprintf("user-%d", i))
		ok(t, s.AddUser(ctx, u, "hash"))
		want = append(want, u)
	}
	wantError(t, s.AddUser(ctx, want[0], ""), store.ErrExists)
	same(t, walk(t, 2, s.Users), want)
	refusesCursors(t, "bnVsbA", s.Users)

	_, err := s.User(ctx, "nobody")
	wantError(t, err, store.ErrNotFound)
	_, err = s.PasswordHash(ctx, "nobody")
	wantError(t, err, store.ErrNotFound)
	wantError(t, s.SetPassword(ctx, "nobody", "x"), store.ErrNotFound)
	wantError(t, s.DropUser(ctx, "nobody"), store.ErrNotFound)

	_, err = s.ChangeUser(ctx, "user-0", 3, func(*account.User) error { return nil })
	wantError(t, err, store.ErrConflict)
	got, err := s.ChangeUser(ctx, "user-0", 1, func(u *account.User) error {
		u.FullName, u.Role, u.Disabled, u.LastSeen = "Other", account.Admin, true, start.Add(time.Hour)
		u.Name, u.External, u.Created = "not changed", true, time.Time{}
		return nil
	})
	ok(t, err)
	changed := account.User{Name: "user-0", FullName: "Other", Role: account.Admin, Disabled: true, Created: start, LastSeen: start.Add(time.Hour), Version: 2}
	same(t, got, changed)
	got, err = s.User(ctx, "user-0")
	ok(t, err)
	same(t, got, changed)

	ok(t, s.SetPassword(ctx, "user-0", "new"))
	hash, err := s.PasswordHash(ctx, "user-0")
	ok(t, err)
	same(t, hash, "new")

	ok(t, s.SaveSession(ctx, store.Session{ID: "s", User: "user-0", Created: start, Expires: start.Add(time.Hour)}))
	ok(t, s.DropUser(ctx, "user-0"))
	_, err = s.User(ctx, "user-0")
	wantError(t, err, store.ErrNotFound)
	_, err = s.Session(ctx, "s", start)
	wantError(t, err, store.ErrNotFound)
}

func sessions(t *testing.T, s store.State) {
	ctx := t.Context()
	session := store.Session{ID: "s1", User: "anna", Data: []byte{0, 1, 0xff, '\''}, Created: start, Expires: start.Add(time.Hour)}
	ok(t, s.SaveSession(ctx, session))
	session.Data, session.Expires = []byte("changed"), start.Add(2*time.Hour)
	ok(t, s.SaveSession(ctx, session))
	got, err := s.Session(ctx, "s1", start.Add(2*time.Hour-1))
	ok(t, err)
	same(t, got, session)
	_, err = s.Session(ctx, "s1", start.Add(2*time.Hour))
	wantError(t, err, store.ErrNotFound)
	_, err = s.Session(ctx, "other", start)
	wantError(t, err, store.ErrNotFound)

	ok(t, s.DropSession(ctx, "s1"))
	ok(t, s.DropSession(ctx, "s1"))
	_, err = s.Session(ctx, "s1", start)
	wantError(t, err, store.ErrNotFound)

	for _, id := range []string{"a", "b"} {
		ok(t, s.SaveSession(ctx, store.Session{ID: id, User: "anna", Created: start, Expires: start.Add(time.Hour)}))
	}
	ok(t, s.SaveSession(ctx, store.Session{ID: "c", User: "bert", Created: start, Expires: start.Add(time.Hour)}))
	ok(t, s.DropSessions(ctx, "anna"))
	_, err = s.Session(ctx, "a", start)
	wantError(t, err, store.ErrNotFound)
	_, err = s.Session(ctx, "c", start)
	ok(t, err)
}

func tokens(t *testing.T, s store.State) {
	ctx := t.Context()
	var want []account.Token
	for i := range 4 {
		token := account.Token{
			ID: fmt.Sprintf("t%d", i), Note: "ci", Role: account.Reader, By: "anna",
			Created: start.Add(time.Duration(i/2) * time.Second), Expires: start.Add(time.Hour),
		}
		ok(t, s.AddToken(ctx, token, []byte{byte(i)}))
		want = append([]account.Token{token}, want...)
	}
	same(t, walk(t, 3, s.Tokens), want)
	refusesCursors(t, "bnVsbA", s.Tokens)
	wantError(t, s.AddToken(ctx, want[0], []byte("other")), store.ErrExists)

	now := start.Add(90 * time.Second)
	used := want[3]
	used.LastUsed = now.Truncate(time.Minute)
	for range 2 {
		got, err := s.TokenByHash(ctx, []byte{0}, now)
		ok(t, err)
		same(t, got, used)
	}
	_, err := s.TokenByHash(ctx, []byte{0}, start.Add(time.Hour))
	wantError(t, err, store.ErrNotFound)
	_, err = s.TokenByHash(ctx, []byte{9}, now)
	wantError(t, err, store.ErrNotFound)
	ok(t, s.DropToken(ctx, "t0"))
	wantError(t, s.DropToken(ctx, "t0"), store.ErrNotFound)
	_, err = s.TokenByHash(ctx, []byte{0}, now)
	wantError(t, err, store.ErrNotFound)
}

func auditLog(t *testing.T, s store.State) {
	ctx := t.Context()
	for i := range 6 {
		actor, owner := []string{"anna", "bert"}[i%2], ""
		if i == 4 { // through a token of hers
			actor, owner = "token:t1", "anna"
		}
		ok(t, s.Record(ctx, account.Entry{
			Time: start.Add(time.Duration(i) * time.Minute), Actor: actor, Owner: owner,
			Action: []string{"alert.update", "alert_read", "alert.x.y"}[i%3], Object: fmt.Sprint("o", i), Address: "192.0.2.1", Detail: `{"a":1}`, Outcome: "done",
		}))
	}
	tests := []struct {
		name   string
		filter store.AuditFilter
		want   []string
	}{
		{"all", store.AuditFilter{}, []string{"o5", "o4", "o3", "o2", "o1", "o0"}},
		{"actor", store.AuditFilter{Actor: "anna"}, []string{"o4", "o2", "o0"}},
		{"token", store.AuditFilter{Actor: "token:t1"}, []string{"o4"}},
		{"action", store.AuditFilter{Action: "alert.update"}, []string{"o3", "o0"}},
		{"actions", store.AuditFilter{Action: "alert.*"}, []string{"o5", "o3", "o2", "o0"}},
		{"object", store.AuditFilter{Object: "o2"}, []string{"o2"}},
		{"time", store.AuditFilter{Since: start.Add(time.Minute), Until: start.Add(3 * time.Minute)}, []string{"o2", "o1"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for _, e := range walk(t, 2, func(ctx context.Context, p store.Page) (store.List[account.Entry], error) {
				return s.Entries(ctx, test.filter, p)
			}) {
				got = append(got, e.Object)
				if e.ID == 0 || e.Outcome != "done" || e.Time.IsZero() || (e.Owner == "anna") != (e.Actor == "token:t1") {
					t.Errorf("got %+v", e)
				}
			}
			same(t, got, test.want)
		})
	}
	n, err := s.DropEntries(ctx, start.Add(4*time.Minute), 3)
	ok(t, err)
	same(t, n, 3)
	l, err := s.Entries(ctx, store.AuditFilter{}, store.Page{})
	ok(t, err)
	if len(l.Items) != 3 || l.Items[2].Object != "o3" {
		t.Errorf("after dropping: %+v", l.Items)
	}
	n, err = s.DropEntries(ctx, start.Add(time.Hour), 0)
	ok(t, err)
	same(t, n, 0)
}

func views(t *testing.T, s store.State) {
	ctx := t.Context()
	view := func(id, owner string, shared bool) store.View {
		return store.View{ID: id, Owner: owner, Shared: shared, Page: "alerts", Name: "View " + id, Query: "?status=open", Created: start}
	}
	for _, v := range []store.View{view("1", "anna", false), view("2", "anna", true), view("3", "bert", false)} {
		ok(t, s.AddView(ctx, v))
	}
	wantError(t, s.AddView(ctx, view("1", "anna", false)), store.ErrExists)
	got, err := s.Views(ctx, "bert")
	ok(t, err)
	same(t, got, []store.View{view("2", "anna", true), view("3", "bert", false)})
	wantError(t, s.DropView(ctx, "2", "bert"), store.ErrNotFound)
	ok(t, s.DropView(ctx, "2", "anna"))
	ok(t, s.DropView(ctx, "3", ""))
	got, err = s.Views(ctx, "bert")
	ok(t, err)
	same(t, got, []store.View{})
}
