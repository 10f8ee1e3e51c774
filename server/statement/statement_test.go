package statement

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nkeys"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/fleet"
	"github.com/holdfast-security/holdfast/policy"
	"github.com/holdfast-security/holdfast/store"
	"github.com/holdfast-security/holdfast/store/sqlstore"
	"github.com/holdfast-security/holdfast/wire"
)

const testHost event.HostID = "haaaaaaaaaaaaaaaa"

func openState(t *testing.T) *sqlstore.Store {
	t.Helper()
	st, err := sqlstore.Open(t.Context(), sqlstore.Config{Path: filepath.Join(t.TempDir(), "state.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	host := fleet.Host{ID: testHost, Name: "web-1", State: fleet.Active, PublicKey: "U1", Enrolled: time.Now(), Labels: map[string]string{"group": "web"}}
	if err := st.AddHost(t.Context(), host); err != nil {
		t.Fatal(err)
	}
	return st
}

var quiet = slog.New(slog.DiscardHandler)

func TestStoredPoliciesAreTakenWholeOrNotAtAll(t *testing.T) {
	st := openState(t)
	s := New(quiet, nil, st, nil)
	if err := s.Load(t.Context(), st); err != nil {
		t.Fatal(err)
	}
	if all, version := s.Policies(); all.Assignments == nil || len(all.Assignments) != 0 || version != 0 {
		t.Errorf("without policies: %+v, version %d", all, version)
	}
	good := policy.Assignments{Assignments: []policy.Assignment{{Policy: policy.Policy{HeartbeatSeconds: 30}}}}
	version, err := s.SetPolicies(t.Context(), st, good, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.SetPolicies(t.Context(), st, policy.Assignments{}, 0); !errors.Is(err, store.ErrConflict) {
		t.Errorf("policies that build on others were taken: %v", err)
	}
	for _, text := range []string{"", "[]", `{"assignments": [{"policy": {"heartbeat_seconds": 1}}]}`} {
		if _, err := st.SaveSetting(t.Context(), PoliciesName, store.AnyVersion, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if err := s.Load(t.Context(), st); err == nil {
			t.Errorf("%q is taken for policies", text)
		}
	}
	if all, now := s.Policies(); now != version || all.Of("h1", nil).HeartbeatSeconds != 30 {
		t.Errorf("after refusals: %+v, version %d", all, now)
	}
	if _, err := st.SaveSetting(t.Context(), PoliciesName, store.AnyVersion, []byte(`{"assignments": [{"policy": {"disable": ["of tomorrow"]}}]}`)); err != nil {
		t.Fatal(err)
	}
	if err := s.Load(t.Context(), st); err != nil {
		t.Errorf("policies of a newer server: %v", err)
	}
}

func TestPoliciesAreSignedAnewOnlyWhenChanged(t *testing.T) {
	st := openState(t)
	pair, err := nkeys.CreateAccount()
	if err != nil {
		t.Fatal(err)
	}
	sent := 0
	s := New(quiet, pair, st, func(context.Context, event.HostID, wire.Signed) error {
		sent++
		return nil
	})
	host := fleet.Host{ID: testHost}
	first, err := s.Policy(t.Context(), host)
	if err != nil {
		t.Fatal(err)
	}
	second, err := s.Policy(t.Context(), host)
	if err != nil || string(first.Message) != string(second.Message) {
		t.Errorf("the same policy was signed twice, %v", err)
	}
	s.Refresh(t.Context(), host)
	if sent != 0 {
		t.Error("a policy that did not change was sent")
	}
	changed := policy.Assignments{Assignments: []policy.Assignment{{Policy: policy.Policy{RawRecords: true}}}}
	if _, err := s.SetPolicies(t.Context(), st, changed, store.AnyVersion); err != nil {
		t.Fatal(err)
	}
	s.Refresh(t.Context(), host)
	if sent != 1 {
		t.Errorf("a policy that changed was sent %d times", sent)
	}
}

func TestBundles(t *testing.T) {
	st := openState(t)
	pair, err := nkeys.CreateAccount()
	if err != nil {
		t.Fatal(err)
	}
	var sent []wire.Signed
	s := New(quiet, pair, st, func(_ context.Context, _ event.HostID, signed wire.Signed) error {
		sent = append(sent, signed)
		return nil
	})
	if _, err := s.Bundle(t.Context(), testHost, "rules"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a bundle that is not there: %v", err)
	}
	for _, size := range []int{0, wire.MaxBundle + 1} {
		if err := s.SetBundle("rules", make([]byte, size)); err == nil {
			t.Errorf("a bundle of %d bytes is taken", size)
		}
	}
	content := bytes.Repeat([]byte("0123456789"), wire.MaxChunk/5)
	if err := s.SetBundle("rules", content); err != nil {
		t.Fatal(err)
	}
	s.Announce(t.Context(), "rules")
	first, err := s.Bundle(t.Context(), testHost, "rules")
	if err != nil {
		t.Fatal(err)
	}
	again, err := s.Bundle(t.Context(), testHost, "rules")
	if err != nil || string(again.Message) != string(first.Message) {
		t.Errorf("the same bundle was signed twice, %v", err)
	}
	s.Announce(t.Context(), "rules")
	if len(sent) != 0 {
		t.Error("a bundle was announced that nobody asked for, or that did not change")
	}
	if err := s.SetBundle("rules", content[1:]); err != nil {
		t.Fatal(err)
	}
	s.Announce(t.Context(), "rules")
	if len(sent) != 1 || string(sent[0].Message) == string(first.Message) {
		t.Errorf("a bundle that changed was announced %d times", len(sent))
	}
}

func TestChunks(t *testing.T) {
	s := New(quiet, nil, nil, nil)
	content := bytes.Repeat([]byte("0123456789"), wire.MaxChunk/5)
	if err := s.SetBundle("rules", content); err != nil {
		t.Fatal(err)
	}
	var got []byte
	for len(got) < len(content) {
		c, err := s.Chunk(wire.FetchRequest{Name: "rules", Digest: wire.Digest(content), Offset: int64(len(got))})
		if err != nil || c.Gone || len(c.Data) == 0 || len(c.Data) > wire.MaxChunk {
			t.Fatalf("%d bytes, gone %v, %v", len(c.Data), c.Gone, err)
		}
		got = append(got, c.Data...)
	}
	if !bytes.Equal(got, content) {
		t.Error("the chunks are not the content")
	}
	for name, r := range map[string]wire.FetchRequest{
		"another content": {Name: "rules", Digest: wire.Digest(nil)},
		"behind the end":  {Name: "rules", Digest: wire.Digest(content), Offset: int64(len(content))},
		"before it":       {Name: "rules", Digest: wire.Digest(content), Offset: -1},
	} {
		if c, err := s.Chunk(r); err != nil || !c.Gone || c.Data != nil {
			t.Errorf("%s: %+v, %v", name, c, err)
		}
	}
	if _, err := s.Chunk(wire.FetchRequest{Name: "other"}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("another bundle: %v", err)
	}
}
