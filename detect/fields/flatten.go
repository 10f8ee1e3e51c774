package fields

import (
	"fmt"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// Bounds of a JSON object.
const (
	maxJSONDepth  = 64
	maxJSONLeaves = 4096
)

// leaf is a scalar of a JSON object with its dotted name.
type leaf struct {
	name, text string
	kind       byte // 's' text, 'n' number, 'b' truth value; null is left out
}

// flattener reads JSON objects into leaves. Elements of arrays have the name
// of the array. All text of an object is copied once, so that the leaves do
// not hold on to the input.
type flattener struct {
	data   []byte
	pos    int
	arena  []byte
	path   []byte
	spans  []span
	leaves []leaf
}

// span is a leaf as offsets into the arena.
type span struct {
	name, text, end int
	kind            byte
}

// flatten returns the leaves of one JSON object, in order; they are valid until
// the next call.
func (f *flattener) flatten(data []byte) ([]leaf, error) {
	f.data, f.pos, f.arena, f.path, f.spans, f.leaves = data, 0, f.arena[:0], f.path[:0], f.spans[:0], f.leaves[:0]
	f.space()
	if f.peek() != '{' {
		return nil, f.fail("not a JSON object")
	}
	if err := f.value(0); err != nil {
		return nil, err
	}
	if f.space(); f.pos != len(f.data) {
		return nil, f.fail("text after the end of the JSON object")
	}
	all := string(f.arena)
	for _, s := range f.spans {
		f.leaves = append(f.leaves, leaf{all[s.name:s.text], all[s.text:s.end], s.kind})
	}
	return f.leaves, nil
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
	for f.pos < len(f.data) {
		switch f.data[f.pos] {
		case ' ', '\t', '\r', '\n':
			f.pos++
		default:
			return
		}
	}
}

// value reads any value whose name is the path.
func (f *flattener) value(depth int) error {
	if depth > maxJSONDepth {
		return f.fail("JSON nested too deep")
	}
	f.space()
	switch c := f.peek(); {
	case c == '{':
		return f.object(depth)
	case c == '[':
		return f.array(depth)
	case c == '"':
		return f.leaf('s', f.text)
	case c == '-' || c >= '0' && c <= '9':
		return f.leaf('n', f.number)
	case f.word("true"), f.word("false"):
		return nil
	case f.word("null"):
		return nil
	}
	return f.fail("no JSON value")
}

// word reads a literal name; true and false are leaves.
func (f *flattener) word(w string) bool {
	if len(f.data)-f.pos < len(w) || string(f.data[f.pos:f.pos+len(w)]) != w {
		return false
	}
	f.pos += len(w)
	if w != "null" && len(f.spans) < maxJSONLeaves {
		f.leaf('b', func() error { f.arena = append(f.arena, w...); return nil })
	}
	return true
}

// leaf appends the path and what read appends to the arena.
func (f *flattener) leaf(kind byte, read func() error) error {
	if len(f.spans) >= maxJSONLeaves {
		return f.fail("too many JSON values")
	}
	s := span{name: len(f.arena), kind: kind}
	f.arena = append(f.arena, f.path...)
	s.text = len(f.arena)
	if err := read(); err != nil {
		return err
	}
	s.end = len(f.arena)
	f.spans = append(f.spans, s)
	return nil
}

func (f *flattener) object(depth int) error {
	f.pos++
	length := len(f.path)
	for first := true; ; first = false {
		f.space()
		if f.peek() == '}' && first {
			break
		}
		if err := f.key(length); err != nil {
			return err
		}
		if err := f.value(depth + 1); err != nil {
			return err
		}
		f.path = f.path[:length]
		f.space()
		if f.peek() != ',' {
			break
		}
		f.pos++
	}
	return f.close('}')
}

// key reads a name and the colon, and appends the name to the path.
func (f *flattener) key(length int) error {
	if f.peek() != '"' {
		return f.fail("no name of a JSON value")
	}
	start := len(f.arena)
	if err := f.text(); err != nil {
		return err
	}
	if length > 0 {
		f.path = append(f.path, '.')
	}
	f.path = append(f.path, f.arena[start:]...)
	f.arena = f.arena[:start]
	if f.space(); f.peek() != ':' {
		return f.fail("no colon after a name in JSON")
	}
	f.pos++
	return nil
}

func (f *flattener) array(depth int) error {
	f.pos++
	for first := true; ; first = false {
		f.space()
		if f.peek() == ']' && first {
			break
		}
		if err := f.value(depth + 1); err != nil {
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

func (f *flattener) number() error {
	start := f.pos
	for f.pos < len(f.data) {
		switch c := f.data[f.pos]; {
		case c >= '0' && c <= '9', c == '-', c == '+', c == '.', c == 'e', c == 'E':
			f.pos++
			continue
		}
		break
	}
	f.arena = append(f.arena, f.data[start:f.pos]...)
	return nil
}

// text reads a string and appends what it stands for to the arena.
func (f *flattener) text() error {
	f.pos++
	start := f.pos
	for f.pos < len(f.data) {
		switch f.data[f.pos] {
		case '"':
			f.arena = append(f.arena, f.data[start:f.pos]...)
			f.pos++
			return nil
		case '\\':
			f.arena = append(f.arena, f.data[start:f.pos]...)
			if err := f.escape(); err != nil {
				return err
			}
			start = f.pos
		default:
			f.pos++
		}
	}
	return f.fail("JSON text without end")
}

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
	f.arena = append(f.arena, c)
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
	f.arena = utf8.AppendRune(f.arena, r)
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
