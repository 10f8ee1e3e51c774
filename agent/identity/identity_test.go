package identity_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nkeys"

	"github.com/holdfast-security/holdfast/agent/identity"
	"github.com/holdfast-security/holdfast/wire"
)

// certificate returns a self-signed certificate as PEM.
func certificate(t *testing.T, ca bool) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Test CA"}, IsCA: ca, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// credential returns a JWT about a key; nobody here checks its signature.
func credential(public string) string {
	return "e30." + base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"sub":%q}`, public)) + ".c2ln"
}

func sound(t *testing.T) identity.Identity {
	t.Helper()
	seed, err := identity.NewSeed()
	if err != nil {
		t.Fatal(err)
	}
	public, err := identity.PublicKey(seed)
	if err != nil {
		t.Fatal(err)
	}
	account, err := nkeys.CreateAccount()
	if err != nil {
		t.Fatal(err)
	}
	signing, err := account.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	return identity.Identity{
		Host: "h0123456789abcdef", Seed: seed, Credential: credential(public), Server: "https://server.example:8443",
		Streams: []string{"tls://server.example:4222"}, CA: certificate(t, true), SigningKey: signing,
		Enrolled: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC),
	}
}

func create(t *testing.T) (dir string, id identity.Identity) {
	t.Helper()
	dir, id = filepath.Join(t.TempDir(), "state"), sound(t)
	if err := identity.Create(dir, id); err != nil {
		t.Fatal(err)
	}
	return dir, id
}

func TestIdentitySurvivesARestart(t *testing.T) {
	dir, want := create(t)
	got, err := identity.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	info, err := os.Stat(filepath.Join(dir, "identity", "identity.json"))
	if err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("the file is %v, %v", info, err)
	}
	if err := identity.Create(dir, want); err == nil || !strings.Contains(err.Error(), "enrolled already") {
		t.Errorf("enrolled twice: %v", err)
	}
}

func TestPinned(t *testing.T) {
	id, other := sound(t), certificate(t, true)
	if !id.Pinned(pinOf(t, id.CA)) || id.Pinned(pinOf(t, other)) || id.Pinned("") {
		t.Error("the pin of another authority is taken, or the own is not")
	}
	id.CA += other
	if !id.Pinned(pinOf(t, other)) {
		t.Error("the pin of the second authority is not taken")
	}
}

// pinOf returns the pin of a certificate in PEM.
func pinOf(t *testing.T, text string) string {
	t.Helper()
	block, _ := pem.Decode([]byte(text))
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(c.RawSubjectPublicKeyInfo)
	return hex.EncodeToString(sum[:])
}

func TestRemoveForgetsEverything(t *testing.T) {
	dir, _ := create(t)
	for range 2 {
		if err := identity.Remove(dir); err != nil {
			t.Fatal(err)
		}
		if _, err := identity.Load(dir); !errors.Is(err, identity.ErrNotEnrolled) {
			t.Errorf("loaded: %v", err)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left %v, %v", left, err)
	}
}

func TestCreateRefuses(t *testing.T) {
	for name, change := range map[string]func(*identity.Identity){
		"a host id with a wildcard": func(id *identity.Identity) { id.Host = "h0123456789abcde*" },
		"another kind of key":       func(id *identity.Identity) { id.Seed = "SAADE" },
		"a credential for another key": func(id *identity.Identity) {
			id.Credential = credential("UAAAA")
		},
		"no credential":          func(id *identity.Identity) { id.Credential = "" },
		"a stream without TLS":   func(id *identity.Identity) { id.Streams[0] = "nats://server.example:4222" },
		"a stream with a user":   func(id *identity.Identity) { id.Streams[0] = "tls://a:b@server.example:4222" },
		"two streams in one":     func(id *identity.Identity) { id.Streams[0] = "tls://a:1,tls://b:2" },
		"no stream":              func(id *identity.Identity) { id.Streams = nil },
		"a user's signing key":   func(id *identity.Identity) { id.SigningKey = strings.Replace(id.SigningKey, "A", "U", 1) },
		"a certificate of no CA": func(id *identity.Identity) { id.CA = certificate(t, false) },
		"no certificate":         func(id *identity.Identity) { id.CA = "" },
		"a server without TLS":   func(id *identity.Identity) { id.Server = "http://server.example" },
	} {
		t.Run(name, func(t *testing.T) {
			dir, id := t.TempDir(), sound(t)
			change(&id)
			if err := identity.Create(dir, id); err == nil {
				t.Error("created")
			}
			if identity.Enrolled(dir) {
				t.Error("the host is enrolled all the same")
			}
		})
	}
}

func TestLoadRefusesDamage(t *testing.T) {
	for name, c := range map[string]struct {
		damage func(path string, data []byte) error
		want   string
	}{
		"cut off":     {func(path string, data []byte) error { return os.WriteFile(path, data[:len(data)/2], 0o600) }, "damaged"},
		"empty":       {func(path string, _ []byte) error { return os.WriteFile(path, nil, 0o600) }, "damaged"},
		"followed":    {func(path string, data []byte) error { return os.WriteFile(path, append(data, '{'), 0o600) }, "damaged"},
		"unknown key": {func(path string, data []byte) error { return replace(path, data, `"host"`, `"hosts"`) }, "damaged"},
		"other host":  {func(path string, data []byte) error { return replace(path, data, "h0123456789abcdef", "../etc/passwd") }, "host id"},
		"version":     {func(path string, data []byte) error { return replace(path, data, `"version": 1`, `"version": 9`) }, "version 9"},
		"huge":        {func(path string, _ []byte) error { return os.WriteFile(path, make([]byte, 1<<20), 0o600) }, "larger"},
		"a directory": {func(path string, _ []byte) error { return errors.Join(os.Remove(path), os.Mkdir(path, 0o700)) }, "regular"},
		"a link": {func(path string, _ []byte) error {
			return errors.Join(os.Rename(path, path+".x"), os.Symlink(path+".x", path))
		}, "regular"},
		"readable": {func(path string, _ []byte) error { return os.Chmod(path, 0o640) }, "others"},
	} {
		t.Run(name, func(t *testing.T) {
			if runtime.GOOS == "windows" && (name == "readable" || name == "a link") {
				t.Skip("modes and links are Unix's")
			}
			dir, _ := create(t)
			path := filepath.Join(dir, "identity", "identity.json")
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := c.damage(path, data); err != nil {
				t.Fatal(err)
			}
			if _, err := identity.Load(dir); err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("got %v, want an error with %q and the path", err, c.want)
			}
			if !identity.Enrolled(dir) {
				t.Error("a damaged identity counts as none, and could be replaced unseen")
			}
		})
	}
}

func replace(path string, data []byte, old, replacement string) error {
	return os.WriteFile(path, []byte(strings.Replace(string(data), old, replacement, 1)), 0o600)
}

func TestSerialsOnlyAscend(t *testing.T) {
	dir, _ := create(t)
	take := func(kind wire.Kind, serial uint64, want error) {
		t.Helper()
		serials, err := identity.OpenSerials(dir) // anew each time: a restart
		if err != nil {
			t.Fatal(err)
		}
		if err := serials.Take(kind, serial); !errors.Is(err, want) {
			t.Errorf("%s %d: %v, want %v", kind, serial, err, want)
		}
	}
	take(wire.KindPolicy, 5, nil)
	take(wire.KindPolicy, 5, wire.ErrReplayed)
	take(wire.KindPolicy, 4, wire.ErrReplayed)
	take(wire.KindOrder, 1, nil) // kinds count for themselves
	take(wire.KindPolicy, 7, nil)
	serials, err := identity.OpenSerials(dir)
	if err != nil || serials.Last(wire.KindPolicy) != 7 || serials.Last(wire.KindOrder) != 1 || serials.Last(wire.KindBundle) != 0 {
		t.Errorf("%+v, %v", serials, err)
	}
}

func TestLostSerialsAreNoticed(t *testing.T) {
	dir, _ := create(t)
	if err := os.Remove(filepath.Join(dir, "identity", "serials.json")); err != nil {
		t.Fatal(err)
	}
	if _, err := identity.OpenSerials(dir); err == nil {
		t.Error("begun anew, so that every old order is good again")
	}
}

func TestPolicyIsKept(t *testing.T) {
	dir, _ := create(t)
	if _, found, err := identity.LoadPolicy(dir); found || err != nil {
		t.Fatalf("found %v, %v", found, err)
	}
	want := wire.Signed{Message: []byte("message"), Signature: []byte("signature")}
	if err := identity.SavePolicy(dir, want); err != nil {
		t.Fatal(err)
	}
	if got, found, err := identity.LoadPolicy(dir); !found || err != nil || !cmp.Equal(want, got) {
		t.Errorf("got %+v, %v, %v", got, found, err)
	}
}

func TestSign(t *testing.T) {
	id := sound(t)
	public, err := identity.PublicKey(id.Seed)
	if err != nil {
		t.Fatal(err)
	}
	signature, err := identity.Sign(id.Seed, []byte("text"))
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := nkeys.FromPublicKey(public)
	if err != nil || verifier.Verify([]byte("text"), signature) != nil {
		t.Error("the signature is not the key's")
	}
}

func FuzzLoad(f *testing.F) {
	f.Add([]byte(`{"version": 1, "host": "h0123456789abcdef", "streams": ["tls://a:1"]}`))
	f.Add([]byte(`{"ca": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"}`))
	dir := f.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "identity"), 0o700); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(filepath.Join(dir, "identity", "identity.json"), data, 0o600); err != nil {
			t.Fatal(err)
		}
		if id, err := identity.Load(dir); err == nil && id.Validate() != nil {
			t.Error("an accepted identity is not valid")
		}
	})
}
