package main

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/holdfast-security/holdfast/server"
)

// TestServerScripts runs the commands that speak to a server against a real
// one. The scripts have $SERVER, $PIN and $PASSWORD, the first administrator's,
// and contexts of their own.
func TestServerScripts(t *testing.T) {
	data := t.TempDir()
	running, ended := make(chan *server.Server, 1), make(chan error, 1)
	ctx, stop := context.WithCancel(t.Context())
	go func() {
		ended <- server.Run(ctx, server.Config{
			DataDir: data, Listen: "127.0.0.1:0", StreamListen: "127.0.0.1:0", Names: []string{"localhost"}, LogLevel: "error",
		}, io.Discard, func(s *server.Server) { running <- s })
	}()
	var s *server.Server
	select {
	case s = <-running:
	case err := <-ended:
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	testscript.Run(t, testscript.Params{
		Dir: "testdata/server", Cmds: commands,
		Setup: func(env *testscript.Env) error {
			env.Setenv("SERVER", s.URL())
			env.Setenv("PASSWORD", s.FirstPassword())
			env.Setenv("PIN", authorityPin(t, filepath.Join(data, "keys", "ca.pem")))
			env.Setenv("HOLDFAST_CONTEXTS", filepath.Join(env.WorkDir, "contexts.yaml"))
			env.Setenv("NOW", time.Now().UTC().Format(time.RFC3339))
			return nil
		},
	})
}

// authorityPin returns the SHA-256 of the public key of the certificate in a
// PEM file.
func authorityPin(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(certificate.RawSubjectPublicKeyInfo)
		return hex.EncodeToString(sum[:])
	}
	t.Fatalf("%s holds no certificate", path)
	return ""
}
