package stream

import (
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"

	"github.com/holdfast-security/holdfast/wire"
)

// TestOutsideStream uses another NATS server over TLS, as a cluster of
// somebody else's, without a system credential.
func TestOutsideStream(t *testing.T) {
	c, client := config(t)
	other, err := Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(other.Close)
	dir := t.TempDir()
	put := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	user := newSigner(t, nkeys.CreateUser)
	claims := jwt.NewUserClaims(user.public)
	claims.IssuerAccount = c.Keys.Account.PublicKey()
	token, err := encodeUser(claims, c.Keys.Signing)
	if err != nil {
		t.Fatal(err)
	}
	userSeed, _ := user.pair.Seed()
	credentials, err := jwt.FormatUserConfig(token, userSeed)
	if err != nil {
		t.Fatal(err)
	}
	signingSeed, _ := c.Keys.Signing.(*keyPair).pair.Seed()
	outside := &Outside{
		URLs: []string{"tls://" + other.Addr()}, Credentials: put("server.creds", credentials), SigningSeed: put("signing.nk", signingSeed),
		CA: put("ca.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.TLS.Certificates[0].Certificate[0]})),
	}
	f := startWith(t, Config{Outside: outside, MaxBytes: 64 << 20}, client, nil)
	a := &agent{host: hostID(1), key: newSigner(t, nkeys.CreateUser)}
	if a.jwt, err = f.Credential(a.host, a.key.public); err != nil {
		t.Fatal(err)
	}
	a.Conn = dialAt(t, other.Addr(), client, a)
	defer a.Close()
	if ack := a.send(t, numbered(t, epoch1, 1)); ack.Code != wire.Accepted {
		t.Errorf("answer: %+v", ack)
	}
	if got := f.read(t, 0, 1); len(got) != 1 || f.Stats().Connections != -1 {
		t.Errorf("%d frames in the log", len(got))
	}
	if err := f.SetRevoked(t.Context(), map[string]time.Time{a.key.public: time.Now()}); !errors.Is(err, ErrNotRevocable) {
		t.Errorf("revoking: %v", err)
	}
	if w := f.Warnings(); len(w) != 1 || w[0].Code != "revocation_limited" {
		t.Errorf("warnings: %v", w)
	}
}
