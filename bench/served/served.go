//go:build linux

// Package served runs a server of our own for measurements: holdfast-server in
// a process of its own with everything embedded, on free ports of this machine,
// and a session of its first administrator.
package served

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/holdfast-security/holdfast/api"
	"github.com/holdfast-security/holdfast/api/client"
)

// Server is a server and its data. It is for one goroutine.
type Server struct {
	URL    string         // of console and API; "" before the first start
	Client *client.Client // of the first administrator

	program string
	dir     string
	cmd     *exec.Cmd
	said    tail
}

const serverConfig = `data_dir: %s
listen: 127.0.0.1:0
stream_listen: 127.0.0.1:0
names: [127.0.0.1]
`

// New makes a directory below dir for a server that is not started yet. The
// program is holdfast-server. The caller calls [Server.Remove].
func New(program, dir string) (*Server, error) {
	own, err := os.MkdirTemp(dir, "server")
	return &Server{program: program, dir: own}, err
}

// Data is the server's data directory.
func (s *Server) Data() string { return filepath.Join(s.dir, "data") }

// startTime is how long a server may take to come up.
const startTime = time.Minute

// Start starts the server and logs on.
func (s *Server) Start(ctx context.Context) error {
	config := filepath.Join(s.dir, "server.yaml")
	if err := os.WriteFile(config, fmt.Appendf(nil, serverConfig, s.Data()), 0o600); err != nil {
		return err
	}
	s.cmd = exec.Command(s.program, "run", "--config", config)
	said, err := s.cmd.StderrPipe()
	if err != nil {
		return err
	}
	if err := s.cmd.Start(); err != nil {
		return fmt.Errorf("start the server: %w", err)
	}
	up := make(chan string, 1)
	go s.listen(said, up)
	select {
	case s.URL = <-up:
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(startTime):
	}
	if s.URL == "" {
		return fmt.Errorf("the server is not up after %s; it said %q", startTime, s.said.text())
	}
	return s.logOn(ctx)
}

// listen reads what the server says, until its end, and sends its address.
func (s *Server) listen(said io.Reader, up chan<- string) {
	defer close(up)
	address := regexp.MustCompile(`msg="the server is up" console=(\S+)`)
	lines := bufio.NewScanner(said)
	for lines.Scan() {
		s.said.add(lines.Text())
		if m := address.FindStringSubmatch(lines.Text()); m != nil {
			up <- m[1]
		}
	}
}

// logOn begins a session of the first administrator.
func (s *Server) logOn(ctx context.Context) error {
	authority, err := os.ReadFile(filepath.Join(s.Data(), "keys", "ca.pem"))
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority)
	s.Client, err = client.New(client.Options{Server: s.URL, TLS: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}})
	if err != nil {
		return err
	}
	password, err := s.Password()
	if err != nil {
		return err
	}
	_, err = s.Client.CreateSession(ctx, api.Credentials{Name: "admin", Password: password})
	return err
}

// Password is that of the first administrator.
func (s *Server) Password() (string, error) {
	text, err := os.ReadFile(filepath.Join(s.Data(), "first-password"))
	return strings.TrimSpace(string(text)), err
}

// Token makes an enrolment token for any number of hosts.
func (s *Server) Token(ctx context.Context) (string, error) {
	made, err := s.Client.CreateEnrollToken(ctx, api.NewEnrollToken{Note: "bench", Expires: 24 * 3600})
	return made.Secret, err
}

// PID is the server's process, once it was started.
func (s *Server) PID() int { return s.cmd.Process.Pid }

// Stop ends the server in order. Stopping one that does not run does nothing.
func (s *Server) Stop() error {
	if s.cmd == nil || s.cmd.Process == nil || s.cmd.ProcessState != nil {
		return nil
	}
	if s.Client != nil {
		s.Client.Close()
	}
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	if err := s.cmd.Wait(); err != nil {
		return fmt.Errorf("server: %w; it said %q", err, s.said.text())
	}
	return nil
}

// Remove ends the server and removes its data.
func (s *Server) Remove() error { return errors.Join(s.Stop(), os.RemoveAll(s.dir)) }

// tail keeps the last lines of what a program says. It is safe for concurrent
// use.
type tail struct {
	mu    sync.Mutex // guards lines
	lines [][]byte
}

func (t *tail) add(line string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lines = append(t.lines, []byte(line))
	if len(t.lines) > 20 {
		t.lines = t.lines[1:]
	}
}

func (t *tail) text() []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	return bytes.Join(t.lines, []byte("\n"))
}
