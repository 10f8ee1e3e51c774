// Command openapi writes docs/openapi.json, the description of the REST
// interface, from the operations in server/api, the types of their bodies and
// the comments of these types.
//
// `go generate ./...` runs it, in two steps because the second is built with
// what the first wrote; its test fails when a file is not what it would write.
package main

//go:generate go run . descriptions
//go:generate go run . document

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/holdfast-security/holdfast/server/api"
)

// version stands in the committed document; a server says its own.
const version = "v1"

// Places seen from this folder: `go generate` and `go test` run here.
var (
	root     = filepath.Join("..", "..")
	document = filepath.Join(root, "docs", "openapi.json")
)

// outputs are the files by the name of the step that writes them.
var outputs = map[string]struct {
	path string
	text func() ([]byte, error)
}{
	"descriptions": {descriptions, func() ([]byte, error) { return describe(root) }},
	"document":     {document, func() ([]byte, error) { return api.Document(version) }},
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "openapi:", err)
		os.Exit(1)
	}
}

func run(steps []string) error {
	for _, step := range steps {
		output, ok := outputs[step]
		if !ok {
			return fmt.Errorf("no step %q", step)
		}
		text, err := output.text()
		if err != nil {
			return err
		}
		if err := os.WriteFile(output.path, text, 0o644); err != nil {
			return err
		}
	}
	return nil
}
