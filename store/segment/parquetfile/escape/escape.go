// Package escape makes UTF-8 of any bytes, and the bytes again of that.
//
// Text columns are UTF-8, as every reader of Parquet expects, but what hosts
// send need not be. A byte that belongs to no valid sequence becomes the code
// point U+10FF00 + byte, in the last private-use block of Unicode. Code points
// of that block that come from a host are escaped byte by byte, so that nothing
// is ambiguous.
package escape

import (
	"strings"
	"unicode/utf8"
)

const (
	base = 0x10ff00
	lead = "\xf4\x8f" // what the code points from U+10F000 begin with, the escapes among them
)

// Text returns s as valid UTF-8: itself, most often.
func Text(s string) string {
	if utf8.ValidString(s) && !strings.Contains(s, lead) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n <= 1 || r >= base {
			for _, c := range []byte(s[i : i+n]) {
				b.WriteRune(base + rune(c))
			}
		} else {
			b.WriteString(s[i : i+n])
		}
		i += n
	}
	return b.String()
}

// Undo is the reverse of [Text].
func Undo(s string) string {
	if !strings.Contains(s, lead) {
		return s
	}
	b := make([]byte, 0, len(s))
	for _, r := range s {
		if r >= base {
			b = append(b, byte(r-base))
		} else {
			b = utf8.AppendRune(b, r)
		}
	}
	return string(b)
}
