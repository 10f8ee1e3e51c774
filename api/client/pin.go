package client

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
)

// Pinned returns a configuration that trusts exactly the certificate
// authority whose public key (SPKI, DER) has the SHA-256 pin, in hex. The
// server has to send that authority's certificate along, as Holdfast servers
// do, and to show a certificate for its own name that the authority issued.
func Pinned(pin string) (*tls.Config, error) {
	want, err := hex.DecodeString(pin)
	if err != nil || len(want) != sha256.Size {
		return nil, fmt.Errorf("pin %q is not a SHA-256 in hex", pin)
	}
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		InsecureSkipVerify: true, // replaced by VerifyConnection, which is stricter
		VerifyConnection: func(s tls.ConnectionState) error {
			return verify(s, want)
		},
	}, nil
}

// verify checks the chain as crypto/tls would, with the pinned authority as
// the only root.
func verify(s tls.ConnectionState, pin []byte) error {
	if len(s.PeerCertificates) == 0 {
		return errors.New("the server shows no certificate")
	}
	roots, others := x509.NewCertPool(), x509.NewCertPool()
	found := false
	for _, c := range s.PeerCertificates {
		sum := sha256.Sum256(c.RawSubjectPublicKeyInfo)
		if bytes.Equal(sum[:], pin) {
			roots.AddCert(c)
			found = true
			continue
		}
		others.AddCert(c)
	}
	if !found {
		return errors.New("the server's certificate authority is not the pinned one: another server answers, or it was given new keys")
	}
	_, err := s.PeerCertificates[0].Verify(x509.VerifyOptions{DNSName: s.ServerName, Roots: roots, Intermediates: others})
	return err
}
