package client

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-security/holdfast/api"
	"github.com/holdfast-security/holdfast/finding"
)

func TestQueryLeavesOutWhatIsZero(t *testing.T) {
	at := time.Date(2026, 11, 23, 1, 2, 3, 0, time.UTC)
	got := ListAlertsQuery{Severity: []finding.Severity{finding.Informational, finding.High}, Since: at, Text: "a b"}.values().Encode()
	if want := "severity=informational&severity=high&since=2026-11-23T01%3A02%3A03Z&text=a+b"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestSessionCarriesItsToken(t *testing.T) {
	var seen http.Header
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == api.Prefix+"/session" && r.Method == http.MethodPost {
			http.SetCookie(w, &http.Cookie{Name: api.SessionCookie, Value: "c", Path: "/"})
			_, _ = io.WriteString(w, `{"csrf":"t"}`)
			return
		}
		seen = r.Header
		w.WriteHeader(http.StatusNoContent)
	}))
	defer server.Close()
	c, err := New(Options{Server: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx := context.Background()
	if _, err := c.CreateSession(ctx, api.Credentials{Name: "a", Password: "b"}); err != nil {
		t.Fatal(err)
	}
	cookie, csrf := c.Session()
	other, err := New(Options{Server: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	other.Resume(cookie, csrf)
	for _, c := range []*Client{c, other} {
		if err := c.DeleteSession(ctx); err != nil {
			t.Fatal(err)
		}
		if seen.Get(api.CSRFHeader) != "t" || !strings.Contains(seen.Get("Cookie"), api.SessionCookie+"=c") {
			t.Errorf("headers: %v", seen)
		}
	}
}

func TestErrors(t *testing.T) {
	for _, test := range []struct {
		name, body, want string
		status           int
		header           string
	}{
		{"a problem", `{"status":422,"detail":"no","errors":[{"location":"body.a","message":"bad"}]}`, "no; body.a: bad", 422, ""},
		{"throttled", `{"status":429,"detail":"wait"}`, "wait", 429, "7"},
		{"another server", `<html>`, "404 Not Found without an explanation: is this a Holdfast server?", 404, ""},
		{"a redirect", ``, "302 Found without an explanation: is this a Holdfast server?", 302, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if test.header != "" {
					w.Header().Set("Retry-After", test.header)
				}
				if test.status == http.StatusFound {
					w.Header().Set("Location", "https://evil.example/")
				}
				w.WriteHeader(test.status)
				_, _ = io.WriteString(w, test.body)
			}))
			defer server.Close()
			c, err := New(Options{Server: server.URL, Token: "hft_secret"})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			_, err = c.GetOverview(context.Background())
			if err == nil || err.Error() != test.want || Status(err) != test.status {
				t.Errorf("%v (%d)", err, Status(err))
			}
		})
	}
}

func TestErrorsOfTheNetworkHideTheQuery(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	c, err := New(Options{Server: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.ListAlerts(context.Background(), ListAlertsQuery{Text: "suspicion"})
	if err == nil || strings.Contains(err.Error(), "suspicion") {
		t.Error(err)
	}
}

func TestPinned(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") }))
	defer server.Close()
	sum := sha256.Sum256(server.Certificate().RawSubjectPublicKeyInfo)
	u, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		pin, host string
		good      bool
	}{
		"right":      {hex.EncodeToString(sum[:]), "127.0.0.1", true},
		"other key":  {strings.Repeat("00", 32), "127.0.0.1", false},
		"other name": {hex.EncodeToString(sum[:]), "localhost", false},
	} {
		config, err := Pinned(test.pin)
		if err != nil {
			t.Fatal(err)
		}
		c, err := New(Options{Server: "https://" + test.host + ":" + u.Port(), TLS: config})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.GetOverview(context.Background()); (err == nil) != test.good {
			t.Errorf("%s: %v", name, err)
		}
		c.Close()
	}
	for _, pin := range []string{"", "xyz", "00"} {
		if _, err := Pinned(pin); err == nil {
			t.Errorf("pin %q was accepted", pin)
		}
	}
}

func TestNewRefusesWhatIsNoServer(t *testing.T) {
	for _, server := range []string{"", "server:8443", "ftp://server", "https://", "https://%zz"} {
		if _, err := New(Options{Server: server}); err == nil {
			t.Errorf("%q was accepted", server)
		}
	}
}

// FuzzChanges reads streams that nobody honest sends.
func FuzzChanges(f *testing.F) {
	f.Add(": welcome\n\nid: a-1\nevent: alert\ndata: {\"uid\":\"x\"}\n\n")
	f.Add("event:\ndata\n\nevent: a\r\n\r\n")
	f.Add("data: " + strings.Repeat("x", maxChange) + "\n\n")
	f.Fuzz(func(t *testing.T, text string) {
		c := newChanges(io.NopCloser(strings.NewReader(text)))
		for {
			change, err := c.Next()
			if err != nil {
				return
			}
			if change.Name == "" || len(change.Data) > maxChange {
				t.Errorf("%q: %+v", text, change)
			}
			_, _ = change.Alert()
		}
	})
}
