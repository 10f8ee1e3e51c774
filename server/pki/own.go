package pki

import (
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// lookEvery is the time between looks at the files of people's own
// certificate. They are looked at when somebody connects, not by a timer.
const lookEvery = 10 * time.Second

// ownCertificate is a certificate that people brought, followed as its files
// change. What cannot be taken over leaves the old one in service.
type ownCertificate struct {
	certFile, keyFile string
	now               func() time.Time

	mu      sync.Mutex // guards what follows
	pair    *tls.Certificate
	seen    [2]fileState // of the files when they were read last
	looked  time.Time
	trouble error // of the latest change of the files
}

// fileState tells a file from its earlier self.
type fileState struct {
	changed time.Time
	size    int64
}

// openOwn reads the certificate and watches it from then on.
func openOwn(certFile, keyFile string, now func() time.Time) (*ownCertificate, error) {
	if certFile == "" || keyFile == "" {
		return nil, errors.New("an own certificate needs both files, the certificate and its key")
	}
	c := &ownCertificate{certFile: certFile, keyFile: keyFile, now: now, looked: now()}
	c.seen = c.look()
	var err error
	c.pair, err = c.read()
	return c, err
}

// current returns the certificate to serve with, never nil.
func (c *ownCertificate) current() *tls.Certificate {
	c.mu.Lock()
	defer c.mu.Unlock()
	// A clock that was stepped back must not stop the looking.
	if since := c.now().Sub(c.looked); since >= 0 && since < lookEvery {
		return c.pair
	}
	c.looked = c.now()
	seen := c.look()
	if seen == c.seen && c.trouble == nil {
		return c.pair
	}
	pair, err := c.read()
	if c.trouble = err; err == nil {
		c.pair, c.seen = pair, seen
	}
	return c.pair
}

// check says what is wrong with the certificate in service or its files.
func (c *ownCertificate) check() error {
	pair := c.current()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.trouble != nil {
		return c.trouble
	}
	return c.valid(pair)
}

func (c *ownCertificate) look() (seen [2]fileState) {
	for i, path := range []string{c.certFile, c.keyFile} {
		if info, err := os.Stat(path); err == nil {
			seen[i] = fileState{info.ModTime(), info.Size()}
		}
	}
	return seen
}

// read reads both files and checks them.
func (c *ownCertificate) read() (*tls.Certificate, error) {
	cert, err := readFile(c.certFile)
	if err != nil {
		return nil, fmt.Errorf("own certificate: %w", err)
	}
	key, err := readFile(c.keyFile)
	if err != nil {
		return nil, fmt.Errorf("own certificate's key: %w", err)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("own certificate %q with key %q: %w", c.certFile, c.keyFile, err)
	}
	return &pair, c.valid(&pair)
}

// valid checks the certificate's time.
func (c *ownCertificate) valid(pair *tls.Certificate) error {
	switch now := c.now(); {
	case now.After(pair.Leaf.NotAfter):
		return fmt.Errorf("own certificate %q expired on %s; renew it, or remove the setting to use the built-in one",
			c.certFile, pair.Leaf.NotAfter.UTC().Format(time.DateOnly))
	case now.Before(pair.Leaf.NotBefore):
		return fmt.Errorf("own certificate %q is not valid before %s; check the clock",
			c.certFile, pair.Leaf.NotBefore.UTC().Format(time.RFC3339))
	}
	return nil
}

func readFile(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return readBounded(file)
}
