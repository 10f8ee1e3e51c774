package detect

import (
	"net/netip"

	"github.com/holdfast-security/holdfast/detect/glob"
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
		return glob.Covers(want.Pattern, text)
	case sigma.OpRegexp:
		return want.Regexp.MatchString(text)
	case sigma.OpCIDR:
		return inPrefix(want.Prefix, text)
	case sigma.OpFieldRef:
		return d.testReference(text, want)
	}
	if want.Part != sigma.WholeTime {
		n, ok := want.Part.Of(text)
		return ok && op.Compare(n, want.Number)
	}
	n, ok := v.asNumber(text)
	return ok && op.Compare(n, want.Number)
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
		if glob.At(want.Where, text, s) {
			return true
		}
	}
	return false
}
