package fleet

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/holdfast-security/holdfast/account"
	"github.com/holdfast-security/holdfast/api"
	"github.com/holdfast-security/holdfast/api/client"
	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/fleet"
)

// Admin is the name of the first administrator.
const Admin = "admin"

// ServerOptions say what a server is like. The zero value is a good one.
type ServerOptions struct {
	DataDir  string // "" for a new one, removed at the end
	Settings string // further lines of the configuration file, YAML
}

// Server is a holdfast-server. Its fields do not change; its methods are for
// one goroutine, but for those that ask the API.
type Server struct {
	DataDir string
	Config  string // path of the configuration file
	URL     string // of console and API
	Stream  string // address that agents connect to, host:port
	Pin     string // of its certificate authority

	tb       TB
	programs Programs
	log      tail
	process  *process
	client   *client.Client
	http     *http.Client
}

// NewServer starts a server, waits until it is ready, and logs on. It ends with
// the test.
func NewServer(tb TB, o ServerOptions) *Server {
	tb.Helper()
	dir := tempDir(tb)
	s := &Server{DataDir: o.DataDir, Config: filepath.Join(dir, "server.yaml"), tb: tb, programs: Build(tb)}
	if s.DataDir == "" {
		s.DataDir = filepath.Join(dir, "data")
	}
	listen := FreeAddress(tb)
	s.URL, s.Stream = "https://"+listen, FreeAddress(tb)
	config := fmt.Sprintf("data_dir: %s\nlisten: %s\nstream_listen: %s\nnames: [127.0.0.1]\n%s\n", s.DataDir, listen, s.Stream, o.Settings)
	if err := os.WriteFile(s.Config, []byte(config), 0o600); err != nil {
		tb.Fatalf("%v", err)
	}
	tb.Cleanup(s.end)
	s.Launch()
	Await(tb, "the server makes its keys", func() bool {
		var err error
		s.Pin, err = pinOf(filepath.Join(s.DataDir, "keys", "ca.pem"))
		return err == nil || !s.Running()
	})
	s.trust()
	s.AwaitReady()
	s.logOn()
	return s
}

// end is what remains to be done when the test ends.
func (s *Server) end() {
	if s.tb.Failed() {
		s.tb.Logf("the server's log:\n%s", s.log.String())
	}
	s.process.kill()
	if s.client != nil {
		s.client.Close()
	}
	if s.http != nil {
		s.http.CloseIdleConnections()
	}
}

// FreeAddress returns an address of this machine, host:port, on which nobody
// listens. Its port is none that the kernel gives to outgoing connections, so
// that it stays free while nobody listens on purpose.
func FreeAddress(tb TB) string {
	tb.Helper()
	for range 1000 {
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(10_000+rand.IntN(20_000)))
		if listener, err := net.Listen("tcp", address); err == nil {
			_ = listener.Close()
			return address
		}
	}
	tb.Fatalf("no port is free")
	return ""
}

// pinOf returns the SHA-256 of a certificate's public key.
func pinOf(path string) (string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	block, rest := pem.Decode(data)
	for block != nil && block.Type != "CERTIFICATE" { // its key stands beside it
		block, rest = pem.Decode(rest)
	}
	if block == nil {
		return "", fmt.Errorf("%s holds no certificate", path)
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(certificate.RawSubjectPublicKeyInfo)
	return hex.EncodeToString(sum[:]), nil
}

// trust makes the clients.
func (s *Server) trust() {
	s.tb.Helper()
	config, err := client.Pinned(s.Pin)
	if err != nil {
		s.tb.Fatalf("%v; the server's log:\n%s", err, s.log.String())
	}
	// Every request is a new connection: the server it was made to may be dead.
	s.http = &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{TLSClientConfig: config, DisableKeepAlives: true}}
}

// logOn makes an API token for the tests, which outlives restarts.
func (s *Server) logOn() {
	s.tb.Helper()
	admin := s.NewClient("")
	defer admin.Close()
	ctx, cancel := asking()
	defer cancel()
	if _, err := admin.CreateSession(ctx, api.Credentials{Name: Admin, Password: s.Password()}); err != nil {
		s.tb.Fatalf("log on: %v", err)
	}
	made, err := admin.CreateToken(ctx, api.NewToken{Note: "tests", Role: account.Admin, Expires: time.Now().Add(24 * time.Hour)})
	if err != nil {
		s.tb.Fatalf("make a token: %v", err)
	}
	s.client = s.NewClient(made.Secret)
}

// NewClient returns a client of the API with a token, or without any right when
// that is "". The caller closes it.
func (s *Server) NewClient(token string) *client.Client {
	s.tb.Helper()
	config, err := client.Pinned(s.Pin)
	if err != nil {
		s.tb.Fatalf("%v", err)
	}
	c, err := client.New(client.Options{Server: s.URL, Token: token, TLS: config})
	if err != nil {
		s.tb.Fatalf("%v", err)
	}
	return c
}

// Client returns a client of the API with an administrator's rights. It is the
// server's to close.
func (s *Server) Client() *client.Client { return s.client }

// Password returns the first administrator's, as long as it is not changed.
func (s *Server) Password() string {
	s.tb.Helper()
	data, err := os.ReadFile(filepath.Join(s.DataDir, "first-password"))
	if err != nil {
		s.tb.Fatalf("%v", err)
	}
	return strings.TrimSpace(string(data))
}

// Launch starts the server's process and does not wait. It must not be running.
func (s *Server) Launch() {
	s.tb.Helper()
	if s.Running() {
		s.tb.Fatalf("the server runs already")
	}
	var err error
	if s.process, err = launch(&s.log, exec.Command(s.programs.Server, "run", "--config", s.Config)); err != nil {
		s.tb.Fatalf("start the server: %v", err)
	}
}

// Start starts the server and waits until it is ready.
func (s *Server) Start() {
	s.tb.Helper()
	s.Launch()
	s.AwaitReady()
}

// AwaitReady waits until the server says that it can do its work.
func (s *Server) AwaitReady() {
	s.tb.Helper()
	Await(s.tb, "the server is ready", func() bool {
		if !s.Running() {
			s.tb.Fatalf("the server ended: %v", s.process.err)
		}
		return s.Ready()
	})
}

// Ready reports whether the server says that it can do its work.
func (s *Server) Ready() bool {
	answer, err := s.http.Get(s.URL + "/readyz")
	if err != nil {
		return false
	}
	_ = answer.Body.Close()
	return answer.StatusCode == http.StatusOK
}

// Running reports whether the server's process is there.
func (s *Server) Running() bool { return s.process.running() }

// PID returns the id of the server's process, which runs or ran.
func (s *Server) PID() int { return s.process.cmd.Process.Pid }

// Kill ends the server as kill -9 does.
func (s *Server) Kill() { s.process.kill() }

// Stop ends the server in order.
func (s *Server) Stop() {
	s.tb.Helper()
	if err := s.process.stop(); err != nil {
		s.tb.Fatalf("stop the server: %v", err)
	}
}

// Log returns the end of what the server has said.
func (s *Server) Log() string { return s.log.String() }

// Ledger returns the ledger of losses.
func (s *Server) Ledger() (api.LedgerReport, error) {
	ctx, cancel := asking()
	defer cancel()
	return s.client.GetLedger(ctx)
}

// Balance returns the balance of one host, which must be there.
func (s *Server) Balance(host event.HostID) (fleet.Balance, error) {
	report, err := s.Ledger()
	if err != nil {
		return fleet.Balance{}, err
	}
	for _, b := range report.Hosts {
		if b.Host == host {
			return b, nil
		}
	}
	return fleet.Balance{}, fmt.Errorf("the ledger does not know host %s", host)
}

// Refused returns the counter of messages refused for a reason, zero when there
// is none.
func (s *Server) Refused(reason string) uint64 {
	report, err := s.Ledger()
	if err != nil {
		return 0
	}
	for _, c := range report.Server.Refused {
		if c.Name == reason {
			return c.Value
		}
	}
	return 0
}

// Metrics returns what /metrics says.
func (s *Server) Metrics() string {
	s.tb.Helper()
	answer, err := s.http.Get(s.URL + "/metrics")
	if err != nil {
		s.tb.Fatalf("read the metrics: %v", err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		s.tb.Fatalf("read the metrics: status %d: %v", answer.StatusCode, err)
	}
	return string(text)
}

// Events returns all events of a query, page by page.
func (s *Server) Events(ctx context.Context, q client.ListEventsQuery) ([]event.Event, error) {
	q.Limit = 1000
	var all []event.Event
	for {
		page, err := s.client.ListEvents(ctx, q)
		if err != nil {
			return nil, err
		}
		all = append(all, page.Items...)
		if q.After = page.Next; q.After == "" {
			return all, nil
		}
	}
}

// Alerts returns all alerts of a query, page by page.
func (s *Server) Alerts(ctx context.Context, q client.ListAlertsQuery) ([]finding.Summary, error) {
	q.Limit = 1000
	var all []finding.Summary
	for {
		page, err := s.client.ListAlerts(ctx, q)
		if err != nil {
			return nil, err
		}
		all = append(all, page.Items...)
		if q.After = page.Next; q.After == "" {
			return all, nil
		}
	}
}

// EnrolToken makes an enrolment token and returns its text and its id.
func (s *Server) EnrolToken(want api.NewEnrollToken) (text, id string) {
	s.tb.Helper()
	ctx, cancel := asking()
	defer cancel()
	made, err := s.client.CreateEnrollToken(ctx, want)
	if err != nil {
		s.tb.Fatalf("make an enrolment token: %v", err)
	}
	return made.Secret, made.Token.ID
}
