package cli

import (
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/holdfast-security/holdfast/agent/feature"
	"github.com/holdfast-security/holdfast/agent/features"
	"github.com/holdfast-security/holdfast/cli/render"
	"github.com/holdfast-security/holdfast/cli/usage"
	"github.com/holdfast-security/holdfast/event"
)

func (a *app) featuresCommand() *cobra.Command {
	return &cobra.Command{
		Use: "features", Short: "List what the agent can do, what it needs and what it changes", Args: usage.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			definitions := definitions()
			if a.structured() {
				return a.printDocument(definitions)
			}
			return a.print(featureTable(definitions, runtime.GOOS, a.style(a.Out)))
		},
	}
}

// definitions returns what this build has. No list in it is nil.
func definitions() []feature.Definition {
	list := []feature.Definition{}
	for _, entry := range features.All(features.Options{}) {
		d := entry.Definition
		d.OS = append([]string{}, d.OS...)
		d.Needs = append([]feature.Need{}, d.Needs...)
		d.Produces = append([]event.Class{}, d.Produces...)
		d.Changes = append([]string{}, d.Changes...)
		list = append(list, d)
	}
	return list
}

// featureTable lists the features with what each does, and below what each
// changes on the host.
func featureTable(list []feature.Definition, goos string, style render.Style) string {
	var rows [][]string
	var changes strings.Builder
	for _, d := range list {
		var needs []string
		for _, n := range d.Needs {
			needs = append(needs, string(n))
		}
		rows = append(rows, []string{d.Name, defaultState(d, goos), strings.Join(needs, ", "), d.Summary})
		if len(d.Changes) > 0 {
			changes.WriteString("\n" + render.Labelled(d.Name+" changes on the host while it runs", d.Changes, style))
		}
	}
	return render.Table([]string{"FEATURE", "DEFAULT", "NEEDS", "WHAT IT DOES"}, rows, style) + changes.String()
}

func defaultState(d feature.Definition, goos string) string {
	switch {
	case !slices.Contains(d.OS, goos):
		return "unsupported"
	case !d.Default:
		return "off"
	case len(d.FallbackFor) > 0:
		return "for " + strings.Join(d.FallbackFor, ", ")
	}
	return "on"
}
