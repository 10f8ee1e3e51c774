package server

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseConfig(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want Config
	}{
		"empty":     {"", Config{}},
		"comment":   {"# nothing\n", Config{}},
		"addresses": {"listen: 127.0.0.1:0\nstream_listen: '[::1]:4222'\nnames: [holdfast.example, 192.0.2.1]\n", Config{Listen: "127.0.0.1:0", StreamListen: "[::1]:4222", Names: []string{"holdfast.example", "192.0.2.1"}}},
		"JSON":      {`{"log_level": "debug", "stream_bytes": 100000000}`, Config{LogLevel: "debug", StreamBytes: 100_000_000}},
		"own":       {"certificate_file: /etc/c.pem\nkey_file: /etc/k.pem\n", Config{CertificateFile: "/etc/c.pem", KeyFile: "/etc/k.pem"}},
		"outside": {
			"outside_stream: {urls: [tls://a:4222], credentials_file: /c, signing_seed_file: /a}\n",
			Config{OutsideStream: OutsideStream{URLs: []string{"tls://a:4222"}, CredentialsFile: "/c", SigningSeedFile: "/a"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ParseConfig([]byte(c.text))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseConfigRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"lisen: x":                                   "lisen",
		"listen: here":                               "listen",
		"listen: ':nonsense-port'":                   "listen",
		"stream_listen: '4222'":                      "stream_listen",
		"names: [a b]":                               "names",
		"names: ['-a.example']":                      "names",
		"data_dir: var":                              "data_dir",
		"certificate_file: /c":                       "key_file",
		"database_file: db":                          "database_file",
		"log_level: loud":                            "log_level",
		"stream_bytes: 5":                            "stream_bytes",
		"outside_stream: {urls: [tls://a:4222]}":     "credentials_file",
		"outside_stream: {urls: [tls://u:p@a:4222]}": "password",
		"outside_stream: {urls: [http://a]}":         "outside_stream.urls",
		"outside_stream: {ca_file: /a}":              "outside_stream.urls",
		"outside_stream: {ca: /a}":                   `no setting "ca"`,
		"stream_listen: ':1'\noutside_stream: {urls: [tls://a:1], credentials_file: /c, signing_seed_file: /a}": "stream_listen",
		"log_level: info\n---\nb: 2": "more than one document",
		strings.Repeat("#", 1<<20+1): "larger",
		"{":                          "line 1",
	} {
		_, err := ParseConfig([]byte(text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: got %v, want an error with %q", text, err, want)
		}
	}
}

func TestConfigErrorsNameTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "server.yaml")
	if err := os.WriteFile(path, []byte("nonsense: 1"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{path, path + ".missing"} {
		if _, err := LoadConfig(p); err == nil || !strings.Contains(err.Error(), p) {
			t.Errorf("got %v, want the name of the file", err)
		}
	}
	if _, err := (&Config{DatabaseFile: path}).database(); err == nil || !strings.Contains(err.Error(), path) || strings.Contains(err.Error(), "nonsense") {
		t.Errorf("got %v, want the name of the file and nothing of what is in it", err)
	}
}

func TestNamesWithoutNames(t *testing.T) {
	for _, test := range []struct {
		cfg   Config
		first []string
	}{
		{Config{Names: []string{"a.example"}, Listen: "192.0.2.7:1"}, []string{"a.example"}},
		{Config{Listen: "192.0.2.7:1", StreamListen: "192.0.2.7:2"}, []string{"192.0.2.7"}},
		{Config{Listen: "holdfast.example:1", StreamListen: "[2001:db8::7]:2"}, []string{"holdfast.example", "2001:db8::7"}},
		{Config{Listen: "0.0.0.0:1", StreamListen: "[::]:2"}, (&Config{}).names()},
		{Config{Listen: ":1", StreamListen: ":2"}, (&Config{}).names()},
	} {
		names := test.cfg.names()
		if len(names) < len(test.first) || !slices.Equal(names[:len(test.first)], test.first) {
			t.Errorf("listen %q, stream %q: names %q, want %q first", test.cfg.Listen, test.cfg.StreamListen, names, test.first)
		}
	}
}

func FuzzParseConfig(f *testing.F) {
	f.Add([]byte("listen: ':8443'\nnames: [a]\n"))
	f.Add([]byte(`{"rules": ["a"]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		cfg, err := ParseConfig(data)
		if err == nil && cfg.Validate() != nil {
			t.Error("an accepted configuration is not valid")
		}
	})
}
