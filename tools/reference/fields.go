package main

import (
	"bytes"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/holdfast-security/holdfast/detect/fields"
)

// writeFields writes docs/fields.md: what rules can compare.
func writeFields(doc *bytes.Buffer) error {
	doc.WriteString("# Fields of detection rules\n\n" + heading + "\nEvents have `product: linux` and one of these categories: ")
	doc.WriteString(list(fields.Categories()) + ".\n\n")
	doc.WriteString("Rules for `service: auditd` see audit records as they are: `type` and the record's own fields, decoded. Rules for a ")
	doc.WriteString("log (`service:` with the name of the program, `auth` or `syslog`) search its lines by keywords.\n\n")
	rows := [][]string{{"field", "categories", "what it holds"}}
	for _, f := range fields.Table() {
		categories := "all"
		if f.Categories != nil {
			categories = strings.Join(f.Categories, ", ")
		}
		rows = append(rows, []string{"`" + f.Name + "`", categories, f.Text})
	}
	writeTable(doc, rows)
	writeForeign(doc)
	return nil
}

// writeForeign writes what rules see of objects of other products.
func writeForeign(doc *bytes.Buffer) {
	doc.WriteString("\n## Other products\n\nJSON objects, one on a line, can be replayed and tested: Windows events as event log exporters and " +
		"shippers write them, Sysmon for Windows and Linux, and anything else.\n\n")
	doc.WriteString("- Every value is a field by its dotted name, for example `process.command_line`. These wrappings of a name may be left out: " +
		list(fields.Envelopes()) + ".\n")
	doc.WriteString("- Every value is searched by keywords.\n")
	doc.WriteString("- The log source is what the object says in `logsource.product`, `logsource.category` and `logsource.service` (or `product`, " +
		"`category`, `service`), or what its channel and event number are below. Sysmon for Linux has `product: linux`.\n")
	doc.WriteString("- The time is `TimeCreated`, `@timestamp`, `timestamp`, `time`, `eventTime` or `UtcTime`.\n")
	own := fields.ProcessFields()
	var names []string
	for _, name := range slices.Sorted(maps.Keys(own)) {
		names = append(names, "`"+name+"` is also `"+own[name]+"`")
	}
	doc.WriteString("- Of event 4688 of the channel Security " + strings.Join(names, ", ") + ".\n")
	doc.WriteString("- Fields of other names, and other log sources, are a matter of a [pipeline](sigma.md#pipelines).\n\n")
	rows := [][]string{{"service", "event", "categories"}}
	for _, e := range fields.ForeignCategories() {
		rows = append(rows, []string{"`" + e.Service + "`", strconv.Itoa(e.EventID), list(e.Categories)})
	}
	writeTable(doc, rows)
	doc.WriteString("\n")
	rows = [][]string{{"channel", "service"}}
	for _, c := range fields.Channels() {
		rows = append(rows, []string{c.Name, "`" + c.Service + "`"})
	}
	writeTable(doc, rows)
}
