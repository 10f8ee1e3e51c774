package headless

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	natsd "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
	"go.uber.org/goleak"

	"github.com/holdfast-security/holdfast/agent/transport"
	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/fleet"
	"github.com/holdfast-security/holdfast/policy"
	"github.com/holdfast-security/holdfast/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	testHost     = event.HostID("h0123456789abcdef")
	testPatience = 60 * time.Second
)

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(testPatience); !holds(); time.Sleep(25 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// fakeServer enrols and takes frames, as much as an agent sees of a server.
type fakeServer struct {
	t       *testing.T
	roots   *x509.CertPool
	account nkeys.KeyPair
	conn    *nats.Conn
	token   string

	mu     sync.Mutex // guards what follows
	events uint64
	beat   fleet.Heartbeat
	deaf   bool // frames are not answered
	bundle []byte
	serial uint64 // of the last announcement
}

func newFakeServer(t *testing.T) *fakeServer {
	t.Helper()
	f := &fakeServer{t: t, roots: x509.NewCertPool()}
	f.account, _ = nkeys.CreateAccount()
	ca, config := f.certificates()
	stream, err := natsd.NewServer(&natsd.Options{
		Host: "127.0.0.1", Port: natsd.RANDOM_PORT, NoLog: true, NoSigs: true, TLS: true, TLSTimeout: 10, TLSConfig: config.Clone(),
	})
	if err != nil {
		t.Fatal(err)
	}
	stream.Start()
	t.Cleanup(func() { stream.Shutdown(); stream.WaitForShutdown() })
	if !stream.ReadyForConnections(testPatience) {
		t.Fatal("the stream does not start")
	}
	url := "tls://" + stream.Addr().String()
	if f.conn, err = nats.Connect(url, nats.Secure(&tls.Config{RootCAs: f.roots, MinVersion: tls.VersionTLS13})); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.conn.Close)
	f.serve()
	office := httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		var request wire.EnrollRequest
		_ = json.NewDecoder(r.Body).Decode(&request)
		signing, _ := f.account.PublicKey()
		_ = json.NewEncoder(rw).Encode(wire.EnrollReply{
			Host: testHost, Streams: []string{url}, SigningKey: signing,
			Credential: "e30." + base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"sub":%q}`, request.PublicKey)) + ".c2ln",
			CA:         string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.Raw})),
		})
	}))
	office.TLS = config.Clone()
	office.StartTLS()
	t.Cleanup(office.Close)
	sum := sha256.Sum256(ca.RawSubjectPublicKeyInfo)
	if f.token, err = (wire.Token{Servers: []string{office.URL}, Pin: hex.EncodeToString(sum[:]), Secret: "secret"}).Format(); err != nil {
		t.Fatal(err)
	}
	return f
}

// certificates makes a CA and the settings of a server that it vouches for.
func (f *fakeServer) certificates() (*x509.Certificate, *tls.Config) {
	f.t.Helper()
	issue := func(template, parent *x509.Certificate, parentKey *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			f.t.Fatal(err)
		}
		if parentKey == nil {
			parent, parentKey = template, key
		}
		der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), parentKey)
		if err != nil {
			f.t.Fatal(err)
		}
		certificate, err := x509.ParseCertificate(der)
		if err != nil {
			f.t.Fatal(err)
		}
		return certificate, key
	}
	from, to := time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	ca, caKey := issue(&x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "CA"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: from, NotAfter: to,
	}, nil, nil)
	leaf, key := issue(&x509.Certificate{
		SerialNumber: big.NewInt(2), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, NotBefore: from, NotAfter: to,
	}, ca, caKey)
	f.roots.AddCert(ca)
	return ca, &tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{{Certificate: [][]byte{leaf.Raw, ca.Raw}, PrivateKey: key}},
	}
}

func (f *fakeServer) serve() {
	f.t.Helper()
	for kind, handler := range map[string]nats.MsgHandler{wire.Events: f.takeFrame, wire.Heartbeat: f.takeBeat, wire.Fetch: f.answerFetch} {
		if _, err := f.conn.Subscribe(wire.Up(testHost, kind), handler); err != nil {
			f.t.Fatal(err)
		}
	}
	if err := f.conn.Flush(); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fakeServer) takeFrame(m *nats.Msg) {
	f.mu.Lock()
	defer f.mu.Unlock()
	h, err := wire.ParseHeader(m.Data)
	if err != nil {
		f.t.Error(err)
	}
	if f.deaf {
		return
	}
	f.events = max(f.events, h.First+uint64(h.Count)-1)
	data, _ := json.Marshal(wire.Ack{Sequence: h.Sequence, Code: wire.Accepted})
	_ = m.Respond(data)
}

func (f *fakeServer) takeBeat(m *nats.Msg) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.beat = fleet.Heartbeat{}
	if err := json.Unmarshal(m.Data, &f.beat); err != nil {
		f.t.Error(err)
	}
}

func (f *fakeServer) taken() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.events
}

func (f *fakeServer) heartbeat() fleet.Heartbeat {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.beat
}

func (f *fakeServer) demand(serial uint64, p policy.Policy) {
	f.t.Helper()
	p.Version = serial
	if err := f.conn.Publish(wire.Down(testHost), f.sign(wire.KindPolicy, serial, p)); err != nil {
		f.t.Fatal(err)
	}
	_ = f.conn.Flush()
}

// sign returns a statement as it is sent.
func (f *fakeServer) sign(kind wire.Kind, serial uint64, v any) []byte {
	body, _ := json.Marshal(v)
	signed, err := wire.Sign(f.account, wire.Statement{Kind: kind, Host: testHost, Serial: serial, Issued: time.Now(), Body: body})
	if err != nil {
		f.t.Error(err)
	}
	data, _ := json.Marshal(signed)
	return data
}

// place is where an agent of the tests lives.
type place struct{ state, run string }

func newPlace(t *testing.T) place {
	t.Helper()
	dir, err := os.MkdirTemp("", "hf") // short: it holds a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return place{filepath.Join(dir, "state"), filepath.Join(dir, "run")}
}

// foreignToken returns the token as a server with another CA would have made
// it.
func foreignToken(t *testing.T, text string) string {
	t.Helper()
	token, err := wire.ParseToken(text)
	if err != nil {
		t.Fatal(err)
	}
	token.Pin = strings.Repeat("0", len(token.Pin))
	if text, err = token.Format(); err != nil {
		t.Fatal(err)
	}
	return text
}

// command runs holdfast-agent and returns what it said.
func command(t *testing.T, want int, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	if code := Command(t.Context(), args, &out, &out); code != want {
		t.Fatalf("%v: code %d, want %d: %s", args, code, want, &out)
	}
	return out.String()
}

// start runs the agent with the sensor that every user may run, and returns how
// to stop it.
func (p place) start(t *testing.T, change ...func(*Config, *tempo)) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	cfg, pace := Config{StateDir: p.state, RunDir: p.run, Only: []string{"procfs"}}, tempo{beat: 100 * time.Millisecond, linger: testPatience, retry: 50 * time.Millisecond}
	for _, f := range change {
		f(&cfg, &pace)
	}
	go func() { ended <- run(ctx, cfg, pace, new(bytes.Buffer), slog.New(slog.DiscardHandler)) }()
	stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(testPatience):
			t.Error("the agent does not stop")
		}
	})
	t.Cleanup(stop)
	return stop
}

func (p place) status(t *testing.T) (r Report) {
	t.Helper()
	var out, complaints bytes.Buffer
	if Command(t.Context(), []string{"status", "-o", "json", "--run-dir", p.run}, &out, &complaints) != exitDone {
		return Report{} // not there yet
	}
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestEnrolledHost(t *testing.T) {
	t.Parallel()
	f, p := newFakeServer(t), newPlace(t)
	if text := command(t, exitDone, "enroll", f.token, "--state-dir", p.state); !strings.Contains(text, string(testHost)) {
		t.Errorf("enroll says %q", text)
	}
	if text := command(t, exitDone, "enroll", f.token, "--state-dir", p.state); !strings.Contains(text, string(testHost)) || !strings.Contains(text, "already") {
		t.Errorf("a second enroll says %q", text)
	}
	if text := command(t, exitFailed, "enroll", foreignToken(t, f.token), "--state-dir", p.state); !strings.Contains(text, "not the token's server") {
		t.Errorf("enroll with another server's token says %q", text)
	}
	stop := p.start(t)
	eventually(t, "the agent is connected", func() bool {
		s := p.status(t).Server
		return s != nil && s.Connection.State == transport.Connected
	})
	work(t)
	eventually(t, "events arrive", func() bool { return f.taken() > 0 })
	beat := f.heartbeat()
	if beat.Kernel == "" || beat.Resident == 0 || len(beat.Boot) != 32 || len(beat.Features) < 2 || beat.Ledger.Epoch == "" {
		t.Errorf("heartbeat: %+v", beat)
	}

	f.demand(1, policy.Policy{Only: []string{"no-such-feature"}})
	eventually(t, "the policy is refused whole", func() bool { return strings.Contains(p.status(t).Server.Refused, "no-such-feature") })
	eventually(t, "the server is told", func() bool {
		beat := f.heartbeat()
		last := beat.Features[len(beat.Features)-1]
		return beat.Policy == 0 && len(last.Warnings) == 1 && last.Warnings[0].Code == "policy-refused"
	})
	f.demand(2, policy.Policy{Disable: []string{"netsense"}, SpoolBytes: 32 << 20, RawRecords: true})
	eventually(t, "a good policy is in force", func() bool { return p.status(t).Server.Policy == 2 })
	if s := p.status(t).Server; s.Refused != "" || s.Ledger.SpoolLimit != 32<<20 {
		t.Errorf("status: %+v", s)
	}
	before := f.taken()
	work(t)
	eventually(t, "events arrive from the new sensors", func() bool { return f.taken() > before })
	if text := command(t, exitDone, "status", "--run-dir", p.run); !strings.Contains(text, "version 2") || !strings.Contains(text, "dropped") {
		t.Errorf("status says:\n%s", text)
	}
	if text := command(t, exitFailed, "unenroll", "--state-dir", p.state, "--run-dir", p.run); !strings.Contains(text, "stop it first") {
		t.Errorf("unenroll beside the agent says %q", text)
	}
	stop()
	eventually(t, "the last heartbeat tells of an empty spool", func() bool { return f.heartbeat().Ledger.Spooled == 0 })
	if l := f.heartbeat().Ledger; l.Produced != l.Combined+l.Queued+l.Sequenced+sum(l.Dropped) || l.Sequenced != l.Spooled+l.Acknowledged {
		t.Errorf("the ledger does not balance: %+v", l)
	}

	f.mu.Lock()
	f.deaf = true
	f.mu.Unlock()
	stop = p.start(t, func(_ *Config, pace *tempo) { pace.linger = time.Millisecond })
	eventually(t, "the policy is in force after a restart", func() bool {
		s := p.status(t).Server
		return s != nil && s.Policy == 2
	})
	eventually(t, "events wait", func() bool { work(t); return p.status(t).Server.Ledger.Spooled > 0 })
	stop()
	if text := command(t, exitFailed, "unenroll", "--state-dir", p.state, "--run-dir", p.run); !strings.Contains(text, "--force") {
		t.Errorf("unenroll with events says %q", text)
	}
	command(t, exitDone, "unenroll", "--force", "--state-dir", p.state, "--run-dir", p.run)
	command(t, exitFailed, "unenroll", "--state-dir", p.state, "--run-dir", p.run)
	command(t, exitDone, "enroll", f.token, "--state-dir", p.state)
}

func sum(dropped map[fleet.Reason]uint64) (n uint64) {
	for _, d := range dropped {
		n += d
	}
	return n
}

// work makes processes for the sensor to see: threads' and children's births
// are this process's own doing, so a child will do.
func work(t *testing.T) {
	t.Helper()
	p, err := os.StartProcess("/bin/sh", []string{"sh", "-c", "sleep 0.4"}, &os.ProcAttr{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Wait(); err != nil {
		t.Fatal(err)
	}
}

func TestRightsThatAreMissingAreNamed(t *testing.T) {
	denied := fmt.Errorf("open a file: %w", fs.ErrPermission)
	for _, c := range []struct {
		err  error
		user int
		want string
	}{
		{denied, 1000, denied.Error() + "; run this as root"},
		{denied, 0, denied.Error()},
		{fmt.Errorf("%w; run this as root, or else", denied), 1000, denied.Error() + "; run this as root, or else"},
		{errors.New("other"), 1000, "other"},
	} {
		if got := withRemedy(c.err, c.user).Error(); got != c.want {
			t.Errorf("%v of user %d: %q, want %q", c.err, c.user, got, c.want)
		}
	}
}

func TestCommandLines(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		code int
		want string
	}{
		"no token":        {[]string{"enroll"}, exitUsage, "takes one argument"},
		"two tokens":      {[]string{"enroll", "a", "b"}, exitUsage, "takes one argument"},
		"a bad token":     {[]string{"enroll", "nonsense"}, exitFailed, "begins with"},
		"a bad server":    {[]string{"enroll", "--server", "http://x", "hfe1.e30"}, exitFailed, "token"},
		"unknown flag":    {[]string{"status", "--speed"}, exitUsage, "speed"},
		"unknown form":    {[]string{"status", "-o", "xml"}, exitUsage, "xml"},
		"no agent":        {[]string{"status", "--run-dir", "/nonexistent"}, exitFailed, "no agent"},
		"not enrolled":    {[]string{"unenroll", "--state-dir", "/nonexistent", "--run-dir", "/nonexistent"}, exitFailed, "not enrolled"},
		"unknown command": {[]string{"enlist"}, exitUsage, "unenroll"},
	} {
		t.Run(name, func(t *testing.T) {
			if text := command(t, c.code, c.args...); !strings.Contains(text, c.want) {
				t.Errorf("says %q, want %q in it", text, c.want)
			}
		})
	}
}
