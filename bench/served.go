//go:build linux

package main

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

// served is a server of our own with everything embedded, in a process of its
// own, on free ports of this machine.
type served struct {
	program string // bin/holdfast-server
	dir     string // its data, kept until remove

	cmd    *exec.Cmd
	said   tail
	url    string         // of console and API
	client *client.Client // of the first administrator
}

const serverConfig = `data_dir: %s
listen: 127.0.0.1:0
stream_listen: 127.0.0.1:0
names: [127.0.0.1]
`

// newServed makes the directory of a server that is not started yet.
func (b *bench) newServed() (*served, error) {
	dir, err := os.MkdirTemp(b.dir, "server")
	return &served{program: b.server, dir: dir}, err
}

// data is the server's data directory.
func (s *served) data() string { return filepath.Join(s.dir, "data") }

// startTime is how long a server may take to come up.
const startTime = time.Minute

// start starts the server and logs on.
func (s *served) start(ctx context.Context) error {
	config := filepath.Join(s.dir, "server.yaml")
	if err := os.WriteFile(config, fmt.Appendf(nil, serverConfig, s.data()), 0o600); err != nil {
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
	case s.url = <-up:
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(startTime):
	}
	if s.url == "" {
		return fmt.Errorf("the server is not up after %s; it said %q", startTime, s.said.text())
	}
	return s.logOn(ctx)
}

// listen reads what the server says, until its end, and sends its address.
func (s *served) listen(said io.Reader, up chan<- string) {
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
func (s *served) logOn(ctx context.Context) error {
	authority, err := os.ReadFile(filepath.Join(s.data(), "keys", "ca.pem"))
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority)
	s.client, err = client.New(client.Options{Server: s.url, TLS: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}})
	if err != nil {
		return err
	}
	password, err := s.password()
	if err != nil {
		return err
	}
	_, err = s.client.CreateSession(ctx, api.Credentials{Name: "admin", Password: password})
	return err
}

// password is that of the first administrator.
func (s *served) password() (string, error) {
	text, err := os.ReadFile(filepath.Join(s.data(), "first-password"))
	return strings.TrimSpace(string(text)), err
}

// token makes an enrolment token for any number of hosts.
func (s *served) token(ctx context.Context) (string, error) {
	made, err := s.client.CreateEnrollToken(ctx, api.NewEnrollToken{Note: "bench", Expires: 24 * 3600})
	return made.Secret, err
}

func (s *served) pid() int { return s.cmd.Process.Pid }

// stop ends the server in order. Stopping one that does not run does nothing.
func (s *served) stop() error {
	if s.cmd == nil || s.cmd.Process == nil || s.cmd.ProcessState != nil {
		return nil
	}
	if s.client != nil {
		s.client.Close()
	}
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	if err := s.cmd.Wait(); err != nil {
		return fmt.Errorf("server: %w; it said %q", err, s.said.text())
	}
	return nil
}

// remove ends the server and removes its data.
func (s *served) remove() error { return errors.Join(s.stop(), os.RemoveAll(s.dir)) }

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
