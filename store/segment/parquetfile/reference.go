package parquetfile

import (
	_ "embed" // the text around the tables
	"fmt"
	"strings"
)

//go:embed reference.md
var frame string

// Reference returns docs/telemetry-schema.md: the layout of segments for those
// who read them with other engines.
func Reference() string {
	var b strings.Builder
	describe(&b, "Events", layout.events)
	describe(&b, "Process images", layout.processes)
	return strings.Replace(frame, "@columns@", b.String(), 1)
}

func describe[T any](b *strings.Builder, title string, columns []column[T]) {
	fmt.Fprintf(b, "\n## %s\n\n| column | type | meaning |\n| --- | --- | --- |\n", title)
	leaves := layout.parquet.Columns()
	for _, c := range columns {
		leaf, _ := layout.parquet.Lookup(leaves[c.index]...)
		kind := leaf.Node.Type().String()
		if leaf.MaxRepetitionLevel > 0 {
			kind = "list of " + kind
		}
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", c.path, kind, c.doc)
	}
}
