package literals

import (
	"bytes"

	"github.com/holdfast-security/holdfast/detect/sigma"
)

// At reports whether a text has a part at a place. Both are folded.
func At(place sigma.Place, text, part []byte) bool {
	switch place {
	case sigma.PlaceStart:
		return bytes.HasPrefix(text, part)
	case sigma.PlaceEnd:
		return bytes.HasSuffix(text, part)
	case sigma.PlaceAnywhere:
		return bytes.Contains(text, part)
	}
	return bytes.Equal(text, part)
}

// PlaceOf returns where the i-th of n tokens of a pattern stands when it is a
// literal.
func PlaceOf(i, n int) sigma.Place {
	switch {
	case n == 1:
		return sigma.PlaceWhole
	case i == 0:
		return sigma.PlaceStart
	case i == n-1:
		return sigma.PlaceEnd
	}
	return sigma.PlaceAnywhere
}
