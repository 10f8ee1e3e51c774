package hostile_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/holdfast-security/holdfast/internal/hosttest"
	"github.com/holdfast-security/holdfast/test/fleet"
	"github.com/holdfast-security/holdfast/wire"
)

// says runs a program that must fail with the given exit code, saying one
// sentence with all of the words on standard error, and nothing else.
func says(t *testing.T, code int, cmd *exec.Cmd, words ...string) {
	t.Helper()
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	ended := make(chan error, 1)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { ended <- cmd.Wait() }()
	var err error
	select {
	case err = <-ended:
	case <-time.After(fleet.Patience):
		_ = cmd.Process.Kill()
		err = <-ended
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != code {
		t.Errorf("ended with %v, want code %d", err, code)
	}
	text := strings.TrimSpace(stderr.String())
	if lines := strings.Split(text, "\n"); len(lines) != 1 {
		t.Errorf("%d lines:\n%s", len(lines), text)
	}
	for _, word := range words {
		if !strings.Contains(text, word) {
			t.Errorf("%q does not say %q", text, word)
		}
	}
	t.Log(text)
}

// TestSentences starts programs where they cannot work.
func TestSentences(t *testing.T) {
	p := fleet.Build(t)
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	config := func(t *testing.T, lines ...string) *exec.Cmd {
		t.Helper()
		path := filepath.Join(t.TempDir(), "server.yaml")
		lines = append(lines, "names: [127.0.0.1]")
		if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		return exec.Command(p.Server, "run", "--config", path)
	}
	own, free, stream := "data_dir: "+data, "listen: "+fleet.FreeAddress(t), "stream_listen: "+fleet.FreeAddress(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	port := taken.Addr().String()
	t.Run("wrong configuration key", func(t *testing.T) {
		says(t, 2, config(t, own, "listne: 127.0.0.1:1"), "holdfast-server: ", "server.yaml", "line 2", "listne", "did you mean listen?")
	})
	t.Run("port of the console taken", func(t *testing.T) {
		says(t, 1, config(t, own, "listen: "+port, stream), "holdfast-server: ", port, "address already in use", "set listen")
	})
	t.Run("port of the stream taken", func(t *testing.T) {
		says(t, 1, config(t, own, free, "stream_listen: "+port), "holdfast-server: ", port, "address already in use", "set stream_listen")
	})
	t.Run("expired certificate", func(t *testing.T) {
		certificate, key := expiredCertificate(t)
		says(t, 1, config(t, own, free, stream, "certificate_file: "+certificate, "key_file: "+key), "holdfast-server: ", certificate, "expired on")
	})
	t.Run("data directory that is a file", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		says(t, 1, config(t, "data_dir: "+path, free, stream), "holdfast-server: ", path)
	})
	t.Run("read-only data directory", func(t *testing.T) {
		readOnly := mountReadOnly(t)
		says(t, 1, config(t, "data_dir: "+readOnly, free, stream), "holdfast-server: ", readOnly, "read-only")
	})
	t.Run("read-only state directory", func(t *testing.T) {
		says(t, 1, exec.Command(p.Agent, "enroll", someToken, "--state-dir", mountReadOnly(t)), "holdfast-agent: ", "read-only")
	})
	t.Run("agent with a wrong configuration key", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "agent.yaml")
		if err := os.WriteFile(path, []byte("stat_dir: /nowhere\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		says(t, 2, exec.Command(p.Agent, "run", "--config", path), "holdfast-agent: ", "agent.yaml", "line 1", "stat_dir", "did you mean state_dir?")
	})
	t.Run("no agent", func(t *testing.T) {
		says(t, 1, exec.Command(p.Agent, "status", "--run-dir", t.TempDir()), "holdfast-agent: ")
	})
}

// TestSentencesOfAServer asks a server for what it must refuse.
func TestSentencesOfAServer(t *testing.T) {
	p := fleet.Build(t)
	s := fleet.NewServer(t, fleet.ServerOptions{})
	login := func(pin, password string) *exec.Cmd {
		cmd := exec.Command(p.Holdfast, "login", s.URL, "--pin", pin, "--user", fleet.Admin, "--password-stdin")
		cmd.Env = append(os.Environ(), "HOME="+t.TempDir(), "XDG_CONFIG_HOME=")
		cmd.Stdin = strings.NewReader(password + "\n")
		return cmd
	}
	t.Run("wrong password", func(t *testing.T) {
		says(t, 1, login(s.Pin, "not the password"), "holdfast: ", "password")
	})
	t.Run("wrong pin", func(t *testing.T) {
		says(t, 1, login(strings.Repeat("0", 64), s.Password()), "holdfast: ", "authority")
	})
	t.Run("data directory in use", func(t *testing.T) {
		says(t, 1, exec.Command(p.Server, "run", "--config", s.Config), "holdfast-server: ", s.DataDir, "another server")
	})
	t.Run("token that is none", func(t *testing.T) {
		says(t, 1, exec.Command(p.Agent, "enroll", "hfe1.nonsense", "--state-dir", t.TempDir()), "holdfast-agent: ", "token")
	})
	s.Stop()
	t.Run("server that is not there", func(t *testing.T) {
		says(t, 1, login(s.Pin, "whatever it is"), "holdfast: ", "connection refused")
	})
}

// mountReadOnly returns a directory that not even root can write to.
func mountReadOnly(t *testing.T) string {
	t.Helper()
	hosttest.Root(t)
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_RDONLY, "mode=0700,size=1m"); err != nil {
		hosttest.Missing(t, "needs to mount a tmpfs: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// expiredCertificate makes a certificate that was good until yesterday.
func expiredCertificate(t *testing.T) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: now.Add(-48 * time.Hour), NotAfter: now.Add(-24 * time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name, kind string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: data}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	return write("cert.pem", "CERTIFICATE", der), write("key.pem", "PRIVATE KEY", secret)
}

// someToken is a well-formed enrolment token that leads nowhere.
var someToken = func() string {
	text, err := (wire.Token{Servers: []string{"https://127.0.0.1:1"}, Pin: strings.Repeat("0", 64), Secret: "secret"}).Format()
	if err != nil {
		panic(err)
	}
	return text
}()
