// Package cursor makes and reads the opaque marks with which lists continue.
//
// A cursor names the list and order that it belongs to and the keys of the
// last item before it. Cursors come back from callers and are hostile: they
// are bounded before they are decoded, and one of another list, order or
// number of keys is refused.
package cursor

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/holdfast-security/holdfast/store"
)

// maxText bounds a cursor: names of hosts and users are much shorter.
const maxText = 8 << 10

// Encode returns the cursor behind the item with the given keys, in the list
// that kind names.
func Encode(kind string, keys ...string) string {
	text, err := json.Marshal(append([]string{kind}, keys...))
	if err != nil {
		panic(err) // strings always encode
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

// Decode returns the n keys of a cursor that [Encode] made for the same kind.
// Anything else is an error that wraps [store.ErrCursor].
func Decode(kind, text string, n int) ([]string, error) {
	if len(text) > maxText {
		return nil, fmt.Errorf("cursor of %d bytes: %w", len(text), store.ErrCursor)
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("cursor %q: %w", text, store.ErrCursor)
	}
	var parts []string
	if err := json.Unmarshal(raw, &parts); err != nil || len(parts) != n+1 || parts[0] != kind {
		return nil, fmt.Errorf("cursor %q: %w", text, store.ErrCursor)
	}
	return parts[1:], nil
}

// Int returns the form of a number as a key.
func Int(n int64) string { return strconv.FormatInt(n, 10) }

// ParseInts returns the numbers of keys that [Int] made.
func ParseInts(keys []string) ([]int64, error) {
	numbers := make([]int64, len(keys))
	for i, k := range keys {
		n, err := strconv.ParseInt(k, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("cursor with the key %q: %w", k, store.ErrCursor)
		}
		numbers[i] = n
	}
	return numbers, nil
}
