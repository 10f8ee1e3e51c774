package main

import (
	"bytes"
	_ "embed"
	"strings"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/hunt"
	"github.com/holdfast-security/holdfast/hunt/expr"
	"github.com/holdfast-security/holdfast/hunt/field"
)

// huntGuide is what docs/hunt.md says of the language before its tables.
//
//go:embed hunt.md
var huntGuide string

// writeHunt writes docs/hunt.md: the language of hunts and its fields.
func writeHunt(doc *bytes.Buffer) error {
	doc.WriteString("# Hunting\n\n" + heading + "\n" + huntGuide)
	doc.WriteString("\n## Sources\n\n")
	rows := [][]string{{"source", "events"}}
	for _, s := range hunt.Sources() {
		rows = append(rows, []string{"`" + s.Name + "`", s.Doc})
	}
	writeTable(doc, rows)
	doc.WriteString("\nThe names of the OCSF classes that `class` holds, such as `process_activity`, are sources too.\n")
	for _, part := range []struct {
		title string
		list  []expr.Function
	}{
		{"Stages", hunt.Stages()},
		{"Functions", expr.Functions()},
		{"Functions of summarize", hunt.Aggregates()},
	} {
		doc.WriteString("\n## " + part.title + "\n\n")
		rows := [][]string{{"example", "what it does"}}
		for _, f := range part.list {
			rows = append(rows, []string{"`" + f.Usage + "`", f.Doc})
		}
		writeTable(doc, rows)
	}
	doc.WriteString("\n## Fields\n\nWhat is named after \"also\" is a shorter name for the same.\n\n")
	rows = [][]string{{"field", "type", "sources", "what it is"}}
	for _, f := range field.All() {
		text := f.Doc
		if len(f.Aliases) > 0 {
			text += "; also " + list(f.Aliases)
		}
		rows = append(rows, []string{"`" + f.Name + "`", f.Kind.String(), sourcesOf(f.Classes), text})
	}
	writeTable(doc, rows)
	return nil
}

// sourcesOf names classes as queries do.
func sourcesOf(classes []event.Class) string {
	if classes == nil {
		return "all"
	}
	var names []string
	for _, s := range hunt.Sources() {
		for _, c := range classes {
			if len(s.Classes) == 1 && s.Classes[0] == c {
				names = append(names, s.Name)
			}
		}
	}
	return strings.Join(names, ", ")
}
