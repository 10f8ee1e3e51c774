// Package wording says in plain words what the items of a detection rule ask
// for, for people who want to know why an event matches, and fills in the
// stories that rules tell. It is pure; rules and values are hostile, and
// everything it returns is bounded in length but not escaped.
package wording

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/holdfast-security/holdfast/detect/sigma"
)

// Bounds of what is said about values.
const (
	maxShown  = 512 // bytes of a value
	maxListed = 5   // values of an item that are named
	maxJoined = 64 << 10
)

// Bound cuts a text that is too long to show, between characters.
func Bound(s string) string {
	if len(s) <= maxShown {
		return s
	}
	cut := maxShown
	for cut > maxShown-utf8.UTFMax && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}

// Join returns the texts with spaces between them, as far as some 64 KiB.
func Join(list []string) string {
	var b strings.Builder
	for i, s := range list {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(s)
		if b.Len() > maxJoined {
			break
		}
	}
	return b.String()
}

// Item says what an item asks for, for example `ends with "/sh"`. It names the
// first of those values for which named is true; of all where that is none, or
// named is nil.
func Item(item *sigma.Item, named func(*sigma.Value) bool) string {
	var parts []string
	for i := range item.Values {
		if value := &item.Values[i]; named == nil || named(value) {
			parts = append(parts, condition(item.Op, value))
		}
	}
	if len(parts) == 0 && named != nil {
		return Item(item, nil)
	}
	return join(item, parts)
}

func join(item *sigma.Item, parts []string) string {
	word := " or "
	if item.All {
		word = " and "
	}
	if more := len(parts) - maxListed; more > 0 {
		parts = append(parts[:maxListed:maxListed], fmt.Sprintf("%d more", more))
	}
	text := strings.Join(parts, word)
	if item.Negate {
		return "not: " + text
	}
	return text
}

// condition says what one value asks for.
func condition(op sigma.Op, v *sigma.Value) string {
	switch op {
	case sigma.OpRegexp:
		return fmt.Sprintf("matches /%s/", Bound(v.Regexp.String()))
	case sigma.OpCIDR:
		return "lies in " + v.Prefix.String()
	case sigma.OpExists:
		if v.Bool {
			return "is present"
		}
		return "is absent"
	case sigma.OpFieldRef:
		return [...]string{"equals", "starts with", "ends with", "contains"}[v.Where] + " the field " + v.Text
	case sigma.OpMatch:
		return pattern(v)
	}
	return number(op, v)
}

func number(op sigma.Op, v *sigma.Value) string {
	words := map[sigma.Op]string{
		sigma.OpLess: "is less than", sigma.OpLessEq: "is at most", sigma.OpGreater: "is greater than", sigma.OpGreaterEq: "is at least",
		sigma.OpEqual: "is",
	}
	if v.Part != sigma.WholeTime {
		return fmt.Sprintf("is a time whose %s %s %v", v.Part, words[op], v.Number)
	}
	return fmt.Sprintf("%s %v", words[op], v.Number)
}

func pattern(v *sigma.Value) string {
	if v.Null {
		return "is absent"
	}
	text, place, ok := v.Pattern.Shape()
	switch {
	case !ok:
		return fmt.Sprintf("matches %q", Bound(v.Pattern.String()))
	case text == "" && place == sigma.PlaceWhole:
		return "is empty"
	case text == "":
		return "has any value"
	}
	word := [...]string{"is", "starts with", "ends with", "contains"}[place]
	return fmt.Sprintf("%s %q", word, Bound(text))
}
