package document

import (
	"errors"
	"fmt"
	"strings"
)

// Error is what is wrong with a rule file, and where.
type Error struct {
	Path   string
	Line   int // from 1; 0 when the whole file is meant
	Reason string
}

// Error returns path:line: reason.
func (e *Error) Error() string {
	if e.Line == 0 {
		return e.Path + ": " + e.Reason
	}
	return fmt.Sprintf("%s:%d: %s", e.Path, e.Line, e.Reason)
}

// lineError is an error at a line of the file being read.
type lineError struct {
	line int
	text string
}

func (e *lineError) Error() string { return e.text }

// At returns an error about a value, which [In] completes.
func At(n *Node, format string, args ...any) error {
	return &lineError{n.Line, fmt.Sprintf(format, args...)}
}

// In completes an error with the path of the file, and with a line where it is
// not one of [At].
func In(path string, line int, err error) *Error {
	var le *lineError
	if errors.As(err, &le) {
		line = le.line
	}
	return &Error{Path: path, Line: line, Reason: err.Error()}
}

// EachPair calls f for the keys of a map in order, up to the first error. What
// is the map's name in messages.
func EachPair(n *Node, what string, f func(key, value *Node) error) error {
	if n.Kind != Map {
		return At(n, "%s must be a map of names to values", what)
	}
	for i := 0; i < len(n.Items); i += 2 {
		if err := f(n.Items[i], n.Items[i+1]); err != nil {
			return err
		}
	}
	return nil
}

// One reads a text, or a list of them, which it joins by commas: some rules
// have one where a text belongs. Null is "".
func One(key, n *Node) (string, error) {
	list, err := Many(key, n)
	return strings.Join(list, ", "), err
}

// Many reads a list of texts, or a single one. Null is none.
func Many(key, n *Node) ([]string, error) {
	switch {
	case n.Kind == Null:
		return nil, nil
	case n.Scalar():
		return []string{n.Text}, nil
	case n.Kind != List:
		return nil, At(n, "%s must be text or a list of texts", key.Text)
	}
	list := make([]string, 0, len(n.Items))
	for _, item := range n.Items {
		if !item.Scalar() {
			return nil, At(item, "%s must be a list of plain texts", key.Text)
		}
		list = append(list, item.Text)
	}
	return list, nil
}

// Bool reads true or false.
func Bool(key, n *Node) (bool, error) {
	if n.Kind != Truth {
		return false, At(n, "%s is true or false, not %q", key.Text, n.Text)
	}
	return strings.EqualFold(n.Text, "true"), nil
}
