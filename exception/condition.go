package exception

import (
	"net/netip"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/holdfast-security/holdfast/finding"
)

// condition is a compiled condition.
type condition struct {
	field    int
	op       finding.ConditionOp
	not      bool
	equal    map[string]bool // the values of OpEquals
	texts    []string        // of contains, starts_with and ends_with
	globs    []glob
	networks []netip.Prefix
}

// answer is what came of comparing.
type answer uint8

const (
	no answer = iota
	yes
	unknown
)

func compileCondition(m finding.Condition) (condition, error) {
	c := condition{field: place(m.Field), op: m.Op, not: m.Not}
	for _, v := range m.Values {
		switch m.Op {
		case finding.OpEquals:
			if c.equal == nil {
				c.equal = make(map[string]bool, len(m.Values))
			}
			c.equal[plain(m.Field, v)] = true
		case finding.OpMatches:
			c.globs = append(c.globs, newGlob(v))
		case finding.OpCIDR:
			network, err := parseNetwork(v)
			if err != nil {
				return c, err
			}
			c.networks = append(c.networks, network)
		default:
			c.texts = append(c.texts, v)
		}
	}
	return c, nil
}

// place returns the place of a field in fields, or -1.
func place(name finding.ConditionField) int {
	return slices.IndexFunc(fields[:], func(f field) bool { return f.name == name })
}

// plain returns a value as alerts have it: addresses in their short form.
func plain(field finding.ConditionField, v string) string {
	if field == finding.FieldRemoteAddress {
		if a, err := netip.ParseAddr(v); err == nil {
			return a.Unmap().String()
		}
	}
	return v
}

// holds compares what the alert says of the field, see [finding.Condition].
func (c *condition) holds(x *subject) bool {
	values := x.values(c.field)
	if len(values) == 0 {
		return false
	}
	wanted := yes
	if c.not {
		wanted = no
	}
	some := fields[c.field].one && !c.not
	for _, v := range values {
		if (c.compare(v) == wanted) == some {
			return some
		}
	}
	return !some
}

// compare says whether one of the values fits. What of a text is missing may
// make it fit.
func (c *condition) compare(v value) answer {
	switch {
	case v.unclear():
		return unknown
	case c.op == finding.OpEquals && v.cut:
		return unknown
	case c.fits(v.text):
		return yes
	case v.cut:
		return unknown
	}
	return no
}

func (c *condition) fits(text string) bool {
	switch c.op {
	case finding.OpEquals:
		return c.equal[text]
	case finding.OpContains:
		return slices.ContainsFunc(c.texts, func(t string) bool { return strings.Contains(text, t) })
	case finding.OpStartsWith:
		return slices.ContainsFunc(c.texts, func(t string) bool { return strings.HasPrefix(text, t) })
	case finding.OpEndsWith:
		return slices.ContainsFunc(c.texts, func(t string) bool { return strings.HasSuffix(text, t) })
	case finding.OpMatches:
		return slices.ContainsFunc(c.globs, func(g glob) bool { return g.matches(text) })
	}
	a, err := netip.ParseAddr(text)
	return err == nil && slices.ContainsFunc(c.networks, func(n netip.Prefix) bool { return n.Contains(a.WithZone("")) })
}

// glob is a pattern in which * stands for any text and ? for one character: the
// parts between the stars. The first must begin the text, the last must end
// it, and those between must occur in their order.
type glob []string

func newGlob(pattern string) glob { return strings.Split(pattern, "*") }

func (g glob) matches(text string) bool {
	n := prefix(text, g[0])
	if n < 0 {
		return false
	}
	if len(g) == 1 {
		return n == len(text)
	}
	text = text[n:]
	for _, part := range g[1 : len(g)-1] {
		if n = after(text, part); n < 0 {
			return false
		}
		text = text[n:]
	}
	return ends(text, g[len(g)-1])
}

// prefix returns how many bytes of text the part takes that begins it, or -1.
func prefix(text, part string) int {
	at := 0
	for i := 0; i < len(part); {
		if at >= len(text) {
			return -1
		}
		if part[i] != '?' {
			if part[i] != text[at] {
				return -1
			}
			i, at = i+1, at+1
			continue
		}
		_, size := utf8.DecodeRuneInString(text[at:])
		i, at = i+1, at+size
	}
	return at
}

// after returns where the first occurrence of part in text ends, or -1.
func after(text, part string) int {
	if !strings.Contains(part, "?") {
		at := strings.Index(text, part)
		if at < 0 {
			return -1
		}
		return at + len(part)
	}
	for at := range text {
		if n := prefix(text[at:], part); n >= 0 {
			return at + n
		}
	}
	return -1
}

// ends reports whether part is the end of text.
func ends(text, part string) bool {
	if !strings.Contains(part, "?") {
		return strings.HasSuffix(text, part)
	}
	start := len(text)
	for range utf8.RuneCountInString(part) {
		if start == 0 {
			return false
		}
		_, size := utf8.DecodeLastRuneInString(text[:start])
		start -= size
	}
	return prefix(text[start:], part) == len(text)-start
}
