package fields

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// Bounds of a JSON object.
const (
	maxJSONDepth  = 64
	maxJSONLeaves = 4096
)

// leaf is a scalar of a JSON object: the part of its texts from one place to
// another.
type leaf struct {
	name     *name
	from, to int
	kind     byte // 's' text, 'n' number, 'b' truth value; null is left out
}

// flattener reads JSON objects into leaves. Elements of arrays have the name
// of the array. The texts of all leaves are written in a row.
type flattener struct {
	names  *names
	data   []byte
	pos    int
	texts  []byte // longer than what is written, see text
	end    int    // of what is written
	leaves []leaf
	roles  []int // the leaves that say something of the whole object
}

// flatten reads one JSON object. Its leaves and texts stay until the next call.
func (f *flattener) flatten(data []byte) error {
	f.data, f.pos, f.end, f.leaves, f.roles = data, 0, 0, f.leaves[:0], f.roles[:0]
	if need := len(data) + 2*wordSize; len(f.texts) < need {
		f.texts = make([]byte, need+need/2)
	}
	f.space()
	if f.peek() != '{' {
		return f.fail("not a JSON object")
	}
	if err := f.value(f.names.root, 0); err != nil {
		return err
	}
	if f.space(); f.pos != len(f.data) {
		return f.fail("text after the end of the JSON object")
	}
	return nil
}

func (f *flattener) fail(what string) error {
	return fmt.Errorf("%s at byte %d", what, f.pos)
}

func (f *flattener) peek() byte {
	if f.pos < len(f.data) {
		return f.data[f.pos]
	}
	return 0
}

func (f *flattener) space() {
	for f.pos < len(f.data) && f.data[f.pos] <= ' ' {
		switch f.data[f.pos] {
		case ' ', '\t', '\r', '\n':
			f.pos++
		default:
			return
		}
	}
}

// value reads any value.
func (f *flattener) value(n *name, depth int) error {
	if depth > maxJSONDepth {
		return f.fail("JSON nested too deep")
	}
	f.space()
	switch c := f.peek(); {
	case c == '"':
		return f.leaf(n, 's', f.text)
	case c == '{':
		return f.object(n, depth)
	case c == '[':
		return f.array(n, depth)
	case c == '-' || c >= '0' && c <= '9':
		return f.leaf(n, 'n', f.number)
	case c == 't' && f.has("true"):
		return f.leaf(n, 'b', func() error { return f.copy(len("true")) })
	case c == 'f' && f.has("false"):
		return f.leaf(n, 'b', func() error { return f.copy(len("false")) })
	case c == 'n' && f.has("null"):
		f.pos += len("null")
		return nil
	}
	return f.fail("no JSON value")
}

func (f *flattener) has(word string) bool {
	return len(f.data)-f.pos >= len(word) && string(f.data[f.pos:f.pos+len(word)]) == word
}

// leaf reads a scalar.
func (f *flattener) leaf(n *name, kind byte, read func() error) error {
	if len(f.leaves) >= maxJSONLeaves {
		return f.fail("too many JSON values")
	}
	from := f.end
	if err := read(); err != nil {
		return err
	}
	if n.role != noRole {
		f.roles = append(f.roles, len(f.leaves))
	}
	f.leaves = append(f.leaves, leaf{n, from, f.end, kind})
	return nil
}

func (f *flattener) number() error {
	length := 0
	for _, c := range f.data[f.pos:] {
		if (c < '0' || c > '9') && c != '-' && c != '+' && c != '.' && c != 'e' && c != 'E' {
			break
		}
		length++
	}
	return f.copy(length)
}

// copy writes the next bytes as they are.
func (f *flattener) copy(length int) error {
	f.end += copy(f.texts[f.end:], f.data[f.pos:f.pos+length])
	f.pos += length
	return nil
}

func (f *flattener) object(n *name, depth int) error {
	f.pos++
	last := (*name)(nil) // the member before
	for {
		f.space()
		if f.peek() == '}' && last == nil {
			break
		}
		member, err := f.key(n, last)
		if err != nil {
			return err
		}
		if err := f.value(member, depth+1); err != nil {
			return err
		}
		last = member
		f.space()
		if f.peek() != ',' {
			break
		}
		f.pos++
	}
	return f.close('}')
}

// key reads the name of a member and the colon. Objects of one kind have their
// members in the same order, so that what followed the last time is tried first.
func (f *flattener) key(parent, last *name) (*name, error) {
	if f.peek() != '"' {
		return nil, f.fail("no name of a JSON value")
	}
	guess := parent.first
	if last != nil {
		guess = last.next
	}
	if guess == nil || guess.quoted == "" || !f.has(guess.quoted) {
		start := f.end
		if err := f.text(); err != nil {
			return nil, err
		}
		guess = f.names.child(parent, last, f.texts[start:f.end])
		f.end = start
	} else {
		f.pos += len(guess.quoted)
	}
	if f.space(); f.peek() != ':' {
		return nil, f.fail("no colon after a name in JSON")
	}
	f.pos++
	return guess, nil
}

func (f *flattener) array(n *name, depth int) error {
	f.pos++
	for first := true; ; first = false {
		f.space()
		if f.peek() == ']' && first {
			break
		}
		if err := f.value(n, depth+1); err != nil {
			return err
		}
		f.space()
		if f.peek() != ',' {
			break
		}
		f.pos++
	}
	return f.close(']')
}

func (f *flattener) close(bracket byte) error {
	if f.peek() != bracket {
		return f.fail("no comma or end of a JSON object or array")
	}
	f.pos++
	return nil
}

// wordSize is how many bytes are looked at at a time.
const wordSize = 8

// text reads a string and writes what it stands for, which is never longer: so
// there is always room for a word more than what it has.
func (f *flattener) text() error {
	f.pos++
	for {
		f.plain()
		switch f.peek() {
		case '"':
			f.pos++
			return nil
		case '\\':
			if err := f.escape(); err != nil {
				return err
			}
		default:
			return f.fail("JSON text without end")
		}
	}
}

// plain copies what comes before the next quote, backslash or end of the data.
func (f *flattener) plain() {
	data, pos, texts, end := f.data, f.pos, f.texts, f.end
	for pos+wordSize <= len(data) {
		word := binary.LittleEndian.Uint64(data[pos:])
		binary.LittleEndian.PutUint64(texts[end:], word)
		if special := zeros(word^quotes) | zeros(word^backslashes); special != 0 {
			n := bits.TrailingZeros64(special) / 8
			f.pos, f.end = pos+n, end+n
			return
		}
		pos, end = pos+wordSize, end+wordSize
	}
	for pos < len(data) && data[pos] != '"' && data[pos] != '\\' {
		texts[end] = data[pos]
		pos, end = pos+1, end+1
	}
	f.pos, f.end = pos, end
}

// Words of one byte.
const (
	ones        = 0x0101010101010101
	quotes      = '"' * ones
	backslashes = '\\' * ones
)

// zeros returns a word whose lowest bit that is set is the top bit of the first
// byte of x that is zero.
func zeros(x uint64) uint64 { return (x - ones) &^ x & (0x80 * ones) }

func (f *flattener) escape() error {
	if f.pos+1 >= len(f.data) {
		return f.fail("JSON text without end")
	}
	c := f.data[f.pos+1]
	f.pos += 2
	switch c {
	case '"', '\\', '/':
	case 'b':
		c = '\b'
	case 'f':
		c = '\f'
	case 'n':
		c = '\n'
	case 'r':
		c = '\r'
	case 't':
		c = '\t'
	case 'u':
		return f.unicode()
	default:
		return f.fail("unknown escape in JSON")
	}
	f.texts[f.end] = c
	f.end++
	return nil
}

// unicode reads the four digits after \u, and the second half of a pair.
func (f *flattener) unicode() error {
	r, err := f.hex()
	if err != nil {
		return err
	}
	if utf16.IsSurrogate(r) {
		second := rune(utf8.RuneError)
		if f.pos+1 < len(f.data) && f.data[f.pos] == '\\' && f.data[f.pos+1] == 'u' {
			back := f.pos
			f.pos += 2
			if second, err = f.hex(); err != nil {
				return err
			}
			if utf16.DecodeRune(r, second) == utf8.RuneError {
				f.pos = back
			}
		}
		r = utf16.DecodeRune(r, second)
	}
	f.end += utf8.EncodeRune(f.texts[f.end:], r)
	return nil
}

func (f *flattener) hex() (rune, error) {
	if f.pos+4 > len(f.data) {
		return 0, f.fail("JSON text without end")
	}
	n, err := strconv.ParseUint(string(f.data[f.pos:f.pos+4]), 16, 16)
	if err != nil {
		return 0, f.fail("no hex digits after \\u in JSON")
	}
	f.pos += 4
	return rune(n), nil
}
