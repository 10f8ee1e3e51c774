package hostile_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/holdfast-security/holdfast/agent/identity"
	"github.com/holdfast-security/holdfast/agent/transport"
	"github.com/holdfast-security/holdfast/api"
	"github.com/holdfast-security/holdfast/api/client"
	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/internal/hosttest"
	"github.com/holdfast-security/holdfast/test/fleet"
	"github.com/holdfast-security/holdfast/wire"
)

// TestRevokedHost revokes a host while its agent, and somebody who stole its
// credential, are connected: both are cut off at once, and the agent says why.
func TestRevokedHost(t *testing.T) {
	s := fleet.NewServer(t, fleet.ServerOptions{})
	a := s.Enrol("only: [procfs]")
	a.Start()
	a.AwaitConnected()
	id, err := identity.Load(a.StateDir)
	if err != nil {
		t.Fatal(err)
	}
	thief := connect(t, id, 1)
	began := time.Now()
	if _, _, err := s.Client().RevokeHost(t.Context(), string(a.Host)); err != nil {
		t.Fatal(err)
	}
	fleet.Await(t, "the thief is cut off", thief.IsClosed)
	t.Logf("cut off after %v", time.Since(began))
	fleet.Await(t, "the agent knows", func() bool {
		report, err := a.Status()
		return err == nil && report.Server.Connection.State == transport.Revoked
	})
	if text := a.StatusText(); !strings.Contains(text, "the host was revoked") || !strings.Contains(text, "unenroll") {
		t.Errorf("status says:\n%s", text)
	}
	grows(t, "a revoked credential", refusal(s, "credential"), func() {
		if again, err := tryConnect(t, id, 1); err == nil {
			again.Close()
			t.Error("a revoked host is let in")
		} else if !errors.Is(err, nats.ErrAuthorization) && !errors.Is(err, nats.ErrAuthRevoked) {
			t.Errorf("a revoked host is refused with: %v", err)
		}
	})
	s.Kill()
	s.Start()
	if again, err := tryConnect(t, id, 1); err == nil {
		again.Close()
		t.Error("a restart forgot that the host is revoked")
	}
}

// TestTokensEnd tries tokens that are used up, revoked, wrong, and, in a full
// run, expired, which takes a minute.
func TestTokensEnd(t *testing.T) {
	s := fleet.NewServer(t, fleet.ServerOptions{})
	short, _ := s.EnrolToken(api.NewEnrollToken{Note: "short", Expires: 60})
	expires := time.Now().Add(61 * time.Second)
	used, _ := s.EnrolToken(api.NewEnrollToken{Note: "once", MaxUses: 1})
	if _, err := enrolWith(t, used); err != nil {
		t.Fatal(err)
	}
	revoked, id := s.EnrolToken(api.NewEnrollToken{Note: "revoked"})
	if err := s.Client().DeleteEnrollToken(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	token, err := wire.ParseToken(used)
	if err != nil {
		t.Fatal(err)
	}
	token.Secret = strings.Repeat("x", len(token.Secret))
	guessed, err := token.Format()
	if err != nil {
		t.Fatal(err)
	}
	bad := map[string]string{"used": used, "revoked": revoked, "guessed": guessed}
	for name, text := range bad {
		refusedToken(t, name, text)
	}
	log, err := s.Client().ListAuditLog(t.Context(), client.ListAuditLogQuery{Action: "host.enroll"})
	if err != nil {
		t.Fatal(err)
	}
	noted := 0
	for _, e := range log.Items {
		if e.Outcome == "refused" {
			noted++
		}
	}
	if noted < len(bad) {
		t.Errorf("the audit log tells of %d refused enrolments, want at least %d", noted, len(bad))
	}
	if hosttest.Full() {
		time.Sleep(time.Until(expires))
		refusedToken(t, "expired", short)
	}
	token.Pin = strings.Repeat("0", len(token.Pin))
	if text, err := token.Format(); err != nil {
		t.Error(err)
	} else if _, err := enrolWith(t, text); err == nil || errors.Is(err, transport.ErrRefused) {
		t.Errorf("a server that is not the token's: %v", err)
	}
}

func refusedToken(t *testing.T, name, text string) {
	t.Helper()
	_, err := enrolWith(t, text)
	if !errors.Is(err, transport.ErrRefused) || !strings.Contains(err.Error(), "token") {
		t.Errorf("a token that is %s: %v", name, err)
	}
	if err != nil && strings.Contains(err.Error(), text[5:]) {
		t.Errorf("a token that is %s: the error repeats it", name)
	}
}

// TestForgedStatements puts statements into a running agent's ears that it must
// not obey, from a place that no outsider has: within the server's own account.
func TestForgedStatements(t *testing.T) {
	s := fleet.NewServer(t, fleet.ServerOptions{})
	a := s.Enrol("only: [procfs]")
	a.Start()
	a.AwaitConnected()
	inside := insider(t, s)
	genuine, forger := keyOf(t, s, "signing"), newKey(t)
	body := []byte(`{"version":1,"disable":["procfs"]}`)
	statement := wire.Statement{Kind: wire.KindPolicy, Host: a.Host, Serial: 1 << 40, Issued: time.Now(), Body: body}
	misdirected, expired, unknown, replayed := statement, statement, statement, statement
	misdirected.Host = "h0000000000000000"
	expired.Expires = time.Now().Add(-time.Hour)
	unknown.Kind = "dance"
	replayed.Serial = 0
	counters := func() transport.Counters {
		report, err := a.Status()
		if err != nil {
			t.Fatal(err)
		}
		return report.Server.Connection.Counters
	}
	policy := func() uint64 {
		report, err := a.Status()
		if err != nil {
			t.Fatal(err)
		}
		return report.Server.Policy
	}
	fleet.Await(t, "the server's own policy is in force", func() bool { return policy() > 0 })
	before := policy()
	for _, c := range []struct {
		name      string
		statement wire.Statement
		signer    wire.Signer
		count     func(transport.Counters) uint64
	}{
		{"forged", statement, forger, func(c transport.Counters) uint64 { return c.Forged }},
		{"misdirected", misdirected, genuine, func(c transport.Counters) uint64 { return c.Misdirected }},
		{"expired", expired, genuine, func(c transport.Counters) uint64 { return c.Expired }},
		{"unknown", unknown, genuine, func(c transport.Counters) uint64 { return c.Malformed }},
		{"replayed", replayed, genuine, func(c transport.Counters) uint64 { return c.Replayed }},
	} {
		figure := func() float64 { return float64(c.count(counters())) }
		grows(t, c.name, figure, func() {
			signed, err := wire.Sign(c.signer, c.statement)
			if err != nil {
				t.Fatal(err)
			}
			tell(t, inside, a.Host, signed)
		})
	}
	grows(t, "malformed", func() float64 { return float64(counters().Malformed) }, func() {
		if err := inside.Publish(wire.Down(a.Host), []byte("{")); err != nil {
			t.Error(err)
		}
	})
	if now := policy(); now != before {
		t.Errorf("policy %d is in force, and was %d", now, before)
	}
	fleet.Await(t, "the server is told of it", func() bool {
		h, _, err := s.Client().GetHost(t.Context(), string(a.Host))
		if err != nil || h.Heartbeat == nil {
			return false
		}
		for _, f := range h.Heartbeat.Features {
			for _, c := range f.Counters {
				if c.Name == "messages_forged" && c.Value > 0 {
					return true
				}
			}
		}
		return false
	})
}

func tell(t *testing.T, nc *nats.Conn, host event.HostID, signed wire.Signed) {
	t.Helper()
	data, err := json.Marshal(signed)
	if err != nil {
		t.Fatal(err)
	}
	if err := nc.Publish(wire.Down(host), data); err != nil {
		t.Error(err)
	}
}

// insider connects to the server's account with its own key, which nobody
// but the server can.
func insider(t *testing.T, s *fleet.Server) *nats.Conn {
	t.Helper()
	account, user := keyOf(t, s, "account"), newUser(t)
	public, err := user.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	credential, err := jwt.NewUserClaims(public).Encode(account)
	if err != nil {
		t.Fatal(err)
	}
	config, err := client.Pinned(s.Pin)
	if err != nil {
		t.Fatal(err)
	}
	nc, err := nats.Connect("tls://"+s.Stream, nats.Secure(config), nats.NoReconnect(),
		nats.UserJWT(func() (string, error) { return credential, nil }, user.Sign))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc
}

// keyOf reads one of the server's keys.
func keyOf(t *testing.T, s *fleet.Server, name string) nkeys.KeyPair {
	t.Helper()
	seed, err := os.ReadFile(filepath.Join(s.DataDir, "keys", name+".nk"))
	if err != nil {
		t.Fatal(err)
	}
	pair, err := nkeys.FromSeed([]byte(strings.TrimSpace(string(seed))))
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

func newKey(t *testing.T) nkeys.KeyPair {
	t.Helper()
	pair, err := nkeys.CreateAccount()
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

func newUser(t *testing.T) nkeys.KeyPair {
	t.Helper()
	pair, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	return pair
}
