// Package glob matches the patterns of detection rules: literal text, * for any
// text and ? for any character.
//
// A pattern that ignores case is folded once, with [Fold], and held against
// folded text. Patterns and texts are hostile: matching takes time linear in
// the text for each * of the pattern, and allocates nothing.
package glob

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"github.com/holdfast-security/holdfast/detect/literals"
	"github.com/holdfast-security/holdfast/detect/sigma"
)

// At reports whether a text has a part at a place.
func At(where sigma.Place, text, part string) bool {
	switch where {
	case sigma.PlaceStart:
		return strings.HasPrefix(text, part)
	case sigma.PlaceEnd:
		return strings.HasSuffix(text, part)
	case sigma.PlaceAnywhere:
		return strings.Contains(text, part)
	}
	return text == part
}

// Covers reports whether a pattern covers the whole text, neither of which is
// folded yet.
func Covers(p sigma.Pattern, text string) bool {
	if p.Cased {
		return Match(p.Tokens, text)
	}
	if part, place, ok := p.Shape(); ok && literals.IsASCII(part) && literals.IsASCII(text) {
		return coversASCII(place, part, text)
	}
	return Match(Fold(p.Tokens), literals.Fold(text))
}

// coversASCII reports whether a text has a part at a place, in any case. Both
// are ASCII, of which only ASCII is another case, byte by byte.
func coversASCII(place sigma.Place, part, text string) bool {
	rest := len(text) - len(part)
	switch {
	case rest < 0 || place == sigma.PlaceWhole && rest > 0:
		return false // most of the names in a list
	case place == sigma.PlaceAnywhere:
		return strings.Contains(literals.Fold(text), literals.Fold(part))
	case place == sigma.PlaceEnd:
		return literals.EqualFold(text[rest:], part)
	}
	return literals.EqualFold(text[:len(part)], part)
}

// Fold returns the tokens with folded literals.
func Fold(tokens []sigma.Token) []sigma.Token {
	folded := make([]sigma.Token, len(tokens))
	for i, t := range tokens {
		folded[i] = sigma.Token{Wild: t.Wild, Text: literals.Fold(t.Text)}
	}
	return folded
}

// Match reports whether tokens cover the whole text. Of the any-text wildcards
// only the last one met is ever moved, for what is before it matched at the
// earliest place already.
func Match[T string | []byte](tokens []sigma.Token, text T) bool {
	t, at := 0, 0
	star, retry := -1, 0
	for {
		switch {
		case t < len(tokens) && tokens[t].Wild == sigma.AnyText:
			star, retry = t, at
			t++
			continue
		case t < len(tokens):
			if n := matchToken(tokens[t], text[at:]); n > 0 {
				at += n
				t++
				continue
			}
		case at == len(text):
			return true
		}
		if star < 0 || retry >= len(text) {
			return false
		}
		retry++
		t, at = star+1, retry
	}
}

// matchToken returns how many bytes of the text a token takes, or 0.
func matchToken[T string | []byte](t sigma.Token, text T) int {
	if t.Wild == sigma.AnyOne {
		return runeLen(text)
	}
	if len(text) < len(t.Text) || string(text[:len(t.Text)]) != t.Text {
		return 0
	}
	return len(t.Text)
}

// runeLen returns the length of the first character, one for a byte that is
// not UTF-8.
func runeLen[T string | []byte](text T) int {
	if len(text) == 0 {
		return 0
	}
	if text[0] < utf8.RuneSelf {
		return 1
	}
	_, size := utf8.DecodeRuneInString(string(text[:min(len(text), utf8.UTFMax)]))
	return size
}

// Pieces returns what stands before, between and after the wildcards of a
// pattern, or nil where it has none or one that stands for a single character.
func Pieces(tokens []sigma.Token) [][]byte {
	all := [][]byte{nil}
	for _, t := range tokens {
		switch t.Wild {
		case sigma.AnyOne:
			return nil
		case sigma.AnyText:
			all = append(all, nil)
		default:
			last := &all[len(all)-1]
			*last = append(*last, t.Text...)
		}
	}
	if len(all) == 1 {
		return nil
	}
	return all
}

// MatchPieces reports whether a text is made of the pieces, in order, with any
// text between two of them. The first and the last may be empty.
func MatchPieces(pieces [][]byte, text []byte) bool {
	text, ok := bytes.CutPrefix(text, pieces[0])
	if !ok {
		return false
	}
	last := pieces[len(pieces)-1]
	if text, ok = bytes.CutSuffix(text, last); !ok {
		return false
	}
	for _, piece := range pieces[1 : len(pieces)-1] {
		if _, text, ok = bytes.Cut(text, piece); !ok {
			return false
		}
	}
	return true
}
