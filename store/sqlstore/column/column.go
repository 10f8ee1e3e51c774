// Package column turns values of the types into what columns of the state
// database hold, and back: times into nanoseconds, documents into JSON, and
// text, which comes from hosts and is hostile, into text that both databases
// take and search in the same way.
package column

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"time"
)

// The range of times that fit into nanoseconds in 64 bits.
var (
	minTime = time.Unix(0, math.MinInt64)
	maxTime = time.Unix(0, math.MaxInt64)
)

// Nanos returns t as a column holds it. Times before 1677 and after 2262,
// which only broken clocks tell, become the nearest that fits.
func Nanos(t time.Time) int64 {
	switch {
	case t.IsZero():
		return 0
	case t.Before(minTime):
		return math.MinInt64
	case t.After(maxTime):
		return math.MaxInt64
	}
	return t.UnixNano()
}

// Moment is the reverse of [Nanos].
func Moment(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, n).UTC()
}

var noNUL = strings.NewReplacer("\x00", "\uFFFD")

// Clean returns s as both databases take it: valid UTF-8 without NUL.
func Clean(s string) string {
	if strings.IndexByte(s, 0) >= 0 {
		s = noNUL.Replace(s)
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

// Fold returns text as columns for search hold it.
func Fold(parts ...string) string {
	return strings.ToLower(Clean(strings.Join(parts, "\n")))
}

var likeEscapes = strings.NewReplacer("!", "!!", "%", "!%", "_", "!_")

// EscapeLike returns text as a part of a pattern for "LIKE ? ESCAPE '!'".
func EscapeLike(text string) string { return likeEscapes.Replace(Clean(text)) }

// Contains returns the pattern for "LIKE ? ESCAPE '!'" that finds text in a
// column for search.
func Contains(text string) string { return "%" + likeEscapes.Replace(Fold(text)) + "%" }

// Encode returns v as a JSON document.
func Encode(v any) (string, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("encode %T: %w", v, err)
	}
	return string(text), nil
}

// Decode reads a document that [Encode] made; "" leaves v alone.
func Decode(text string, v any) error {
	if text == "" {
		return nil
	}
	if err := json.Unmarshal([]byte(text), v); err != nil {
		return fmt.Errorf("decode a stored %T: %w", v, err)
	}
	return nil
}
