package stream

import (
	"crypto/tls"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/holdfast-security/holdfast/wire"
)

// files are what an administrator puts down for an outside stream.
type files struct {
	t   *testing.T
	dir string
}

func (f files) put(name string, data []byte) string {
	f.t.Helper()
	path := filepath.Join(f.dir, name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		f.t.Fatal(err)
	}
	return path
}

// credentials makes a user of an account, whose credential signer issues.
func (f files) credentials(name, account string, signer Signer) string {
	f.t.Helper()
	user := newSigner(f.t, nkeys.CreateUser)
	claims := jwt.NewUserClaims(user.public)
	claims.IssuerAccount = account
	token, err := encodeUser(claims, signer)
	if err != nil {
		f.t.Fatal(err)
	}
	data, err := jwt.FormatUserConfig(token, seed(f.t, user))
	if err != nil {
		f.t.Fatal(err)
	}
	return f.put(name, data)
}

func (f files) seed(name string, signer Signer) string {
	f.t.Helper()
	return f.put(name, seed(f.t, signer.(*keyPair)))
}

func seed(t *testing.T, key *keyPair) []byte {
	t.Helper()
	data, err := key.pair.Seed()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// outsideAt is the setting for a stream at an address, without what it takes to
// revoke.
func (f files) outsideAt(address string, keys Keys, certificate tls.Certificate) *Outside {
	return &Outside{
		URLs:        []string{"tls://" + address},
		Credentials: f.credentials("server.creds", keys.Account.PublicKey(), keys.Signing),
		SigningSeed: f.seed("signing.nk", keys.Signing),
		CA:          f.put("ca.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Certificate[0]})),
	}
}

// enrolAt makes an agent of an outside stream and connects it.
func (f *fixture) enrolAt(t *testing.T, address string, n int) *agent {
	t.Helper()
	a := &agent{host: hostID(n), key: newSigner(t, nkeys.CreateUser)}
	var err error
	if a.jwt, err = f.Credential(a.host, a.key.public); err != nil {
		t.Fatal(err)
	}
	a.Conn = dialAt(t, address, f.client, a)
	t.Cleanup(a.Close)
	return a
}

// TestOutsideStream uses another NATS server over TLS, as a cluster of
// somebody else's, without a system credential.
func TestOutsideStream(t *testing.T) {
	c, client := config(t)
	other, err := Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(other.Close)
	outside := files{t, t.TempDir()}.outsideAt(other.Addr(), c.Keys, c.TLS.Certificates[0])
	f := startWith(t, Config{Outside: outside, MaxBytes: 64 << 20}, client, nil)
	a := f.enrolAt(t, other.Addr(), 1)
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

// newCluster starts a NATS server that keeps accounts in a directory and lets
// the system account change them, as `nsc push` does. The operator has the
// signing keys.
func newCluster(t *testing.T, keys Keys, certificate *tls.Config, signing ...string) (address string) {
	t.Helper()
	resolver, err := server.NewDirAccResolver(t.TempDir(), 0, time.Minute, server.NoDelete)
	if err != nil {
		t.Fatal(err)
	}
	account := jwt.NewAccountClaims(keys.Account.PublicKey())
	account.SigningKeys.Add(keys.Signing.PublicKey())
	account.Limits.JetStreamLimits = jwt.JetStreamLimits{MemoryStorage: -1, DiskStorage: -1, Streams: -1, Consumer: -1}
	for _, claims := range []*jwt.AccountClaims{account, jwt.NewAccountClaims(keys.System.PublicKey())} {
		text, err := encodeAccount(claims, keys.Operator)
		if err != nil {
			t.Fatal(err)
		}
		if err := resolver.Store(claims.Subject, text); err != nil {
			t.Fatal(err)
		}
	}
	operator := jwt.NewOperatorClaims(keys.Operator.PublicKey())
	operator.SystemAccount = keys.System.PublicKey()
	operator.SigningKeys.Add(signing...)
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, TLSConfig: certificate, NoSigs: true, JetStream: true, StoreDir: t.TempDir(),
		TrustedOperators: []*jwt.OperatorClaims{operator}, SystemAccount: operator.SystemAccount, AccountResolver: resolver,
		DisableJetStreamBanner: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	if !s.ReadyForConnections(patience) {
		t.Fatal("the cluster does not come up")
	}
	return s.Addr().String()
}

// TestOutsideRevocation lets the server push revocations to somebody else's
// cluster.
func TestOutsideRevocation(t *testing.T) {
	certificate, client := newTLS(t)
	keys := newKeys(t)
	signing := newSigner(t, nkeys.CreateOperator) // not what the account was made with
	address := newCluster(t, keys, certificate, signing.public)
	dir := files{t, t.TempDir()}
	outside := dir.outsideAt(address, keys, certificate.Certificates[0])
	outside.SystemCredentials = dir.credentials("system.creds", keys.System.PublicKey(), keys.System)
	outside.OperatorSeed = dir.seed("operator.nk", signing)
	f := startWith(t, Config{Outside: outside, MaxBytes: 64 << 20}, client, nil)
	bad, good := f.enrolAt(t, address, 1), f.enrolAt(t, address, 2)
	for _, a := range []*agent{bad, good} {
		if ack := a.send(t, numbered(t, epoch1, 1)); ack.Code != wire.Accepted {
			t.Fatalf("host %s: %+v", a.host, ack)
		}
	}
	if err := f.Revoke(t.Context(), bad.host, bad.key.public); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the revoked host is cut off", bad.IsClosed)
	if nc, err := f.dialTo(address, bad); !errors.Is(err, nats.ErrAuthorization) {
		t.Errorf("the revoked host connects again: %v, %v", nc, err)
	}
	if ack := good.send(t, numbered(t, epoch1, 2)); ack.Code != wire.Accepted {
		t.Errorf("the other host: %+v", ack)
	}
	if w := f.Warnings(); len(w) != 0 {
		t.Errorf("warnings: %v", w)
	}
	if err := f.Allow(t.Context(), bad.key.public); err != nil {
		t.Fatal(err)
	}
	var err error
	eventually(t, "the host that is allowed again connects", func() bool {
		bad.Conn, err = f.dialTo(address, bad)
		return err == nil
	})
	defer bad.Close()
	if ack := bad.send(t, numbered(t, epoch1, 2)); ack.Code != wire.Accepted {
		t.Errorf("the host that is allowed again: %+v", ack)
	}
}

// TestOutsideRevocationRefused gives the server an operator's key that is not
// the cluster's: nothing is pushed that would lock everybody out.
func TestOutsideRevocationRefused(t *testing.T) {
	certificate, client := newTLS(t)
	keys := newKeys(t)
	address := newCluster(t, keys, certificate)
	dir := files{t, t.TempDir()}
	outside := dir.outsideAt(address, keys, certificate.Certificates[0])
	outside.SystemCredentials = dir.credentials("system.creds", keys.System.PublicKey(), keys.System)
	outside.OperatorSeed = dir.seed("operator.nk", newSigner(t, nkeys.CreateOperator))
	f := startWith(t, Config{Outside: outside, MaxBytes: 64 << 20}, client, nil)
	a := f.enrolAt(t, address, 1)
	if err := f.Revoke(t.Context(), a.host, a.key.public); err == nil || !strings.Contains(err.Error(), outside.OperatorSeed) {
		t.Errorf("revoking: %v", err)
	}
	if ack := a.send(t, numbered(t, epoch1, 1)); ack.Code != wire.Accepted {
		t.Errorf("after a revocation that failed: %+v", ack)
	}
}

func (f *fixture) dialTo(address string, a *agent) (*nats.Conn, error) {
	return dial(address, f.client, a, nats.NoReconnect())
}
