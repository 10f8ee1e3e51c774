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
	return Table([]string{"FEATURE", "STATE", "HOW"}, rows, style) + warnings(list, style)
}

func warnings(list []feature.Status, style Style) string {
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
	if p.b.Len() == 0 {
		return ""
	}
	return "\n" + p.b.String()
}

// Entry is a line of a ledger: a number and what it counts.
type Entry struct {
	Value uint64
	What  string
	Bad   bool // a loss: stands out unless zero
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
