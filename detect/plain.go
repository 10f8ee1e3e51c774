package detect

import (
	"net/netip"
	"strings"
	"unicode/utf8"

	"github.com/holdfast-security/holdfast/detect/literals"
	"github.com/holdfast-security/holdfast/detect/sigma"
)

// This file evaluates rules as written, item by item. It is what explanations
// rest on and what the index is tested against, and hence shares nothing with
// the index but documents and folding.

// holds evaluates a condition.
func (d *Document) holds(det *sigma.Detection, x sigma.Expr) bool {
	switch x := x.(type) {
	case sigma.And:
		for _, part := range x {
			if !d.holds(det, part) {
				return false
			}
		}
		return true
	case sigma.Or:
		for _, part := range x {
			if d.holds(det, part) {
				return true
			}
		}
		return false
	case sigma.Not:
		return !d.holds(det, x.X)
	case sigma.Ref:
		return d.selected(&det.Selections[x])
	}
	return false
}

func (d *Document) selected(s *sigma.Selection) bool {
	for _, group := range s.Groups {
		if d.grouped(group) {
			return true
		}
	}
	return false
}

func (d *Document) grouped(group sigma.Group) bool {
	for i := range group {
		if ok, _ := d.satisfies(&group[i]); !ok {
			return false
		}
	}
	return true
}

// satisfies evaluates one item and returns a value of the field that satisfied
// it, where one did.
func (d *Document) satisfies(item *sigma.Item) (ok bool, text string) {
	v := d.get(d.fieldOf(item))
	ok = item.All
	for i := range item.Values {
		one, by := d.satisfiesValue(item, v, &item.Values[i])
		if one && text == "" {
			text = by
		}
		if one != item.All {
			ok = one
			break
		}
	}
	return ok != item.Negate, text
}

func (d *Document) fieldOf(item *sigma.Item) FieldID {
	if item.Field == "" {
		return Keywords
	}
	return d.rules.Field(item.Field)
}

func (d *Document) satisfiesValue(item *sigma.Item, v *value, want *sigma.Value) (bool, string) {
	switch {
	case item.Op == sigma.OpExists:
		return (v.kind != absent) == want.Bool, ""
	case item.Op == sigma.OpMatch && want.Null:
		return v.kind == absent, ""
	}
	var buffer [1]string
	for _, text := range d.texts(v, &buffer) {
		if d.test(item.Op, v, text, want) {
			return true, text
		}
	}
	return false, ""
}

// test makes the test of an item on one text of a value.
func (d *Document) test(op sigma.Op, v *value, text string, want *sigma.Value) bool {
	switch op {
	case sigma.OpMatch:
		return matchPattern(want.Pattern, text)
	case sigma.OpRegexp:
		return want.Regexp.MatchString(text)
	case sigma.OpCIDR:
		return inPrefix(want.Prefix, text)
	case sigma.OpFieldRef:
		return d.testReference(text, want)
	}
	if want.Part != sigma.WholeTime {
		n, ok := want.Part.Of(text)
		return ok && compare(op, n, want.Number)
	}
	n, ok := v.asNumber(text)
	return ok && compare(op, n, want.Number)
}

func compare(op sigma.Op, n, bound float64) bool {
	switch op {
	case sigma.OpLess:
		return n < bound
	case sigma.OpLessEq:
		return n <= bound
	case sigma.OpGreater:
		return n > bound
	case sigma.OpEqual:
		return n == bound
	}
	return n >= bound // OpGreaterEq
}

func inPrefix(prefix netip.Prefix, text string) bool {
	addr, err := netip.ParseAddr(text)
	return err == nil && prefix.Contains(addr.Unmap().WithZone(""))
}

// testReference compares a text with the values of another field.
func (d *Document) testReference(text string, want *sigma.Value) bool {
	other := d.get(d.rules.Field(want.Text))
	if !want.Pattern.Cased {
		text = literals.Fold(text)
	}
	var buffer [1]string
	for _, s := range d.texts(other, &buffer) {
		if !want.Pattern.Cased {
			s = literals.Fold(s)
		}
		if atPlace(want.Where, text, s) {
			return true
		}
	}
	return false
}

func atPlace(where sigma.Place, text, part string) bool {
	switch where {
	case sigma.PlaceStart:
		return strings.HasPrefix(text, part)
	case sigma.PlaceEnd:
		return strings.HasSuffix(text, part)
	case sigma.PlaceAnywhere:
		return strings.Contains(text, part)
	}
	return text == part
}

// matchPattern reports whether a pattern covers the whole text.
func matchPattern(p sigma.Pattern, text string) bool {
	if p.Cased {
		return matchTokens(p.Tokens, text)
	}
	if len(p.Tokens) == 1 && p.Tokens[0].Wild == sigma.Literal && len(p.Tokens[0].Text) != len(text) && literals.IsASCII(p.Tokens[0].Text) && literals.IsASCII(text) {
		return false // most of the names in a list
	}
	return matchTokens(foldTokens(p.Tokens), literals.Fold(text))
}

// foldTokens returns the tokens with folded literals.
func foldTokens(tokens []sigma.Token) []sigma.Token {
	folded := make([]sigma.Token, len(tokens))
	for i, t := range tokens {
		folded[i] = sigma.Token{Wild: t.Wild, Text: literals.Fold(t.Text)}
	}
	return folded
}

// matchTokens matches in time linear in the text for each any-text wildcard:
// only the last one met is ever moved, for what is before it matched at the
// earliest place already.
func matchTokens[T string | []byte](tokens []sigma.Token, text T) bool {
	t, at := 0, 0
	star, retry := -1, 0
	for {
		switch {
		case t < len(tokens) && tokens[t].Wild == sigma.AnyText:
			star, retry = t, at
			t++
			continue
		case t < len(tokens):
			if n := matchToken(tokens[t], text[at:]); n > 0 {
				at += n
				t++
				continue
			}
		case at == len(text):
			return true
		}
		if star < 0 || retry >= len(text) {
			return false
		}
		retry++
		t, at = star+1, retry
	}
}

// matchToken returns how many bytes of the text a token takes, or 0.
func matchToken[T string | []byte](t sigma.Token, text T) int {
	if t.Wild == sigma.AnyOne {
		return runeLen(text)
	}
	if len(text) < len(t.Text) || string(text[:len(t.Text)]) != t.Text {
		return 0
	}
	return len(t.Text)
}

// runeLen returns the length of the first character, one for a byte that is
// not UTF-8.
func runeLen[T string | []byte](text T) int {
	if len(text) == 0 {
		return 0
	}
	if text[0] < utf8.RuneSelf {
		return 1
	}
	_, size := utf8.DecodeRuneInString(string(text[:min(len(text), utf8.UTFMax)]))
	return size
}
