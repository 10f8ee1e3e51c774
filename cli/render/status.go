package render

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/holdfast-security/holdfast/agent/feature"
	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/internal/termtext"
)

// maxWarningLines bounds one warning.
const maxWarningLines = 6

// Features returns the condition of features as a table, and below it each
// warning with its remedy.
func Features(list []feature.Status, style Style) string {
	rows := make([][]string, 0, len(list))
	for _, s := range list {
		rows = append(rows, []string{s.Name, string(s.State), s.Detail})
	}
	text := Table([]string{"FEATURE", "STATE", "HOW"}, rows, style)
	if w := Warnings(list, style); w != "" {
		text += "\n" + w
	}
	return text
}

// Warnings returns the warnings of features with their remedies.
func Warnings(list []feature.Status, style Style) string {
	p := &page{style: style}
	for _, s := range list {
		for _, w := range s.Warnings {
			head := termtext.Bound("! "+s.Name+" ("+w.Code+")", style.width())
			p.line(style.color(yellow, head))
			for _, l := range termtext.Wrap(w.Text, style.width()-2, maxWarningLines) {
				p.line("  ", l)
			}
		}
	}
	return p.b.String()
}

// Labelled returns a heading with sentences below it, each wrapped.
func Labelled(label string, sentences []string, style Style) string {
	p := &page{style: style}
	p.line(style.color(bold, termtext.Bound(label, style.width())))
	for _, s := range sentences {
		for _, l := range termtext.Wrap(s, style.width()-2, maxWarningLines) {
			p.line("  ", l)
		}
	}
	return p.b.String()
}

// Text returns a value made fit to stand within a sentence.
func Text(value string, style Style) string { return termtext.BoundMiddle(value, style.width()/2) }

// Status returns the text of a status line: dim, and short enough not to wrap.
func Status(text string, style Style) string {
	return style.color(dim, termtext.Bound(text, style.width()-1))
}

// Entry is a line of a ledger: a number and what it counts.
type Entry struct {
	Value uint64
	What  string
	Bad   bool   // a loss: stands out unless zero
	Note  string // a line below, "" for none
}

// Ledger returns entries with their numbers aligned.
func Ledger(entries []Entry, style Style) string {
	width := 0
	for _, e := range entries {
		width = max(width, len(Number(e.Value)))
	}
	p := &page{style: style}
	for _, e := range entries {
		number := Number(e.Value)
		text := strings.Repeat(" ", width-len(number)) + number
		if e.Bad && e.Value > 0 {
			text = style.color(red, text)
		}
		p.line("  ", text, "  ", termtext.Bound(e.What, style.width()-width-4))
		if e.Note != "" {
			note := termtext.BoundMiddle(e.Note, style.width()-width-4)
			p.line(strings.Repeat(" ", width+4), style.color(dim, note))
		}
	}
	return p.b.String()
}

// AlertCounts returns how many alerts there were of each type, most first, and
// how many matches they stand for where that is more.
func AlertCounts(alerts map[finding.AlertType]int, matches map[finding.AlertType]uint64, style Style) string {
	types := make([]finding.AlertType, 0, len(alerts))
	for t := range alerts {
		types = append(types, t)
	}
	slices.SortFunc(types, func(a, b finding.AlertType) int {
		if alerts[a] != alerts[b] {
			return alerts[b] - alerts[a]
		}
		return strings.Compare(string(a), string(b))
	})
	entries := make([]Entry, 0, len(types))
	for _, t := range types {
		what := string(t)
		if n := matches[t]; n > uint64(alerts[t]) {
			what += ", " + Number(n) + " matches"
		}
		entries = append(entries, Entry{Value: uint64(alerts[t]), What: what})
	}
	return Ledger(entries, style)
}

// Number returns n with its thousands apart: 1,234,567.
func Number(n uint64) string {
	s := strconv.FormatUint(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Plural returns "1 file", "2 files".
func Plural(n uint64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return Number(n) + " " + what + "s"
}

// Duration returns d as people say it, to two units: "2h3m", "45s", "0.3s".
func Duration(d time.Duration) string {
	switch {
	case d < 10*time.Second:
		return strconv.FormatFloat(max(d, 0).Seconds(), 'f', 1, 64) + "s"
	case d < time.Hour:
		return d.Round(time.Second).String()
	}
	return strings.TrimSuffix(d.Round(time.Minute).String(), "0s")
}
