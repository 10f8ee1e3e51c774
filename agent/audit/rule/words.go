package rule

import (
	"errors"
	"strconv"
	"strings"
)

// split takes a line apart at blanks. Single quotes keep everything; double
// quotes read escapes as Go has them. Quotes may begin inside a word.
func split(line string) ([]string, error) {
	var words []string
	var word strings.Builder
	open := false // a word has begun
	for len(line) > 0 {
		switch c := line[0]; c {
		case ' ', '\t', '\r', '\n':
			if open {
				words = append(words, word.String())
				word.Reset()
				open = false
			}
			line = line[1:]
		case '\'':
			text, rest, ok := strings.Cut(line[1:], "'")
			if !ok {
				return nil, errors.New("a single quote is not closed")
			}
			word.WriteString(text)
			line, open = rest, true
		case '"':
			text, rest, err := unquote(line)
			if err != nil {
				return nil, err
			}
			word.WriteString(text)
			line, open = rest, true
		default:
			word.WriteByte(c)
			line, open = line[1:], true
		}
	}
	if open {
		words = append(words, word.String())
	}
	return words, nil
}

// unquote reads the double-quoted text at the head of line.
func unquote(line string) (text, rest string, err error) {
	var b strings.Builder
	for rest = line[1:]; rest != ""; {
		if rest[0] == '"' {
			return b.String(), rest[1:], nil
		}
		if rest[0] != '\\' { // also bytes that are not UTF-8
			b.WriteByte(rest[0])
			rest = rest[1:]
			continue
		}
		r, multibyte, tail, err := strconv.UnquoteChar(rest, '"')
		if err != nil {
			return "", "", errors.New(`a backslash in double quotes begins no escape; write \\ for a backslash`)
		}
		if multibyte {
			b.WriteRune(r)
		} else {
			b.WriteByte(byte(r))
		}
		rest = tail
	}
	return "", "", errors.New("a double quote is not closed")
}

// quote returns a word so that split reads it back: as it is where it can.
func quote(word string) string {
	plain := word != "" && word[0] != '#'
	for i := 0; i < len(word) && plain; i++ {
		c := word[i]
		plain = c > ' ' && c < 0x7f && c != '\'' && c != '"' && c != '\\'
	}
	if plain {
		return word
	}
	return strconv.QuoteToASCII(word)
}
