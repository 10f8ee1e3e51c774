// Command apiclient writes the operations of the Go client of the REST API,
// api/client/operations.go, from the API's description in docs/openapi.json:
// one method per operation, with the types that the server itself uses.
//
// It knows the part of OpenAPI that our document uses and refuses the rest.
// `go generate ./...` runs it; its test fails when the client is stale.
package main

//go:generate go run .

import (
	"fmt"
	"os"
	"path/filepath"
)

// Seen from this folder: `go generate` and `go test` run here.
var (
	root     = filepath.Join("..", "..")
	document = filepath.Join(root, "docs", "openapi.json")
	target   = filepath.Join(root, "api", "client", "operations.go")
)

func main() {
	text, err := client(root, document)
	if err == nil {
		err = os.WriteFile(target, text, 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "apiclient:", err)
		os.Exit(1)
	}
}
