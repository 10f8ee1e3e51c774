package cli

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/holdfast-security/holdfast/cli/render"
	"github.com/holdfast-security/holdfast/cli/usage"
	"github.com/holdfast-security/holdfast/detect"
	"github.com/holdfast-security/holdfast/detect/fields"
	"github.com/holdfast-security/holdfast/detect/sigma"
	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/internal/termtext"
	"github.com/holdfast-security/holdfast/rules/rulefiles"
)

func (a *app) rulesCommand() *cobra.Command {
	cmd := usage.Group("rules", "Check, test and explain detection rules, and bring them to a server",
		a.rulesListCommand(), a.rulesCheckCommand(), a.rulesExplainCommand(), a.rulesTestCommand(), a.rulesFieldsCommand())
	const here, server = "here", "server"
	inGroup(here, cmd.Commands()...)
	cmd.AddGroup(&cobra.Group{ID: here, Title: "Rules on this machine, without a server:"}, &cobra.Group{ID: server, Title: "Rule documents of a server:"})
	cmd.AddCommand(inGroup(server, a.remote.RuleCommands()...)...)
	return cmd
}

// addRulesFlag adds the flag for rules beside the embedded ones.
func addRulesFlag(cmd *cobra.Command, dirs *[]string) {
	cmd.Flags().StringArrayVar(dirs, "rules", nil, "also use the Sigma rules in this file or directory; may be repeated")
}

// loadRules returns the embedded rules and those in dirs.
func loadRules(dirs []string) (*rulefiles.Set, error) {
	set := rulefiles.Embedded()
	for _, dir := range dirs {
		if err := set.Add(dir); err != nil {
			return nil, err
		}
	}
	return set, nil
}

// compileRules compiles the embedded rules and those in dirs. Rules that are
// refused are said and left out.
func (a *app) compileRules(dirs []string) (*detect.Ruleset, error) {
	set, err := loadRules(dirs)
	if err != nil {
		return nil, err
	}
	compiled := set.Compile()
	a.warnRefused(set)
	return compiled, nil
}

// ruleJSON is a rule in `rules list -o json`.
type ruleJSON struct {
	ID          string              `json:"id"`
	Title       string              `json:"title"`
	AlertType   finding.AlertType   `json:"alertType"` // "" for rules that only feed a correlation
	Severity    finding.Severity    `json:"severity"`
	Correlation bool                `json:"correlation"`
	LogSource   sigma.LogSource     `json:"logsource"`
	Tactics     []finding.Tactic    `json:"tactics"`
	Techniques  []finding.Technique `json:"techniques"`
	Author      string              `json:"author"`
	Path        string              `json:"path"`
}

func describeRule(r *sigma.Rule) ruleJSON {
	return ruleJSON{
		ID: r.ID, Title: r.Title, AlertType: r.Holdfast.AlertType, Severity: r.Level.Severity(),
		Correlation: r.Correlation != nil, LogSource: r.LogSource, Author: r.Author, Path: r.Path,
		Tactics: append([]finding.Tactic{}, r.Tactics()...), Techniques: append([]finding.Technique{}, r.Techniques()...),
	}
}

func (a *app) rulesListCommand() *cobra.Command {
	var dirs []string
	cmd := &cobra.Command{
		Use: "list", Short: "List the detection rules", Args: usage.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			set, err := loadRules(dirs)
			if err != nil {
				return err
			}
			a.warnRefused(set)
			list := make([]ruleJSON, 0, len(set.Rules))
			for _, r := range set.Rules {
				list = append(list, describeRule(r))
			}
			if a.structured() {
				return a.printDocument(list)
			}
			return a.print(ruleTable(list, a.style(a.Out)))
		},
	}
	addRulesFlag(cmd, &dirs)
	return cmd
}

func ruleTable(list []ruleJSON, style render.Style) string {
	var rows [][]string
	for _, r := range list {
		kind := string(r.AlertType)
		if kind == "" {
			kind = "-"
		}
		var ids []string
		for _, t := range r.Techniques {
			ids = append(ids, string(t))
		}
		rows = append(rows, []string{kind, r.Severity.String(), r.Title, strings.Join(ids, " ")})
	}
	return render.Table([]string{"ALERT TYPE", "SEVERITY", "TITLE", "TECHNIQUES"}, rows, style)
}

// warnRefused says which rules are left out, in few lines.
func (a *app) warnRefused(set *rulefiles.Set) {
	const shown = 3
	for i, r := range set.Refused {
		if i == shown {
			a.note("holdfast: %d more rules are left out; see holdfast rules check\n", len(set.Refused)-i)
			return
		}
		a.note("holdfast: rule left out: %s\n", termtext.Bound(r.String(), maxMessage))
	}
}

// checkJSON is the result of `rules check -o json`.
type checkJSON struct {
	Files    int                 `json:"files"`
	Rules    int                 `json:"rules"`    // read, the refused included
	Compiled int                 `json:"compiled"` // usable, filters included
	Refused  []rulefiles.Refusal `json:"refused"`
}

func (a *app) rulesCheckCommand() *cobra.Command {
	return &cobra.Command{
		Use: "check [FILE|DIRECTORY]…", Short: "Parse and compile rules and say what is wrong with them",
		Long: `Parse and compile rules and say what is wrong with them, as path:line: reason.
Without arguments Holdfast's own rules are checked. The exit code is 3 when a
rule is refused.`,
		RunE: func(_ *cobra.Command, args []string) error {
			set := &rulefiles.Set{}
			if len(args) == 0 {
				set = rulefiles.Embedded()
			}
			for _, path := range args {
				if err := set.Add(path); err != nil {
					return err
				}
			}
			return a.reportCheck(set)
		},
	}
}

func (a *app) reportCheck(set *rulefiles.Set) error {
	unparsed := len(set.Refused)
	compiled := set.Compile().Stats()
	result := checkJSON{
		Files: set.Files, Rules: len(set.Rules) + unparsed, Compiled: compiled.Rules + compiled.Filters,
		Refused: append([]rulefiles.Refusal{}, set.Refused...),
	}
	if err := a.printCheck(result); err != nil {
		return err
	}
	if len(set.Refused) > 0 {
		return usage.ErrPartial
	}
	return nil
}

func (a *app) printCheck(result checkJSON) error {
	if a.structured() {
		return a.printDocument(result)
	}
	var b strings.Builder
	for _, r := range result.Refused {
		b.WriteString(termtext.Bound(r.String(), maxMessage) + "\n")
	}
	b.WriteString(render.Plural(uint64(result.Files), "file") + ", " + render.Plural(uint64(result.Rules), "rule") + ", " +
		render.Number(uint64(result.Compiled)) + " compiled, " + render.Number(uint64(len(result.Refused))) + " refused\n")
	return a.print(b.String())
}

// fieldJSON is a field in `rules fields -o json`.
type fieldJSON struct {
	Name       string   `json:"name"`
	Categories []string `json:"categories"` // that have it; empty for all
	Text       string   `json:"text"`
}

func (a *app) rulesFieldsCommand() *cobra.Command {
	return &cobra.Command{
		Use: "fields", Short: "List the fields of events that rules and --where can use", Args: usage.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			list := []fieldJSON{}
			var rows [][]string
			for _, f := range fields.Table() {
				list = append(list, fieldJSON{f.Name, append([]string{}, f.Categories...), f.Text})
				where := "all"
				if len(f.Categories) > 0 {
					where = strings.Join(f.Categories, ", ")
				}
				rows = append(rows, []string{f.Name, f.Text, where})
			}
			if a.structured() {
				return a.printDocument(list)
			}
			return a.print(render.Table([]string{"FIELD", "HOLDS", "CATEGORIES"}, rows, a.style(a.Out)))
		},
	}
}

// ruleNames completes a rule argument.
func ruleNames(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	var names []string
	for _, r := range rulefiles.Embedded().Rules {
		if t := string(r.Holdfast.AlertType); t != "" && !slices.Contains(names, t) {
			names = append(names, t)
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
