package main

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/holdfast-security/holdfast/detect/sigma"
	"github.com/holdfast-security/holdfast/rules"
)

// writeAlerts writes docs/alerts.md: every alert type, what it means, what to
// do, and the rules behind it.
func writeAlerts(doc *bytes.Buffer) error {
	alerts, err := alertRules()
	if err != nil {
		return err
	}
	doc.WriteString("# Alerts\n\n" + heading + "\nEvery alert that the rules of this build can raise. ")
	doc.WriteString("Severity says how sure the detection is and how bad it would be, together.\n\n")
	rows := [][]string{{"alert type", "title", "severity", "tactics", "techniques"}}
	for _, r := range alerts {
		tactics, techniques := attack(r.Tags)
		id := string(r.Holdfast.AlertType)
		rows = append(rows, []string{
			fmt.Sprintf("[`%s`](#%s)", id, anchor(id)), r.Title, r.Level.Severity().String(),
			strings.Join(tactics, ", "), strings.Join(techniques, ", "),
		})
	}
	writeTable(doc, rows)
	for _, r := range alerts {
		writeAlert(doc, r)
	}
	return nil
}

// anchor returns the fragment of the heading of an alert type: in lower case
// and without dots, as GitHub makes it.
func anchor(id string) string { return strings.ReplaceAll(strings.ToLower(id), ".", "") }

// alertRules returns the rules that raise an alert, one for each type and
// title, ordered by type.
func alertRules() ([]*sigma.Rule, error) {
	var alerts []*sigma.Rule
	for _, f := range rules.Files() {
		parsed, err := sigma.Parse("rules/"+f.Path, f.Data)
		if err != nil {
			return nil, err
		}
		for _, r := range parsed {
			if r.Holdfast.AlertType != "" {
				alerts = append(alerts, r)
			}
		}
	}
	slices.SortStableFunc(alerts, func(a, b *sigma.Rule) int {
		return cmp.Or(cmp.Compare(a.Holdfast.AlertType, b.Holdfast.AlertType), cmp.Compare(a.Title, b.Title))
	})
	return slices.CompactFunc(alerts, func(a, b *sigma.Rule) bool {
		return a.Holdfast.AlertType == b.Holdfast.AlertType && a.Title == b.Title
	}), nil
}

func writeAlert(doc *bytes.Buffer, r *sigma.Rule) {
	fmt.Fprintf(doc, "\n## %s\n\n**%s** (%s)\n\n%s\n", r.Holdfast.AlertType, r.Title, r.Level.Severity(), paragraph(r.Description))
	if len(r.Holdfast.Remediation) > 0 {
		doc.WriteString("\nWhat to do:\n\n")
	}
	for i, step := range r.Holdfast.Remediation {
		fmt.Fprintf(doc, "%d. %s\n", i+1, paragraph(step))
	}
	fmt.Fprintf(doc, "\nRule: [%s](../%s)\n", r.Path, r.Path)
}

// paragraph returns text on one line, safe in Markdown.
func paragraph(text string) string {
	return strings.NewReplacer("<", "&lt;", "*", `\*`, "_", `\_`).Replace(strings.Join(strings.Fields(text), " "))
}

// attack splits Sigma's tags into ATT&CK tactics and techniques.
func attack(tags []string) (tactics, techniques []string) {
	for _, tag := range tags {
		name, ok := strings.CutPrefix(tag, "attack.")
		switch {
		case !ok:
		case len(name) > 1 && name[0] == 't' && name[1] >= '0' && name[1] <= '9':
			techniques = append(techniques, strings.ToUpper(name))
		default:
			tactics = append(tactics, name)
		}
	}
	return tactics, techniques
}
