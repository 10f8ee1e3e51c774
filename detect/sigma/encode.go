package sigma

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// encoding turns one pattern into the patterns that stand for it.
type encoding func(Pattern) ([]Pattern, error)

func literalOf(p Pattern, what string) (string, error) {
	text, ok := p.Literal()
	if !ok {
		return "", fmt.Errorf("wildcards cannot be encoded in %s: write contains instead of *", what)
	}
	if text == "" {
		return "", fmt.Errorf("empty text cannot be encoded in %s", what)
	}
	return text, nil
}

func base64Whole(p Pattern) ([]Pattern, error) {
	text, err := literalOf(p, "base64")
	return []Pattern{LiteralPattern(base64.StdEncoding.EncodeToString([]byte(text)))}, err
}

// base64Offsets gives the three forms that text takes inside a longer encoded
// text, by its offset modulo three, without the characters at the ends that the
// neighbouring bytes decide.
func base64Offsets(p Pattern) ([]Pattern, error) {
	text, err := literalOf(p, "base64")
	if err != nil {
		return nil, err
	}
	var variants []Pattern
	firstSure := [...]int{0, 2, 3} // characters that the bytes before take part in
	for offset := range 3 {
		padded := append(make([]byte, offset), text...)
		encoded := base64.RawStdEncoding.EncodeToString(padded)
		if len(padded)%3 != 0 { // the last character also depends on the next byte
			encoded = encoded[:len(encoded)-1]
		}
		variants = append(variants, LiteralPattern(encoded[min(firstSure[offset], len(encoded)):]))
	}
	return variants, nil
}

func utf16le(p Pattern) ([]Pattern, error) { return utf16With(p, binary.LittleEndian, nil) }
func utf16be(p Pattern) ([]Pattern, error) { return utf16With(p, binary.BigEndian, nil) }
func utf16bom(p Pattern) ([]Pattern, error) {
	return utf16With(p, binary.LittleEndian, []byte{0xff, 0xfe})
}

func utf16With(p Pattern, order binary.AppendByteOrder, prefix []byte) ([]Pattern, error) {
	text, err := literalOf(p, "UTF-16")
	if err != nil {
		return nil, err
	}
	out := prefix
	for _, unit := range utf16.Encode([]rune(text)) {
		out = order.AppendUint16(out, unit)
	}
	return []Pattern{LiteralPattern(string(out))}, nil
}

// dashes are the characters that Windows programs take for the dash or slash
// of an option.
var dashes = []string{"-", "/", "\u2013", "\u2014", "\u2015"}

// windash varies every dash or slash that begins an option: one with a word
// after it and none before it.
func windash(p Pattern) ([]Pattern, error) {
	variants := []Pattern{{Cased: p.Cased}}
	varied := 0
	for _, t := range p.Tokens {
		pieces := []string{t.Text}
		if t.Wild == Literal {
			pieces = splitDashes(t.Text)
		}
		if varied += len(pieces) - 1; varied > maxDashes {
			return nil, fmt.Errorf("windash varies at most %d dashes of a value: split the value", maxDashes)
		}
		variants = product(variants, t, pieces)
	}
	return variants, nil
}

// product appends to every variant the token with each choice of dashes
// between its pieces.
func product(variants []Pattern, t Token, pieces []string) []Pattern {
	texts := []string{pieces[0]}
	for _, piece := range pieces[1:] {
		var next []string
		for _, text := range texts {
			for _, dash := range dashes {
				next = append(next, text+dash+piece)
			}
		}
		texts = next
	}
	var out []Pattern
	for _, v := range variants {
		for _, text := range texts {
			tokens := append(append([]Token(nil), v.Tokens...), Token{Wild: t.Wild, Text: text})
			out = append(out, Pattern{Tokens: tokens, Cased: v.Cased})
		}
	}
	return out
}

// splitDashes cuts text at the dashes that windash varies, leaving them out.
func splitDashes(text string) []string {
	var pieces []string
	start := 0
	for i := range len(text) {
		if text[i] != '-' && text[i] != '/' {
			continue
		}
		before, _ := utf8.DecodeLastRuneInString(text[:i])
		after, _ := utf8.DecodeRuneInString(text[i+1:])
		if !isWord(before) && isWord(after) {
			pieces = append(pieces, text[start:i])
			start = i + 1
		}
	}
	return append(pieces, text[start:])
}

// isWord tells word characters; RuneError, at either end of a text, is none.
func isWord(r rune) bool {
	return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r)
}
