// Package document reads YAML files of detection rules into trees of plain
// values that remember their lines.
//
// [Split] gives the documents of a file, with the actions of rule collections
// carried out. Files come from users and from the internet: size, nesting and
// the number of values are bounded, and what no rule needs and what could cost
// too much (aliases, merge keys, keys that come twice) is refused. Errors name
// the line, what is wrong there and what to write instead. What the values mean
// is left to the callers.
package document

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"

	"go.yaml.in/yaml/v3"
)

// MaxBytes is how large a file may be.
const MaxBytes = 1 << 20

// Bounds of a file.
const (
	maxDocuments = 1000
	maxDepth     = 32
	maxNodes     = 200_000
)

// Kind is the kind of a value.
type Kind uint8

// The kinds of values.
const (
	Text  Kind = iota // a number, too
	Null              // nothing, or null
	Truth             // true or false, in any case
	List
	Map
)

// Node is a value of a document. The items of a map are keys and values in
// turn; no key comes twice.
type Node struct {
	Kind  Kind
	Line  int    // from 1
	Text  string // as written, of what is neither list nor map
	Items []*Node
}

// Scalar reports whether the value is neither list nor map.
func (n *Node) Scalar() bool { return n.Kind < List }

// Of returns the value of a key of a map, nil where there is none.
func (n *Node) Of(key string) *Node {
	if n.Kind != Map {
		return nil
	}
	for i := 0; i < len(n.Items); i += 2 {
		if n.Items[i].Text == key {
			return n.Items[i+1]
		}
	}
	return nil
}

// Split reads the documents of a file; path is only for messages. What was
// read before a mistake is returned together with the error, which joins one
// [*Error] for each mistake. There is at least one document or an error.
func Split(path string, data []byte) ([]*Node, error) {
	if len(data) > MaxBytes {
		return nil, &Error{Path: path, Reason: fmt.Sprintf("the file is larger than %d bytes: split it", MaxBytes)}
	}
	read, err := decode(path, data)
	errs := []error{err}
	var docs []*Node
	c := collection{budget: maxNodes}
	for _, doc := range read {
		whole, err := c.next(doc)
		if err != nil {
			errs = append(errs, In(path, doc.Line, err))
		} else if whole != nil {
			docs = append(docs, whole)
		}
	}
	if err := errors.Join(errs...); err != nil || len(docs) > 0 {
		return docs, err
	}
	return nil, &Error{Path: path, Reason: "the file holds no rule"}
}

// decode reads the documents as they stand in the file.
func decode(path string, data []byte) ([]*Node, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var docs []*Node
	for {
		var doc yaml.Node
		err := decoder.Decode(&doc)
		if errors.Is(err, io.EOF) {
			return docs, nil
		}
		if err != nil {
			return docs, yamlError(path, err)
		}
		if len(doc.Content) == 0 || doc.Content[0].Tag == "!!null" {
			continue // nothing but comments
		}
		if len(docs) == maxDocuments {
			return docs, &Error{Path: path, Line: doc.Line, Reason: fmt.Sprintf("the file has more than %d documents: split it", maxDocuments)}
		}
		budget := maxNodes
		node, err := convert(doc.Content[0], maxDepth, &budget)
		if err != nil {
			return docs, In(path, doc.Line, err)
		}
		docs = append(docs, node)
	}
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)`)

// yamlError gives an error of the decoder our form.
func yamlError(path string, err error) error {
	e := &Error{Path: path, Reason: "not YAML: " + err.Error()}
	if m := yamlLine.FindStringSubmatch(err.Error()); m != nil {
		fmt.Sscan(m[1], &e.Line) // stays 0 when the decoder names no line
		e.Reason = "not YAML: " + m[2]
	}
	return e
}

// convert copies a tree and refuses what no rule needs and what could cost too
// much.
func convert(n *yaml.Node, depth int, budget *int) (*Node, error) {
	node := &Node{Line: n.Line, Text: n.Value}
	*budget--
	switch {
	case *budget < 0:
		return nil, tooMany(node)
	case depth == 0:
		return nil, At(node, "the document is nested deeper than %d levels", maxDepth)
	case n.Kind == yaml.AliasNode:
		return nil, At(node, "YAML aliases (*%s) are not allowed in rules: write the value out", n.Value)
	case n.Kind == yaml.MappingNode:
		node.Kind = Map
	case n.Kind == yaml.SequenceNode:
		node.Kind = List
	case n.Tag == "!!null":
		node.Kind = Null
	case n.Tag == "!!bool":
		node.Kind = Truth
	}
	if node.Kind == Map {
		if err := checkKeys(n); err != nil {
			return nil, err
		}
	}
	if len(n.Content) > 0 {
		node.Items = make([]*Node, len(n.Content))
	}
	for i, child := range n.Content {
		item, err := convert(child, depth-1, budget)
		if err != nil {
			return nil, err
		}
		node.Items[i] = item
	}
	return node, nil
}

func tooMany(n *Node) error {
	return At(n, "the document has more than %d values: split it", maxNodes)
}

func checkKeys(n *yaml.Node) error {
	seen := make(map[string]bool, len(n.Content)/2)
	for i := 0; i < len(n.Content); i += 2 {
		key := n.Content[i]
		place := &Node{Line: key.Line}
		switch {
		case key.Kind != yaml.ScalarNode:
			return At(place, "a key must be plain text")
		case key.Tag == "!!merge":
			return At(place, "YAML merge keys (<<) are not allowed in rules: write the values out")
		case seen[key.Value]:
			return At(place, "the key %q is there twice: join the two, as a list of values for example", key.Value)
		}
		seen[key.Value] = true
	}
	return nil
}
