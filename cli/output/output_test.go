package output_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/holdfast-security/holdfast/cli/output"
)

type sample struct {
	Name  string            `json:"name"`
	Count int               `json:"count"`
	Texts []string          `json:"texts"`
	Map   map[string]string `json:"map"`
	None  []string          `json:"none"`
	Gone  *string           `json:"gone"`
}

var full = sample{
	Name: "a <b> & c", Count: 3, Texts: []string{"1", "true", "null", "", "a: b", "two\nlines", "\x1b[31m", "2026-11-23"},
	Map: map[string]string{"k": "v", "0x10": "~"}, None: []string{},
}

func TestFormatsHoldTheSame(t *testing.T) {
	var asJSON, asYAML bytes.Buffer
	if err := output.JSON.Document(&asJSON, full); err != nil {
		t.Fatal(err)
	}
	if err := output.YAML.Document(&asYAML, full); err != nil {
		t.Fatal(err)
	}
	var fromJSON, fromYAML any
	if err := json.Unmarshal(asJSON.Bytes(), &fromJSON); err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(asYAML.Bytes(), &fromYAML); err != nil {
		t.Fatalf("%v in:\n%s", err, asYAML.String())
	}
	count := fromYAML.(map[string]any)["count"].(int)
	fromYAML.(map[string]any)["count"] = float64(count)
	if diff := cmp.Diff(fromJSON, fromYAML); diff != "" {
		t.Errorf("YAML differs from JSON (-json +yaml):\n%s\n%s", diff, asYAML.String())
	}
	if !bytes.HasPrefix(asYAML.Bytes(), []byte("name: a <b> & c\ncount: 3\n")) {
		t.Errorf("YAML is not in block style or lost its order:\n%s", asYAML.String())
	}
}

func TestItemsAreSeparated(t *testing.T) {
	var lines, documents bytes.Buffer
	for range 2 {
		if err := output.JSON.Item(&lines, full); err != nil {
			t.Fatal(err)
		}
		if err := output.YAML.Item(&documents, full); err != nil {
			t.Fatal(err)
		}
	}
	if n := bytes.Count(lines.Bytes(), []byte("\n")); n != 2 {
		t.Errorf("two items of JSON are %d lines", n)
	}
	decoder, n := yaml.NewDecoder(&documents), 0
	for decoder.Decode(new(any)) == nil {
		n++
	}
	if n != 2 {
		t.Errorf("two items of YAML are %d documents", n)
	}
}

func TestCheck(t *testing.T) {
	for _, name := range output.Formats() {
		if err := output.Format(name).Check(); err != nil {
			t.Error(err)
		}
	}
	if output.Format("xml").Check() == nil {
		t.Error("xml was accepted")
	}
}
