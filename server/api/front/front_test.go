package front

import (
	"net/http/httptest"
	"net/netip"
	"testing"
)

func TestClientAddress(t *testing.T) {
	s := &Front{Config: Config{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}}
	for _, test := range []struct{ name, peer, forwarded, want string }{
		{"direct", "192.0.2.1:1", "", "192.0.2.1"},
		{"a stranger's claim", "192.0.2.1:1", "198.51.100.7", "192.0.2.1"},
		{"behind a proxy", "10.0.0.1:1", "198.51.100.7", "198.51.100.7"},
		{"behind two", "10.0.0.1:1", "203.0.113.9, 198.51.100.7, 10.0.0.2", "198.51.100.7"},
		{"rubbish", "10.0.0.1:1", "x", "10.0.0.1"},
		{"mapped", "[::ffff:10.0.0.1]:1", "2001:db8::1", "2001:db8::1"},
		{"no peer", "@", "", "invalid IP"},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = test.peer
		if test.forwarded != "" {
			r.Header.Set("X-Forwarded-For", test.forwarded)
		}
		if got := s.clientAddress(r).String(); got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
}
