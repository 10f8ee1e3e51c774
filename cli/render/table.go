package render

import (
	"strings"

	"github.com/holdfast-security/holdfast/internal/termtext"
)

// columnGap separates the columns of a table.
const columnGap = "  "

// maxCellLines bounds how far a long cell is wrapped.
const maxCellLines = 4

// Table lays out rows under a header in columns. Where the table is wider
// than the style, the widest columns are narrowed and their cells wrapped.
// Cells may be hostile. Every row has as many cells as the header.
func Table(header []string, rows [][]string, style Style) string {
	widths := naturalWidths(header, rows)
	fit(widths, wordWidths(header, rows), style.width())
	var b strings.Builder
	b.WriteString(style.color(dim, tableRow(header, widths, Style{})))
	b.WriteByte('\n')
	for _, row := range rows {
		b.WriteString(tableRow(row, widths, style))
		b.WriteByte('\n')
	}
	return b.String()
}

// wordPaint colours cells that are one of the words that outcomes and states
// are made of.
var wordPaint = map[string]paint{
	"pass": green, "running": green, "ok": green, "healthy": green, "resolved": green,
	"fail": red, "failed": red, "high": red, "refused": red,
	"degraded": yellow, "silent": red, "revoked": dim, "dismissed": dim, "medium": yellow, "skip": yellow,
	"low": cyan, "off": dim, "unsupported": dim, "stopped": dim,
}

func naturalWidths(header []string, rows [][]string) []int {
	widths := make([]int, len(header))
	for i, cell := range header {
		widths[i] = termtext.Width(termtext.Escape(cell))
	}
	for _, row := range rows {
		for i, cell := range row {
			// Bounding first keeps a megabyte in a cell from being measured.
			widths[i] = max(widths[i], termtext.Width(termtext.Bound(cell, maxWidth)))
		}
	}
	return widths
}

// maxWord is the longest word that a column keeps whole.
const maxWord = 32

// wordWidths returns the width of the longest word of each column.
func wordWidths(header []string, rows [][]string) []int {
	widths := make([]int, len(header))
	for _, row := range append([][]string{header}, rows...) {
		for i, cell := range row {
			for word := range strings.SplitSeq(termtext.Bound(cell, maxWidth), " ") {
				widths[i] = max(widths[i], min(termtext.Width(word), maxWord))
			}
		}
	}
	return widths
}

// fit narrows the widest columns, one step at a time, until all fit in total:
// as long as there are any, columns that need not break a word.
func fit(widths, words []int, total int) {
	room := total - len(columnGap)*(len(widths)-1)
	for _, keep := range []bool{true, false} {
		for sum(widths) > room {
			widest := -1
			for i, w := range widths {
				if (!keep || w > words[i]) && w > 2 && (widest < 0 || w > widths[widest]) {
					widest = i
				}
			}
			if widest < 0 {
				break
			}
			widths[widest]--
		}
	}
}

func sum(numbers []int) int {
	n := 0
	for _, v := range numbers {
		n += v
	}
	return n
}

// tableRow returns the lines of one row, joined by newlines.
func tableRow(cells []string, widths []int, style Style) string {
	wrapped := make([][]string, len(cells))
	height := 1
	for i, cell := range cells {
		wrapped[i] = termtext.Wrap(cell, widths[i], maxCellLines)
		height = max(height, len(wrapped[i]))
	}
	lines := make([]string, height)
	for n := range lines {
		var b strings.Builder
		for i, cell := range cells {
			text := ""
			if n < len(wrapped[i]) {
				text = wrapped[i][n]
			}
			b.WriteString(style.color(wordPaint[cell], text))
			b.WriteString(strings.Repeat(" ", max(widths[i]-termtext.Width(text), 0)) + columnGap)
		}
		lines[n] = strings.TrimRight(b.String(), " ")
	}
	return strings.Join(lines, "\n")
}
