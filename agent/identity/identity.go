package identity

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nkeys"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/internal/atomicfile"
	"github.com/holdfast-security/holdfast/wire"
)

// ErrNotEnrolled says that there is no identity.
var ErrNotEnrolled = errors.New("this host is not enrolled")

const (
	directory    = "identity" // below the state directory
	identityFile = "identity.json"
	version      = 1        // of the file
	maxIdentity  = 64 << 10 // bytes of the file
	maxStreams   = 16       // URLs
)

// Identity is what an agent got by enrolling. Values are not changed after
// they were made or loaded; it is a secret as a whole.
type Identity struct {
	Host       event.HostID // the server's name for this host
	Seed       string       // private nkey of the agent; begins with SU
	Credential string       // NATS user JWT for the key
	Server     string       // base URL of the server that enrolled the host
	Streams    []string     // URLs of the stream, tls://host:port
	CA         string       // PEM: the only roots the agent trusts
	SigningKey string       // public nkey that the agent obeys; begins with A
	Enrolled   time.Time    // by the host's clock
}

// document is the file.
type document struct {
	Version    int          `json:"version"`
	Host       event.HostID `json:"host"`
	Seed       string       `json:"seed"`
	Credential string       `json:"credential"`
	Server     string       `json:"server"`
	Streams    []string     `json:"streams"`
	CA         string       `json:"ca"`
	SigningKey string       `json:"signing_key"`
	Enrolled   time.Time    `json:"enrolled_time"`
}

// NewSeed makes a private key from the system's random numbers.
func NewSeed() (string, error) {
	pair, err := nkeys.CreateUser()
	if err != nil {
		return "", fmt.Errorf("make the host's key: %w", err)
	}
	defer pair.Wipe()
	seed, err := pair.Seed()
	return string(seed), err
}

// PublicKey returns the public nkey of a seed; it begins with U.
func PublicKey(seed string) (string, error) {
	pair, err := nkeys.FromSeed([]byte(seed))
	if err != nil {
		return "", fmt.Errorf("the host's key: %w", err)
	}
	defer pair.Wipe()
	public, err := pair.PublicKey()
	if err != nil || !nkeys.IsValidPublicUserKey(public) {
		return "", errors.New("the host's key is not an nkey of a user")
	}
	return public, nil
}

// Sign signs data with a seed.
func Sign(seed string, data []byte) ([]byte, error) {
	pair, err := nkeys.FromSeed([]byte(seed))
	if err != nil {
		return nil, fmt.Errorf("the host's key: %w", err)
	}
	defer pair.Wipe()
	return pair.Sign(data)
}

// Roots returns the certificates that the agent trusts.
func (id Identity) Roots() (*x509.CertPool, error) {
	authorities, err := id.authorities()
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	for _, certificate := range authorities {
		pool.AddCert(certificate)
	}
	return pool, nil
}

// Pinned reports whether the agent trusts the CA that a [wire.Token] with this
// pin is for: the host is enrolled where the token is from.
func (id Identity) Pinned(pin string) bool {
	authorities, err := id.authorities()
	return err == nil && slices.ContainsFunc(authorities, func(c *x509.Certificate) bool {
		sum := sha256.Sum256(c.RawSubjectPublicKeyInfo)
		return hex.EncodeToString(sum[:]) == pin
	})
}

// authorities returns the certificates in CA.
func (id Identity) authorities() ([]*x509.Certificate, error) {
	var list []*x509.Certificate
	for rest := []byte(id.CA); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("the server's CA certificate: %w", err)
		}
		if !certificate.IsCA {
			return nil, errors.New("the server's CA certificate is not that of a CA")
		}
		list = append(list, certificate)
	}
	if len(list) == 0 {
		return nil, errors.New("the server's CA certificate is missing")
	}
	return list, nil
}

// Validate says what is wrong with the identity.
func (id Identity) Validate() error {
	if !wire.ValidHostID(id.Host) {
		return errors.New("the host id is not one that a server gives out")
	}
	public, err := PublicKey(id.Seed)
	if err != nil {
		return err
	}
	if err := checkCredential(id.Credential, public); err != nil {
		return err
	}
	if err := wire.ValidServer(id.Server); err != nil {
		return err
	}
	if len(id.Streams) == 0 || len(id.Streams) > maxStreams {
		return fmt.Errorf("there are %d stream addresses, not 1 to %d", len(id.Streams), maxStreams)
	}
	for _, stream := range id.Streams {
		if u, err := url.Parse(stream); err != nil || u.Scheme != "tls" || u.Hostname() == "" || u.User != nil || strings.Contains(stream, ",") {
			return errors.New("a stream address is not of the form tls://host:port")
		}
	}
	if !nkeys.IsValidPublicAccountKey(id.SigningKey) {
		return errors.New("the server's signing key is not an nkey of an account")
	}
	_, err = id.Roots()
	return err
}

// checkCredential reports a JWT that is not for the given key. Whether it is
// genuine is for the server to say, which made it.
func checkCredential(credential, public string) error {
	parts := strings.Split(credential, ".")
	if len(parts) != 3 {
		return errors.New("the credential is not a JWT")
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return errors.New("the credential is not a JWT")
	}
	var claims struct {
		Subject string `json:"sub"`
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		return errors.New("the credential is not a JWT")
	}
	if claims.Subject != public {
		return errors.New("the credential is for another key")
	}
	return nil
}

// Create writes an identity, and serial numbers that begin anew. It refuses to
// replace one that is there. stateDir is made with mode 0700 if it is missing.
func Create(stateDir string, id Identity) error {
	if err := id.Validate(); err != nil {
		return fmt.Errorf("the server's answer: %w", err)
	}
	if Enrolled(stateDir) {
		return errors.New("this host is enrolled already; `holdfast-agent unenroll` ends that")
	}
	dir := filepath.Join(stateDir, directory)
	if err := makeDirectory(stateDir, dir); err != nil {
		return err
	}
	if err := writeJSON(filepath.Join(dir, serialsFile), serialsDocument{Version: version}); err != nil {
		return err
	}
	return writeJSON(filepath.Join(dir, identityFile), document{version, id.Host, id.Seed, id.Credential, id.Server, id.Streams, id.CA, id.SigningKey, id.Enrolled})
}

// Enrolled reports whether stateDir holds an identity, sound or not.
func Enrolled(stateDir string) bool {
	return exists(filepath.Join(stateDir, directory, identityFile))
}

// Load reads the identity. The error wraps [ErrNotEnrolled] where none is.
func Load(stateDir string) (Identity, error) {
	path := filepath.Join(stateDir, directory, identityFile)
	var d document
	switch err := readJSON(path, maxIdentity, &d); {
	case errors.Is(err, fs.ErrNotExist):
		return Identity{}, ErrNotEnrolled
	case err != nil:
		return Identity{}, err
	case d.Version != version:
		return Identity{}, fmt.Errorf("%s: version %d is not known to this agent", path, d.Version)
	}
	id := Identity{d.Host, d.Seed, d.Credential, d.Server, d.Streams, d.CA, d.SigningKey, d.Enrolled}
	if err := id.Validate(); err != nil {
		return Identity{}, damaged(path, err)
	}
	return id, nil
}

// Remove forgets the identity, key and all that came with it. Without one it
// does nothing.
func Remove(stateDir string) error {
	dir := filepath.Join(stateDir, directory)
	err := os.Remove(filepath.Join(dir, identityFile)) // first, so that no half of it can stay
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if err = errors.Join(err, os.RemoveAll(dir)); err != nil {
		return fmt.Errorf("remove the identity: %w", err)
	}
	return atomicfile.SyncDir(stateDir)
}
