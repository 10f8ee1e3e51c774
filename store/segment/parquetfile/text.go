package parquetfile

import (
	"strings"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go"
)

// Text columns are UTF-8, as every reader of Parquet expects, but what hosts
// send need not be. A byte that belongs to no valid sequence is stored as the
// code point escapeBase + byte, in the last private-use block of Unicode.
// Code points of that block that come from a host are escaped byte by byte, so
// that nothing is ambiguous.
const escapeBase = 0x10ff00

const escapeLead = "\xf4\x8f\xbc" // U+10FF00 to U+10FF3F; \xbd, \xbe and \xbf follow

// escaped returns s as valid UTF-8.
func escaped(s string) string {
	if utf8.ValidString(s) && !strings.Contains(s, escapeLead[:2]) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n <= 1 || r >= escapeBase {
			for _, c := range []byte(s[i : i+n]) {
				b.WriteRune(escapeBase + rune(c))
			}
		} else {
			b.WriteString(s[i : i+n])
		}
		i += n
	}
	return b.String()
}

// unescaped is the reverse of escaped.
func unescaped(s string) string {
	if !strings.Contains(s, escapeLead[:2]) {
		return s
	}
	b := make([]byte, 0, len(s))
	for _, r := range s {
		if r >= escapeBase {
			b = append(b, byte(r-escapeBase))
		} else {
			b = utf8.AppendRune(b, r)
		}
	}
	return string(b)
}

// decoder turns values into what they were. It keeps texts of recent values,
// of which most come again, and the first error.
type decoder struct {
	texts map[string]string
	err   error
}

// maxKept bounds the texts and their length that a decoder keeps.
const (
	maxKept     = 4096
	maxKeptText = 64
)

func (dec *decoder) text(v parquet.Value) string {
	raw := v.ByteArray()
	if s, ok := dec.texts[string(raw)]; ok {
		return s
	}
	s := unescaped(string(raw))
	if len(raw) <= maxKeptText {
		if dec.texts == nil || len(dec.texts) >= maxKept {
			dec.texts = make(map[string]string)
		}
		dec.texts[string(raw)] = s
	}
	return s
}

func (dec *decoder) fail(err error) {
	if dec.err == nil {
		dec.err = err
	}
}
