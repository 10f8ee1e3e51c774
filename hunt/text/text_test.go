package text

import (
	"strings"
	"testing"
)

func TestPattern(t *testing.T) {
	for _, c := range []struct {
		pattern, in                         string
		fold                                bool
		equals, begins, ends, contains, has bool
	}{
		{"curl", "curl", false, true, true, true, true, true},
		{"curl", "CURL", false, false, false, false, false, false},
		{"Curl", "cURL", true, true, true, true, true, true},
		{"curl", "/usr/bin/curl -s", true, false, false, false, true, true},
		{"curl", "curly libcurl", true, false, true, true, true, false},
		{"curl", "curly curl", true, false, true, true, true, true},
		{"a", "äa", true, false, false, true, true, false},
		{"ärger", "viel ÄRGER!", true, false, false, false, true, true},
		{"", "x", true, false, true, true, true, false},
		{"", "", true, true, true, true, true, true},
		{"x", "", true, false, false, false, false, false},
		{"k", "\u212a", true, true, true, true, true, true}, // the Kelvin sign, whose lower case is a k
	} {
		p := New(c.pattern, c.fold)
		got := [5]bool{p.Equals(c.in), p.Begins(c.in), p.Ends(c.in), p.In(c.in), p.WordIn(c.in)}
		if want := [5]bool{c.equals, c.begins, c.ends, c.contains, c.has}; got != want {
			t.Errorf("%q in %q: equals, begins, ends, in, word in are %v, want %v", c.pattern, c.in, got, want)
		}
	}
}

// FuzzFold holds comparison in place against plain comparison in lower case.
func FuzzFold(f *testing.F) {
	f.Add("curl", "/usr/bin/CURL")
	f.Add("ä", "Ä\xff\x00")
	f.Fuzz(func(t *testing.T, pattern, in string) {
		p, x, s := New(pattern, true), strings.ToLower(pattern), strings.ToLower(in)
		got := [4]bool{p.Equals(in), p.Begins(in), p.Ends(in), p.In(in)}
		want := [4]bool{x == s, strings.HasPrefix(s, x), strings.HasSuffix(s, x), strings.Contains(s, x)}
		if got != want {
			t.Errorf("%q in %q: %v, want %v", pattern, in, got, want)
		}
		if p.WordIn(in) && !p.In(in) {
			t.Errorf("%q is a word in %q but not in it", pattern, in)
		}
	})
}
