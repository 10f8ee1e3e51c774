// Package termtext makes text from outside fit to be shown on a terminal: it
// escapes what could move the cursor, recolour, hide or reorder what is
// shown, and it bounds and wraps by the columns that text takes, not by bytes.
//
// Everything that comes from a monitored host is hostile: a process names
// itself, chooses its arguments and its files. A newline in an argument could
// fake a line of output, an escape sequence could rewrite earlier lines or the
// window title, a bidirectional override or a zero-width character could make
// one path look like another. [Escape] leaves none of them in place. It is
// for people; JSON output carries the exact value and is escaped by its own
// encoder.
//
// Escapes are written as Go would write them (\n, \x1b, \u202e); a byte that
// is not UTF-8 becomes \x and two digits. A backslash is left alone, so an
// escaped text cannot always be told from one that held a backslash: exactness
// is the business of JSON, readability that of the terminal.
package termtext

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxMarks is how many combining marks a character may carry before the rest
// are escaped: more serve to overprint neighbouring lines, not any language.
const maxMarks = 3

// Escape returns s as one line without control characters, terminal escape
// sequences, bidirectional controls, invisible or unassigned characters,
// spaces that are not U+0020, piled-up combining marks and invalid UTF-8: each
// becomes a visible backslash escape. Text without any of them is returned as
// it is, without allocation.
func Escape(s string) string {
	if plain(s) {
		return s
	}
	var b strings.Builder
	b.Grow(len(s) + 16)
	for scan := (scanner{text: s}); scan.next(); {
		b.WriteString(scan.shown())
	}
	return b.String()
}

// Width returns how many columns s takes on a terminal, s being the output of
// [Escape]: East Asian wide and fullwidth characters take two, combining
// marks none.
func Width(s string) int {
	if plain(s) {
		return len(s)
	}
	width := 0
	for _, r := range s {
		width += runeWidth(r)
	}
	return width
}

// Bound escapes s and cuts it so that it takes at most columns columns; a cut
// is shown by "…" at the end. It looks no further into s than it must, so a
// megabyte of arguments costs no more than a line. Columns below one give "".
func Bound(s string, columns int) string {
	return bound(s, columns, columns)
}

// BoundMiddle is [Bound] that cuts from the middle and keeps the last quarter,
// for values whose end tells as much as their beginning: paths and command
// lines, which an attacker may pad to push the end out of sight.
func BoundMiddle(s string, columns int) string {
	return bound(s, columns, columns-1-columns/4)
}

// bound keeps head columns, the ellipsis if needed, and the rest from the end.
func bound(s string, columns, head int) string {
	if columns < 1 {
		return ""
	}
	kept := prefix(s, columns)
	if kept.whole {
		return kept.text
	}
	if head >= columns {
		return prefix(s, columns-1).text + "…"
	}
	first := prefix(s, head).text
	return first + "…" + suffix(s, columns-1-Width(first))
}

// Wrap escapes s and breaks it into lines of at most columns columns, at
// spaces where there are any, inside words where a word is too long. It
// returns at least one line and at most limit lines, the last ending in "…"
// when text was left out; a limit below one means no limit. Fewer than two
// columns count as two.
func Wrap(s string, columns, limit int) []string {
	columns = max(columns, 2) // room for any one character
	var lines []string
	line, width := "", 0
	for word := range strings.SplitSeq(s, " ") {
		if limit > 0 && len(lines) >= limit {
			break
		}
		word = Escape(word)
		w := Width(word)
		switch {
		case line == "" && width == 0:
			line, width = word, w
		case width+1+w <= columns:
			line, width = line+" "+word, width+1+w
		default:
			lines = append(lines, line)
			line, width = word, w
		}
		for width > columns {
			if limit > 0 && len(lines) >= limit {
				break
			}
			part := prefix(line, columns).text
			lines = append(lines, part)
			line = line[len(part):]
			width = Width(line)
		}
	}
	lines = append(lines, line)
	if limit > 0 && len(lines) > limit {
		lines = lines[:limit]
		lines[limit-1] = Bound(lines[limit-1]+" …", columns)
	}
	return lines
}

// Pad returns s, the output of [Escape] or [Bound], followed by spaces up to
// columns columns.
func Pad(s string, columns int) string {
	if n := columns - Width(s); n > 0 {
		return s + strings.Repeat(" ", n)
	}
	return s
}

// cut is the beginning or end of an escaped text.
type cut struct {
	text  string
	whole bool // nothing was left out
}

// prefix returns the longest escaped beginning of s within columns columns.
func prefix(s string, columns int) cut {
	scan := scanner{text: s}
	var b strings.Builder
	for width := 0; scan.next(); {
		shown := scan.shown()
		if width += Width(shown); width > columns {
			return cut{text: b.String()}
		}
		b.WriteString(shown)
	}
	return cut{text: b.String(), whole: true}
}

// suffix returns the longest escaped end of s within columns columns.
func suffix(s string, columns int) string {
	var parts []string
	width := 0
	for len(s) > 0 {
		r, size := utf8.DecodeLastRuneInString(s)
		shown := escapeRune(s[len(s)-size:], r, size)
		if mark(r) {
			shown = hexEscape(r)
		}
		if width += Width(shown); width > columns {
			break
		}
		parts = append(parts, shown)
		s = s[:len(s)-size]
	}
	var b strings.Builder
	for i := len(parts) - 1; i >= 0; i-- {
		b.WriteString(parts[i])
	}
	return b.String()
}

// scanner walks a text character by character.
type scanner struct {
	text  string
	bytes string // of the current character
	r     rune
	marks int // combining marks since the last base character
}

func (s *scanner) next() bool {
	if s.text == "" {
		return false
	}
	r, size := utf8.DecodeRuneInString(s.text)
	s.r, s.bytes, s.text = r, s.text[:size], s.text[size:]
	if mark(r) {
		s.marks++
	} else {
		s.marks = 0
	}
	return true
}

// shown returns the current character as it may be shown.
func (s *scanner) shown() string {
	if s.marks > maxMarks {
		return hexEscape(s.r)
	}
	return escapeRune(s.bytes, s.r, len(s.bytes))
}

// plain reports whether s holds printable ASCII only.
func plain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

func escapeRune(bytes string, r rune, size int) string {
	switch {
	case r == utf8.RuneError && size == 1:
		return `\x` + hexDigits(uint32(bytes[0]), 2)
	case r == '\n':
		return `\n`
	case r == '\r':
		return `\r`
	case r == '\t':
		return `\t`
	case !unicode.IsPrint(r) || unicode.Is(invisible, r):
		return hexEscape(r)
	}
	return bytes
}

func hexEscape(r rune) string {
	switch {
	case r < 0x80:
		return `\x` + hexDigits(uint32(r), 2)
	case r < 0x10000:
		return `\u` + hexDigits(uint32(r), 4)
	}
	return `\U` + hexDigits(uint32(r), 8)
}

func hexDigits(v uint32, n int) string {
	const digits = "0123456789abcdef"
	var b [8]byte
	for i := n - 1; i >= 0; i-- {
		b[i] = digits[v&15]
		v >>= 4
	}
	return string(b[:n])
}

func mark(r rune) bool { return r > 0x2ff && unicode.Is(unicode.M, r) }
