package segment

import (
	"fmt"
	"strings"
)

// Reference returns docs/telemetry-schema.md: the layout of segments for those
// who read them with other engines.
func Reference() string {
	var b strings.Builder
	b.WriteString(referenceHead)
	describe(&b, "Events", layout.events)
	describe(&b, "Process images", layout.processes)
	b.WriteString(referenceTail)
	return b.String()
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

const referenceHead = `# Telemetry schema

<!-- Made by store/segment; go test ./store/segment -update writes it anew. -->

The server keeps telemetry in Parquet files, one for each segment:
` + "`segments/<day>/<id>.parquet`" + ` below its data directory, the day in UTC. DuckDB, Trino, Spark, ClickHouse and
whatever else reads Parquet can query them in place, while the server runs: a file is never changed, only replaced by
a merged one or dropped with its day. Files whose name ends in ` + "`.unfinished`" + ` are being written. A file that
the server's database does not name does not count; one that is more than an hour old is removed at the next start.

A file has two kinds of rows, each in row groups of its own. In rows of events the group ` + "`process`" + ` is null, in
rows of process images the group ` + "`event`" + ` is. An image is what a process is between two execs; it stands once
in a file, however many events and children refer to it: ` + "`event.process`" + ` and ` + "`event.target_process`" + `
hold its number, and so does ` + "`process.parent`" + `. Numbers mean nothing outside of their file, and an image may
have two of them in a merged one. A parent stands before its children.

Events are sorted by host, time and sequence. Names and numbers of classes, activities and fields are those of OCSF
where it has them. Texts are UTF-8; a byte that is not valid UTF-8 is stored as the code point U+10FF00 + byte. Times
are nanoseconds of UTC. Null means zero, empty or unknown. The version of the schema is in the file's metadata under
` + "`" + versionKey + "`: " + version + `. Within a version columns may be added.

A local directory is the only place where segments can be kept; object storage is not supported.
`

const referenceTail = `
## Example

What a user ran in a day, with DuckDB:

` + "```sql" + `
WITH rows AS (SELECT * FROM read_parquet('segments/2026-11-23/*.parquet', filename = true))
SELECT e.event.time, e.device.uid AS host, p.process.cmd_line
FROM rows e JOIN rows p ON e.filename = p.filename AND e.event.process = p.process.image
WHERE e.event.class_uid = 1007 AND e.event.activity_id = 1 AND p.process.user.name = 'alice'
ORDER BY e.event.time;
` + "```" + `
`
