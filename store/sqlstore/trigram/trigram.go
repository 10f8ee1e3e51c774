// Package trigram chooses how to search a text among many: by which of its
// three-letter sequences an index is worth asking, or by none.
//
// SQLite's index of such sequences walks the whole list of each one it is
// asked for. A sequence that nearly every text has costs most and says least,
// and only those who know the texts can tell: hence the [Sample].
package trigram

import (
	"cmp"
	"slices"
	"strings"
)

const (
	// selective is the share of texts below which a sequence is worth its list.
	selective = 0.02
	// enough is how many selective sequences are asked for.
	enough = 6
	// atLeast is how many are asked for though they are common.
	atLeast = 2
)

// Sample is what is known about texts from some of them. The zero value knows
// nothing. It does not change and is safe for concurrent use.
type Sample struct {
	texts []string
	holds map[string]int // texts that hold a sequence
}

// NewSample returns what texts tell of all that they were taken from. It
// keeps the slice.
func NewSample(texts []string) *Sample {
	s := &Sample{texts: texts, holds: make(map[string]int)}
	for _, text := range texts {
		for _, seq := range All(text) {
			s.holds[seq]++
		}
	}
	return s
}

// Share estimates in how many of all texts the given one occurs, from 0 to 1.
func (s *Sample) Share(text string) float64 {
	n := 0
	for _, t := range s.texts {
		if strings.Contains(t, text) {
			n++
		}
	}
	return float64(n) / float64(max(1, len(s.texts)))
}

// Rarest returns those sequences of text that are best to ask an index for,
// the rarest first; none if text is shorter than three letters. What holds the
// text holds them; what holds them need not hold the text.
func (s *Sample) Rarest(text string) []string {
	seqs := All(text)
	slices.SortStableFunc(seqs, func(a, b string) int { return cmp.Compare(s.holds[a], s.holds[b]) })
	n := 0
	for n < len(seqs) && n < enough && (n < atLeast || float64(s.holds[seqs[n]]) < selective*float64(len(s.texts))) {
		n++
	}
	return seqs[:n]
}

// All returns the distinct sequences of three letters of text.
func All(text string) []string {
	var found []string
	seen := make(map[string]bool)
	letters := make([]int, 0, len(text)+1) // where each begins, and the end
	for i := range text {
		letters = append(letters, i)
	}
	letters = append(letters, len(text))
	for i := 0; i+3 < len(letters); i++ {
		if seq := text[letters[i]:letters[i+3]]; !seen[seq] {
			seen[seq] = true
			found = append(found, seq)
		}
	}
	return found
}

// Query returns the query for rows that hold all sequences, see
// https://sqlite.org/fts5.html; "" for none.
func Query(sequences []string) string {
	terms := make([]string, len(sequences))
	for i, seq := range sequences {
		terms[i] = `"` + strings.ReplaceAll(seq, `"`, `""`) + `"`
	}
	return strings.Join(terms, " AND ")
}
