package fim

import (
	"fmt"
	"strings"
)

// maxGlob bounds a pattern in bytes.
const maxGlob = 256

// glob is a pattern for paths below a root. "?" is one byte and "*" any number
// of bytes, both within one name; "**" is any number of bytes. There is nothing
// else: every other byte stands for itself.
type glob struct {
	pattern string
	name    bool // has no slash: it is for the last name of a path, at any depth
}

func parseGlob(pattern string) (glob, error) {
	switch {
	case pattern == "":
		return glob{}, fmt.Errorf("a pattern is empty")
	case len(pattern) > maxGlob:
		return glob{}, fmt.Errorf("the pattern %.20q… has %d bytes, more than %d", pattern, len(pattern), maxGlob)
	case pattern[0] == '/':
		return glob{}, fmt.Errorf("the pattern %q begins with a slash: patterns are relative to the root", pattern)
	case !plainText(pattern):
		return glob{}, fmt.Errorf("the pattern %q is no UTF-8 or holds a zero byte", pattern)
	}
	return glob{pattern: pattern, name: strings.IndexByte(pattern, '/') < 0}, nil
}

// match reports whether g is for the path below its root.
func (g glob) match(below string) bool {
	if g.name {
		below = below[strings.LastIndexByte(below, '/')+1:]
	}
	return wild(g.pattern, below)
}

func matchAny(globs []glob, below string) bool {
	for _, g := range globs {
		if g.match(below) {
			return true
		}
	}
	return false
}

// retreat is where matching goes on when it fails: after a star of the pattern,
// which then takes one byte more of the text.
type retreat struct{ pattern, text int }

// wild matches without recursion. Only the last "*" and the last "**" can have
// to take more, so the time is bounded by the product of the lengths for each.
func wild(pattern, text string) bool {
	p, t := 0, 0
	one, any := retreat{-1, 0}, retreat{-1, 0}
	for {
		switch {
		case strings.HasPrefix(pattern[p:], "**"):
			p += 2
			one, any = retreat{-1, 0}, retreat{p, t}
		case p < len(pattern) && pattern[p] == '*':
			p++
			one = retreat{p, t}
		case p == len(pattern) && t == len(text):
			return true
		case p < len(pattern) && t < len(text) && (pattern[p] == text[t] || pattern[p] == '?' && text[t] != '/'):
			p, t = p+1, t+1
		case one.pattern >= 0 && one.text < len(text) && text[one.text] != '/':
			one.text++
			p, t = one.pattern, one.text
		case any.pattern >= 0 && any.text < len(text):
			any.text++
			one = retreat{-1, 0}
			p, t = any.pattern, any.text
		default:
			return false
		}
	}
}
