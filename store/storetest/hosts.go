package storetest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/fleet"
	"github.com/holdfast-security/holdfast/store"
)

func host(id, name string) fleet.Host {
	return fleet.Host{
		ID: event.HostID(id), Name: name, State: fleet.Active, PublicKey: "U" + id,
		Labels: map[string]string{"group": "web"}, Enrolled: start, Version: 1,
	}
}

func hosts(t *testing.T, s store.State) {
	ctx := t.Context()
	h := host("h1", "web-1")
	ok(t, s.AddHost(ctx, h))
	wantError(t, s.AddHost(ctx, h), store.ErrExists)
	other := host("h2", "web-2")
	other.PublicKey = h.PublicKey
	wantError(t, s.AddHost(ctx, other), store.ErrExists)
	_, err := s.Host(ctx, "h2")
	wantError(t, err, store.ErrNotFound)
	got, err := s.Host(ctx, "h1")
	ok(t, err)
	same(t, got, h)

	_, err = s.ChangeHost(ctx, "h2", 1, func(*fleet.Host) error { return nil })
	wantError(t, err, store.ErrNotFound)
	_, err = s.ChangeHost(ctx, "h1", 7, func(*fleet.Host) error { return nil })
	wantError(t, err, store.ErrConflict)
	refused := errors.New("refused")
	_, err = s.ChangeHost(ctx, "h1", 1, func(h *fleet.Host) error { h.Name = "no"; h.Labels["x"] = "y"; return refused })
	wantError(t, err, refused)
	changed, err := s.ChangeHost(ctx, "h1", 1, func(h *fleet.Host) error {
		h.Name, h.State, h.PublicKey = "WEB-9", fleet.Revoked, "not changed"
		h.Labels = map[string]string{"group": "db", "owner": "anna"}
		return nil
	})
	ok(t, err)
	h.Name, h.State, h.Version, h.Labels = "WEB-9", fleet.Revoked, 2, map[string]string{"group": "db", "owner": "anna"}
	same(t, changed, h)
	got, err = s.Host(ctx, "h1")
	ok(t, err)
	same(t, got, h)
	_, err = s.ChangeHost(ctx, "h1", store.AnyVersion, func(*fleet.Host) error { return nil })
	ok(t, err)
}

func hostPages(t *testing.T, s store.State) {
	ctx := t.Context()
	for i := range 7 {
		h := host(fmt.Sprintf("h%d", i), fmt.Sprintf("Name_%d%%", i/2))
		h.Labels["odd"] = fmt.Sprint(i%2 == 1)
		if i == 6 {
			h.State = fleet.Revoked
		}
		ok(t, s.AddHost(ctx, h))
	}
	beat := fleet.Heartbeat{Addresses: []string{"192.0.2.7", "2001:DB8::7"}}
	ok(t, s.SaveHeartbeats(ctx, start, map[event.HostID]fleet.Heartbeat{"h3": beat}))

	tests := []struct {
		name   string
		filter store.HostFilter
		want   []string
	}{
		{"all", store.HostFilter{}, []string{"h0", "h1", "h2", "h3", "h4", "h5", "h6"}},
		{"state", store.HostFilter{State: fleet.Revoked}, []string{"h6"}},
		{"name in other case", store.HostFilter{Text: "nAME_1"}, []string{"h2", "h3"}},
		{"text is no pattern", store.HostFilter{Text: "name%1"}, nil},
		{"underscore is itself", store.HostFilter{Text: "e_2%"}, []string{"h4", "h5"}},
		{"id", store.HostFilter{Text: "H5"}, []string{"h5"}},
		{"address", store.HostFilter{Text: "2001:db8"}, []string{"h3"}},
		{"label", store.HostFilter{Labels: map[string]string{"odd": "true"}}, []string{"h1", "h3", "h5"}},
		{"labels and text", store.HostFilter{Labels: map[string]string{"odd": "true", "group": "web"}, Text: "name_2"}, []string{"h5"}},
		{"label of nobody", store.HostFilter{Labels: map[string]string{"odd": "maybe"}}, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for _, limit := range []int{1, 3, 1000} {
				var got []string
				for _, h := range walk(t, limit, func(ctx context.Context, p store.Page) (store.List[fleet.Host], error) {
					return s.Hosts(ctx, test.filter, p)
				}) {
					got = append(got, string(h.ID))
				}
				same(t, got, test.want)
			}
		})
	}
	l, err := s.Users(ctx, store.Page{})
	ok(t, err)
	refusesCursors(t, "WyJ1c2VycyIsImEiXQ"+l.Next, func(ctx context.Context, p store.Page) (store.List[fleet.Host], error) {
		return s.Hosts(ctx, store.HostFilter{}, p)
	})
}

func heartbeats(t *testing.T, s store.State) {
	ctx := t.Context()
	ok(t, s.AddHost(ctx, host("h1", "web-1")))
	beat := fleet.Heartbeat{
		Time: start, Hostname: "web-1", OS: "Debian", Addresses: []string{"192.0.2.1"}, Started: start.Add(-time.Hour), CPU: 1.5,
		Features: []fleet.Feature{{Name: "audit", State: "running", Since: start, Counters: []fleet.Counter{{Name: "lost", Value: 1 << 63, Dropped: true}}}},
		Ledger:   fleet.Ledger{Epoch: "e", Produced: 7, Dropped: map[fleet.Reason]uint64{fleet.QueueFull: 2}},
	}
	ok(t, s.SaveHeartbeats(ctx, start, nil))
	for _, seen := range []time.Time{start, start.Add(time.Minute)} {
		beat.Ledger.Produced++
		ok(t, s.SaveHeartbeats(ctx, seen, map[event.HostID]fleet.Heartbeat{"h1": beat, "unknown": beat}))
		got, err := s.Host(ctx, "h1")
		ok(t, err)
		if !got.LastSeen.Equal(seen) || got.Version != 1 {
			t.Errorf("last seen %v in version %d", got.LastSeen, got.Version)
		}
		same(t, got.Heartbeat, &beat)
	}
	_, err := s.Host(ctx, "unknown")
	wantError(t, err, store.ErrNotFound)
}

func enrolTokens(t *testing.T, s store.State) {
	ctx := t.Context()
	var want []fleet.EnrolToken
	for i := range 5 {
		token := fleet.EnrolToken{
			ID: fmt.Sprintf("t%d", i), Note: "rack", Labels: map[string]string{"group": "web"}, By: "anna",
			Created: start.Add(time.Duration(i/2) * time.Second), Expires: start.Add(time.Hour), MaxUses: 2,
		}
		ok(t, s.AddEnrolToken(ctx, token, []byte{byte(i), 0, 0xff}))
		want = append([]fleet.EnrolToken{token}, want...)
	}
	wantError(t, s.AddEnrolToken(ctx, want[0], []byte("other")), store.ErrExists)
	same(t, walk(t, 2, s.EnrolTokens), want)
	refusesCursors(t, "bnVsbA", s.EnrolTokens)

	for uses := 1; uses <= 2; uses++ {
		got, err := s.UseEnrolToken(ctx, []byte{1, 0, 0xff}, start)
		ok(t, err)
		if got.ID != "t1" || got.Uses != uses || got.Labels["group"] != "web" {
			t.Errorf("got %+v", got)
		}
	}
	ok(t, s.RevokeEnrolToken(ctx, "t2"))
	ok(t, s.RevokeEnrolToken(ctx, "t2"))
	wantError(t, s.RevokeEnrolToken(ctx, "none"), store.ErrNotFound)
	refused := []struct {
		name string
		hash []byte
		now  time.Time
	}{
		{"used up", []byte{1, 0, 0xff}, start},
		{"revoked", []byte{2, 0, 0xff}, start},
		{"expired", []byte{3, 0, 0xff}, start.Add(time.Hour)},
		{"unknown", []byte{9}, start},
		{"no hash", nil, start},
	}
	for _, test := range refused {
		_, err := s.UseEnrolToken(ctx, test.hash, test.now)
		if !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s: error is %v", test.name, err)
		}
	}
}
