// Package burden bounds what the rules of a set look for in each field.
//
// One file of rules is bounded where it is read, but a set has thousands of
// files, and the index of a field takes up to 25 times the bytes of the values
// that all of them look for in it. Who may write rules need not be trusted with
// the memory of the server and of every agent.
package burden

import (
	"fmt"

	"github.com/holdfast-security/holdfast/detect/sigma"
)

// Bounds of the values of a set, in bytes. All public rules together take less
// than an eighth of them.
const (
	MaxField = 8 << 20  // in one field
	MaxAll   = 32 << 20 // in all fields together
)

// What a value takes beside its text, and an instruction of an expression.
const (
	perValue       = 32
	perInstruction = 16
)

// Within returns the rules that are within the bounds, counted in their order,
// and an error of type [*sigma.Error] for each of the others.
func Within(rules []*sigma.Rule) (kept []*sigma.Rule, refused []error) {
	all, fields := 0, make(map[string]int)
	for _, rule := range rules {
		own := weigh(rule)
		if err := exceeds(rule, own, all, fields); err != nil {
			refused = append(refused, err)
			continue
		}
		for field, n := range own {
			fields[field] += n
			all += n
		}
		kept = append(kept, rule)
	}
	return kept, refused
}

// exceeds returns an error if a rule with these values is one too many.
func exceeds(rule *sigma.Rule, own map[string]int, all int, fields map[string]int) error {
	for field, n := range own {
		if all += n; fields[field]+n > MaxField {
			return rule.Errorf(rule.Line, "with this rule, the values that all rules look for in %s take more than %d MB: use fewer values, or shorter ones", named(field), MaxField>>20)
		}
	}
	if all > MaxAll {
		return rule.Errorf(rule.Line, "with this rule, the values that all rules look for take more than %d MB: use fewer values, or shorter ones", MaxAll>>20)
	}
	return nil
}

func named(field string) string {
	if field == "" {
		return "texts without a field"
	}
	return fmt.Sprintf("the field %q", field)
}

// weigh returns what a rule's values take in each field.
func weigh(rule *sigma.Rule) map[string]int {
	own := make(map[string]int)
	if rule.Detection == nil {
		return own
	}
	for _, s := range rule.Detection.Selections {
		for _, group := range s.Groups {
			for i := range group {
				own[group[i].Field] += ofItem(&group[i])
			}
		}
	}
	return own
}

func ofItem(item *sigma.Item) (n int) {
	for i := range item.Values {
		n += perValue + ofValue(&item.Values[i])
	}
	return n
}

func ofValue(v *sigma.Value) (n int) {
	if v.Regexp != nil {
		return len(v.Text) + perInstruction*v.Regexp.Size()
	}
	if len(v.Pattern.Tokens) == 0 {
		return len(v.Text)
	}
	for _, token := range v.Pattern.Tokens {
		n += len(token.Text)
	}
	return n
}
