package main

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/holdfast-security/holdfast/agent/features"
)

// writeFeatures writes docs/features.md: what the agent can do, what each part
// needs, and what it changes on a host.
func writeFeatures(doc *bytes.Buffer) error {
	doc.WriteString("# Features of the agent\n\n" + heading + "\nWhat this build has, what each part needs and what it ")
	doc.WriteString("changes on the host while it runs. A part whose needs are not met says so in `holdfast health`; the others go on.\n\n")
	all := features.All(features.Options{})
	rows := [][]string{{"feature", "what it does", "on by default", "systems"}}
	for _, f := range all {
		rows = append(rows, []string{fmt.Sprintf("[%s](#%[1]s)", f.Name), f.Summary, byDefault(f), strings.Join(f.OS, ", ")})
	}
	writeTable(doc, rows)
	for _, f := range all {
		fmt.Fprintf(doc, "\n## %s\n\n%s\n\n", f.Name, f.Summary)
		fmt.Fprintf(doc, "- Needs: %s\n", list(f.Needs))
		fmt.Fprintf(doc, "- Produces: %s\n", list(f.Produces))
		doc.WriteString("- Changes on the host:")
		if len(f.Changes) == 0 {
			doc.WriteString(" nothing")
		}
		doc.WriteString("\n")
		for _, change := range f.Changes {
			fmt.Fprintf(doc, "  - %s\n", paragraph(change))
		}
	}
	return nil
}

func byDefault(f features.Entry) string {
	switch {
	case !f.Default:
		return "no"
	case len(f.FallbackFor) > 0:
		return "while none of these can run: " + strings.Join(f.FallbackFor, ", ")
	default:
		return "yes"
	}
}

// list joins values in code style, "nothing" for none.
func list[T any](values []T) string {
	if len(values) == 0 {
		return "nothing"
	}
	var words []string
	for _, v := range values {
		words = append(words, fmt.Sprintf("`%v`", v))
	}
	return strings.Join(words, ", ")
}
