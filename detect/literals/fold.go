package literals

import (
	"unicode"
	"unicode/utf8"

	"github.com/holdfast-security/holdfast/internal/ahocorasick"
)

// IsASCII reports whether s has no byte above 0x7f.
func IsASCII[T string | []byte](s T) bool {
	for len(s) >= 8 {
		word := uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
			uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56 // one load
		if word&0x8080808080808080 != 0 {
			return false
		}
		s = s[8:]
	}
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// Fold returns s in the form that all spellings by case have in common. Bytes
// that are not UTF-8 stay as they are.
func Fold(s string) string { return string(AppendFold(nil, s)) }

// AppendFold appends the folded form of s to dst.
func AppendFold(dst []byte, s string) []byte {
	for {
		var ascii int
		dst, ascii = ahocorasick.AppendLower(dst, s)
		if s = s[ascii:]; s == "" {
			return dst
		}
		r, size := utf8.DecodeRuneInString(s)
		if r == utf8.RuneError && size == 1 {
			dst = append(dst, s[0])
		} else {
			dst = utf8.AppendRune(dst, FoldRune(r))
		}
		s = s[size:]
	}
}

// EqualFold reports whether two texts are folded alike. Most pairs are told
// apart by their first bytes.
func EqualFold(a, b string) bool {
	for i := 0; i < len(a) && i < len(b); i++ {
		switch {
		case a[i]|b[i] >= utf8.RuneSelf:
			return Fold(a[i:]) == Fold(b[i:])
		case a[i] != b[i] && lower(a[i]) != lower(b[i]):
			return false
		}
	}
	return len(a) == len(b)
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

// FoldRune returns the lower-case ASCII letter among the runes that are equal
// to r but for case, or the least of them. It agrees with (?i) of regexp.
func FoldRune(r rune) rune {
	least := r
	for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
		least = min(least, next)
	}
	if least >= 'A' && least <= 'Z' {
		least += 'a' - 'A'
	}
	return least
}
