// Package needle finds a text in the text columns of a segment, ignoring case.
package needle

import (
	"strings"

	"github.com/holdfast-security/holdfast/store/segment/parquetfile/escape"
)

// Needle finds a text ignoring case. It does not change.
type Needle struct {
	lower string
	bytes []byte // of lower, escaped as in columns
}

// New returns what finds text; an empty one is in everything.
func New(text string) Needle {
	lower := strings.ToLower(text)
	return Needle{lower: lower, bytes: []byte(lower)}
}

// In reports whether s, in lower case, contains the text.
func (n Needle) In(s string) bool {
	if len(n.lower) > len(s) && isASCII(s) {
		return false
	}
	return strings.Contains(strings.ToLower(s), n.lower)
}

// InColumn is [Needle.In] for the escaped bytes of a column. It is made for
// ASCII, which nearly all texts are, and turns to In for others.
func (n Needle) InColumn(s []byte) bool {
	for i, c := range s {
		if c >= 0x80 {
			return n.In(escape.Undo(string(s)))
		}
		if len(n.bytes) > 0 && lowerASCII(c) == n.bytes[0] && len(s)-i >= len(n.bytes) && n.at(s[i:]) {
			return true // the rest cannot change that: lower case leaves ASCII bytes their own
		}
	}
	return len(n.bytes) == 0
}

func (n Needle) at(s []byte) bool {
	for i, c := range n.bytes {
		if lowerASCII(s[i]) != c {
			return false
		}
	}
	return true
}

func lowerASCII(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}
