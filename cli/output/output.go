// Package output prints results for programs: JSON or YAML of the same shape.
// What people read is drawn by package render.
package output

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Format is how results are printed.
type Format string

// The formats.
const (
	Table Format = "table" // for people
	JSON  Format = "json"
	YAML  Format = "yaml" // the JSON with less punctuation: same names, same order
)

// Formats returns the names of all formats.
func Formats() []string { return []string{string(Table), string(JSON), string(YAML)} }

// Check says whether f is a format.
func (f Format) Check() error {
	switch f {
	case Table, JSON, YAML:
		return nil
	}
	return fmt.Errorf("output format %q is not one of %s", string(f), strings.Join(Formats(), ", "))
}

// Structured reports whether f is for programs.
func (f Format) Structured() bool { return f == JSON || f == YAML }

// Document writes v as one indented document.
func (f Format) Document(w io.Writer, v any) error {
	return f.write(w, v, "  ")
}

// Item writes v as one of a stream: a line of JSON, or a YAML document that
// begins with "---".
func (f Format) Item(w io.Writer, v any) error {
	if f == YAML {
		if _, err := io.WriteString(w, "---\n"); err != nil {
			return written(err)
		}
	}
	return f.write(w, v, "")
}

func (f Format) write(w io.Writer, v any, indent string) error {
	var doc bytes.Buffer
	encoder := json.NewEncoder(&doc)
	encoder.SetEscapeHTML(false) // the output is not for web pages
	encoder.SetIndent("", indent)
	if err := encoder.Encode(v); err != nil {
		return fmt.Errorf("encode the output: %w", err)
	}
	if f == YAML {
		if err := toYAML(&doc); err != nil {
			return fmt.Errorf("encode the output: %w", err)
		}
	}
	_, err := w.Write(doc.Bytes())
	return written(err)
}

// toYAML replaces a JSON document, which is YAML as well, by the same in block
// style. Keys keep their order and texts stay texts.
func toYAML(doc *bytes.Buffer) error {
	var node yaml.Node
	if err := yaml.Unmarshal(doc.Bytes(), &node); err != nil {
		return err
	}
	restyle(&node)
	doc.Reset()
	encoder := yaml.NewEncoder(doc)
	encoder.SetIndent(2)
	if err := encoder.Encode(&node); err != nil {
		return err
	}
	return encoder.Close()
}

// restyle lets the encoder choose how to write each value. A text keeps its
// tag, so that one that looks like a number is quoted.
func restyle(node *yaml.Node) {
	if node.Kind == yaml.ScalarNode && node.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0 {
		node.Tag = "!!str"
	}
	node.Style = 0
	for _, child := range node.Content {
		restyle(child)
	}
}

func written(err error) error {
	if err != nil {
		return fmt.Errorf("write the output: %w", err)
	}
	return nil
}
