// Package strictyaml reads configuration files: YAML whose every setting is
// known, so that a slip of the pen is not taken for a wish.
//
// What is wrong comes back as one sentence with the line, in the words of the
// file and not of the decoder. Input is the administrator's own; its size is
// bounded by the caller.
package strictyaml

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/holdfast-security/holdfast/internal/spelling"
)

// Decode reads a document into what v points to: a struct with yaml tags. Empty
// data leaves it as it is.
func Decode(data []byte, v any) error {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	decoder.KnownFields(true)
	if err := decoder.Decode(v); err != nil && !errors.Is(err, io.EOF) {
		return errors.New(sentence(err, reflect.TypeOf(v)))
	}
	if err := decoder.Decode(new(any)); !errors.Is(err, io.EOF) {
		return errors.New("more than one document; keep one")
	}
	return nil
}

// The decoder's words for what can be said better.
var (
	unknown = regexp.MustCompile(`^(line \d+): field (.*) not found in type .*$`)
	misfit  = regexp.MustCompile("^(line \\d+): cannot unmarshal !!(\\w+)( `.*`)? into (.*)$")
)

// sentence says what is wrong in one line.
func sentence(err error, t reflect.Type) string {
	var faults *yaml.TypeError
	if !errors.As(err, &faults) {
		return oneLine(strings.TrimPrefix(err.Error(), "yaml: "))
	}
	var said []string
	for _, fault := range faults.Errors {
		fault = oneLine(fault)
		if m := unknown.FindStringSubmatch(fault); m != nil {
			fault = fmt.Sprintf("%s: there is no setting %q", m[1], m[2])
			if near := spelling.Nearest(m[2], names(t, nil)); near != "" {
				fault += fmt.Sprintf("; did you mean %s?", near)
			}
		} else if m := misfit.FindStringSubmatch(fault); m != nil {
			fault = fmt.Sprintf("%s:%s is %s where %s belongs", m[1], m[3], kindOf(m[2]), typeOf(m[4]))
		}
		said = append(said, fault)
	}
	return strings.Join(said, "; ")
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// kinds are YAML's tags in words.
var kinds = map[string]string{
	"str": "a text", "int": "a number", "float": "a number", "bool": "true or false", "seq": "a list", "map": "a group of settings", "null": "nothing",
}

func kindOf(tag string) string {
	if text := kinds[tag]; text != "" {
		return text
	}
	return tag
}

// typeOf names a Go type in words.
func typeOf(name string) string {
	switch {
	case strings.HasPrefix(name, "[]"):
		return "a list"
	case name == "time.Time":
		return "a time"
	case strings.HasPrefix(name, "map["), strings.HasPrefix(name, "struct {"), strings.Contains(name, "."):
		return "a group of settings"
	case strings.HasPrefix(name, "int"), strings.HasPrefix(name, "uint"), strings.HasPrefix(name, "float"):
		return "a number"
	case name == "bool":
		return "true or false"
	case name == "string":
		return "a text"
	}
	return name
}

// names appends the settings of t and of what is in it.
func names(t reflect.Type, found []string) []string {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		return names(t.Elem(), found)
	case reflect.Struct:
		for field := range t.Fields() {
			name, _, _ := strings.Cut(field.Tag.Get("yaml"), ",")
			if name != "" && name != "-" {
				found = names(field.Type, append(found, name))
			}
		}
	}
	return found
}

// Item is what [List] found in one place.
type Item[T any] struct {
	Line  int // where it begins, from 1
	Value T
}

// List reads documents, each of which is a T or a list of them; empty ones are
// passed over. T is a struct with yaml tags.
func List[T any](data []byte) ([]Item[T], error) {
	places, values := yaml.NewDecoder(bytes.NewReader(data)), yaml.NewDecoder(bytes.NewReader(data))
	values.KnownFields(true)
	var items []Item[T]
	for {
		var document yaml.Node
		if err := places.Decode(&document); errors.Is(err, io.EOF) {
			return items, nil
		} else if err != nil {
			return nil, errors.New(sentence(err, reflect.TypeFor[T]()))
		}
		found, err := itemsOf[T](&document, values)
		if err != nil {
			return nil, errors.New(sentence(err, reflect.TypeFor[T]()))
		}
		items = append(items, found...)
	}
}

// itemsOf decodes the next document, which is given for its lines.
func itemsOf[T any](document *yaml.Node, from *yaml.Decoder) ([]Item[T], error) {
	root := document.Content[0] // a document that was read has one
	if root.Kind == yaml.SequenceNode {
		for _, entry := range root.Content {
			if entry.ShortTag() == "!!null" { // which the decoder would leave out
				return nil, fmt.Errorf("line %d: an entry of the list is empty", entry.Line)
			}
		}
		var list []T
		if err := from.Decode(&list); err != nil {
			return nil, err
		}
		items := make([]Item[T], len(list))
		for i, v := range list {
			items[i] = Item[T]{root.Content[i].Line, v}
		}
		return items, nil
	}
	var v T
	if err := from.Decode(&v); err != nil || root.ShortTag() == "!!null" {
		return nil, err
	}
	return []Item[T]{{root.Line, v}}, nil
}
