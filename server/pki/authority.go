package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"time"

	"github.com/nats-io/nkeys"
)

// Files of the directory. Each holds a key with its certificate, so that the
// two are never of different ages.
const (
	authorityFile = "ca.pem"
	serverFile    = "server.pem"
)

// Life times. Certificates begin a day early, for hosts whose clock is late.
const (
	authorityLife = 10 * 365 * 24 * time.Hour
	serverLife    = 365 * 24 * time.Hour
	early         = 24 * time.Hour
)

// Types of PEM blocks, see RFC 7468.
const (
	certificateBlock = "CERTIFICATE"
	keyBlock         = "PRIVATE KEY"
)

// authority is our certificate authority.
type authority struct {
	certificate *x509.Certificate
	key         any
}

// openAuthority reads the authority or founds it.
func openAuthority(dir string, now time.Time) (*authority, error) {
	pair, err := readPair(dir, authorityFile)
	if errors.Is(err, os.ErrNotExist) {
		if pair, err = found(now); err != nil {
			return nil, fmt.Errorf("found the certificate authority: %w", err)
		}
		err = writePair(dir, authorityFile, pair)
	}
	if err != nil {
		return nil, err
	}
	if !pair.Leaf.IsCA {
		return nil, fmt.Errorf("the certificate in %s of %q is not a certificate authority's", authorityFile, dir)
	}
	if now.After(pair.Leaf.NotAfter) {
		return nil, fmt.Errorf("the certificate authority in %q expired on %s; remove %s and enrol the hosts again",
			dir, pair.Leaf.NotAfter.Format(time.DateOnly), authorityFile)
	}
	return &authority{certificate: pair.Leaf, key: pair.PrivateKey}, nil
}

// found makes a new authority.
func found(now time.Time) (*tls.Certificate, error) {
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: "Holdfast CA", Organization: []string{"Holdfast"}},
		NotBefore:             now.Add(-early),
		NotAfter:              now.Add(authorityLife),
		IsCA:                  true,
		MaxPathLenZero:        true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	return sign(template, nil)
}

// issue makes a server certificate for names.
func (a *authority) issue(names []string, now time.Time) (*tls.Certificate, error) {
	template := &x509.Certificate{
		Subject:     pkix.Name{CommonName: "Holdfast server", Organization: []string{"Holdfast"}},
		NotBefore:   now.Add(-early),
		NotAfter:    earlier(now.Add(serverLife), a.certificate.NotAfter),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	return sign(template, a)
}

// issued reports whether a made the certificate.
func (a *authority) issued(certificate *x509.Certificate) bool {
	return certificate.CheckSignatureFrom(a.certificate) == nil
}

// sign completes the template with a new P-256 key; without an authority it
// signs itself. The chain of the result includes the authority: who pins it
// must be shown it.
func sign(template *x509.Certificate, by *authority) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	// 126 random bits, well over the 64 of the CA/Browser Forum's baseline
	// requirements, section 7.1, and within the 20 octets of RFC 5280.
	if template.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 126)); err != nil {
		return nil, err
	}
	parent, signer := template, any(key)
	if by != nil {
		parent, signer = by.certificate, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	chain := [][]byte{der}
	if by != nil {
		chain = append(chain, by.certificate.Raw)
	}
	return &tls.Certificate{Certificate: chain, PrivateKey: key, Leaf: leaf}, nil
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// writePair stores a key and its certificate chain in one file.
func writePair(dir, name string, pair *tls.Certificate) error {
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		return fmt.Errorf("encode the key for %s: %w", name, err)
	}
	data := pem.EncodeToMemory(&pem.Block{Type: keyBlock, Bytes: key})
	for _, der := range pair.Certificate {
		data = append(data, pem.EncodeToMemory(&pem.Block{Type: certificateBlock, Bytes: der})...)
	}
	return writePrivate(dir, name, data)
}

// readPair reads what writePair wrote. The error wraps os.ErrNotExist when
// there is no such file.
func readPair(dir, name string) (*tls.Certificate, error) {
	data, err := readPrivate(dir, name)
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(data, data)
	if err != nil {
		return nil, fmt.Errorf("%s in %q is damaged: %w; restore it from the backup", name, dir, err)
	}
	return &pair, nil
}

// openNKey reads an nkey or makes it. The key must be of the kind that make
// makes.
func openNKey(dir, name string, create func() (nkeys.KeyPair, error)) (*Key, error) {
	fresh, err := create()
	if err != nil {
		return nil, fmt.Errorf("make the key for %s: %w", name, err)
	}
	seed, err := readPrivate(dir, name)
	if errors.Is(err, os.ErrNotExist) {
		if seed, err = fresh.Seed(); err == nil {
			err = writePrivate(dir, name, seed)
		}
	}
	if err != nil {
		return nil, err
	}
	pair, err := nkeys.FromSeed(seed)
	if err != nil {
		return nil, fmt.Errorf("%s in %q is damaged: %w; restore it from the backup", name, dir, err)
	}
	public, err := pair.PublicKey()
	if err != nil {
		return nil, fmt.Errorf("%s in %q is damaged: %w; restore it from the backup", name, dir, err)
	}
	if want, err := fresh.PublicKey(); err != nil || want[0] != public[0] {
		return nil, fmt.Errorf("%s in %q holds a key of another kind; restore it from the backup", name, dir)
	}
	return &Key{pair: pair, public: public}, nil
}
