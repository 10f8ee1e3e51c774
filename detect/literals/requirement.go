// Package literals knows what plain text there is in patterns: what literals
// the matches of a regular expression hold, in which form spellings by case
// are the same, and how rare a literal is in the events of a host.
//
// With it the rule engine finds the literals of all rules in one pass and runs
// a regular expression only where these leave it in doubt. What it says of an
// expression is true of every match, for any text, hostile or not; an
// expression that it does not understand requires nothing.
package literals

import (
	"cmp"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/holdfast-security/holdfast/detect/sigma"
)

// Bounds of what is taken from a regular expression.
const (
	maxTexts  = 96      // alternative texts
	maxBytes  = 4 << 10 // of all of these
	maxInner  = 6       // lists of such texts that a part of an expression keeps
	maxClass  = 8       // runes of a class that is written out
	maxSets   = 3       // sets of literals of which each must be there
	maxSteps  = 500     // parts of an expression that are looked at
	minRun    = 8       // characters of one class in a row that are worth looking for
	maxLength = 1 << 16
)

// Requirement is what every text has that a regular expression finds a match
// in. The zero value requires nothing.
type Requirement struct {
	Sets   []Set // one of each, the rarest first
	Plain  bool  // having one of the only set is all that is asked for
	length int   // at least so many bytes
	run    int   // so many bytes of class in a row; 0 where none are known
	class  [256]bool
	pair   *[2][256]bool // a byte of one class before one of another, or nil
}

// Set is folded texts, see [Fold], of which one is at a place of the text.
type Set struct {
	Place sigma.Place
	Texts []string
}

// RequirementOf analyses an expression that package regexp compiles.
func RequirementOf(expr string) *Requirement {
	re, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return &Requirement{}
	}
	r := &Requirement{length: leastLength(re)}
	r.findRun(re)
	r.findPair(re)
	re = re.Simplify()
	f := (&analyst{steps: maxSteps}).factsOf(re)
	r.Sets = f.sets()
	r.Plain = f.exact != nil && len(r.Sets) == 1 && caseless(re) && unconditional(re)
	return r
}

// Possible reports whether a text is long enough and has what an expression
// repeats or has side by side. Sets are left to the caller.
func (r *Requirement) Possible(text string) bool {
	if len(text) < r.length || !r.hasPair(text) {
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
func (r *Requirement) findRun(re *syntax.Regexp) {
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

// findPair notes the first two classes that stand side by side in a match.
func (r *Requirement) findPair(re *syntax.Regexp) {
	switch re.Op {
	case syntax.OpCapture, syntax.OpPlus:
		r.findPair(re.Sub[0])
	case syntax.OpConcat:
		for i, sub := range re.Sub {
			switch {
			case r.pair != nil:
				return
			case i > 0 && sub.Op == syntax.OpCharClass && re.Sub[i-1].Op == syntax.OpCharClass:
				r.pair = &[2][256]bool{bytesOf(re.Sub[i-1].Rune), bytesOf(sub.Rune)}
			default:
				r.findPair(sub)
			}
		}
	}
}

func (r *Requirement) hasPair(text string) bool {
	if r.pair == nil {
		return true
	}
	for i := 1; i < len(text); i++ {
		if r.pair[1][text[i]] && r.pair[0][text[i-1]] {
			return true
		}
	}
	return false
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

// facts is what is known of the texts that a part of an expression matches.
// All texts are folded.
type facts struct {
	exact      []string // all there are, where these are few
	heads      []string // where exact is nil: one of these begins the text
	tails      []string // likewise: one of these ends it
	inner      []choice // likewise: one of each is in it
	begin, end bool     // it begins, or ends, what is searched
}

// anything is what is known of an expression that is not understood.
func anything() facts { return facts{heads: []string{""}, tails: []string{""}} }

// analyst works out facts, taking no more than so many steps.
type analyst struct {
	steps int
	room  pair
}

func (a *analyst) factsOf(re *syntax.Regexp) facts {
	if a.steps--; a.steps < 0 {
		return anything()
	}
	switch re.Op {
	case syntax.OpLiteral:
		return facts{exact: []string{Fold(string(re.Rune))}}
	case syntax.OpEmptyMatch, syntax.OpWordBoundary, syntax.OpNoWordBoundary, syntax.OpBeginLine, syntax.OpEndLine:
		return facts{exact: []string{""}}
	case syntax.OpBeginText:
		return facts{exact: []string{""}, begin: true}
	case syntax.OpEndText:
		return facts{exact: []string{""}, end: true}
	case syntax.OpCapture:
		return a.factsOf(re.Sub[0])
	case syntax.OpCharClass:
		if texts := runesOf(re.Rune); texts != nil {
			return facts{exact: texts}
		}
	case syntax.OpQuest, syntax.OpStar:
		return optional(re, a.factsOf(re.Sub[0]))
	case syntax.OpPlus:
		return a.factsOf(re.Sub[0]).repeated()
	case syntax.OpConcat:
		return a.factsOfConcat(re.Sub)
	case syntax.OpAlternate:
		f := a.factsOf(re.Sub[0])
		for _, sub := range re.Sub[1:] {
			f = a.either(f, a.factsOf(sub))
		}
		return f
	}
	return anything()
}

// repeated returns the facts of one or more of f.
func (f facts) repeated() facts {
	return facts{heads: f.head(), tails: f.tail(), inner: f.inner}
}

// optional returns the facts of an expression that may match nothing, from
// those of what it repeats.
func optional(re *syntax.Regexp, once facts) facts {
	if re.Op == syntax.OpQuest && once.exact != nil {
		if texts := union(once.exact, []string{""}); texts != nil {
			return facts{exact: texts}
		}
	}
	return anything()
}

// factsOfConcat joins parts. Where a part may be missing, what comes before
// and after it is looked at with and without it, for what these have in common
// at the seams.
func (a *analyst) factsOfConcat(parts []*syntax.Regexp) facts {
	f := a.factsOf(parts[0])
	for i := 1; i < len(parts); i++ {
		part := parts[i]
		if part.Op != syntax.OpStar && part.Op != syntax.OpQuest {
			f = f.then(a.factsOf(part))
			continue
		}
		once := a.factsOf(part.Sub[0])
		maybe := optional(part, once)
		if maybe.exact != nil || i+1 == len(parts) {
			f = f.then(maybe)
			continue
		}
		i++
		next := a.factsOf(parts[i])
		f = a.either(f.then(once.repeated()).then(next), f.then(next))
	}
	return f
}

// head returns texts of which one begins the text.
func (f facts) head() []string {
	if f.exact != nil {
		return least(sigma.PlaceStart, f.exact)
	}
	return f.heads
}

// tail returns texts of which one ends the text.
func (f facts) tail() []string {
	if f.exact != nil {
		return least(sigma.PlaceEnd, f.exact)
	}
	return f.tails
}

// then returns the facts of f and g, one after the other.
func (f facts) then(g facts) facts {
	both := facts{begin: f.begin, end: g.end}
	if f.exact != nil && g.exact != nil {
		if both.exact = cross(f.exact, g.exact); both.exact != nil {
			return both
		}
	}
	both.heads, both.tails = f.head(), g.tail()
	if f.exact != nil {
		if heads := cross(f.exact, g.head()); heads != nil {
			both.heads = least(sigma.PlaceStart, heads)
		}
	}
	if g.exact != nil {
		if tails := cross(f.tail(), g.exact); tails != nil {
			both.tails = least(sigma.PlaceEnd, tails)
		}
	}
	both.inner = slices.Grow(slices.Clone(f.inner), len(g.inner)+1)
	for _, known := range g.inner {
		both.keep(known)
	}
	if seam := cross(f.tail(), g.head()); seam != nil {
		both.offer(seam)
	} else {
		both.offer(f.tail())
		both.offer(g.head())
	}
	return both
}

// either returns the facts of one of f and g.
func (a *analyst) either(f, g facts) facts {
	either := facts{begin: f.begin && g.begin, end: f.end && g.end}
	if f.exact != nil && g.exact != nil {
		if either.exact = union(f.exact, g.exact); either.exact != nil {
			return either
		}
	}
	either.heads = orEmpty(least(sigma.PlaceStart, union(f.head(), g.head())))
	either.tails = orEmpty(least(sigma.PlaceEnd, union(f.tail(), g.tail())))
	others := g.all()
	for _, known := range f.all() {
		if best, ok := a.room.closest(known, others); ok {
			either.keep(best)
		}
	}
	return either
}

// offer notes texts of which one is in the text, if that says anything.
func (f *facts) offer(texts []string) {
	if c, ok := choiceOf(texts); ok {
		f.keep(c)
	}
}

// keep notes a choice, if it is new and among the rarest.
func (f *facts) keep(c choice) {
	if slices.ContainsFunc(f.inner, func(known choice) bool { return slices.Equal(known.parts, c.parts) }) {
		return
	}
	f.inner = append(f.inner, c)
	if len(f.inner) > maxInner {
		slices.SortStableFunc(f.inner, func(a, b choice) int { return cmp.Compare(a.rank, b.rank) })
		f.inner = f.inner[:maxInner]
	}
}

// all returns lists of texts of each of which one is in the text.
func (f facts) all() []choice {
	known := facts{inner: slices.Clone(f.inner)}
	known.offer(f.head())
	known.offer(f.tail())
	known.offer(f.exact)
	return known.inner
}

// sets returns what a text must hold for a whole expression to match it.
func (f facts) sets() []Set {
	var all []ranked
	if f.exact != nil {
		all = append(all, at(f.begin, f.end, f.exact))
	} else {
		all = append(all, at(f.begin, false, f.heads), at(false, f.end, f.tails))
		for _, known := range f.inner {
			all = append(all, ranked{Set{sigma.PlaceAnywhere, known.texts()}, known.rank})
		}
	}
	slices.SortStableFunc(all, func(a, b ranked) int { return cmp.Compare(a.rank, b.rank) })
	var kept []Set
	for _, n := range all {
		if useful(n.Texts) == nil || n.everywhere() || slices.ContainsFunc(kept, func(k Set) bool { return k.implies(n.Set) }) {
			continue
		}
		if kept = append(kept, n.Set); len(kept) == maxSets {
			break
		}
	}
	return kept
}

// ranked is a set with how often one of its texts turns up.
type ranked struct {
	Set
	rank float64
}

// at returns the need of texts at the beginning, the end, or both.
func at(begin, end bool, texts []string) ranked {
	place := sigma.PlaceAnywhere
	switch {
	case begin && end:
		return ranked{Set{sigma.PlaceWhole, texts}, rank(sigma.PlaceWhole, texts)}
	case begin:
		place = sigma.PlaceStart
	case end:
		place = sigma.PlaceEnd
	}
	texts = least(place, texts)
	return ranked{Set{place, texts}, rank(place, texts)}
}

// everywhere reports whether nearly all values have one of the texts.
func (n Set) everywhere() bool {
	return slices.ContainsFunc(n.Texts, func(text string) bool {
		return n.Place == sigma.PlaceAnywhere && len(text) == 1 && !strings.Contains(rare, text)
	})
}

// implies reports whether every text that has one of n has one of other.
func (n Set) implies(other Set) bool {
	if other.Place != sigma.PlaceAnywhere {
		return false
	}
	for _, text := range n.Texts {
		if !slices.ContainsFunc(other.Texts, func(part string) bool { return strings.Contains(text, part) }) {
			return false
		}
	}
	return true
}

// caseless reports whether an expression does not tell case apart.
func caseless(re *syntax.Regexp) bool {
	switch re.Op {
	case syntax.OpLiteral:
		return re.Flags&syntax.FoldCase != 0 || !slices.ContainsFunc(re.Rune, func(r rune) bool { return unicode.SimpleFold(r) != r })
	case syntax.OpCharClass:
		return foldsWithin(re.Rune)
	}
	return !slices.ContainsFunc(re.Sub, func(sub *syntax.Regexp) bool { return !caseless(sub) })
}

// foldsWithin reports whether a class that is written out has every rune in
// each case.
func foldsWithin(ranges []rune) bool {
	for i := 0; i < len(ranges); i += 2 {
		for r := ranges[i]; r <= ranges[i+1]; r++ {
			if !inRanges(ranges, unicode.SimpleFold(r)) {
				return false
			}
		}
	}
	return true
}

func inRanges(ranges []rune, r rune) bool {
	for i := 0; i < len(ranges); i += 2 {
		if ranges[i] <= r && r <= ranges[i+1] {
			return true
		}
	}
	return false
}

// unconditional reports whether an expression asks for nothing but its texts,
// at the beginning or end of what is searched where it says so first or last.
func unconditional(re *syntax.Regexp) bool {
	subs := []*syntax.Regexp{re}
	if re.Op == syntax.OpConcat {
		subs = re.Sub
	}
	if len(subs) > 0 && subs[0].Op == syntax.OpBeginText {
		subs = subs[1:]
	}
	if n := len(subs); n > 0 && subs[n-1].Op == syntax.OpEndText {
		subs = subs[:n-1]
	}
	return !slices.ContainsFunc(subs, asserts)
}

func asserts(re *syntax.Regexp) bool {
	switch re.Op {
	case syntax.OpBeginLine, syntax.OpEndLine, syntax.OpBeginText, syntax.OpEndText, syntax.OpWordBoundary, syntax.OpNoWordBoundary:
		return true
	}
	return slices.ContainsFunc(re.Sub, asserts)
}

// runesOf writes out a small class, folded.
func runesOf(ranges []rune) []string {
	var storage [maxClass]string
	texts := storage[:0]
	for i := 0; i < len(ranges); i += 2 {
		for r := ranges[i]; r <= ranges[i+1]; r++ {
			text := string(FoldRune(r))
			switch {
			case slices.Contains(texts, text):
			case len(texts) == maxClass:
				return nil
			default:
				texts = append(texts, text)
			}
		}
	}
	return slices.Clone(texts)
}
