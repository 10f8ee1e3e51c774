package detect

import (
	"regexp/syntax"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/holdfast-security/holdfast/detect/sigma"
)

// This file learns from a regular expression what a text must have for it to
// match, so that most texts need not be searched.

// Bounds of what is taken from a regular expression.
const (
	maxRequired = 48 // alternative literals
	maxClass    = 6  // runes of a class that is written out
	minRun      = 8  // characters of one class in a row that are worth looking for
	maxLength   = 1 << 16
)

// requirement is what every text that an expression matches has.
type requirement struct {
	literals []string // at least one of these, folded; nil where none are known
	length   int      // at least so many bytes
	run      int      // so many bytes of class in a row; 0 where none are known
	class    [256]bool
}

// requirementOf analyses an expression that compiles.
func requirementOf(expr string) requirement {
	re, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return requirement{}
	}
	r := requirement{length: leastLength(re)}
	r.findRun(re)
	r.literals = required(re.Simplify())
	for _, text := range r.literals {
		if weight(sigma.PlaceAnywhere, text) >= tooOften {
			r.literals = nil // most values have it
			break
		}
	}
	return r
}

// possible reports whether the text has the length and the run.
func (r *requirement) possible(text string) bool {
	if len(text) < r.length {
		return false
	}
	if r.run == 0 {
		return true
	}
	for end := r.run - 1; end < len(text); {
		i := end
		for i > end-r.run && r.class[text[i]] {
			i--
		}
		if i == end-r.run {
			return true
		}
		end = i + r.run
	}
	return false
}

// leastLength returns how many bytes a match has at least.
func leastLength(re *syntax.Regexp) int {
	n := 0
	switch re.Op {
	case syntax.OpLiteral:
		n = len(re.Rune) // a folded rune may be shorter than it is written
	case syntax.OpCharClass, syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		n = 1
	case syntax.OpCapture, syntax.OpPlus:
		n = leastLength(re.Sub[0])
	case syntax.OpRepeat:
		n = re.Min * leastLength(re.Sub[0])
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			n += leastLength(sub)
		}
	case syntax.OpAlternate:
		n = leastLength(re.Sub[0])
		for _, sub := range re.Sub[1:] {
			n = min(n, leastLength(sub))
		}
	}
	return min(n, maxLength)
}

// findRun notes the longest repetition of one class that a match has.
func (r *requirement) findRun(re *syntax.Regexp) {
	switch re.Op {
	case syntax.OpCapture, syntax.OpPlus:
		r.findRun(re.Sub[0])
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			r.findRun(sub)
		}
	case syntax.OpRepeat:
		if re.Min >= max(minRun, r.run+1) && re.Sub[0].Op == syntax.OpCharClass {
			r.run, r.class = re.Min, bytesOf(re.Sub[0].Rune)
		} else if re.Min > 0 {
			r.findRun(re.Sub[0])
		}
	}
}

// bytesOf returns the bytes that the runes of a class, given as ranges, may
// consist of. Bytes beyond ASCII are always among them: they may be part of
// a rune of the class, or stand for the replacement character.
func bytesOf(ranges []rune) (class [256]bool) {
	for i := 0; i < len(ranges); i += 2 {
		for r := ranges[i]; r <= ranges[i+1] && r < utf8.RuneSelf; r++ {
			class[r] = true
		}
	}
	for c := utf8.RuneSelf; c < len(class); c++ {
		class[c] = true
	}
	return class
}

// required returns folded texts of which every match holds at least one, or
// nil where the expression gives none.
func required(re *syntax.Regexp) []string {
	if texts := exactly(re); texts != nil {
		return useful(texts)
	}
	switch re.Op {
	case syntax.OpCapture, syntax.OpPlus:
		return required(re.Sub[0])
	case syntax.OpRepeat:
		if re.Min > 0 {
			return required(re.Sub[0])
		}
	case syntax.OpConcat:
		return requiredOfConcat(re.Sub)
	case syntax.OpAlternate:
		var all []string
		for _, sub := range re.Sub {
			texts := required(sub)
			if texts == nil || len(all)+len(texts) > maxRequired {
				return nil
			}
			all = append(all, texts...)
		}
		return all
	}
	return nil
}

// requiredOfConcat joins neighbouring parts that are each one of few texts,
// and returns the best of what comes out and of what other parts require.
func requiredOfConcat(parts []*syntax.Regexp) []string {
	var best []string
	offer := func(texts []string) {
		if texts != nil && (best == nil || rank(texts) < rank(best)) {
			best = texts
		}
	}
	run := []string{""}
	for _, part := range parts {
		texts := exactly(part)
		if texts == nil || len(run)*len(texts) > maxRequired {
			offer(useful(run))
			run = []string{""}
		}
		if texts == nil {
			offer(required(part))
		} else {
			run = cross(run, texts)
		}
	}
	offer(useful(run))
	return best
}

// exactly returns the folded texts that an expression matches, where they are
// few, or nil.
func exactly(re *syntax.Regexp) []string {
	switch re.Op {
	case syntax.OpLiteral:
		return []string{fold(string(re.Rune))}
	case syntax.OpEmptyMatch, syntax.OpWordBoundary, syntax.OpNoWordBoundary, syntax.OpBeginLine, syntax.OpEndLine, syntax.OpBeginText, syntax.OpEndText:
		return []string{""}
	case syntax.OpCapture:
		return exactly(re.Sub[0])
	case syntax.OpQuest:
		if texts := exactly(re.Sub[0]); texts != nil {
			return append(slices.Clone(texts), "")
		}
	case syntax.OpCharClass:
		return runesOf(re.Rune)
	case syntax.OpConcat:
		all := []string{""}
		for _, sub := range re.Sub {
			texts := exactly(sub)
			if texts == nil || len(all)*len(texts) > maxRequired {
				return nil
			}
			all = cross(all, texts)
		}
		return all
	case syntax.OpAlternate:
		var all []string
		for _, sub := range re.Sub {
			texts := exactly(sub)
			if texts == nil || len(all)+len(texts) > maxRequired {
				return nil
			}
			all = append(all, texts...)
		}
		return all
	}
	return nil
}

// runesOf writes out a small class, folded.
func runesOf(ranges []rune) []string {
	var texts []string
	for i := 0; i < len(ranges); i += 2 {
		for r := ranges[i]; r <= ranges[i+1]; r++ {
			if text := string(foldRune(r)); !slices.Contains(texts, text) {
				texts = append(texts, text)
			}
			if len(texts) > maxClass {
				return nil
			}
		}
	}
	return texts
}

func cross(heads, tails []string) []string {
	out := make([]string, 0, len(heads)*len(tails))
	for _, head := range heads {
		for _, tail := range tails {
			out = append(out, head+tail)
		}
	}
	return out
}

// useful returns the texts unless one is empty or holds the replacement
// character, which in an expression also matches bytes that are not UTF-8.
func useful(texts []string) []string {
	for _, text := range texts {
		if text == "" || strings.ContainsRune(text, utf8.RuneError) {
			return nil
		}
	}
	return texts
}

// rank estimates how often one of the texts turns up.
func rank(texts []string) float64 {
	sum := 0.0
	for _, text := range texts {
		sum += weight(sigma.PlaceAnywhere, text)
	}
	return sum
}
