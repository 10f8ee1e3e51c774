package render

import (
	"strconv"
	"strings"

	"github.com/holdfast-security/holdfast/detect"
	"github.com/holdfast-security/holdfast/internal/termtext"
)

// maxNesting bounds the nesting that is shown.
const maxNesting = 12

// Item is a labelled part of a [Sheet]; an item without text is left out.
type Item struct {
	Label    string // at most eight characters
	Lines    []string
	Numbered bool // the lines are steps
}

// Sheet returns a description of something: a title, a text, and labelled
// items below.
func Sheet(title, text string, items []Item, style Style) string {
	p := &page{style: style}
	for _, l := range termtext.Wrap(title, style.width(), 2) {
		p.line(style.color(bold, l))
	}
	for paragraph := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		for _, l := range termtext.Wrap(strings.Join(strings.Fields(paragraph), " "), style.width()-2, 0) {
			p.line("  ", l)
		}
	}
	p.line()
	for _, item := range items {
		if item.Numbered {
			p.labelled(item.Label, p.steps(item.Lines))
			continue
		}
		var lines []string
		for _, l := range item.Lines {
			if l != "" {
				lines = append(lines, termtext.Wrap(l, p.room(), maxStepLines)...)
			}
		}
		p.labelled(item.Label, lines)
	}
	return p.b.String()
}

// Explanation returns why a rule does or does not match, one test on each
// line with the value that was found.
func Explanation(e detect.Explanation, style Style) string {
	p := &page{style: style}
	p.explain(e, 1)
	return p.b.String()
}

func (p *page) explain(e detect.Explanation, depth int) {
	mark, colour := "✗ ", red
	if e.Holds {
		mark, colour = "✓ ", green
	}
	indent := strings.Repeat("  ", min(depth, maxNesting))
	room := p.style.width() - len(indent) - 2
	text := termtext.Bound(e.Text, room)
	value := "absent"
	if e.Value != nil {
		value = strconv.Quote(*e.Value)
	}
	switch left := room - termtext.Width(text) - 2; {
	case e.Field == "" && e.Value == nil:
		p.line(indent, p.style.color(colour, mark), text)
	case left >= min(termtext.Width(value), 24):
		p.line(indent, p.style.color(colour, mark), text, "  ", p.style.color(dim, termtext.BoundMiddle(value, left)))
	default:
		p.line(indent, p.style.color(colour, mark), text)
		p.line(indent, "    ", p.style.color(dim, termtext.BoundMiddle(value, room-2)))
	}
	for _, part := range e.Parts {
		p.explain(part, depth+1)
	}
}
