package up

import (
	"slices"
	"strings"
	"testing"
)

func TestAddresses(t *testing.T) {
	tests := map[string]struct {
		listen, stream string
		url            string
		first          []string // of the names
	}{
		"defaults":        {"", "", "https://localhost:8443", nil},
		"every address":   {"0.0.0.0:1", "[::]:2", "https://localhost:1", nil},
		"port alone":      {":1", ":2", "https://localhost:1", nil},
		"one address":     {"192.0.2.7:1", "192.0.2.7:2", "https://192.0.2.7:1", []string{"192.0.2.7"}},
		"one each":        {"[2001:db8::7]:1", "192.0.2.7:2", "https://[2001:db8::7]:1", []string{"2001:db8::7", "192.0.2.7"}},
		"loopback":        {"127.0.0.1:1", "127.0.0.1:2", "https://127.0.0.1:1", []string{"127.0.0.1"}},
		"a name":          {"holdfast.example:1", "", "https://holdfast.example:1", []string{"holdfast.example"}},
		"stream is local": {"", "127.0.0.1:2", "https://localhost:8443", []string{"127.0.0.1"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			o := Options{Listen: test.listen, Stream: test.stream}
			if err := o.checkAddresses(); err != nil {
				t.Error(err)
			}
			if url := o.url(); url != test.url {
				t.Errorf("url %s, want %s", url, test.url)
			}
			names := o.names()
			if len(names) < len(test.first) || !slices.Equal(names[:len(test.first)], test.first) {
				t.Errorf("names %q, want %q first", names, test.first)
			}
			if sorted := slices.Compact(slices.Sorted(slices.Values(names))); len(sorted) != len(names) {
				t.Errorf("names twice: %q", names)
			}
		})
	}
}

func TestAddressesThatNobodyCouldUse(t *testing.T) {
	for _, address := range []string{"8443", "localhost", "127.0.0.1:", ":0", "::1:8443"} {
		for flag, o := range map[string]Options{"--listen": {Listen: address}, "--stream-listen": {Stream: address}} {
			if err := o.checkAddresses(); err == nil || !strings.Contains(err.Error(), flag) {
				t.Errorf("%s %s: %v", flag, address, err)
			}
		}
	}
}
