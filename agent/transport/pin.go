package transport

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"syscall"

	"github.com/holdfast-security/holdfast/wire"
)

// errPin says that a server could not show the CA that the token names.
var errPin = errors.New("the server is not the one that the token was made for")

// pinned returns settings of TLS that trust exactly one CA, known by the
// SHA-256 of its public key. The CA has to be in the chain that the server
// shows, and host, a name or an address, in the server's certificate.
func pinned(pin, host string) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		ServerName: host,
		NextProtos: []string{wire.EnrolProtocol, "http/1.1"}, // HTTP/2 is nothing for one request
		// The usual check trusts the system's roots; VerifyConnection below does
		// the same check with the pinned CA as the only root.
		InsecureSkipVerify: true,
		VerifyConnection: func(state tls.ConnectionState) error {
			return verifyPinned(state.PeerCertificates, pin, host)
		},
	}
}

func verifyPinned(chain []*x509.Certificate, pin, host string) error {
	if len(chain) == 0 {
		return errPin
	}
	roots, intermediates := x509.NewCertPool(), x509.NewCertPool()
	found := false
	for _, c := range chain {
		sum := sha256.Sum256(c.RawSubjectPublicKeyInfo)
		if hex.EncodeToString(sum[:]) == pin && c.IsCA && c.BasicConstraintsValid {
			roots.AddCert(c)
			found = true
			continue
		}
		intermediates.AddCert(c)
	}
	if !found {
		return errPin
	}
	_, err := chain[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: intermediates, DNSName: host})
	return err
}

// explain says in one sentence what is in the way of talking to a server.
func explain(server string, err error) error {
	var (
		invalid   x509.CertificateInvalidError
		hostname  x509.HostnameError
		authority x509.UnknownAuthorityError
		record    tls.RecordHeaderError
		dns       *net.DNSError
		request   *url.Error
	)
	if errors.As(err, &request) {
		err = request.Err // the address is told here
	}
	switch {
	case errors.Is(err, errPin):
		return fmt.Errorf("%w: %s shows a certificate of another CA; check the address, or ask for a new token", errPin, server)
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return fmt.Errorf("the certificate of %s is not valid at this host's time; check this host's clock first, then the server's certificate: %w", server, err)
	case errors.As(err, &hostname):
		return fmt.Errorf("the certificate of %s is for another name; use the name that stands in it, or give the server a certificate with this one: %w", server, err)
	case errors.As(err, &authority):
		return fmt.Errorf("the certificate of %s is not signed by the CA that this host was enrolled with; if the server was made anew, enrol again: %w", server, err)
	case errors.As(err, &record):
		return fmt.Errorf("%s does not speak TLS; check the address, whose port is 8443 for a server and 4222 for its stream unless set otherwise: %w", server, err)
	case errors.As(err, &dns):
		return fmt.Errorf("the name of %s cannot be resolved: %w", server, err)
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("nothing listens at %s; check the address, and that the server runs: %w", server, err)
	case errors.Is(err, os.ErrDeadlineExceeded), isTimeout(err):
		return fmt.Errorf("%s does not answer; check the address and the firewalls between: %w", server, err)
	}
	return fmt.Errorf("talk to %s: %w", server, err)
}

func isTimeout(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.As(err, &timeout) && timeout.Timeout()
}
