package detect

import (
	"fmt"

	"github.com/holdfast-security/holdfast/detect/sigma"
	"github.com/holdfast-security/holdfast/detect/wording"
)

// Reason is one item of a rule that a document satisfies.
type Reason struct {
	Field     string // "" for keywords
	Value     string // of the document, bounded; a list's satisfying element
	Condition string // in words, for example `ends with "/bash"`
	Selection string
}

// Reasons returns the items that make the document match a detection: those of
// the selections that hold and are not negated. It is nil for correlations.
func (d *Document) Reasons(rule *sigma.Rule) []Reason {
	if rule.Detection == nil {
		return nil
	}
	var reasons []Reason
	seen := make(map[int]bool)
	d.positive(rule.Detection, rule.Detection.Condition, func(selection int) {
		if seen[selection] {
			return
		}
		seen[selection] = true
		reasons = d.selectionReasons(reasons, &rule.Detection.Selections[selection])
	})
	return reasons
}

// positive calls f for the selections that make a condition hold.
func (d *Document) positive(det *sigma.Detection, x sigma.Expr, f func(selection int)) {
	switch x := x.(type) {
	case sigma.And:
		for _, part := range x {
			d.positive(det, part, f)
		}
	case sigma.Or:
		for _, part := range x {
			if d.holds(det, part) {
				d.positive(det, part, f)
			}
		}
	case sigma.Ref:
		if d.selected(&det.Selections[x]) {
			f(int(x))
		}
	}
}

func (d *Document) selectionReasons(reasons []Reason, s *sigma.Selection) []Reason {
	for _, group := range s.Groups {
		if !d.grouped(group) {
			continue
		}
		for i := range group {
			item := &group[i]
			_, text := d.satisfies(item)
			if text == "" {
				text, _ = d.field(d.fieldOf(item))
			}
			reasons = append(reasons, Reason{item.Field, wording.Bound(text), d.words(item), s.Name})
		}
	}
	return reasons
}

// field returns the value of a field as text.
func (d *Document) field(id FieldID) (string, bool) {
	if id == NoField {
		return "", false
	}
	v := d.get(id)
	switch v.kind {
	case absent:
		return "", false
	case listKind:
		return wording.Join(v.list), true
	}
	return d.textOf(v), true
}

// words says what an item asks for. Of several values that are alternatives
// only the satisfied ones are named, where there are any. What is said of one
// value is always the same and said again and again.
func (d *Document) words(item *sigma.Item) string {
	if len(item.Values) == 1 {
		text, said := d.said[item]
		if !said {
			text = wording.Item(item, nil)
			d.said[item] = text
		}
		return text
	}
	v := d.get(d.fieldOf(item))
	return wording.Item(item, func(value *sigma.Value) bool {
		ok, _ := d.satisfiesValue(item, v, value)
		return item.All || ok
	})
}

// Explanation says of one part of a rule whether a document satisfies it.
type Explanation struct {
	Text  string        `json:"text"` // the part in words: "all of", "selection x", `Image ends with "/bash"`
	Holds bool          `json:"holds"`
	Field string        `json:"field,omitempty"` // for items
	Value *string       `json:"value,omitempty"` // of the document, bounded; nil where it has none
	Line  int           `json:"line,omitempty"`  // in the rule's file
	Parts []Explanation `json:"parts,omitempty"`
}

// Explain returns why a detection does or does not match the document. For a
// rule whose log source is not the document's it says only that; for a
// correlation it names the rules that it joins.
func (d *Document) Explain(rule *sigma.Rule) Explanation {
	if rule.Correlation != nil {
		return explainCorrelation(rule)
	}
	if !d.source.applies(rule.LogSource) {
		return Explanation{
			Text: fmt.Sprintf("the rule is for log source %s, the event is from %s", rule.LogSource, d.source.Log()), Line: rule.Line,
		}
	}
	return d.explain(rule.Detection, rule.Detection.Condition)
}

func explainCorrelation(rule *sigma.Rule) Explanation {
	c := rule.Correlation
	e := Explanation{Text: fmt.Sprintf("%s within %s", c.Type, c.Timespan), Line: rule.Line}
	for _, b := range c.Bounds {
		e.Text += ", " + b.String()
	}
	for i, name := range c.Rules {
		e.Parts = append(e.Parts, Explanation{Text: "rule " + name, Line: c.Lines[i]})
	}
	return e
}

func (d *Document) explain(det *sigma.Detection, x sigma.Expr) Explanation {
	e := Explanation{Holds: d.holds(det, x)}
	switch x := x.(type) {
	case sigma.And:
		e.Text = "all of"
		for _, part := range x {
			e.Parts = append(e.Parts, d.explain(det, part))
		}
	case sigma.Or:
		e.Text = "one of"
		for _, part := range x {
			e.Parts = append(e.Parts, d.explain(det, part))
		}
	case sigma.Not:
		e.Text = "not"
		e.Parts = []Explanation{d.explain(det, x.X)}
	case sigma.Ref:
		e = d.explainSelection(&det.Selections[x])
	}
	return e
}

func (d *Document) explainSelection(s *sigma.Selection) Explanation {
	e := Explanation{Text: "selection " + s.Name, Holds: d.selected(s), Line: s.Line}
	for _, group := range s.Groups {
		part := Explanation{Text: "all of", Holds: d.grouped(group)}
		for i := range group {
			part.Parts = append(part.Parts, d.explainItem(&group[i]))
		}
		if len(s.Groups) == 1 {
			e.Parts = part.Parts
		} else {
			e.Parts = append(e.Parts, part)
		}
	}
	return e
}

func (d *Document) explainItem(item *sigma.Item) Explanation {
	ok, by := d.satisfies(item)
	name := item.Field
	if name == "" {
		name = "the event"
	}
	e := Explanation{Text: name + " " + d.words(item), Holds: ok, Field: item.Field, Line: item.Line}
	if by == "" {
		var present bool
		if by, present = d.field(d.fieldOf(item)); !present {
			return e
		}
	}
	by = wording.Bound(by)
	e.Value = &by
	return e
}

// Expand fills in a template with the document's values, see [wording.Expand].
func Expand(template string, d *Document) string { return wording.Expand(template, d.Text) }
