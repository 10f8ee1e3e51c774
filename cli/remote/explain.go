package remote

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"syscall"

	"github.com/holdfast-security/holdfast/api/client"
)

// explain adds to an error of the API what to do about it.
func explain(err error) error {
	if client.Status(err) == http.StatusUnauthorized {
		return fmt.Errorf("%w; log in again: holdfast login", err)
	}
	return unreached(err)
}

// unreached says what to do where no server was spoken to.
func unreached(err error) error {
	var (
		certificate *tls.CertificateVerificationError
		record      tls.RecordHeaderError
		name        *net.DNSError
		timeout     net.Error
	)
	switch {
	case errors.As(err, &certificate):
		return fmt.Errorf("the server's certificate is not trusted: %w; log in with the --pin that the server's log says", certificate.Err)
	case errors.As(err, &record):
		return fmt.Errorf("%w; no Holdfast console and API is there, whose port is 8443 unless set otherwise: check the address", err)
	case errors.As(err, &name):
		return fmt.Errorf("%w; check the server's name", err)
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("%w; check the address, and that the server runs", err)
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return fmt.Errorf("%w; check the address, and the firewalls between", err)
	}
	return err
}
