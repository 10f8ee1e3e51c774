// Package render turns what the product tells people into text for a
// terminal: alerts with their lineage, events, conditions, tables.
//
// Every renderer is a pure function of a value and a [Style]; the time zone,
// the width and whether to colour are part of the style, so the same input
// gives the same text anywhere and the look can be reviewed in golden files.
// No line is wider than the style says. Values from the monitored host are
// hostile and pass [termtext] before they get anywhere near the output; the
// only escape sequences in it are the colours put there by this package.
package render

import (
	"strings"
	"time"

	"github.com/holdfast-security/holdfast/finding"
)

// Bounds of the width that renderers lay out for: below, lines would hold
// nothing but indentation; above, they are hard to read.
const (
	minWidth = 40
	maxWidth = 140
)

// Style says how to draw. The zero value draws 40 columns without colour in
// UTC.
type Style struct {
	Width    int            // columns; taken as at least 40 and at most 140
	Color    bool           // use ANSI colours
	Location *time.Location // nil means UTC
}

func (s Style) width() int { return min(max(s.Width, minWidth), maxWidth) }

func (s Style) in(t time.Time) time.Time {
	if s.Location == nil {
		return t.UTC()
	}
	return t.In(s.Location)
}

// The time formats in use: a full stamp for what is kept, the clock for what
// scrolls by.
const (
	stampFormat = "2006-01-02 15:04:05"
	clockFormat = "15:04:05.000"
)

// stamp returns t to the second, or a dash when it is unknown.
func (s Style) stamp(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return s.in(t).Format(stampFormat)
}

// paint is a sequence of SGR parameters (ECMA-48 §8.3.117). Only the sixteen
// colours that every terminal theme defines are used.
type paint string

const (
	plain  paint = ""
	bold   paint = "1"
	dim    paint = "2"
	red    paint = "1;31"
	green  paint = "32"
	yellow paint = "1;33"
	cyan   paint = "1;36"
)

// color returns text, which must be escaped already, in the given paint.
func (s Style) color(p paint, text string) string {
	if !s.Color || p == plain || text == "" {
		return text
	}
	return "\x1b[" + string(p) + "m" + text + "\x1b[0m"
}

func severityPaint(sev finding.Severity) paint {
	switch sev {
	case finding.High:
		return red
	case finding.Medium:
		return yellow
	case finding.Low:
		return cyan
	}
	return bold
}

// page collects lines under a hanging label.
type page struct {
	style Style
	b     strings.Builder
}

// labelWidth is the column at which labelled text begins.
const labelWidth = 11

// room is how many columns a labelled line has for its text.
func (p *page) room() int { return p.style.width() - labelWidth - 1 }

func (p *page) line(parts ...string) {
	text := strings.TrimRight(strings.Join(parts, ""), " ")
	p.b.WriteString(text)
	p.b.WriteByte('\n')
}

// labelled writes lines that are escaped, bounded and painted already; label
// stands before the first one.
func (p *page) labelled(label string, lines []string) {
	margin := p.style.color(dim, "  "+label) + strings.Repeat(" ", labelWidth-2-len(label))
	for _, l := range lines {
		p.line(margin, l)
		margin = strings.Repeat(" ", labelWidth)
	}
}
