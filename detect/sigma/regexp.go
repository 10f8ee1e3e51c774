package sigma

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
)

// Bounds of a regular expression. Its instructions decide what a match takes at
// worst: that many steps for each byte of a value.
const (
	maxRegexp       = 32 << 10 // bytes
	maxInstructions = 10_000
	maxQuoted       = 120 // bytes of one that a message shows
)

// compileRegexp compiles an RE2 expression, which stands at a place of the
// value where one is given, and explains what RE2 lacks. It also returns of how
// many instructions the expression is, about.
func compileRegexp(text, flags string, where Place) (*regexp.Regexp, int, error) {
	if len(text) > maxRegexp {
		return nil, 0, fmt.Errorf("the regular expression is longer than %d bytes", maxRegexp)
	}
	if flags != "" {
		flags = "(?" + flags + ")"
	}
	tree, err := syntax.Parse(flags+text, syntax.Perl)
	if err != nil {
		return nil, 0, whyNot(text, err)
	}
	size := instructions(tree)
	if size > maxInstructions {
		return nil, 0, fmt.Errorf("regular expression %s repeats so much that it takes more than %d instructions: repeat less, or test for parts of it", quoted(text), maxInstructions)
	}
	switch where {
	case PlaceStart:
		text = `\A(?:` + text + ")"
	case PlaceEnd:
		text = "(?:" + text + `)\z`
	}
	re, err := regexp.Compile(flags + text)
	if err != nil {
		return nil, 0, whyNot(text, err)
	}
	return re, size, nil
}

// instructions estimates the size of a compiled expression before it is
// compiled.
func instructions(re *syntax.Regexp) int {
	size := 1
	if re.Op == syntax.OpLiteral {
		size = len(re.Rune)
	}
	for _, sub := range re.Sub {
		size += instructions(sub)
	}
	if re.Op == syntax.OpRepeat {
		size *= max(re.Min, re.Max, 1)
	}
	return min(size, 1<<30) // products of products stay far below the largest number
}

// whyNot explains an expression that does not compile.
func whyNot(text string, err error) error {
	for _, p := range perlOnly {
		if strings.Contains(text, p.syntax) {
			return fmt.Errorf("regular expression %s uses %s, which RE2 does not have: %s", quoted(text), p.name, p.instead)
		}
	}
	reason := strings.TrimPrefix(err.Error(), "error parsing regexp: ")
	if len(reason) > maxQuoted { // it repeats the expression
		reason, _, _ = strings.Cut(reason, ":")
	}
	return fmt.Errorf("regular expression %s: %s", quoted(text), reason)
}

// quoted returns an expression for a message.
func quoted(text string) string {
	if len(text) > maxQuoted {
		return fmt.Sprintf("%q…", text[:maxQuoted])
	}
	return fmt.Sprintf("%q", text)
}

// perlOnly is the syntax that rules most often take from backtracking engines.
var perlOnly = []struct{ syntax, name, instead string }{
	{"(?=", "lookahead", "test for each part in an item of its own"},
	{"(?!", "negative lookahead", "exclude in a filter selection with not"},
	{"(?<=", "lookbehind", "test for each part in an item of its own"},
	{"(?<!", "negative lookbehind", "exclude in a filter selection with not"},
	{"(?>", "an atomic group", "use (?:…)"},
	{`\1`, "a back reference", "write the repeated part out"},
	{"*+", "a possessive quantifier", "use *"},
	{"++", "a possessive quantifier", "use +"},
}
