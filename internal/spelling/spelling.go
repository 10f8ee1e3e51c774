// Package spelling finds the name that somebody meant who wrote another.
package spelling

import "strings"

// maxLength bounds the words that are compared, in bytes: names are short, and
// the time grows with the product of the lengths.
const maxLength = 64

// Nearest returns the name that given is most likely a slip of, or "" when none
// comes near: one edit may separate them, and one more for every three bytes
// of given. A name that only goes on after given is likelier than others as
// near, and comes near with any ending when given has three bytes. Case does
// not count. Of equals it is the first.
func Nearest(given string, names []string) string {
	if len(given) > maxLength {
		return ""
	}
	given = strings.ToLower(given)
	limit := 2 * (2 + len(given)/3) // in half edits, exclusive
	best, least := "", limit
	for _, name := range names {
		lower := strings.ToLower(name)
		cost := 2 * distance(given, lower)
		if strings.HasPrefix(lower, given) {
			cost--
			if len(given) > 2 {
				cost = min(cost, limit-1)
			}
		}
		if cost < least {
			best, least = name, cost
		}
	}
	return best
}

// distance is the number of single-byte edits between a and b (Levenshtein).
func distance(a, b string) int {
	if len(b) > maxLength {
		return len(b)
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}
