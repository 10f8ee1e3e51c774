package glob_test

import (
	"testing"

	"github.com/holdfast-security/holdfast/detect/glob"
	"github.com/holdfast-security/holdfast/detect/sigma"
)

// FuzzPieces holds the search for the pieces of a pattern against the plain
// way, character by character.
func FuzzPieces(f *testing.F) {
	for _, seed := range [][2]string{
		{"a*b", "axb"},
		{"*", ""},
		{"ab*ab", "ab"},
		{"ab*ab", "abab"},
		{"*a*ba*", "aba"},
		{"*a*a", "a"},
		{"**", "x"},
		{"a*", "ba"},
		{`7z*.exe`, "7za.exe"},
		{"x?*y", "xäy"},
		{"plain", "plain"},
		{"*ä*\xff", "äö\xff"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, pattern, text string) {
		var tokens []sigma.Token
		for _, c := range []byte(pattern) {
			switch last := len(tokens) - 1; {
			case c == '*':
				tokens = append(tokens, sigma.Token{Wild: sigma.AnyText})
			case c == '?':
				tokens = append(tokens, sigma.Token{Wild: sigma.AnyOne})
			case last >= 0 && tokens[last].Wild == sigma.Literal:
				tokens[last].Text += string([]byte{c})
			default:
				tokens = append(tokens, sigma.Token{Text: string([]byte{c})})
			}
		}
		found := glob.Pieces(tokens)
		if found == nil {
			return
		}
		if got, want := glob.MatchPieces(found, []byte(text)), glob.Match(tokens, text); got != want {
			t.Errorf("%q on %q: pieces say %t, characters %t", pattern, text, got, want)
		}
	})
}
