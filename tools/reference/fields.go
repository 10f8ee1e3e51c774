package main

import (
	"bytes"
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
	return nil
}
