package transport_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nkeys"

	"github.com/holdfast-security/holdfast/agent/identity"
	"github.com/holdfast-security/holdfast/agent/transport"
	"github.com/holdfast-security/holdfast/wire"
)

const secret = "the-secret-of-the-token"

// office is a server that enrols.
type office struct {
	ca    authority
	url   string
	token wire.Token
	asked int
}

func newOffice(t *testing.T, change func(*x509.Certificate), handler http.HandlerFunc) *office {
	t.Helper()
	o := &office{ca: newAuthority(t)}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		o.asked++
		handler(rw, r)
	}))
	server.TLS = o.ca.issue(t, change)
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // refused handshakes are what is tested
	server.StartTLS()
	t.Cleanup(server.Close)
	o.url = server.URL
	o.token = wire.Token{Servers: []string{o.url}, Pin: o.ca.pin(), Secret: secret}
	return o
}

func (o *office) enroll(t *testing.T) (identity.Identity, error) {
	t.Helper()
	return transport.Enroll(t.Context(), transport.Enrollment{Token: o.token, Hostname: "host.example", MachineID: "4711", Agent: "1.0"})
}

// grant answers as a server does.
func (o *office) grant(t *testing.T, request wire.EnrollRequest) wire.EnrollReply {
	t.Helper()
	account, _ := nkeys.CreateAccount()
	signing, err := account.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	return wire.EnrollReply{
		Host: host, Credential: credential(request.PublicKey), Streams: []string{"tls://127.0.0.1:4222"},
		CA: o.ca.pem(), SigningKey: signing,
	}
}

func TestEnroll(t *testing.T) {
	var o *office
	var request wire.EnrollRequest
	o = newOffice(t, nil, func(rw http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.URL.Path != "/api/v1/enroll" || strings.Contains(r.URL.String(), secret) {
			t.Errorf("%s %s", r.Method, r.URL)
		}
		if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
			t.Error(err)
		}
		_ = json.NewEncoder(rw).Encode(o.grant(t, request))
	})
	id, err := o.enroll(t)
	if err != nil {
		t.Fatal(err)
	}
	if id.Host != host || id.Server != o.url || id.CA != o.ca.pem() || time.Since(id.Enrolled) > time.Minute {
		t.Errorf("identity: %+v", id)
	}
	public, err := identity.PublicKey(id.Seed)
	if err != nil || public != request.PublicKey {
		t.Errorf("the key is %s, %v; the server was shown %s", public, err, request.PublicKey)
	}
	verifier, err := nkeys.FromPublicKey(request.PublicKey)
	if err != nil || verifier.Verify([]byte("holdfast enroll\x00"+secret), request.Proof) != nil {
		t.Error("the proof is not the key's")
	}
	if request.Version != wire.Version || request.Token != secret || request.Hostname != "host.example" || request.MachineID != "4711" || request.Agent != "1.0" {
		t.Errorf("request: %+v", request)
	}
	if err := identity.Create(t.TempDir(), id); err != nil {
		t.Error(err)
	}
}

func TestEnrollTrustsOnlyThePin(t *testing.T) {
	never := func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusTeapot) }
	for name, c := range map[string]struct {
		certificate func(*x509.Certificate)
		token       func(*testing.T, *office)
		want        string
	}{
		"wrong pin":  {nil, func(t *testing.T, o *office) { o.token.Pin = newAuthority(t).pin() }, "not the one that the token was made for"},
		"wrong name": {func(c *x509.Certificate) { c.IPAddresses, c.DNSNames = nil, []string{"server.example"} }, nil, "another name"},
		"expired":    {func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }, nil, "clock"},
		"not yet": {func(c *x509.Certificate) {
			c.NotBefore = time.Now().Add(time.Hour)
			c.NotAfter = time.Now().Add(2 * time.Hour)
		}, nil, "clock"},
		"for clients": {func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }, nil, "talk to"},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t, c.certificate, never)
			if c.token != nil {
				c.token(t, o)
			}
			_, err := o.enroll(t)
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), o.url) {
				t.Errorf("got %v, want an error with %q and the address", err, c.want)
			}
			if o.asked > 0 {
				t.Error("the secret was sent")
			}
		})
	}
}

// TestEnrollWantsACA shows a chain in which the pinned key is the server's own.
func TestEnrollWantsACA(t *testing.T) {
	o := newOffice(t, nil, func(http.ResponseWriter, *http.Request) {})
	conn, err := tls.Dial("tcp", strings.TrimPrefix(o.url, "https://"), &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	leaf := authority{certificate: conn.ConnectionState().PeerCertificates[0]}
	o.token.Pin = leaf.pin()
	if _, err := o.enroll(t); err == nil || o.asked > 0 {
		t.Errorf("asked %d times: %v", o.asked, err)
	}
}

func TestEnrollSaysWhatIsWrong(t *testing.T) {
	problem := func(status int, detail string) func(*office) http.HandlerFunc {
		return func(*office) http.HandlerFunc {
			return func(rw http.ResponseWriter, _ *http.Request) {
				rw.WriteHeader(status)
				_ = json.NewEncoder(rw).Encode(map[string]any{"detail": detail})
			}
		}
	}
	reply := func(change func(*wire.EnrollReply)) func(*office) http.HandlerFunc {
		return func(o *office) http.HandlerFunc {
			return func(rw http.ResponseWriter, r *http.Request) {
				var request wire.EnrollRequest
				_ = json.NewDecoder(r.Body).Decode(&request)
				answer := o.grant(t, request)
				change(&answer)
				_ = json.NewEncoder(rw).Encode(answer)
			}
		}
	}
	for name, c := range map[string]struct {
		handler func(*office) http.HandlerFunc
		want    string
		refused bool
	}{
		"token refused":    {problem(http.StatusUnauthorized, "the token has expired"), "refuses the enrolment: the token has expired", true},
		"no reason given":  {problem(http.StatusForbidden, ""), "ask for a new one", true},
		"host refused":     {problem(http.StatusConflict, "too many hosts"), "too many hosts", true},
		"too many asked":   {problem(http.StatusTooManyRequests, ""), "wait a minute", false},
		"server in pieces": {problem(http.StatusInternalServerError, ""), "look at its log", false},
		"another server":   {problem(http.StatusNotFound, ""), "no Holdfast server", false},
		"elsewhere":        {problem(http.StatusMovedPermanently, ""), "no Holdfast server", false},
		"escape sequences": {problem(http.StatusUnauthorized, "\x1b[2Jgone\n"), `\x1b[2Jgone\n`, true},
		"long words":       {problem(http.StatusUnauthorized, strings.Repeat("x", 60<<10)), "…", true},
		"a huge answer": {func(*office) http.HandlerFunc {
			return func(rw http.ResponseWriter, _ *http.Request) {
				_, _ = rw.Write(bytes.Repeat([]byte(" "), wire.MaxMessage+1))
			}
		}, "more than", false},
		"no end": {func(*office) http.HandlerFunc {
			return func(rw http.ResponseWriter, r *http.Request) {
				for r.Context().Err() == nil {
					if _, err := rw.Write(make([]byte, 64<<10)); err != nil {
						return
					}
				}
			}
		}, "more than", false},
		"huge headers": {func(*office) http.HandlerFunc {
			return func(rw http.ResponseWriter, _ *http.Request) {
				rw.Header().Set("X-Filler", strings.Repeat("x", 100<<10))
			}
		}, "talk to", false},
		"a web page": {func(*office) http.HandlerFunc {
			return func(rw http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(rw, "<html>") }
		}, "does not answer as a Holdfast server", false},
		"hung up": {func(*office) http.HandlerFunc {
			return func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
		}, "talk to", false},
		"a host id with a path": {reply(func(r *wire.EnrollReply) { r.Host = "../../etc" }), "host id", false},
		"no stream":             {reply(func(r *wire.EnrollReply) { r.Streams = nil }), "stream", false},
		"a stream without TLS":  {reply(func(r *wire.EnrollReply) { r.Streams = []string{"nats://127.0.0.1:4222"} }), "tls://", false},
		"another's credential":  {reply(func(r *wire.EnrollReply) { r.Credential = credential("UA") }), "another key", false},
		"no CA":                 {reply(func(r *wire.EnrollReply) { r.CA = "" }), "CA", false},
	} {
		t.Run(name, func(t *testing.T) {
			var handler http.HandlerFunc
			o := newOffice(t, nil, func(rw http.ResponseWriter, r *http.Request) { handler(rw, r) })
			handler = c.handler(o)
			_, err := o.enroll(t)
			if err == nil || !strings.Contains(err.Error(), c.want) || errors.Is(err, transport.ErrRefused) != c.refused {
				t.Fatalf("got %v, want an error with %q (refused: %v)", err, c.want, c.refused)
			}
			if strings.Contains(err.Error(), secret) || strings.ContainsAny(err.Error(), "\x1b\n") || len(err.Error()) > 1000 {
				t.Errorf("not a sentence to be shown: %q", err)
			}
		})
	}
}

func TestEnrollTriesTheNextServer(t *testing.T) {
	var o *office
	o = newOffice(t, nil, func(rw http.ResponseWriter, r *http.Request) {
		var request wire.EnrollRequest
		_ = json.NewDecoder(r.Body).Decode(&request)
		_ = json.NewEncoder(rw).Encode(o.grant(t, request))
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := "https://" + listener.Addr().String()
	listener.Close()
	o.token.Servers = []string{nobody, o.url}
	if id, err := o.enroll(t); err != nil || id.Server != o.url {
		t.Errorf("enrolled at %s: %v", id.Server, err)
	}
	o.token.Servers = []string{nobody}
	if _, err := o.enroll(t); err == nil || !strings.Contains(err.Error(), "nothing listens at "+nobody) {
		t.Errorf("nobody there: %v", err)
	}
}

func TestEnrollAsksARefusingServerOnce(t *testing.T) {
	o := newOffice(t, nil, func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusForbidden) })
	o.token.Servers = []string{o.url, o.url}
	if _, err := o.enroll(t); !errors.Is(err, transport.ErrRefused) || o.asked != 1 {
		t.Errorf("asked %d times: %v", o.asked, err)
	}
}

func TestEnrollWarnsOfClocks(t *testing.T) {
	var text bytes.Buffer
	o := newOffice(t, nil, func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Date", time.Now().Add(time.Hour).UTC().Format(http.TimeFormat))
		rw.WriteHeader(http.StatusForbidden)
	})
	_, err := transport.Enroll(t.Context(), transport.Enrollment{Token: o.token, Log: slog.New(slog.NewTextHandler(&text, nil))})
	if err == nil || !strings.Contains(text.String(), "clocks") || strings.Contains(text.String(), secret) {
		t.Errorf("%v; log: %s", err, &text)
	}
}

func TestEnrollEndsWithItsContext(t *testing.T) {
	o := newOffice(t, nil, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // before that, the end of the connection goes unnoticed
		<-r.Context().Done()
	})
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	if _, err := transport.Enroll(ctx, transport.Enrollment{Token: o.token}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// TestEnrollAtAnotherPort asks one that speaks first, as the stream does.
func TestEnrollAtAnotherPort(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		for conn, err := listener.Accept(); err == nil; conn, err = listener.Accept() {
			_, _ = io.WriteString(conn, "INFO {}\r\n")
			_, _ = io.Copy(io.Discard, conn)
			conn.Close()
		}
	}()
	server := "https://" + listener.Addr().String()
	_, err = transport.Enroll(t.Context(), transport.Enrollment{
		Token: wire.Token{Servers: []string{server}, Pin: strings.Repeat("ab", 32), Secret: secret}, Hostname: "web-1",
	})
	if err == nil || !strings.Contains(err.Error(), server+" does not speak TLS") || strings.Contains(err.Error(), "Post ") {
		t.Errorf("got %v", err)
	}
}
