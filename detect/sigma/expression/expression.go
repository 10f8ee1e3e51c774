// Package expression reads the regular expressions of detection rules.
//
// Expressions come from users and from the internet: their length and what they
// take to run are bounded, and what RE2 lacks is explained. Most rules never
// meet a text that an expression of theirs must be run on, so that one is
// checked when it is read and compiled when it is first used.
package expression

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
	"sync"
)

// Bounds of a regular expression. Its instructions decide what a match takes at
// worst: that many steps for each byte of a value.
const (
	maxLength       = 32 << 10 // bytes
	maxInstructions = 10_000
	maxQuoted       = 120 // bytes of one that a message shows
)

// Anchor says where in a text an expression is looked for.
type Anchor uint8

// Anchors.
const (
	Anywhere Anchor = iota
	AtStart
	AtEnd
)

// Expression is a regular expression of RE2. It is safe for concurrent use.
type Expression struct {
	text string
	size int
	once sync.Once
	re   *regexp.Regexp // made by once
}

// Read checks an expression with its flags, such as is, or "", and explains
// what is wrong with it.
func Read(text, flags string, anchor Anchor) (*Expression, error) {
	if len(text) > maxLength {
		return nil, fmt.Errorf("the regular expression is longer than %d bytes", maxLength)
	}
	if flags != "" {
		flags = "(?" + flags + ")"
	}
	tree, err := syntax.Parse(flags+text, syntax.Perl)
	if err != nil {
		return nil, whyNot(text, err)
	}
	e := &Expression{text: flags + text, size: instructions(tree)}
	if e.size > maxInstructions {
		return nil, fmt.Errorf("regular expression %s repeats so much that it takes more than %d instructions: repeat less, or test for parts of it", quoted(text), maxInstructions)
	}
	switch anchor {
	case AtStart:
		e.text = flags + `\A(?:` + text + ")"
	case AtEnd:
		e.text = flags + "(?:" + text + `)\z`
	}
	if anchor != Anywhere { // it may now be nested too deeply
		if _, err := syntax.Parse(e.text, syntax.Perl); err != nil {
			return nil, whyNot(text, err)
		}
	}
	return e, nil
}

// String returns the expression with its flags and its anchor.
func (e *Expression) String() string { return e.text }

// Size returns of about how many instructions the expression is.
func (e *Expression) Size() int { return e.size }

// MatchString reports whether the expression is found in a text.
func (e *Expression) MatchString(text string) bool {
	e.once.Do(func() { e.re = regexp.MustCompile(e.text) }) // which parses, as was found
	return e.re.MatchString(text)
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
