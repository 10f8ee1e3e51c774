// Package pki keeps the server's keys: a certificate authority of its own, the
// certificate that HTTPS and the stream are served with, and the nkeys that
// vouch for agents and sign what agents obey.
//
// Everything lies in one directory that only the server's user may enter, a
// file for each key, made at the first start and written whole or not at all.
// The authority lives ten years and is what agents trust and enrolment tokens
// pin; the server's certificate lives one year and is renewed while the server
// runs. People may bring a certificate of their own for the console; agents
// keep being shown the one of our authority, so that changing a certificate
// never cuts a host off.
//
// Private keys never leave the package but as the ability to sign.
package pki

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nkeys"

	"github.com/holdfast-security/holdfast/wire"
)

// Options say whom the certificate speaks for. The zero value serves the
// machine's host name and the loopback addresses.
type Options struct {
	// Names are DNS names and IP addresses under which agents and people reach
	// the server, at most 64, besides the host name, "localhost", 127.0.0.1
	// and ::1, which are always there.
	Names []string
	// CertFile and KeyFile are a PEM certificate chain, leaf first, and its
	// key, to show to browsers instead of ours. Both or neither. The files are
	// watched and taken over when they change.
	CertFile, KeyFile string
	// Known says that there is data of a server that had its keys: one of the
	// stream's that is missing was lost, and a new one would cut every host
	// off. The authority may be made anew all the same.
	Known bool
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Key is a private nkey that can sign and never shows itself. It may be used
// from any goroutine.
type Key struct {
	pair   nkeys.KeyPair
	public string
}

// PublicKey returns the key's public part, such as "ABJH…" for an account.
func (k *Key) PublicKey() string { return k.public }

// Sign returns the Ed25519 signature of data.
func (k *Key) Sign(data []byte) ([]byte, error) { return k.pair.Sign(data) }

// Keys are the server's keys. They may be used from any goroutine.
type Keys struct {
	authority *authority
	operator  *Key
	account   *Key
	system    *Key
	signing   *Key
	own       *ownCertificate // nil where people brought none
	dir       string
	names     []string
	now       func() time.Time

	mu      sync.Mutex       // guards what follows
	server  *tls.Certificate // issued by our authority; Leaf is set
	trouble error            // of the latest renewal
}

// CheckOwn says what is wrong with a certificate of people's own and its key,
// two files in PEM, at the time given.
func CheckOwn(certFile, keyFile string, now time.Time) error {
	_, err := openOwn(certFile, keyFile, func() time.Time { return now })
	return err
}

// Open reads the keys in dir, and makes the directory and those that are not
// there. It refuses a directory or a key file that others may read, and a
// certificate of people's own that is expired, unreadable or not of its key.
// No goroutine is started and nothing has to be closed.
func Open(dir string, o Options) (*Keys, error) {
	k := &Keys{dir: dir, now: o.Now}
	if k.now == nil {
		k.now = time.Now
	}
	var err error
	if k.names, err = names(o.Names); err != nil {
		return nil, err
	}
	if err := privateDir(dir); err != nil {
		return nil, err
	}
	if err := k.openNKeys(o.Known); err != nil {
		return nil, err
	}
	if k.authority, err = openAuthority(dir, k.now()); err != nil {
		return nil, err
	}
	if err := k.openServer(); err != nil {
		return nil, err
	}
	if o.CertFile != "" || o.KeyFile != "" {
		if k.own, err = openOwn(o.CertFile, o.KeyFile, k.now); err != nil {
			return nil, err
		}
	}
	return k, nil
}

// openNKeys reads the keys of the stream. Those that are not there are made,
// unless they are known to have been.
func (k *Keys) openNKeys(known bool) error {
	for _, n := range []struct {
		file string
		key  **Key
		make func() (nkeys.KeyPair, error)
	}{
		{"operator.nk", &k.operator, nkeys.CreateOperator},
		{"account.nk", &k.account, nkeys.CreateAccount},
		{"system.nk", &k.system, nkeys.CreateAccount},
		{"signing.nk", &k.signing, nkeys.CreateAccount},
	} {
		if _, err := os.Lstat(filepath.Join(k.dir, n.file)); known && errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("the key %s is missing in %q, though the server's data is there: restore the keys from a backup, or move all of the data away to begin anew", n.file, k.dir)
		}
		key, err := openNKey(k.dir, n.file, n.make)
		if err != nil {
			return err
		}
		*n.key = key
	}
	return nil
}

// Operator returns the key that vouches for the accounts of the stream.
func (k *Keys) Operator() *Key { return k.operator }

// Account returns the key that names the stream's account of agents and server.
func (k *Keys) Account() *Key { return k.account }

// System returns the key that names the stream's system account.
func (k *Keys) System() *Key { return k.system }

// Signing returns the key that issues agents' credentials for the account, and
// whose signature agents obey.
func (k *Keys) Signing() *Key { return k.signing }

// CAPEM returns the certificate of our authority, the only root that agents
// trust.
func (k *Keys) CAPEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: certificateBlock, Bytes: k.authority.certificate.Raw})
}

// Pin returns what enrolment tokens carry: the SHA-256 of our authority's
// SubjectPublicKeyInfo, lower-case hex.
func (k *Keys) Pin() string {
	sum := sha256.Sum256(k.authority.certificate.RawSubjectPublicKeyInfo)
	return hex.EncodeToString(sum[:])
}

// TLS returns how HTTPS is served: with people's own certificate where they
// brought one, else with ours. An agent that enrols says so by the protocol
// [wire.EnrolProtocol] and is always shown ours, which its token pins.
func (k *Keys) TLS() *tls.Config {
	return &tls.Config{
		// Hosts to be enrolled fetch the install script with what they have,
		// and not all of that knows TLS 1.3.
		MinVersion: tls.VersionTLS12,
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			if k.own == nil || slices.Contains(hello.SupportedProtos, wire.EnrolProtocol) {
				return k.serverCertificate()
			}
			return k.own.current(), nil
		},
	}
}

// AgentTLS returns how the stream is served to agents: with the certificate of
// our authority.
func (k *Keys) AgentTLS() *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS13,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return k.serverCertificate() },
	}
}

// Trouble says what is wrong with the certificates that are served now, and
// nil when nothing is: a renewal that failed, people's own certificate that
// has expired, or a changed one that could not be taken over.
func (k *Keys) Trouble() error {
	_, err := k.serverCertificate()
	k.mu.Lock()
	err = errors.Join(err, k.trouble)
	k.mu.Unlock()
	if k.own != nil {
		err = errors.Join(err, k.own.check())
	}
	return err
}

// Expires returns when the certificate that browsers are shown ends.
func (k *Keys) Expires() time.Time {
	if k.own != nil {
		return k.own.current().Leaf.NotAfter
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.server.Leaf.NotAfter
}

// openServer reads the server's certificate and issues a new one where there
// is none that still serves.
func (k *Keys) openServer() error {
	certificate, err := readPair(k.dir, serverFile)
	switch {
	case errors.Is(err, os.ErrNotExist):
	case err != nil:
		return err
	default:
		k.server = certificate
	}
	if k.server == nil || !k.authority.issued(k.server.Leaf) || !speaksFor(k.server.Leaf, k.names) {
		return k.issue()
	}
	return nil
}

// serverCertificate returns ours, renewed first when two thirds of its life
// are over. A renewal that fails leaves the old one in service.
func (k *Keys) serverCertificate() (*tls.Certificate, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	leaf := k.server.Leaf
	renew := leaf.NotBefore.Add(leaf.NotAfter.Sub(leaf.NotBefore) * 2 / 3)
	if k.now().After(renew) {
		k.trouble = k.issue()
	}
	return k.server, nil
}

// issue makes a new server certificate and stores it.
func (k *Keys) issue() error {
	certificate, err := k.authority.issue(k.names, k.now())
	if err != nil {
		return fmt.Errorf("issue the server's certificate: %w", err)
	}
	if err := writePair(k.dir, serverFile, certificate); err != nil {
		return err
	}
	k.server = certificate
	return nil
}

// speaksFor reports whether the certificate has all names.
func speaksFor(leaf *x509.Certificate, names []string) bool {
	return !slices.ContainsFunc(names, func(name string) bool { return leaf.VerifyHostname(name) != nil })
}

// hostname is a DNS name, see RFC 1123 section 2.1; a wildcard may lead it.
var hostname = regexp.MustCompile(`^(\*\.)?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

const maxNames = 64

// names checks and completes the names of the certificate.
func names(given []string) ([]string, error) {
	if len(given) > maxNames {
		return nil, fmt.Errorf("the server has %d names, more than %d", len(given), maxNames)
	}
	all := []string{"localhost", "127.0.0.1", "::1"}
	if name, err := os.Hostname(); err == nil && hostname.MatchString(strings.ToLower(name)) {
		all = append(all, strings.ToLower(name))
	}
	for _, name := range given {
		name = strings.ToLower(name)
		if net.ParseIP(name) == nil && (len(name) > 253 || !hostname.MatchString(name)) {
			return nil, fmt.Errorf("server name %q is neither a DNS name nor an IP address", name)
		}
		all = append(all, name)
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}
