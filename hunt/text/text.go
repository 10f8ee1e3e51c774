// Package text compares texts as hunts do: with or without regard to case, as
// a whole, a part or a word.
//
// Without regard to case two texts are compared in lower case, rune by rune,
// as a search of stored telemetry does; bytes that are not UTF-8 are all alike
// then. Nearly all texts are ASCII, and those are compared in place.
package text

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Pattern is a text that others are compared with.
type Pattern struct {
	text string // in lower case where fold
	fold bool
}

// New returns the pattern of a text. With fold it ignores case.
func New(text string, fold bool) Pattern {
	if fold {
		text = strings.ToLower(text)
	}
	return Pattern{text, fold}
}

// folded returns s as the pattern is written, and whether it can be compared
// byte by byte with what [Pattern.at] ignores.
func (p Pattern) folded(s string) (string, bool) {
	if !p.fold || ascii(s) {
		return s, p.fold
	}
	return strings.ToLower(s), false
}

// Equals reports whether s is the text.
func (p Pattern) Equals(s string) bool {
	s, inPlace := p.folded(s)
	if !inPlace {
		return s == p.text
	}
	return len(s) == len(p.text) && p.at(s)
}

// Begins reports whether s begins with the text.
func (p Pattern) Begins(s string) bool {
	s, inPlace := p.folded(s)
	if !inPlace {
		return strings.HasPrefix(s, p.text)
	}
	return len(s) >= len(p.text) && p.at(s)
}

// Ends reports whether s ends with the text.
func (p Pattern) Ends(s string) bool {
	s, inPlace := p.folded(s)
	if !inPlace {
		return strings.HasSuffix(s, p.text)
	}
	return len(s) >= len(p.text) && p.at(s[len(s)-len(p.text):])
}

// In reports whether s contains the text.
func (p Pattern) In(s string) bool {
	s, inPlace := p.folded(s)
	return p.index(s, inPlace) >= 0
}

// WordIn reports whether s contains the text with neither a letter nor a digit
// before and behind it.
func (p Pattern) WordIn(s string) bool {
	s, inPlace := p.folded(s)
	for from := 0; from <= len(s); {
		i := p.index(s[from:], inPlace)
		if i < 0 {
			return false
		}
		start, end := from+i, from+i+len(p.text)
		before, _ := utf8.DecodeLastRuneInString(s[:start])
		after, _ := utf8.DecodeRuneInString(s[end:])
		if !(start > 0 && wordy(before)) && !(end < len(s) && wordy(after)) {
			return true
		}
		from = start + 1
	}
	return false
}

func wordy(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

// index returns where the text is in s, or -1.
func (p Pattern) index(s string, inPlace bool) int {
	if !inPlace || p.text == "" {
		return strings.Index(s, p.text)
	}
	first := p.text[0]
	for i := 0; i+len(p.text) <= len(s); i++ {
		if lower(s[i]) == first && p.at(s[i:]) {
			return i
		}
	}
	return -1
}

// at reports whether s, which is ASCII and not shorter, begins with the text.
func (p Pattern) at(s string) bool {
	for i := range len(p.text) {
		if lower(s[i]) != p.text[i] {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
