// Command openapi writes docs/openapi.json, the description of the REST
// interface, from the operations in server/api and the types of their bodies.
//
// `go generate ./...` runs it; its test fails when the document is not what it
// would write.
package main

//go:generate go run .

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/holdfast-security/holdfast/server/api"
)

// version stands in the committed document; a server says its own.
const version = "v1"

// document is where the document is, seen from this folder.
var document = filepath.Join("..", "..", "docs", "openapi.json")

func main() {
	if err := run(document); err != nil {
		fmt.Fprintln(os.Stderr, "openapi:", err)
		os.Exit(1)
	}
}

func run(path string) error {
	text, err := api.Document(version)
	if err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o644)
}
