package pki

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nkeys"

	"github.com/holdfast-security/holdfast/wire"
)

// clock is a clock that tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func open(t *testing.T, dir string, o Options) *Keys {
	t.Helper()
	k, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// shown returns the chain that a client with these protocols is shown.
func shown(t *testing.T, config *tls.Config, at time.Time, protocols ...string) []*x509.Certificate {
	t.Helper()
	server, client := net.Pipe()
	defer client.Close()
	config.NextProtos = []string{"http/1.1"}
	done := make(chan error, 1)
	go func() {
		conn := tls.Server(server, config)
		done <- conn.Handshake()
		server.Close()
	}()
	conn := tls.Client(client, &tls.Config{
		InsecureSkipVerify: true, NextProtos: append(protocols, "http/1.1"), Time: func() time.Time { return at },
	})
	if err := conn.Handshake(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if got := conn.ConnectionState().NegotiatedProtocol; got != "http/1.1" {
		t.Errorf("negotiated %q", got)
	}
	return conn.ConnectionState().PeerCertificates
}

func TestKeysStayTheSame(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	a := open(t, dir, Options{Names: []string{"Holdfast.example", "10.1.2.3"}})
	b := open(t, dir, Options{Names: []string{"holdfast.example", "10.1.2.3"}})
	if a.Pin() != b.Pin() || !bytes.Equal(a.CAPEM(), b.CAPEM()) {
		t.Error("the authority is another one after a restart")
	}
	if !a.server.Leaf.Equal(b.server.Leaf) {
		t.Error("the server's certificate was issued again without need")
	}
	for i, pair := range [][2]*Key{{a.Operator(), b.Operator()}, {a.Account(), b.Account()}, {a.System(), b.System()}, {a.Signing(), b.Signing()}} {
		if pair[0].PublicKey() != pair[1].PublicKey() {
			t.Errorf("nkey %d is another one after a restart", i)
		}
	}
	if !nkeys.IsValidPublicOperatorKey(a.Operator().PublicKey()) || !nkeys.IsValidPublicAccountKey(a.Signing().PublicKey()) {
		t.Error("nkeys of the wrong kind")
	}
	if err := a.Trouble(); err != nil {
		t.Error(err)
	}
}

func TestSignaturesVerify(t *testing.T) {
	k := open(t, filepath.Join(t.TempDir(), "keys"), Options{})
	signature, err := k.Signing().Sign([]byte("message"))
	if err != nil {
		t.Fatal(err)
	}
	public, err := nkeys.FromPublicKey(k.Signing().PublicKey())
	if err != nil {
		t.Fatal(err)
	}
	if err := public.Verify([]byte("message"), signature); err != nil {
		t.Error(err)
	}
}

func TestFilesAreTheOwnersAlone(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no permission bits")
	}
	dir := filepath.Join(t.TempDir(), "keys")
	open(t, dir, Options{})
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 6 {
		t.Errorf("%d files, want 6: %v", len(entries), entries)
	}
	for _, e := range entries {
		if info, err := e.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", e.Name(), info.Mode(), err)
		}
	}

	if err := os.Chmod(filepath.Join(dir, "signing.nk"), 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, Options{}); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a key that others may read: %v", err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, Options{}); err == nil || !strings.Contains(err.Error(), "chmod 700") {
		t.Errorf("a directory that others may enter: %v", err)
	}
}

func TestDamagedKeysAreRefused(t *testing.T) {
	user, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	seed, err := user.Seed()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{authorityFile, serverFile, "signing.nk", "operator.nk"} {
		for what, content := range map[string]string{
			"empty": "", "rubbish": "rubbish", "huge": strings.Repeat("x", maxFile+1),
			"of another kind": string(seed),
		} {
			t.Run(name+" "+what, func(t *testing.T) {
				dir := filepath.Join(t.TempDir(), "keys")
				open(t, dir, Options{})
				if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
				_, err := Open(dir, Options{})
				if err == nil {
					t.Fatal("accepted")
				}
				if !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), string(seed)) {
					t.Errorf("the error does not name the file, or shows the key: %v", err)
				}
			})
		}
	}
}

func TestPinIsOfTheShownAuthority(t *testing.T) {
	c := newClock()
	k := open(t, filepath.Join(t.TempDir(), "keys"), Options{Names: []string{"holdfast.example", "192.0.2.7", "2001:db8::7"}, Now: c.Now})
	for name, config := range map[string]*tls.Config{"HTTPS": k.TLS(), "stream": k.AgentTLS()} {
		chain := shown(t, config, c.Now())
		sum := sha256.Sum256(chain[len(chain)-1].RawSubjectPublicKeyInfo)
		if hex.EncodeToString(sum[:]) != k.Pin() {
			t.Errorf("%s: the chain does not end in what is pinned", name)
		}
		roots := x509.NewCertPool()
		if !roots.AppendCertsFromPEM(k.CAPEM()) {
			t.Fatal("CAPEM holds no certificate")
		}
		for _, host := range []string{"holdfast.example", "192.0.2.7", "2001:db8::7", "localhost", "127.0.0.1", "::1"} {
			if _, err := chain[0].Verify(x509.VerifyOptions{DNSName: host, Roots: roots, CurrentTime: c.Now()}); err != nil {
				t.Errorf("%s, %s: %v", name, host, err)
			}
		}
	}
}

func TestCertificateIsRenewedWhileServing(t *testing.T) {
	c := newClock()
	dir := filepath.Join(t.TempDir(), "keys")
	k := open(t, dir, Options{Now: c.Now})
	config := k.TLS()
	first := shown(t, config, c.Now())[0]
	c.advance(200 * 24 * time.Hour)
	if !shown(t, config, c.Now())[0].Equal(first) {
		t.Error("renewed before two thirds of its life")
	}
	c.advance(60 * 24 * time.Hour)
	second := shown(t, config, c.Now())[0]
	if second.Equal(first) || !second.NotAfter.After(first.NotAfter) {
		t.Error("not renewed after two thirds of its life")
	}
	if !open(t, dir, Options{Now: c.Now}).server.Leaf.Equal(second) {
		t.Error("the renewed certificate was not stored")
	}
	if got := k.Expires(); !got.Equal(second.NotAfter) {
		t.Errorf("Expires() = %v", got)
	}
}

func TestNewNamesGiveANewCertificate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	a := open(t, dir, Options{})
	b := open(t, dir, Options{Names: []string{"other.example"}})
	if a.Pin() != b.Pin() {
		t.Error("another name made another authority")
	}
	if err := b.server.Leaf.VerifyHostname("other.example"); err != nil {
		t.Error(err)
	}
}

func TestNamesAreChecked(t *testing.T) {
	for _, name := range []string{"", "a b", "https://x", "-x.example", "x..y", "*", "a.*.b", strings.Repeat("a.", 130) + "b", "x\n"} {
		if _, err := Open(filepath.Join(t.TempDir(), "keys"), Options{Names: []string{name}}); err == nil {
			t.Errorf("%q is accepted", name)
		}
	}
	if _, err := names(make([]string, maxNames+1)); err == nil {
		t.Error("too many names are accepted")
	}
}

// bring makes an authority of somebody else and a certificate file pair.
func bring(t *testing.T, c *clock, life time.Duration) (certFile, keyFile string) {
	t.Helper()
	dir := t.TempDir()
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	write(t, certFile, keyFile, c, life)
	return certFile, keyFile
}

func write(t *testing.T, certFile, keyFile string, c *clock, life time.Duration) {
	t.Helper()
	root, err := found(c.Now())
	if err != nil {
		t.Fatal(err)
	}
	pair, err := (&authority{root.Leaf, root.PrivateKey}).issue([]string{"console.example"}, c.Now().Add(life-serverLife))
	if err != nil {
		t.Fatal(err)
	}
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	chain := pem.EncodeToMemory(&pem.Block{Type: certificateBlock, Bytes: pair.Certificate[0]})
	for path, data := range map[string][]byte{certFile: chain, keyFile: pem.EncodeToMemory(&pem.Block{Type: keyBlock, Bytes: key})} {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		// Files written within one tick of the file system's clock look alike.
		changed := c.Now().Add(life)
		if err := os.Chtimes(path, changed, changed); err != nil {
			t.Fatal(err)
		}
	}
}

func TestOwnCertificateIsForBrowsersOnly(t *testing.T) {
	c := newClock()
	certFile, keyFile := bring(t, c, 90*24*time.Hour)
	k := open(t, filepath.Join(t.TempDir(), "keys"), Options{CertFile: certFile, KeyFile: keyFile, Now: c.Now})
	if err := shown(t, k.TLS(), c.Now(), "h2")[0].VerifyHostname("console.example"); err != nil {
		t.Errorf("a browser is not shown the own certificate: %v", err)
	}
	if err := shown(t, k.TLS(), c.Now(), wire.EnrolProtocol)[0].VerifyHostname("localhost"); err != nil {
		t.Errorf("an agent that enrols is not shown the pinned authority's: %v", err)
	}
	if err := shown(t, k.AgentTLS(), c.Now())[0].VerifyHostname("localhost"); err != nil {
		t.Errorf("the stream does not show the built-in authority's: %v", err)
	}
}

func TestOwnCertificateIsFollowed(t *testing.T) {
	c := newClock()
	certFile, keyFile := bring(t, c, 30*24*time.Hour)
	k := open(t, filepath.Join(t.TempDir(), "keys"), Options{CertFile: certFile, KeyFile: keyFile, Now: c.Now})
	first := shown(t, k.TLS(), c.Now())[0]

	if err := os.WriteFile(certFile, []byte("half a file"), 0o600); err != nil {
		t.Fatal(err)
	}
	c.advance(time.Minute)
	if !shown(t, k.TLS(), c.Now())[0].Equal(first) {
		t.Error("a damaged file replaced a good certificate")
	}
	if k.Trouble() == nil {
		t.Error("nothing says that the file is damaged")
	}

	write(t, certFile, keyFile, c, 60*24*time.Hour)
	c.advance(time.Minute)
	second := shown(t, k.TLS(), c.Now())[0]
	if second.Equal(first) {
		t.Error("a changed certificate was not taken over")
	}
	if err := k.Trouble(); err != nil {
		t.Error(err)
	}
	if !k.Expires().Equal(second.NotAfter) {
		t.Error("Expires is not of the own certificate")
	}
	c.advance(61 * 24 * time.Hour)
	if err := k.Trouble(); err == nil || !strings.Contains(err.Error(), "expired") {
		t.Errorf("an expired certificate in service: %v", err)
	}
}

func TestBadOwnCertificatesAreRefused(t *testing.T) {
	c := newClock()
	certFile, keyFile := bring(t, c, 30*24*time.Hour)
	_, otherKey := bring(t, c, 30*24*time.Hour)
	expired, expiredKey := bring(t, c, -time.Hour)
	early, earlyKey := bring(t, c, serverLife+48*time.Hour)
	for name, o := range map[string]struct{ cert, key, want string }{
		"no key":     {certFile, "", "needs both"},
		"no cert":    {"", keyFile, "needs both"},
		"missing":    {certFile + "x", keyFile, "no such file"},
		"mismatched": {certFile, otherKey, "does not match"},
		"swapped":    {keyFile, certFile, "own certificate"},
		"expired":    {expired, expiredKey, "expired on 2026-03-01"},
		"early":      {early, earlyKey, "not valid before"},
		"directory":  {t.TempDir(), keyFile, "own certificate"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Open(filepath.Join(t.TempDir(), "keys"), Options{CertFile: o.cert, KeyFile: o.key, Now: c.Now})
			if err == nil || !strings.Contains(err.Error(), o.want) {
				t.Errorf("got %v, want %q in it", err, o.want)
			}
			if err != nil && strings.Contains(err.Error(), "\n") {
				t.Errorf("more than a sentence: %v", err)
			}
		})
	}
}
