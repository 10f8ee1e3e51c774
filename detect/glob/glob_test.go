package glob_test

import (
	"testing"

	"github.com/holdfast-security/holdfast/detect/glob"
	"github.com/holdfast-security/holdfast/detect/literals"
	"github.com/holdfast-security/holdfast/detect/sigma"
)

func TestCovers(t *testing.T) {
	for _, c := range []struct {
		pattern, text string
		want          bool
	}{
		{"", "", true},
		{"", "x", false},
		{"abc", "ABC", true},
		{"abc", "abcd", false},
		{"*", "", true},
		{"a*", "A", true},
		{"*a*b*", "xaxbx", true},
		{"*a*b*", "ba", false},
		{"ab*ba", "aba", false},
		{"ab*ba", "abba", true},
		{"?", "ä", true},
		{"?", "", false},
		{"??", "ä", false},
		{"*?x", "ax", true},
		{"*?x", "x", false},
		{"*\xffx", "\xff\xffx", true},
		{"k*", "\u212ax", true},
	} {
		p := sigma.ParsePattern(c.pattern)
		if got := glob.Covers(p, c.text); got != c.want {
			t.Errorf("%q covers %q: %t", c.pattern, c.text, got)
		}
		pieces := glob.Pieces(glob.Fold(p.Tokens))
		if pieces == nil {
			continue
		}
		if got := glob.MatchPieces(pieces, literals.AppendFold(nil, c.text)); got != c.want {
			t.Errorf("pieces of %q cover %q: %t", c.pattern, c.text, got)
		}
	}
}

// FuzzFolding holds patterns that are folded before against those that are
// folded at once.
func FuzzFolding(f *testing.F) {
	f.Add("a*b", "AxXb")
	f.Add("*?\u212a*", "ÄK")
	f.Fuzz(func(t *testing.T, pattern, text string) {
		p := sigma.ParsePattern(pattern)
		if glob.Match(glob.Fold(p.Tokens), literals.AppendFold(nil, text)) != glob.Covers(p, text) {
			t.Errorf("%q and %q: folded before and after differ", pattern, text)
		}
	})
}
